//! `onedeskctl app-registration`: the scripts are run, against a stand-in for `az` that asserts what it hears.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use entra_sim::AppSecret;
use serde_json::{Value, json};

use super::az::{Az, registration};

const ORIGIN: &str = "https://desk.example.test";

/// `onedeskctl app-registration` for a host with these settings.
fn asked(folder: &Path, settings: &str, arguments: &[&str]) -> Output {
    let config = folder.join("onedeskd.toml");
    std::fs::write(&config, settings).unwrap();
    Command::new(env!("CARGO_BIN_EXE_onedeskctl")).arg("--config").arg(config).arg("app-registration").args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn script(folder: &Path, settings: &str, format: &str) -> PathBuf {
    let path = folder.join("register");
    std::fs::write(&path, stdout(&asked(folder, settings, &["--format", format]))).unwrap();
    path
}

fn settings() -> String {
    format!("public_url = \"{ORIGIN}\"\n")
}

fn redirect_uris() -> Vec<String> {
    let paths = ["/integrations/office365/oauth2redirectWithAuthCode", "/integrations/azuread/token", "/sso/openid", "/sso/signed-out"];
    paths.iter().map(|path| format!("{ORIGIN}{path}")).collect()
}

#[test]
fn the_script_for_az_makes_the_registration_of_the_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let manifest: Value = serde_json::from_str(&stdout(&asked(folder.path(), &settings(), &["--format", "manifest"]))).unwrap();
    let az = Az::with(Vec::new());
    let script = script(folder.path(), &settings(), "azcli");
    let (code, out, err) = az.run(&script, &[]);
    assert_eq!(code, Some(0), "{err}");
    let apps = az.apps();
    let app = &apps[0];
    for member in ["displayName", "signInAudience", "requiredResourceAccess", "optionalClaims"] {
        assert_eq!(app[member], manifest[member], "{member}");
    }
    assert_eq!(app["web"]["redirectUris"], manifest["web"]["redirectUris"]);
    assert_eq!(app["web"]["logoutUrl"], manifest["web"]["logoutUrl"]);
    let id = app["appId"].as_str().unwrap();
    assert!(az.has_principal(id));
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], format!("AZUREAD_CID={id}"));
    let secret = lines[1].strip_prefix("AZUREAD_CIS=").unwrap();
    assert_eq!(app["passwordCredentials"][0]["hint"], secret[..3]);
    assert!(!az.calls().iter().flatten().any(|word| word.contains(secret)), "the secret stands in an argument");
    assert!(!err.contains(secret), "{err}");

    // Once more: all is there.
    let (code, out, err) = az.run(&script, &[]);
    assert_eq!((code, out.as_str()), (Some(0), &*format!("AZUREAD_CID={id}\n")), "{err}");
    assert_eq!(az.apps(), apps, "nothing is doubled");
}

#[test]
fn the_script_for_az_completes_what_exists_and_takes_nothing_away() {
    let folder = tempfile::tempdir().unwrap();
    let other_access = json!({"id": "00000000-1111-2222-3333-444444444444", "type": "Role"});
    let exchange = json!({"resourceAppId": "00000002-0000-0ff1-ce00-000000000000", "resourceAccess": [other_access]});
    let elsewhere = registration("OneDesk elsewhere", 1, &json!({}));
    let mut ours = registration(
        "OneDesk",
        2,
        &json!({
            "signInAudience": "AzureADandPersonalMicrosoftAccount",
            "web": {"logoutUrl": null, "homePageUrl": "https://other.example.test"},
            "requiredResourceAccess": [exchange, {"resourceAppId": "00000003-0000-0000-c000-000000000000", "resourceAccess": [
                {"id": "e1fe6dd8-ba31-4d61-89e7-88639da4683d", "type": "Scope"}, other_access]}],
            "optionalClaims": {"idToken": [{"name": "upn"}, {"name": "email", "essential": true}], "accessToken": [{"name": "acct"}], "saml2Token": []},
        }),
    );
    ours.redirect_uris = vec!["https://other.example.test/x".to_owned(), redirect_uris()[2].clone()];
    let secret = |number: u32, name: &str, expires_at| AppSecret {
        key_id: format!("55555555-0000-0000-0000-{number:012}"),
        value: format!("k{number}p~somebody.elses"),
        name: name.to_owned(),
        expires_at,
    };
    ours.secrets = vec![secret(1, "somebody else's", 4_102_444_800), secret(2, "OneDesk desk.example.test", 1_577_836_800)];
    let az = Az::with(vec![elsewhere, ours]);
    let before = az.apps();
    let script = script(folder.path(), &settings(), "azcli");
    let (code, _, err) = az.run(&script, &[]);
    assert_eq!(code, Some(0), "{err}");
    let first = az.apps();
    let app = &first[1];
    assert_eq!(app["signInAudience"], "AzureADandPersonalMicrosoftAccount");
    let mut uris = vec!["https://other.example.test/x".to_owned()];
    uris.extend(redirect_uris());
    assert_eq!(app["web"]["redirectUris"], json!(uris));
    assert_eq!(app["web"]["homePageUrl"], "https://other.example.test");
    let resources = app["requiredResourceAccess"].as_array().unwrap();
    assert!(resources.contains(&exchange) && resources.len() == 2, "{resources:?}");
    let graph = resources.iter().find(|resource| resource["resourceAppId"] == "00000003-0000-0000-c000-000000000000").unwrap();
    let access = graph["resourceAccess"].as_array().unwrap();
    assert!(access.contains(&other_access) && access.len() == 12, "{access:?}");
    let claims = app["optionalClaims"]["idToken"].as_array().unwrap();
    assert_eq!(claims.iter().map(|claim| &claim["name"]).collect::<Vec<_>>(), ["upn", "email", "xms_edov", "login_hint"]);
    assert_eq!(claims[1]["essential"], true, "somebody's own choice");
    assert_eq!(app["optionalClaims"]["accessToken"], json!([{"name": "acct"}]));
    let secrets = |app: &Value| app["passwordCredentials"].as_array().unwrap().clone();
    assert_eq!(secrets(app)[..2], secrets(&before[1])[..], "none is deleted");
    assert_eq!(secrets(app).len(), 3, "one more");
    assert_eq!(first[0], before[0], "the other registration is as it was");

    // Once more: the secret that was made is still valid, so nothing changes, unless it is asked for.
    let (code, out, err) = az.run(&script, &[]);
    assert_eq!((code, out.lines().count()), (Some(0), 1), "{err}");
    let until = secrets(app)[2]["endDateTime"].as_str().unwrap().to_owned();
    assert!(err.contains(&format!("valid until {until}")), "{err}");
    assert_eq!(az.apps(), first);
    let id = app["appId"].as_str().unwrap();
    let (code, out, err) = az.run(&script, &[("NEW_SECRET", "yes"), ("APP_ID", id)]);
    assert_eq!((code, out.lines().count()), (Some(0), 2), "{err}");
    let last = az.apps();
    assert_eq!(secrets(&last[1])[..3], secrets(app)[..], "none is deleted");
    assert_eq!(secrets(&last[1]).len(), 4);
}

#[test]
fn the_script_for_az_does_not_guess_and_goes_to_the_right_cloud() {
    let folder = tempfile::tempdir().unwrap();
    let az = Az::with((0..2).map(|number| registration("OneDesk", number, &json!({}))).collect());
    let script_of = |settings: &str| script(folder.path(), settings, "azcli");
    let (code, out, err) = az.run(&script_of(&settings()), &[]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("APP_ID") && err.contains("aaaaaaaa-0000-0000-0000-000000000001"), "{err}");
    let (code, _, err) = az.run(&script_of(&settings()), &[("APP_ID", "99999999-0000-0000-0000-000000000000")]);
    assert_ne!(code, Some(0), "{err}");

    let az = Az::with(Vec::new());
    let (code, _, err) = az.run(&script_of(&format!("{}[microsoft]\ncloud = \"usgov\"\n", settings())), &[]);
    assert_eq!(code, Some(0), "{err}");
    let calls = az.calls();
    let said = |words: &[&str]| calls.iter().any(|call| words.iter().all(|word| call.iter().any(|said| said.contains(word))));
    assert!(said(&["cloud", "set", "AzureUSGovernment"]) && said(&["rest", "https://graph.microsoft.us/v1.0/applications/"]));
}

/// The quoted texts between `from` and the next closing parenthesis on a line of its own, or on the same line.
fn quoted(script: &str, from: &str) -> Vec<String> {
    let list = script.split_once(from).unwrap().1.split([')', '\r']).next().unwrap();
    list.split('\'').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_script_for_powershell_names_what_the_one_for_az_registers() {
    let folder = tempfile::tempdir().unwrap();
    let az = Az::with(Vec::new());
    let (code, _, err) = az.run(&script(folder.path(), &settings(), "azcli"), &[("APP_NAME", "by az")]);
    assert_eq!(code, Some(0), "{err}");
    let script = std::fs::read_to_string(script(folder.path(), &settings(), "powershell")).unwrap();
    let only = |from: &str| quoted(&script, from).remove(0);
    let access: Vec<Value> = quoted(&script, "$permissionIds = @(").iter().map(|id| json!({"id": id, "type": "Scope"})).collect();
    // As Graph keeps what was not given.
    let claim = |name: &String| json!({"name": name, "source": null, "essential": false, "additionalProperties": []});
    let claims: Vec<Value> = quoted(&script, "$claimNames = @(").iter().map(claim).collect();
    let by_powershell = az.registered(&json!({
        "displayName": "by powershell",
        "signInAudience": only("New-MgApplication -DisplayName $Name -SignInAudience "),
        "web": {"redirectUris": quoted(&script, "$redirectUris = @("), "logoutUrl": only("LogoutUrl = ")},
        "requiredResourceAccess": [{"resourceAppId": only("$graphAppId = "), "resourceAccess": access}],
        "optionalClaims": {"idToken": claims, "accessToken": [], "saml2Token": []},
    }));
    let by_az = &az.apps()[0];
    for member in ["signInAudience", "web", "requiredResourceAccess", "optionalClaims"] {
        assert_eq!(by_powershell[member], by_az[member], "{member}");
    }
    assert_eq!(only("$secretName = "), by_az["passwordCredentials"][0]["displayName"].as_str().unwrap());
}

#[test]
fn the_script_for_az_is_clean_to_shellcheck_where_that_is_installed() {
    let folder = tempfile::tempdir().unwrap();
    let script = script(folder.path(), &settings(), "azcli");
    assert!(Command::new("sh").arg("-n").arg(&script).status().unwrap().success());
    if let Ok(output) = Command::new("shellcheck").arg(&script).output() {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn the_script_for_powershell_parses() {
    let folder = tempfile::tempdir().unwrap();
    let script = std::fs::read_to_string(script(folder.path(), &settings(), "powershell")).unwrap();
    let mut parser = tree_sitter::Parser::new();
    parser.set_language(&tree_sitter_powershell::LANGUAGE.into()).unwrap();
    let tree = parser.parse(&script, None).unwrap();
    assert!(!tree.root_node().has_error(), "{}", tree.root_node().to_sexp());
    // That the parser would see a mistake.
    let broken = parser.parse(script.replacen("if ($found.Count -gt 1) {", "if ($found.Count -gt 1 {", 1), None).unwrap();
    assert!(broken.root_node().has_error());
}

#[test]
fn scripts_get_facts_as_json_and_a_host_without_a_public_url_gets_no_script() {
    let folder = tempfile::tempdir().unwrap();
    let facts: Value = serde_json::from_str(&stdout(&asked(folder.path(), &settings(), &["--json"]))).unwrap();
    assert_eq!(facts["redirect_uris"], json!(redirect_uris()));
    assert_eq!((facts["permissions"].as_array().unwrap().len(), &facts["placeholder"]), (11, &json!(false)));
    assert!(facts["text"].as_str().unwrap().contains(" 1. Open https://portal.azure.com"));

    let refused = asked(folder.path(), "", &["--format", "azcli"]);
    assert_eq!((refused.status.code(), refused.stdout.as_slice()), (Some(1), &b""[..]));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("onedeskctl setup"));
    let example = asked(folder.path(), "", &[]);
    assert!(stdout(&example).contains("https://helpdesk.example.com/sso/openid"));
    assert!(String::from_utf8_lossy(&example.stderr).contains("public_url is not set"));
    let named = stdout(&asked(folder.path(), "", &["--format", "azcli", "--public-url", ORIGIN]));
    assert!(named.contains(&redirect_uris()[0]));
}
