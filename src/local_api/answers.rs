//! The JSON of the local API: what it takes and what it answers, as documented in `GET /v1/openapi.json` and onedesk-api(7).

pub mod sso;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::directory::DirectoryStatus;
use crate::flows::connect::Invitation;
use crate::mailboxes::{MailboxStatus, Wishes};
use crate::model::text::is_plain;
use crate::model::{GrantState, Problem};
use crate::oauth::xoauth2::InitialResponse;
use crate::store;
use crate::system::http::Transcript;

/// What a link for a mailbox is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectMailbox {
    /// Only this mailbox; without it, whichever account signs in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Somebody signs in as themselves for a mailbox that they may use.
    pub shared: bool,
    /// Another person's sign-in may take over a mailbox that is connected already.
    pub replace: bool,
}

impl From<ConnectMailbox> for Wishes {
    fn from(ConnectMailbox { address, shared, replace }: ConnectMailbox) -> Self {
        Self { address, shared, replace }
    }
}

/// A link for whoever can sign in. Using it up takes a successful sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConnectLink {
    /// The link.
    pub connect_url: String,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

impl From<Invitation> for ConnectLink {
    fn from(Invitation { connect_url, expires_at }: Invitation) -> Self {
        Self { connect_url, expires_at }
    }
}

/// A connected mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Mailbox {
    /// The mailbox's address.
    pub address: String,
    /// Who signed in for it; another address for a shared mailbox.
    pub signed_in_as: String,
    /// `healthy`, `refreshing`, `waiting` (nobody need sign in) or `needs_reauth` (somebody has to).
    pub state: String,
    /// Why it is waiting (`credentials_rejected`, `provider_unavailable`, `throttled`, `master_key_missing`) or needs somebody
    /// (`grant_refused`, `client_changed`, `interaction_required`, `unreadable`).
    pub reason: Option<String>,
    /// The same in words, with the next step.
    pub problem: Option<Problem>,
    /// When the newest mail token ends.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub access_expires_at: Option<Timestamp>,
    /// When it was first connected.
    #[schema(value_type = String, format = DateTime)]
    pub connected_at: Timestamp,
    /// When a refresh last worked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_refresh_at: Option<Timestamp>,
    /// When the grant ends if it is not used again (90 days after its last use), as far as it is known; `null` where it has ended.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub grant_expires_at: Option<Timestamp>,
}

impl From<MailboxStatus> for Mailbox {
    fn from(mailbox: MailboxStatus) -> Self {
        Self {
            state: state_word(&mailbox.state, mailbox.refreshing).to_owned(),
            reason: mailbox.state.reason().map(str::to_owned),
            problem: mailbox.state.problem().cloned(),
            address: mailbox.address.as_str().to_owned(),
            signed_in_as: mailbox.signed_in_as,
            access_expires_at: mailbox.access_expires_at,
            connected_at: mailbox.connected_at,
            last_refresh_at: mailbox.last_refresh_at,
            grant_expires_at: mailbox.grant_expires_at,
        }
    }
}

/// What keeps a grant from being healthy tells more than that it is being tried again.
fn state_word(state: &GrantState, refreshing: bool) -> &'static str {
    match state {
        GrantState::Healthy if refreshing => "refreshing",
        state => state.as_str(),
    }
}

/// An access token with the name to use it with. Borrowed: this is the answer that is asked for most.
#[derive(ToSchema)]
pub struct Token<'a> {
    /// The access token; opaque.
    pub access_token: &'a str,
    /// Always `Bearer`.
    pub token_type: &'static str,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// The name to sign in with: the shared address for IMAP and POP, the person for SMTP and Graph.
    pub user: &'a str,
    /// The initial response of SASL XOAUTH2 in base64; `null` for Graph, which has no SASL.
    #[schema(value_type = Option<String>)]
    pub xoauth2: Option<InitialResponse<'a>>,
}

impl Token<'_> {
    /// The JSON, with room for it taken at once. Token and SASL line are the bulk of it and hold nothing that JSON escapes; to
    /// see that in one sweep costs a fraction of what a serializer's search byte by byte does.
    pub fn json(&self) -> String {
        let mut json = String::with_capacity(self.access_token.len() * 5 / 2 + 512);
        json.push_str(r#"{"access_token":"#);
        quote(&mut json, self.access_token);
        json.push_str(r#","token_type":"#);
        quote(&mut json, self.token_type);
        json.push_str(r#","expires_at":"#);
        quote(&mut json, &self.expires_at.to_string());
        json.push_str(r#","user":"#);
        quote(&mut json, self.user);
        json.push_str(r#","xoauth2":"#);
        match &self.xoauth2 {
            Some(response) => {
                json.push('"');
                response.append_to(&mut json);
                json.push('"');
            }
            None => json.push_str("null"),
        }
        json.push('}');
        json
    }
}

/// Appends `text` as a JSON string (RFC 8259, section 7).
fn quote(json: &mut String, text: &str) {
    if is_plain(text) {
        json.push('"');
        json.push_str(text);
        json.push('"');
    } else {
        json.push_str(&serde_json::Value::from(text).to_string());
    }
}

/// The connected directories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Directories {
    /// One for each tenant.
    pub tenants: Vec<Directory>,
}

/// A connected directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Directory {
    /// The tenant.
    pub tenant_id: String,
    /// As of a mailbox.
    pub state: String,
    /// As of a mailbox.
    pub reason: Option<String>,
    /// The same in words, with the next step.
    pub problem: Option<Problem>,
    /// Who signed in for it.
    pub connected_by: String,
    /// When it was first connected.
    #[schema(value_type = String, format = DateTime)]
    pub connected_at: Timestamp,
    /// When its content was last synchronised.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_sync_at: Option<Timestamp>,
    /// When the newest Graph token ends.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub access_expires_at: Option<Timestamp>,
    /// When a refresh last worked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_refresh_at: Option<Timestamp>,
    /// When the grant ends if it is not used again (90 days after its last use), as far as it is known; `null` where it has ended.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub grant_expires_at: Option<Timestamp>,
}

impl From<DirectoryStatus> for Directory {
    fn from(directory: DirectoryStatus) -> Self {
        Self {
            tenant_id: directory.tenant_id.to_string(),
            state: state_word(&directory.state, directory.refreshing).to_owned(),
            reason: directory.state.reason().map(str::to_owned),
            problem: directory.state.problem().cloned(),
            connected_by: directory.connected_by,
            connected_at: directory.connected_at,
            last_sync_at: directory.last_sync_at,
            access_expires_at: directory.access_expires_at,
            last_refresh_at: directory.last_refresh_at,
            grant_expires_at: directory.grant_expires_at,
        }
    }
}

/// When the client secret in force ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretExpiry {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// A backup that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Backup {
    /// Where it is on this host.
    pub path: String,
}

/// A page of the audit log, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    /// The lines.
    pub items: Vec<AuditLine>,
    /// Give this as `cursor` to get the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditLine {
    /// Its number.
    pub id: i64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who: `uid:0 (root)`, `daemon`, `browser`.
    pub actor: String,
    /// From where: `local-api`, a client address, `daemon`.
    pub origin: String,
    /// What: `mailbox.connect`, `token.read`…
    pub action: String,
    /// To what: an address, a tenant id; may be empty.
    pub subject: String,
    /// How it ended: `ok`, or a word for what went wrong.
    pub outcome: String,
    /// More for people; may be empty.
    pub detail: String,
}

impl From<store::audit::Page> for AuditPage {
    fn from(page: store::audit::Page) -> Self {
        let line = |(id, entry): (i64, store::audit::AuditEntry)| AuditLine {
            id,
            at: entry.at,
            actor: entry.actor,
            origin: entry.origin,
            action: entry.action,
            subject: entry.subject,
            outcome: entry.outcome,
            detail: entry.detail,
        };
        Self { items: page.items.into_iter().map(line).collect(), next_cursor: page.next.map(|next| next.to_string()) }
    }
}

/// What failed between this host and its providers lately.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailedExchanges {
    /// The daemon's start: nothing from before it is known.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// The exchanges, the newest first.
    pub items: Vec<Transcript>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Secret;

    #[test]
    fn a_token_is_written_as_a_serializer_would_write_it() {
        let expires_at = "2026-01-01T01:00:00Z".parse().unwrap();
        for (access_token, user, for_mail) in [
            ("EwBAAl3BAAUFFpUAo7J3Ve0bjLBWZWCclRC3EoAA", "test@contoso.onmicrosoft.com", true),
            ("graph", "j\u{f6}rg@example.test", false),
            ("with \"quotes\", a \\ and a\nnew line", "\u{1}\u{7f}", false),
            ("with \"quotes\" and a \\", "", true),
        ] {
            let secret = Secret::from(access_token);
            let xoauth2 = for_mail.then(|| InitialResponse::new(user, &secret).unwrap());
            let line = xoauth2.map(|response| response.line().expose().clone());
            let token = Token { access_token, token_type: "Bearer", expires_at, user, xoauth2 };
            let whole = serde_json::json!({"access_token": access_token, "token_type": "Bearer", "expires_at": expires_at, "user": user,
                "xoauth2": line});
            assert_eq!(serde_json::from_str::<serde_json::Value>(&token.json()).unwrap(), whole);
        }
    }
}
