//! The journey of an admin, from an empty host to a mailbox that survives whatever is done to it: each step is checked and timed.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::browser::Browser;
use super::stage::{CLIENT_ID, MAILBOX, Place, SECOND_SECRET, SECRET};

/// Seconds that the simulator's tokens live here: short, so that refreshes are seen.
const LIFETIME: u32 = 4;

/// Walks it.
///
/// # Errors
/// The first thing that is not as it should be.
pub fn walk(place: &Place) -> Result<()> {
    let walk = Walk { place, begun: Instant::now() };
    place.order("POST", "behaviour", &json!({"access_token_lifetime": LIFETIME}))?;

    walk.step("nothing is configured, and the status says what to add and where", || {
        let status = walk.state("unconfigured")?;
        hint_names(&status, "AZUREAD_CIS")
    })?;
    walk.step("the credentials are written: in force, and accepted by the provider", || {
        place.write_credentials(SECRET)?;
        place.ask_until(&["status"], |status| status["state"] == "ready" && status["credentials"]["verified"] == "yes")?;
        Ok(())
    })?;
    walk.step("a link is made; somebody signs in with it: the mailbox is connected", || walk.connect())?;
    let first = walk.step("its token is read, and the provider knows it", || walk.token())?;

    walk.step("the secret is rotated and the old one deleted: in force without a restart", || {
        let before = place.ask(&["status"])?["credentials"]["changed_at"].clone();
        place.write_credentials(SECOND_SECRET)?;
        let is_new = |credentials: &Value| credentials["changed_at"] != before && credentials["verified"] == "yes";
        place.ask_until(&["status"], |status| status["state"] == "ready" && is_new(&status["credentials"]))?;
        place.order("DELETE", "secrets", &json!({"client_id": CLIENT_ID, "value": SECRET}))?;
        Ok(())
    })?;
    walk.step("the token is refreshed, with the new secret", || walk.refreshed(&first))?;

    let second = format!("AZUREAD_CID={CLIENT_ID}\nAZUREAD_CIS={SECOND_SECRET}\n");
    for (what, text, words) in [
        ("the Secret ID is pasted instead of the Value", format!("AZUREAD_CID={CLIENT_ID}\nAZUREAD_CIS={CLIENT_ID}\n"), "Secret ID"),
        ("a line is malformed", format!("AZUREAD_CID={CLIENT_ID}\nAZUREAD_CIS \"{SECOND_SECRET}\"\n"), "AZUREAD_CIS"),
        ("the secret is one that the provider refuses", format!("AZUREAD_CID={CLIENT_ID}\nAZUREAD_CIS={SECRET}\n"), ""),
    ] {
        walk.step(&format!("{what}: refused with the reason, the old pair stays in force"), || {
            place.write_file(&text)?;
            walk.old_pair_holds(words)
        })?;
        walk.repair(|| place.write_file(&second))?;
    }
    walk.step("everybody may write the file: refused with the chmod to run, the old pair stays in force", || {
        place.chmod(0o666)?;
        walk.old_pair_holds("chmod 600")
    })?;
    walk.repair(|| place.chmod(0o600))?;
    walk.step("the file is deleted: the old pair stays in force", || {
        std::fs::remove_file(place.credentials())?;
        walk.old_pair_holds("")
    })?;
    walk.repair(|| place.write_file(&second))?;

    walk.step("the permission is revoked at the provider: needs_reauth, with the reason", || {
        place.order("POST", "revoke", &json!({"user": MAILBOX}))?;
        let list = place.ask_until(&["mailbox", "list"], |list| list[0]["state"] == "needs_reauth")?;
        ensure!(list[0]["reason"] == "grant_refused" && list[0]["problem"]["hint"].is_string(), "the list gives no reason: {list}");
        ensure!(place.ctl(&["mailbox", "token", MAILBOX]).is_err(), "a token is handed out though the grant is dead");
        Ok(())
    })?;
    walk.step("somebody signs in again: the mailbox is connected as before", || {
        walk.connect()?;
        walk.token().map(drop)
    })?;
    walk.step("the audit log tells who did what", || {
        let audit = place.ask(&["audit"])?;
        let actions: Vec<&str> = audit["items"].as_array().into_iter().flatten().filter_map(|line| line["action"].as_str()).collect();
        let count = |action: &str| actions.iter().filter(|known| **known == action).count();
        ensure!(count("mailbox.connect") == 2 && count("token.read") >= 1, "the audit log holds {actions:?}");
        Ok(())
    })?;
    walk.step("the simulator, which checks every request, has nothing to object", || {
        let violations = place.order("GET", "violations", &Value::Null)?;
        ensure!(violations == json!([]), "it objects: {violations}");
        Ok(())
    })?;
    walk.step("no secret is in the log", || {
        let log = std::fs::read_to_string(place.folder.join("onedeskd.log"))?;
        ensure!(![SECRET, SECOND_SECRET, &first].iter().any(|secret| log.contains(*secret)), "onedeskd.log holds a secret");
        Ok(())
    })?;
    println!("{:>7.2} s  in all", walk.begun.elapsed().as_secs_f64());
    Ok(())
}

struct Walk<'a> {
    place: &'a Place,
    begun: Instant,
}

impl Walk<'_> {
    fn step<T>(&self, what: &str, deed: impl FnOnce() -> Result<T>) -> Result<T> {
        let started = Instant::now();
        let outcome = deed().with_context(|| format!("this step failed: {what}"))?;
        println!("{:>7.2} s  {what}", started.elapsed().as_secs_f64());
        Ok(outcome)
    }

    fn state(&self, expected: &str) -> Result<Value> {
        self.place.ask_until(&["status"], |status| status["state"] == expected)
    }

    fn connect(&self) -> Result<()> {
        let link = self.place.ctl(&["mailbox", "connect", MAILBOX])?;
        let page = Browser::default().sign_in(&link, MAILBOX)?;
        ensure!(
            page.status == 200 && page.body.contains(MAILBOX),
            "the sign-in ended on a page with status {}: {}",
            page.status,
            page.body
        );
        self.place.ask_until(&["mailbox", "list"], |list| list[0]["address"] == MAILBOX && list[0]["state"] == "healthy")?;
        Ok(())
    }

    /// A token, and the provider's word for whom it is.
    fn token(&self) -> Result<String> {
        let token = self.place.ask(&["mailbox", "token", MAILBOX])?["access_token"].as_str().context("there is no token")?.to_owned();
        let known = self.place.order("POST", "introspect", &json!({ "token": token }))?;
        ensure!(known["upn"] == MAILBOX, "the provider did not give this token for {MAILBOX}: {known}");
        Ok(token)
    }

    fn refreshed(&self, old: &str) -> Result<()> {
        self.place.ask_until(&["mailbox", "token", MAILBOX], |token| token["access_token"] != old)?;
        let asked = self.place.ask(&["mailbox", "list"])?;
        ensure!(asked[0]["last_refresh_at"].is_string(), "the list does not tell of a refresh: {asked}");
        ensure!(self.used(SECOND_SECRET), "no refresh used the new secret");
        Ok(())
    }

    /// Whether the provider served a token request with this secret.
    fn used(&self, secret: &str) -> bool {
        self.place.order("GET", "requests", &Value::Null).is_ok_and(|requests| {
            let served = |request: &&Value| request["status"] == 200 && request["parameters"]["client_secret"] == secret;
            requests.as_array().into_iter().flatten().any(|request| served(&request))
        })
    }

    fn old_pair_holds(&self, words: &str) -> Result<()> {
        let status = self.state("stale")?;
        ensure!(status["credentials"]["client_id"] == CLIENT_ID, "the old pair is gone: {status}");
        hint_names(&status, words)?;
        let before = self.token()?;
        // Not only what was in memory: the pair still buys new tokens.
        self.place.ask_until(&["mailbox", "token", MAILBOX], |token| token["access_token"] != before.as_str())?;
        Ok(())
    }

    fn repair(&self, deed: impl FnOnce() -> Result<()>) -> Result<()> {
        self.step("  repaired: ready again", || {
            deed()?;
            self.state("ready").map(drop)
        })
    }
}

fn hint_names(status: &Value, words: &str) -> Result<()> {
    let problem = &status["credentials"]["problem"];
    let text = format!("{} {}", problem["title"].as_str().unwrap_or_default(), problem["hint"].as_str().unwrap_or_default());
    ensure!(problem.is_object() && text.contains(words), "the status does not say what is wrong and what to do: {problem}");
    Ok(())
}
