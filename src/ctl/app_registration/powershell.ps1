#Requires -Modules Microsoft.Graph.Applications
<#
.SYNOPSIS
Registers OneDesk for @@ORIGIN@@ in Microsoft Entra, or completes a registration that exists.
.DESCRIPTION
Made by "onedeskctl app-registration --format powershell". Safe to run again: it adds what is missing and removes nothing.
The output is the lines for @@CREDENTIALS_FILE@@.
.PARAMETER AppId
Complete the registration with this Application (client) ID instead of looking for one by name.
.PARAMETER Name
The name to look for, and to give to a new registration.
.PARAMETER NewSecret
Make a further client secret although one for this host is valid.
#>
[CmdletBinding()]
param(
    [string] $AppId = '',
    [string] $Name = 'OneDesk',
    [switch] $NewSecret
)
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$graphAppId = '@@GRAPH_APP_ID@@'
$secretName = @@SECRET_NAME@@
$redirectUris = @(
@@REDIRECT_URIS@@
)
$permissionIds = @(
@@PERMISSION_IDS@@
)
$claimNames = @(@@CLAIM_NAMES@@)

Connect-MgGraph -Environment @@ENVIRONMENT@@ -Scopes 'Application.ReadWrite.All' -NoWelcome

# The registration: the one that was named, the only one of that name, or a new one.
$filter = if ($AppId) { "appId eq '$AppId'" } else { "displayName eq '$($Name.Replace("'", "''"))'" }
$found = @(Get-MgApplication -Filter $filter -All)
if ($found.Count -gt 1) { throw "Several registrations are called $Name; say which with -AppId: $($found.AppId -join ', ')" }
if ($found.Count -eq 0 -and $AppId) { throw "There is no registration with the id $AppId in this tenant." }
if ($found.Count -eq 0) {
    $app = New-MgApplication -DisplayName $Name -SignInAudience '@@AUDIENCE@@'
} else {
    $app = $found[0]
}

# What it holds, with what it lacks: an update replaces these lists as a whole.
$keptUris = @(if ($app.Web) { $app.Web.RedirectUris | Where-Object { $_ -and $redirectUris -cnotcontains $_ } })
$keptResources = @(foreach ($resource in $app.RequiredResourceAccess) {
    if ($resource.ResourceAppId -ne $graphAppId) {
        @{ ResourceAppId = $resource.ResourceAppId; ResourceAccess = @($resource.ResourceAccess | ForEach-Object { @{ Id = $_.Id; Type = $_.Type } }) }
    }
})
$keptAccess = @(foreach ($resource in $app.RequiredResourceAccess) {
    if ($resource.ResourceAppId -eq $graphAppId) {
        $resource.ResourceAccess | Where-Object { $permissionIds -notcontains $_.Id } | ForEach-Object { @{ Id = $_.Id; Type = $_.Type } }
    }
})
$access = $keptAccess + @($permissionIds | ForEach-Object { @{ Id = $_; Type = 'Scope' } })
$idToken = @(if ($app.OptionalClaims) { $app.OptionalClaims.IdToken | Where-Object { $_ } })
$accessToken = @(if ($app.OptionalClaims) { $app.OptionalClaims.AccessToken | Where-Object { $_ } })
$saml2Token = @(if ($app.OptionalClaims) { $app.OptionalClaims.Saml2Token | Where-Object { $_ } })
$knownClaims = @($idToken | ForEach-Object { $_.Name })
$idToken += @($claimNames | Where-Object { $knownClaims -cnotcontains $_ } | ForEach-Object { @{ Name = $_; Essential = $false } })
$audience = if ($app.SignInAudience -eq 'AzureADandPersonalMicrosoftAccount') { $app.SignInAudience } else { '@@AUDIENCE@@' }

# -ApplicationId is the object's id, not the Application (client) ID.
Update-MgApplication -ApplicationId $app.Id -SignInAudience $audience `
    -Web @{ RedirectUris = @($keptUris + $redirectUris); LogoutUrl = '@@LOGOUT_URL@@' } `
    -RequiredResourceAccess @($keptResources + @{ ResourceAppId = $graphAppId; ResourceAccess = $access }) `
    -OptionalClaims @{ IdToken = $idToken; AccessToken = $accessToken; Saml2Token = $saml2Token }

# Stands for the app in this tenant; consent is given to it.
if (-not (Get-MgServicePrincipal -Filter "appId eq '$($app.AppId)'")) { New-MgServicePrincipal -AppId $app.AppId | Out-Null }

"AZUREAD_CID=$($app.AppId)"
$valid = @($app.PasswordCredentials | Where-Object { $_ -and $_.DisplayName -eq $secretName -and $_.EndDateTime -gt (Get-Date) })
if ($valid.Count -gt 0 -and -not $NewSecret) {
    Write-Warning "The client secret `"$secretName`" is valid until $($valid[0].EndDateTime); its value cannot be shown again. -NewSecret makes another one beside it."
} else {
    # Adds a secret; the others stay.
    $password = Add-MgApplicationPassword -ApplicationId $app.Id -PasswordCredential @{ DisplayName = $secretName; EndDateTime = (Get-Date).AddYears(1) }
    "AZUREAD_CIS=$($password.SecretText)"
}
Write-Warning 'Give both values to "onedeskctl setup" on the host. An administrator consents once, under API permissions of the registration.'
