use serde_json::Value;

use super::*;

fn app(settings: &str) -> App {
    App::of(&Settings::parse(settings, Path::new("/f.toml")).unwrap().settings, None).unwrap()
}

fn example() -> App {
    app("public_url = \"https://desk.example.test\"")
}

/// Permission ids as Microsoft lists them.
const IDS: [&str; 11] = [
    "06da0dbc-49e2-44d2-8312-53f166ab848a",
    "64a6cdd6-aab1-4aaf-94b8-3cc8405e90d0",
    "5f8c59db-677d-491f-a6b8-5f174b11ec1d",
    "652390e4-393a-48de-9484-05f9b1212954",
    "7427e0e9-2fba-42fe-b0c0-848c9e6a8182",
    "37f7f235-527c-4136-accd-4a02d197296e",
    "ba47897c-39ec-4d83-8086-ee8256fa737d",
    "14dad69e-099b-42c9-810b-d002981feec1",
    "258f6531-6087-4cc4-bb90-092c5fb3ed3f",
    "e1fe6dd8-ba31-4d61-89e7-88639da4683d",
    "b340eb25-3456-403f-be2f-af7a0d370277",
];
const URIS: [&str; 4] = [
    "https://desk.example.test/integrations/office365/oauth2redirectWithAuthCode",
    "https://desk.example.test/integrations/azuread/token",
    "https://desk.example.test/sso/openid",
    "https://desk.example.test/sso/signed-out",
];

#[test]
fn every_form_holds_the_whole_registration() {
    for format in [Registration::Steps, Registration::Azcli, Registration::Powershell, Registration::Manifest] {
        let text = example().text(format);
        let others = ["https://desk.example.test/sso/frontchannel-logout", "email", "xms_edov", "login_hint"];
        for part in IDS.iter().chain(&URIS).chain(&others) {
            assert!(text.contains(part), "{format:?} lacks {part}");
        }
        let audience = if matches!(format, Registration::Steps) { "Multitenant" } else { "AzureADMultipleOrgs" };
        assert!(text.contains(audience) && !text.contains("@@"), "{format:?}");
    }
}

#[test]
fn the_manifest_is_the_application_object_of_graph() {
    let manifest: Value = serde_json::from_str(&example().text(Registration::Manifest)).unwrap();
    assert_eq!(manifest["web"]["redirectUris"], json!(URIS));
    let access = manifest["requiredResourceAccess"][0]["resourceAccess"].as_array().unwrap();
    assert_eq!(access.iter().map(|entry| entry["id"].as_str().unwrap()).collect::<Vec<_>>(), IDS);
    assert!(access.iter().all(|entry| entry["type"] == "Scope"));
    let claims = manifest["optionalClaims"]["idToken"].as_array().unwrap();
    assert_eq!(claims.iter().map(|claim| &claim["name"]).collect::<Vec<_>>(), ["email", "xms_edov", "login_hint"]);
}

#[test]
fn every_cloud_has_its_own_portal_and_hosts() {
    for (cloud, portal, graph, az, environment) in [
        ("global", "https://portal.azure.com", "https://graph.microsoft.com", "CLOUD=AzureCloud\n", "-Environment Global "),
        ("usgov", "https://portal.azure.us", "https://graph.microsoft.us", "CLOUD=AzureUSGovernment\n", "-Environment USGov "),
        ("dod", "https://portal.azure.us", "https://dod-graph.microsoft.us", "CLOUD=AzureUSGovernment\n", "-Environment USGovDoD "),
        ("china", "https://portal.azure.cn", "https://microsoftgraph.chinacloudapi.cn", "CLOUD=AzureChinaCloud\n", "-Environment China "),
    ] {
        let app = app(&format!("public_url = \"https://desk.example.test\"\n[microsoft]\ncloud = \"{cloud}\"\n"));
        assert!(app.steps().contains(portal), "{cloud}");
        assert!(app.azcli().contains(&format!("GRAPH='{graph}'\n")) && app.azcli().contains(az), "{cloud}");
        assert!(app.powershell().contains(environment), "{cloud}");
    }
}

#[test]
fn without_a_public_url_an_example_stands_in_and_says_so() {
    let app = app("");
    assert!(app.is_placeholder && app.facts(Registration::Steps, "")["placeholder"] == true);
    assert!(app.steps().contains("https://helpdesk.example.com/sso/openid"));
}

#[test]
fn a_secret_is_added_and_never_replaces_another() {
    let (shell, powershell) = (example().azcli(), example().powershell());
    assert!(shell.contains("credential reset --id \"$APP_ID\" --append") && !shell.contains("credential delete"));
    assert!(powershell.contains("Add-MgApplicationPassword") && !powershell.contains("Remove-"));
}
