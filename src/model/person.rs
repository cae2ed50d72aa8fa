//! People who sign in, the apps that they sign in to, and the accounts that they are known by.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Host;

use super::{EmailAddress, ObjectId, PersonId, TenantId};

/// What somebody is to this OneDesk. A person is one of them, for good: the e-mail address is unique over both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An agent or an admin.
    User,
    /// Somebody who asks for help.
    Customer,
}

impl Kind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::User, Self::Customer];

    /// Its word in the API and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Customer => "customer",
        }
    }

    /// The word for all of them: a client record's `audience`.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::User => "users",
            Self::Customer => "customers",
        }
    }

    /// The kind of that word, in the singular or the plural.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word || kind.plural() == word)
    }

    /// The apps that this kind of person can sign in to.
    pub const fn apps(self) -> Apps {
        match self {
            Self::User => Apps(0b1111),
            Self::Customer => Apps(0b1110),
        }
    }
}

/// An app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum App {
    /// Main App: for users only.
    Main,
    /// Widget.
    Widget,
    /// Knowledgebase.
    Kb,
    /// Portal.
    Portal,
}

impl App {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Main, Self::Widget, Self::Kb, Self::Portal];

    /// Its word in URLs and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Widget => "widget",
            Self::Kb => "kb",
            Self::Portal => "portal",
        }
    }

    /// Its name on pages.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Main => "Main App",
            Self::Widget => "Widget",
            Self::Kb => "Knowledgebase",
            Self::Portal => "Portal",
        }
    }

    /// The app of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|app| app.as_str() == word)
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Main => 1,
            Self::Widget => 2,
            Self::Kb => 4,
            Self::Portal => 8,
        }
    }
}

/// A set of apps, in one byte: there is one in every session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Apps(u8);

impl Apps {
    /// The set with these bits, as [`Apps::bits`] gave them.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & 0b1111)
    }

    /// The set as bits.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether `app` is in it.
    pub const fn contains(self, app: App) -> bool {
        self.0 & app.bit() != 0
    }

    /// The set without `app`.
    #[must_use]
    pub const fn without(self, app: App) -> Self {
        Self(self.0 & !app.bit())
    }

    /// The set with `app` alone, if it is in it.
    #[must_use]
    pub const fn only(self, app: App) -> Self {
        Self(self.0 & app.bit())
    }

    /// The apps in it.
    pub fn iter(self) -> impl Iterator<Item = App> {
        App::ALL.into_iter().filter(move |app| self.contains(*app))
    }
}

/// Who made a person's record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CreatedBy {
    /// The first sign-in.
    Sso,
    /// The directory.
    Directory,
    /// An admin.
    Admin,
}

impl CreatedBy {
    /// Its word in the API and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sso => "sso",
            Self::Directory => "directory",
            Self::Admin => "admin",
        }
    }

    /// The value of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Sso, Self::Directory, Self::Admin].into_iter().find(|by| by.as_str() == word)
    }
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Their id, for good.
    pub id: PersonId,
    /// What they are.
    pub kind: Kind,
    /// Their address; guests may have none.
    pub email: Option<EmailAddress>,
    /// Their name, for display.
    pub name: Option<String>,
    /// Whether the last sign-in gave them the admin role.
    pub is_admin: bool,
    /// Who made the record.
    pub created_by: CreatedBy,
    /// When.
    pub created_at: Timestamp,
}

/// An account at a provider that a person signs in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `iss`.
    pub issuer: String,
    /// `sub`.
    pub subject: String,
    /// `tid` and `oid` of Entra: the same for every app registration and both versions of the endpoints.
    pub account: Option<(TenantId, ObjectId)>,
}

/// The one form of an address that a person is found by, or nothing for an address that cannot be compared safely.
///
/// The domain is in its ASCII form (IDNA), so that two spellings of one domain are one. A local part beyond ASCII is refused:
/// characters that look or fold alike (the Kelvin sign and k) would make two mailboxes one.
pub fn canonical_email(text: &str) -> Option<EmailAddress> {
    let address: EmailAddress = text.parse().ok()?;
    let (local, domain) = address.as_str().rsplit_once('@')?;
    if !local.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let Ok(Host::Domain(domain)) = Host::parse(domain) else { return None };
    format!("{local}@{domain}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customers_have_no_main_app() {
        assert!(Kind::User.apps().contains(App::Main));
        assert_eq!(Kind::Customer.apps().iter().collect::<Vec<_>>(), [App::Widget, App::Kb, App::Portal]);
        assert_eq!(Kind::User.apps().only(App::Widget).iter().collect::<Vec<_>>(), [App::Widget]);
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        for kind in Kind::ALL {
            assert_eq!((Kind::from_word(kind.as_str()), Kind::from_word(kind.plural())), (Some(kind), Some(kind)));
        }
        for app in App::ALL {
            assert_eq!(App::from_word(app.as_str()), Some(app));
        }
        assert_eq!((App::from_word("Main"), Kind::from_word("")), (None, None));
    }

    #[test]
    fn addresses_that_mean_one_mailbox_have_one_key_and_no_others() {
        let key = |text: &str| canonical_email(text).map(|address| address.key());
        for (text, expected) in [
            (" Ann@Example.TEST ", Some("ann@example.test")),
            ("ann+x@example.test", Some("ann+x@example.test")),
            ("ann@b\u{fc}cher.test", Some("ann@xn--bcher-kva.test")),
            ("ann@XN--BCHER-KVA.test", Some("ann@xn--bcher-kva.test")),
            // The Kelvin sign in a domain is k by IDNA, in a local part it is nobody's.
            ("ann@\u{212a}iwi.test", Some("ann@kiwi.test")),
            ("mi\u{212a}e@example.test", None),
            ("\u{131}@example.test", None),
            ("ann@127.0.0.1", None),
            ("ann@[::1]", None),
            ("ann", None),
            ("", None),
        ] {
            assert_eq!(key(text).as_deref(), expected, "{text:?}");
        }
    }
}
