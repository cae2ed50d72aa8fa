//! Connecting a mailbox: the link, the sign-in, and whether the account that came back is the one that was wanted.

use std::sync::{Arc, PoisonError};

use serde::{Deserialize, Serialize};

use super::{CALLBACK_PATH, CONNECT_PATH, Error, Service};
use crate::audit::Actor;
use crate::flows::Browser;
use crate::flows::connect::{Departure, Error as ConnectError, Granted, Invitation, Request};
use crate::model::{Audience, EmailAddress, Problem};
use crate::oauth::callback::Callback;
use crate::oauth::claims::Claims;
use crate::store::connections::{Connected as Stored, MailboxRow};
use crate::store::flows::Kind;

/// What a link is asked for: `POST /v1/mailboxes`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Wishes {
    /// Only this mailbox; nothing = whichever account signs in.
    pub address: Option<String>,
    /// Somebody signs in as themselves for a mailbox that they may use.
    pub shared: bool,
    /// Another person's sign-in may take over a mailbox that is connected already.
    pub replace: bool,
}

/// A mailbox that was just connected, for the page that says so.
#[derive(Debug, Clone)]
pub struct Connected {
    /// Its address.
    pub address: EmailAddress,
    /// Who signed in.
    pub signed_in_as: String,
    /// Whether it had been connected before.
    pub again: bool,
}

impl Service {
    /// Makes a link that connects a mailbox; it lasts an hour and is used up by success only.
    ///
    /// # Errors
    /// [`Error::BadRequest`], [`Error::Unconfigured`], [`Error::Store`].
    pub async fn invite(&self, wishes: &Wishes, actor: &Actor) -> Result<Invitation, Error> {
        let address = check(wishes)?;
        let json = serde_json::to_string(wishes).unwrap_or_default();
        let invitation = self.parts.connector.invite(Kind::Mailbox, CONNECT_PATH, json, &actor.who).await.map_err(from_connect)?;
        let subject = address.as_ref().map_or("", EmailAddress::as_str);
        self.parts.audit.record(actor.entry(self.parts.clock.now(), "mailbox.link", subject)).await;
        Ok(invitation)
    }

    /// Sends the browser that opened a link to the provider.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn depart(&self, ticket: &str, browser: Option<Browser>, choose_account: bool) -> Result<Departure, ConnectError> {
        let ticket = self.parts.connector.flows().ticket(Kind::Mailbox, ticket).await?;
        let wishes: Wishes = serde_json::from_str(&ticket.wishes).unwrap_or_default();
        let scope = self.parts.microsoft.mailbox_scope();
        // For a shared mailbox somebody else signs in, so its address is no hint.
        let login_hint = wishes.address.as_deref().filter(|_| !wishes.shared && !choose_account);
        let request = Request { callback_path: CALLBACK_PATH, scope: &scope, login_hint, choose_account };
        self.parts.connector.depart(&ticket, browser, request).await
    }

    /// Finishes the connection that `callback` answers: checked, sealed, written, audited.
    ///
    /// # Errors
    /// See [`ConnectError`]. The link stays usable then.
    pub async fn arrive(&self, callback: Callback, browser: Option<&Browser>, actor: &Actor) -> Result<Connected, ConnectError> {
        let granted = self.parts.connector.arrive(Kind::Mailbox, callback, browser).await?;
        let wishes: Wishes = serde_json::from_str(&granted.ticket.wishes).unwrap_or_default();
        let signed_in_as = granted.account()?;
        let address = choose_address(&wishes, &granted.claims, &signed_in_as)?;
        let _changing = self.changing.lock().await;
        let known = self.find(&address).ok();
        self.check_takeover(known.as_deref(), &wishes, &granted.claims).await?;
        let connected = Connected { address: address.clone(), signed_in_as: signed_in_as.to_string(), again: known.is_some() };
        self.store(granted, &wishes, address, connected.signed_in_as.clone(), known, actor).await?;
        log::info!(ONEDESK_MAILBOX = connected.address.as_str(); "a mailbox was connected");
        Ok(connected)
    }

    /// A mailbox that is connected already stays with its person unless the link says `replace`.
    async fn check_takeover(&self, known: Option<&MailboxRow>, wishes: &Wishes, claims: &Claims) -> Result<(), ConnectError> {
        let Some(grant) = known.and_then(|row| row.grant).filter(|_| !wishes.replace) else { return Ok(()) };
        let before = self.parts.grants.stored(grant).await?;
        if Some(before.tenant_id) == claims.tid && Some(before.object_id) == claims.oid {
            return Ok(());
        }
        let who = known.map_or("somebody else", |row| row.signed_in_as.as_str());
        Err(ConnectError::NotAllowed(Problem::told("other_person", &[("who", &who)])))
    }

    async fn store(
        &self,
        granted: Granted,
        wishes: &Wishes,
        address: EmailAddress,
        signed_in_as: String,
        known: Option<Arc<MailboxRow>>,
        actor: &Actor,
    ) -> Result<(), ConnectError> {
        let now = self.parts.clock.now();
        let new = self.parts.vault.new_grant(&granted.given()?, Audience::Outlook, now)?;
        let row = MailboxRow {
            address: address.clone(),
            signed_in_as: signed_in_as.clone(),
            shared: wishes.shared,
            grant: Some(new.grant.id),
            connected_at: known.as_ref().map_or(now, |row| row.connected_at),
        };
        let mut audit = actor.entry(now, "mailbox.connect", address.as_str());
        audit.detail = format!("signed in as {signed_in_as}, link made by {}", granted.ticket.made_by);
        let access = vec![new.access.clone()];
        let what = Stored { ticket: granted.ticket.hash, what: row.clone(), grant: new.grant.clone(), access, audit };
        self.parts.store.connect_mailbox(what).await.map_err(ConnectError::from_write)?;
        self.parts.grants.adopt(&new);
        self.mailboxes.write().unwrap_or_else(PoisonError::into_inner).insert(address.key(), Arc::new(row));
        if let Some(old) = known.and_then(|row| row.grant) {
            self.parts.grants.forget(old);
        }
        Ok(())
    }
}

/// The wishes make sense together; returns the address that they name.
fn check(wishes: &Wishes) -> Result<Option<EmailAddress>, Error> {
    let address = wishes
        .address
        .as_deref()
        .map(str::parse)
        .transpose()
        .map_err(|error: crate::model::email::Error| Error::BadRequest(Problem::told("address", &[("error", &error)])))?;
    if wishes.shared && address.is_none() {
        return Err(Error::BadRequest(Problem::told("address_missing", &[])));
    }
    Ok(address)
}

/// The address to connect: the one that the link names if this account may satisfy it, else the account's own.
fn choose_address(wishes: &Wishes, claims: &Claims, account: &EmailAddress) -> Result<EmailAddress, ConnectError> {
    let Some(wanted) = wishes.address.as_deref().and_then(|text| text.parse::<EmailAddress>().ok()) else { return Ok(account.clone()) };
    // Names that only the account's own tenant can give. `email` may be anything that a foreign tenant's admin typed
    // (entra.md, section 4.4), so it counts only where Microsoft vouches for it.
    let vouched = claims.email.as_deref().filter(|_| claims.xms_edov);
    let names = [claims.preferred_username.as_deref(), claims.upn.as_deref(), vouched];
    let is_that_account = names.into_iter().flatten().filter_map(|name| name.parse::<EmailAddress>().ok()).any(|name| name == wanted);
    if wishes.shared || is_that_account {
        return Ok(wanted);
    }
    Err(ConnectError::NotAllowed(Problem::told("other_account", &[("wanted", &wanted), ("account", &account)])))
}

fn from_connect(error: ConnectError) -> Error {
    match error {
        ConnectError::Store(error) | ConnectError::Flow(crate::flows::Error::Store(error)) => Error::Store(error),
        other => Error::Unconfigured(other.problem()),
    }
}
