#!/bin/sh
# Registers OneDesk for @@ORIGIN@@ in Microsoft Entra, or completes a registration that exists.
# Made by "onedeskctl app-registration --format azcli". Safe to run again: it adds what is missing and removes nothing.
#
#   APP_ID=GUID        complete the registration with this Application (client) ID instead of looking for one by name
#   APP_NAME=OneDesk   the name to look for, and to give to a new registration
#   NEW_SECRET=yes     make a further client secret although one for this host is valid
#
# Needs the Azure CLI, signed in as somebody who may register apps: az login --allow-no-subscriptions
# Standard output gets the lines for @@CREDENTIALS_FILE@@, standard error what happens meanwhile.
set -eu

APP_ID=${APP_ID:-}
APP_NAME=${APP_NAME:-OneDesk}
NEW_SECRET=${NEW_SECRET:-no}
CLOUD=@@CLOUD@@
GRAPH=@@GRAPH@@
SECRET_NAME=@@SECRET_NAME@@

say() { printf '%s\n' "$*" >&2; }
stop() { say "$*"; exit 1; }

command -v az >/dev/null 2>&1 || stop 'The Azure CLI (az) is not installed.'
[ "$(az cloud show --query name -o tsv)" = "$CLOUD" ] || az cloud set --name "$CLOUD"
az account show -o none 2>/dev/null || stop 'Nobody is signed in. Run: az login --allow-no-subscriptions'

# The registration: the one that was named, the only one of that name, or a new one.
if [ -z "$APP_ID" ]; then
    case $APP_NAME in *[\'\`\\]*) stop 'APP_NAME must not hold quotes or backslashes.' ;; esac
    FOUND=$(az ad app list --display-name "$APP_NAME" --query "[?displayName=='$APP_NAME'].appId" -o tsv)
    case $(printf '%s\n' "$FOUND" | grep -c .) in
        0)
            say "Registering $APP_NAME."
            APP_ID=$(az ad app create --display-name "$APP_NAME" --sign-in-audience @@AUDIENCE@@ --query appId -o tsv)
            ;;
        1)
            say "Completing the registration $APP_NAME."
            APP_ID=$FOUND
            ;;
        *) stop "Several registrations are called $APP_NAME; say which with APP_ID:
$FOUND" ;;
    esac
fi

# What it holds, with what it lacks. A query of its own, since a change replaces these lists as a whole.
merged() {
    cat <<'QUERY'
{
  signInAudience: (signInAudience=='AzureADandPersonalMicrosoftAccount' && signInAudience) || '@@AUDIENCE@@',
  web: {
    redirectUris: [
      web.redirectUris[?!contains(`@@REDIRECT_URIS@@`, @)],
      `@@REDIRECT_URIS@@`
    ][],
    logoutUrl: '@@LOGOUT_URL@@'
  },
  requiredResourceAccess: [
    requiredResourceAccess[?resourceAppId!='@@GRAPH_APP_ID@@'],
    [{
      resourceAppId: '@@GRAPH_APP_ID@@',
      resourceAccess: [
        requiredResourceAccess[?resourceAppId=='@@GRAPH_APP_ID@@'].resourceAccess[] | [?!contains(`@@PERMISSION_IDS@@`, id)],
        `@@PERMISSIONS@@`
      ][]
    }]
  ][],
  optionalClaims: {
    idToken: [
      optionalClaims.idToken[?!contains(`@@CLAIM_NAMES@@`, name)],
@@CLAIMS@@
    ][],
    accessToken: optionalClaims.accessToken || `[]`,
    saml2Token: optionalClaims.saml2Token || `[]`
  }
}
QUERY
}

OBJECT_ID=$(az ad app show --id "$APP_ID" --query id -o tsv)
WANTED=$(az ad app show --id "$APP_ID" --query "$(merged)" -o json)
if [ -z "$OBJECT_ID" ] || [ -z "$WANTED" ]; then stop "The registration $APP_ID cannot be read."; fi
az rest --method PATCH --url "$GRAPH/v1.0/applications/$OBJECT_ID" --resource "$GRAPH" \
    --headers Content-Type=application/json --body "$WANTED"
say 'Redirect URIs, logout URL, permissions and optional claims are registered.'

# Stands for the app in this tenant; consent is given to it.
az ad sp show --id "$APP_ID" -o none 2>/dev/null || az ad sp create --id "$APP_ID" -o none

# A secret, unless one that was made here is still valid. --append: without it the others would be deleted.
TODAY=$(date -u +%Y%m%d)
VALID_UNTIL=
for END in $(az ad app credential list --id "$APP_ID" --query "[?displayName=='$SECRET_NAME'].endDateTime" -o tsv); do
    [ "$(printf '%.10s' "$END" | tr -d -)" -le "$TODAY" ] || VALID_UNTIL=$END
done
printf 'AZUREAD_CID=%s\n' "$APP_ID"
if [ -n "$VALID_UNTIL" ] && [ "$NEW_SECRET" != yes ]; then
    say "The client secret \"$SECRET_NAME\" is valid until $VALID_UNTIL; its value cannot be shown again."
    say 'To make another one beside it, run this with NEW_SECRET=yes.'
else
    # The value passes through a variable and printf, which is part of the shell: no process list and no history shows it.
    { set +x; } 2>/dev/null
    SECRET=$(az ad app credential reset --id "$APP_ID" --append --display-name "$SECRET_NAME" --years 1 --query password -o tsv)
    [ -n "$SECRET" ] || stop 'No client secret was made.'
    printf 'AZUREAD_CIS=%s\n' "$SECRET"
    say 'Give both values to "onedeskctl setup" on the host, or put the two lines into @@CREDENTIALS_FILE@@ there (mode 0600).'
    say 'A new secret may take a minute or two before it works.'
fi
say "An administrator consents once for the organization: az ad app permission admin-consent --id $APP_ID"
