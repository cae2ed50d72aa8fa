//! [`Verdict`]: what a look came to, and who can do something about it.

use crate::health::status::{Check, CheckOutcome, Group};
use crate::model::Problem;
use crate::oauth::aadsts;

/// Who can do something about a trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Root on this machine.
    Root,
    /// Who runs the network, its name servers, firewalls and proxies.
    Network,
    /// Who owns the app registration.
    Owner,
    /// An administrator of the Microsoft 365 tenant.
    Tenant,
    /// The person whose mailbox or sign-in it is.
    Person,
    /// Microsoft: it passes.
    Microsoft,
    /// The makers of this product.
    Makers,
}

impl Who {
    /// For people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Root => "root on this machine",
            Self::Network => "whoever runs the network, its name servers, firewall and proxy",
            Self::Owner => "whoever owns the app registration at Microsoft",
            Self::Tenant => "an administrator of the Microsoft 365 tenant",
            Self::Person => "the person who signs in",
            Self::Microsoft => "nobody here; it usually passes by itself",
            Self::Makers => "the makers of OneDesk",
        }
    }
}

impl From<aadsts::Who> for Who {
    fn from(who: aadsts::Who) -> Self {
        match who {
            aadsts::Who::User => Self::Person,
            aadsts::Who::Admin => Self::Tenant,
            aadsts::Who::Owner => Self::Owner,
            aadsts::Who::Developer => Self::Makers,
            aadsts::Who::Microsoft | aadsts::Who::Nobody => Self::Microsoft,
        }
    }
}

/// What is wrong: what it means, who can mend it, how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    title: String,
    who: Who,
    hint: String,
}

impl Trouble {
    /// In words.
    pub fn new(title: impl Into<String>, who: Who, hint: impl Into<String>) -> Self {
        Self { title: title.into(), who, hint: hint.into() }
    }

    /// A problem that somebody else described.
    pub fn of(problem: &Problem, who: Who) -> Self {
        Self::new(problem.title.clone(), who, problem.hint.clone())
    }
}

/// What a look came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Fine(String),
    /// Works, but should be mended.
    Warn(Trouble),
    /// Does not work.
    Fail(Trouble),
    /// Could not be looked at, or there is nothing to look at.
    Skip(String),
}

impl Verdict {
    /// The check that says so.
    pub fn on(self, group: Group, name: &str) -> Check {
        let (outcome, title, trouble) = match self {
            Self::Fine(title) => (CheckOutcome::Ok, title, None),
            Self::Skip(title) => (CheckOutcome::Skipped, title, None),
            Self::Warn(trouble) => (CheckOutcome::Warning, trouble.title.clone(), Some(trouble)),
            Self::Fail(trouble) => (CheckOutcome::Failed, trouble.title.clone(), Some(trouble)),
        };
        let (who, hint) = trouble.map(|trouble| (trouble.who.words().to_owned(), trouble.hint)).unzip();
        Check { name: name.to_owned(), group, outcome, title, who, hint: hint.unwrap_or_default(), took_ms: None }
    }
}
