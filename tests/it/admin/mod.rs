//! The administration pages as a browser meets them: with a session and without, with good forms and with hostile ones, and when
//! everything else is broken.

mod broken;
mod forms;
mod journeys;
mod overrides;
mod pages;
mod sign_on;
mod two_admins;

use serde_json::{Value, json};

use crate::harness::{Answer, Browser, Daemon};

/// An administrator's browser.
pub struct Desk {
    pub browser: Browser,
    pub origin: String,
    pub token: String,
}

impl Desk {
    /// Makes a link on the host, opens it, and presses its button.
    #[track_caller]
    pub fn enter(daemon: &Daemon) -> Self {
        let link = daemon.call("POST", "/v1/admin-links", Some(&json!({}))).expect(201).json()["url"].as_str().unwrap().to_owned();
        let ticket = link.split("ticket=").nth(1).unwrap().to_owned();
        let mut desk = Self { browser: Browser::new(), origin: daemon.site.origin(), token: String::new() };
        desk.browser.get(&link).expect(200).says(&["Enter"]);
        desk.browser.post(&format!("{}/admin/enter", desk.origin), &[("ticket", &ticket)]).expect(303);
        // Any page with a form tells the token; this one needs no database.
        let page = desk.get("/admin/explain").expect(200);
        desk.token = values(&page.body, "token").pop().unwrap();
        desk
    }

    /// Opens a page.
    pub fn get(&mut self, path: &str) -> Answer {
        self.browser.get(&format!("{}{path}", self.origin))
    }

    /// Sends a form as the page would, with its token.
    pub fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Answer {
        let mut whole = vec![("token", self.token.clone())];
        whole.extend(form.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let (origin, url) = (self.origin.clone(), format!("{}{path}", self.origin));
        self.send(&url, &whole, &[format!("origin: {origin}"), "sec-fetch-site: same-origin".to_owned()])
    }

    /// Presses a button of a client record's page `path` that does `what`, as somebody who opened the page just now.
    #[track_caller]
    pub fn press(&mut self, path: &str, what: &str, form: &[(&str, &str)]) -> Answer {
        let asking = format!("{path}/{what}");
        let page = if ["enable", "disable"].contains(&what) { self.get(path) } else { self.get(&asking) };
        let seen = values(&page.expect(200).body, "made_from").remove(0);
        self.post(&asking, &[&[("made_from", seen.as_str())], form].concat())
    }

    /// Sends a form with these headers and nothing that was not asked for.
    pub fn send(&mut self, url: &str, form: &[(&str, String)], headers: &[String]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let mut lines = vec!["content-type: application/x-www-form-urlencoded".to_owned()];
        lines.extend_from_slice(headers);
        self.browser.request("POST", url, &lines, &body)
    }

    /// Sends a form and opens the page that it leads to.
    #[track_caller]
    pub fn post_and_follow(&mut self, path: &str, form: &[(&str, &str)]) -> Answer {
        let answer = self.post(path, form);
        self.follow(answer)
    }

    /// Opens the page that the answer to a form leads to.
    #[track_caller]
    pub fn follow(&mut self, answer: Answer) -> Answer {
        let answer = answer.expect(303);
        let next = answer.header("location").unwrap().to_owned();
        self.get(&next).expect(200)
    }
}

/// The values of the inputs `name` of a page.
pub fn values(page: &str, name: &str) -> Vec<String> {
    let opening = format!("name=\"{name}\" value=\"");
    page.split(&opening).skip(1).filter_map(|rest| rest.split('"').next()).map(plain).collect()
}

/// What a browser makes of the engine's escapes.
pub fn plain(text: &str) -> String {
    text.replace("&#x2f;", "/")
        .replace("&#x27;", "'")
        .replace("&quot;", "\"")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

/// A person, as the local API adds them.
pub fn add_person(daemon: &Daemon, kind: &str, email: &str, name: &str) -> String {
    let added = daemon.call("POST", "/v1/people", Some(&json!({"kind": kind, "email": email, "name": name}))).expect(201).json();
    added["id"].as_str().unwrap().to_owned()
}

/// A client record of a provider that nobody asks: Entra's v1, whose metadata cannot be reached from here.
pub fn add_record(daemon: &Daemon, name: &str) -> String {
    let base = "http://127.0.0.1:9/11111111-2222-3333-4444-555555555555/oauth2";
    let body: Value = json!({"name": name, "audience": "users", "authorization_uri": format!("{base}/authorize"), "token_url": format!("{base}/token"),
        "client_id": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "client_secret": "not~a~real.secret"});
    daemon.call("POST", "/v1/sso/connections", Some(&body)).expect(201).json()["id"].as_str().unwrap().to_owned()
}
