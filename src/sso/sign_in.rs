//! Signing in: to the provider and back. Each step checks what the next one relies on; nothing is changed before the last.

use std::sync::Arc;

use jiff::Timestamp;

use super::error::{Error, ErrorKind, of_a_record};
use super::flow::{Destination, Pending, Purpose, Taken};
use super::groups::{self, Given};
use super::knowledge;
use super::newcomer::Newcomer;
use super::record::Record;
use super::return_to::ReturnTo;
use super::sessions::Sessions;
use super::trial::Trial;
use super::{CALLBACK_PATH, Service};
use crate::audit::Actor;
use crate::flows::Browser;
use crate::model::person::App;
use crate::model::{ConnectionId, PersonId, Problem, Secret};
use crate::oauth::authorization::{AuthorizationRequest, ResponseMode};
use crate::oauth::callback::{Callback, Outcome};
use crate::oauth::claims::Claims;
use crate::oauth::endpoints::Version;
use crate::oauth::id_token::{IdTokenError, Tenants};
use crate::oauth::provider::{Provider, SignIn, VerifyError};
use crate::oauth::token::{GrantRequest, TokenEndpoint, TokenError, Tokens, Verdict};
use crate::store::sso::sessions::SessionRow;

/// Two clocks that differ by more are named in the error.
const SKEW_WORTH_NAMING: i64 = 60;

/// How a sign-in begins.
#[derive(Debug, Clone)]
pub struct Beginning {
    /// The client record.
    pub connection: ConnectionId,
    /// The app.
    pub app: App,
    /// Where on our origin to go after it.
    pub return_to: Option<ReturnTo>,
    /// Who will probably sign in.
    pub login_hint: Option<String>,
    /// Sign-in or test.
    pub purpose: Purpose,
    /// Whether it runs in the Widget's popup.
    pub popup: bool,
}

/// Where the browser is sent, and the cookie that goes with it.
#[derive(Debug)]
pub struct Departure {
    /// The authorization request.
    pub url: String,
    /// Binds the flow to this browser.
    pub browser: Browser,
    /// Whether the answer arrives by a cross-site POST, which brings no `SameSite=Lax` cookie.
    pub by_post: bool,
}

/// What an answer of a provider led to.
#[derive(Debug)]
pub enum Arrival {
    /// Somebody is signed in.
    SignedIn(SignedIn),
    /// An admin tried a record.
    Tested(Box<Trial>),
    /// The browser had lost our cookie: it begins anew, once.
    Again(Departure),
}

/// Somebody is signed in.
#[derive(Debug)]
pub struct SignedIn {
    /// The session's id, for the cookie.
    pub session: Secret<String>,
    /// The app.
    pub app: App,
    /// Where on our origin to go.
    pub return_to: Option<String>,
    /// The code by which the Widget's frame gets a session of its own.
    pub hand_over: Option<Secret<String>>,
}

impl Service {
    /// Sends the browser to the provider.
    ///
    /// # Errors
    /// 403 where people may not sign in by this record, 502 when the provider's metadata cannot be read, 400 when the browser
    /// runs in a circle.
    pub async fn depart(&self, beginning: Beginning, browser: Option<Browser>) -> Result<Departure, Error> {
        let record = self.connections.get(beginning.connection)?;
        self.may_begin(&record, &beginning)?;
        if let Some(browser) = browser.as_ref().filter(|_| beginning.purpose == Purpose::SignIn) {
            let target = target(beginning.app, beginning.return_to.as_ref().map(ReturnTo::as_str));
            if self.loops.begins(browser.hash(), &target, self.clock.now()) {
                return Err(circle(beginning.app));
            }
        }
        self.send(&record, beginning, browser, false).await
    }

    fn may_begin(&self, record: &Record, beginning: &Beginning) -> Result<(), Error> {
        if !record.kind().apps().contains(beginning.app) {
            let (people, app) = (record.kind().plural(), beginning.app.title());
            return Err(Error::new(ErrorKind::NotFound, Problem::told("app_unknown", &[("people", &people), ("app", &app)])));
        }
        if beginning.purpose == Purpose::Test { Ok(()) } else { self.is_open(record) }
    }

    /// People may sign in by this record now.
    fn is_open(&self, record: &Record) -> Result<(), Error> {
        let kind = record.kind();
        if !self.connections.switches().allow(kind) {
            return Err(Error::forbidden(Problem::told("sso_off", &[("people", &kind.plural())])));
        }
        if !record.row.enabled {
            return Err(Error::forbidden(Problem::told("record_off", &[])));
        }
        Ok(())
    }

    async fn send(&self, record: &Record, beginning: Beginning, browser: Option<Browser>, restarted: bool) -> Result<Departure, Error> {
        let endpoints = record.endpoints()?;
        let provider = self.wire.provider(record).await?;
        // Read before anybody is sent away: metadata that names another issuer ends the sign-in here.
        let published = provider.published().await?;
        let settings = self.settings.borrow().clone();
        let browser = browser.unwrap_or_default();
        let destination = Destination {
            connection: record.id(),
            generation: record.row.generation,
            purpose: beginning.purpose,
            app: beginning.app,
            return_to: beginning.return_to.map(|path| path.as_str().to_owned()),
            issuer: published.document.issuer.as_str().to_owned(),
            promises_iss: published.document.promises_iss,
            redirect_uri: self.public_url(CALLBACK_PATH)?,
            scope: record.scope(&settings),
            popup: beginning.popup && beginning.app == App::Widget,
            restarted,
        };
        let (state, pending) = self.sign_ins.begin(&browser, destination).await?;
        let by_post = record.response_mode() == ResponseMode::FormPost;
        let graph = [("resource", settings.microsoft.graph.as_str())];
        let authorization = AuthorizationRequest {
            client_id: &record.details.client_id,
            redirect_uri: &pending.to.redirect_uri,
            scope: &pending.to.scope,
            state: state.expose(),
            nonce: &pending.nonce,
            challenge: &pending.verifier().challenge(),
            response_mode: record.response_mode(),
            prompt: None,
            login_hint: beginning.login_hint.as_deref(),
            // Without it, v1 gives a token for Azure AD Graph, which is gone.
            extra: if endpoints.version == Version::V1 { &graph } else { &[] },
        };
        Ok(Departure { url: authorization.url(&endpoints.authorization).into(), browser, by_post })
    }

    /// Checks the provider's answer from end to end, and signs in whom it names.
    ///
    /// # Errors
    /// See [`Error`]. Nothing was sent anywhere when the answer is unknown, foreign, or of another issuer.
    pub async fn arrive(&self, callback: Callback, browser: Option<&Browser>, actor: &Actor) -> Result<Arrival, Error> {
        let pending = match self.sign_ins.take(callback.state.expose(), browser).await {
            Ok(Taken::Own(pending)) => pending,
            Ok(Taken::WithoutCookie(pending)) => return self.begin_again(&pending).await.map(Arrival::Again),
            Err(error) => return Err(self.strange(error, actor).await),
        };
        let arrived = self.finish(&pending, callback, browser, actor).await;
        if let Err(error) = &arrived
            && error.problem.code != "email_conflict"
        {
            let mut line = actor.entry(self.clock.now(), "sso.sign_in", pending.to.connection.to_string());
            line.outcome.clone_from(&error.problem.code);
            line.detail.clone_from(&error.problem.title);
            self.audit.record(line).await;
        }
        arrived
    }

    /// Notes an answer that belongs to no sign-in under way, within bounds; returns why it was refused.
    pub async fn strange(&self, error: impl Into<Error>, actor: &Actor) -> Error {
        let (error, now) = (error.into(), self.clock.now());
        if self.strangers.may_be_noted(now) {
            let mut line = actor.entry(now, "sso.sign_in", "");
            line.outcome.clone_from(&error.problem.code);
            line.detail.clone_from(&error.problem.title);
            self.audit.record(line).await;
        }
        error
    }

    /// A browser without our cookie may have lost it, or may have been handed somebody else's answer. Beginning anew is right for both.
    async fn begin_again(&self, pending: &Pending) -> Result<Departure, Error> {
        if pending.to.restarted {
            return Err(Error::bad_request(Problem::told("cookie_missing", &[])));
        }
        let record = self.connections.get(pending.to.connection)?;
        let beginning = Beginning {
            connection: pending.to.connection,
            app: pending.to.app,
            return_to: pending.to.return_to.as_deref().and_then(ReturnTo::parse),
            login_hint: None,
            purpose: pending.to.purpose,
            popup: pending.to.popup,
        };
        self.may_begin(&record, &beginning)?;
        self.send(&record, beginning, None, true).await
    }

    async fn finish(&self, pending: &Pending, callback: Callback, browser: Option<&Browser>, actor: &Actor) -> Result<Arrival, Error> {
        // For errors too, and before the code goes anywhere (RFC 9207 section 2.4).
        callback.check_issuer(Some(&crate::oauth::issuer::Issuer::new(pending.to.issuer.as_str())), pending.to.promises_iss)?;
        let record = self.connections.get(pending.to.connection).map_err(|_| changed())?;
        if record.row.generation != pending.to.generation {
            return Err(changed());
        }
        if pending.to.purpose == Purpose::SignIn {
            self.is_open(&record)?;
        }
        let code = match callback.outcome {
            Outcome::Code(code) => code,
            Outcome::Refused(refusal) => return Err(Error::refused(&refusal)),
            // We never send anybody to the admin-consent endpoint with a state of ours.
            Outcome::AdminConsent => return Err(Error::unknown_state()),
        };
        let tokens = self.redeem(&record, pending, &code).await?;
        let provider = self.wire.provider(&record).await?;
        let mut claims = self.verify(&record, &provider, pending, &tokens).await?;
        knowledge::add_user_info(&mut claims, &record, &provider, &tokens.access_token, &self.wire).await?;
        let graph = self.settings.borrow().microsoft.graph.clone();
        let groups = knowledge::groups_of(&claims, &record, &graph, &tokens.access_token, &self.wire).await?;
        let membership = knowledge::membership(groups.as_deref());
        let given = groups::evaluate(&record.details.group_rules, record.kind(), membership, claims.signed);
        match pending.to.purpose {
            Purpose::Test => self.report(&record, &claims, &given).await.map(|trial| Arrival::Tested(Box::new(trial))),
            Purpose::SignIn => {
                let signed_in = self.let_in(&record, pending, &tokens, claims, given, actor).await?;
                if let Some(browser) = browser {
                    self.loops.signed_in(browser.hash(), &target(pending.to.app, pending.to.return_to.as_deref()), self.clock.now());
                }
                Ok(Arrival::SignedIn(signed_in))
            }
        }
    }

    /// Exchanges the code. The client is checked before the code is touched, so the next secret may try the same code.
    async fn redeem(&self, record: &Record, pending: &Pending, code: &Secret<String>) -> Result<Tokens, Error> {
        let http = self.wire.http();
        let endpoint = TokenEndpoint { http: &http, url: record.endpoints()?.token.as_str() };
        let verifier = pending.verifier();
        let mut refused = None;
        for client in self.connections.clients(record)? {
            let grant = GrantRequest::Code { code, verifier: verifier.secret(), redirect_uri: &pending.to.redirect_uri };
            match endpoint.request(&client, grant, &pending.to.scope).await {
                Err(error) if error.verdict == Verdict::ClientRejected => {
                    refused.get_or_insert(TokenError { problem: of_a_record(&error.problem), ..error });
                }
                answer => return Ok(answer?),
            }
        }
        Err(refused.map_or_else(changed, Into::into))
    }

    async fn verify(&self, record: &Record, provider: &Provider, pending: &Pending, tokens: &Tokens) -> Result<Claims, Error> {
        let id_token = tokens.id_token.as_ref().ok_or(IdTokenError::Missing("id_token"))?;
        let tenants = if record.allows_any_tenant() || record.tenants().is_empty() && !record.is_multi_tenant() {
            Tenants::Any
        } else {
            Tenants::Only(record.tenants())
        };
        let sign_in = SignIn {
            client_id: &record.details.client_id,
            nonce: &pending.nonce,
            tenants,
            access_token: Some(&tokens.access_token),
            unsigned_v1: record.accepts_unsigned(&self.settings.borrow()),
        };
        provider.verify(id_token, &sign_in).await.map_err(|error| self.name_skew(error, tokens.provider_time))
    }

    /// An ID token that is not valid yet or any more may be good, and our clock be wrong: the provider's own time tells.
    fn name_skew(&self, error: VerifyError, provider_time: Option<Timestamp>) -> Error {
        let is_about_time = matches!(error, VerifyError::Token(IdTokenError::Expired | IdTokenError::NotYet | IdTokenError::TooOld));
        let ahead = provider_time.map(|at| self.clock.now().duration_since(at).as_secs()).filter(|ahead| ahead.abs() >= SKEW_WORTH_NAMING);
        let mut named = Error::from(error);
        if let Some(ahead) = ahead.filter(|_| is_about_time) {
            let direction = if ahead > 0 { "ahead of" } else { "behind" };
            named.kind = ErrorKind::Unavailable;
            named.problem.code = "clock_skew".to_owned();
            named.problem.title =
                format!("the clock of this host is {} s {direction} the provider's: {}", ahead.abs(), named.problem.title);
            named.problem.hint = "an administrator of this host sets its clock: timedatectl status, chronyc makestep".to_owned();
        }
        named
    }

    async fn let_in(
        &self,
        record: &Arc<Record>,
        pending: &Pending,
        tokens: &Tokens,
        claims: Claims,
        given: Given,
        actor: &Actor,
    ) -> Result<SignedIn, Error> {
        if !given.apps.contains(pending.to.app) {
            return Err(Error::forbidden(Problem::told(
                "app_not_allowed",
                &[("account", &claims.signed_in_as()), ("app", &pending.to.app.title())],
            )));
        }
        let newcomer = Arc::new(Newcomer::from_claims(record, &claims));
        let (id, hash) = Sessions::fresh();
        let now = self.clock.now();
        let hints = super::logout::Hints::of(record, tokens, &claims).seal(&self.keyring, &hash)?;
        let (connection, kind, is_admin, expires_at) = (record.id(), record.kind(), given.is_admin, self.sessions.end_of(now));
        let session = move |person: PersonId| SessionRow {
            hash,
            person,
            connection,
            kind,
            issuer: claims.issuer,
            subject: claims.subject,
            sid: claims.sid,
            apps: given.apps,
            is_admin: is_admin.unwrap_or(false),
            groups: given.shown,
            created_at: now,
            expires_at,
            seen_at: now,
            hints,
        };
        let since = self.sessions.endings();
        let admitted = self.people.admit(&newcomer, record, is_admin, session, actor).await?;
        if admitted.is_changed {
            self.sessions.forget_person(admitted.person.id);
        } else {
            self.sessions.welcome(admitted.session, &admitted.person, since);
        }
        self.connections.worked(record).await?;
        let hand_over = pending.to.popup.then(|| self.hand_overs.give(hash, now));
        Ok(SignedIn { session: id, app: pending.to.app, return_to: pending.to.return_to.clone(), hand_over })
    }
}

fn target(app: App, return_to: Option<&str>) -> String {
    format!("{} {}", app.as_str(), return_to.unwrap_or_default())
}

fn changed() -> Error {
    Error::bad_request(Problem::told("record_changed", &[]))
}

fn circle(app: App) -> Error {
    Error::bad_request(Problem::told("redirect_loop", &[("app", &app.title())]))
}
