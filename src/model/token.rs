//! Access tokens and what they are for.

use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Secret;

/// The resource that an access token is for. One token is for one resource (Microsoft, "Scopes and permissions").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Exchange Online: IMAP, POP and SMTP.
    Outlook,
    /// Microsoft Graph.
    Graph,
}

impl Audience {
    /// Its word in the database, in logs and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Outlook => "outlook",
            Self::Graph => "graph",
        }
    }
}

/// What a reader of the local API wants a token for: `?for=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Read mail over IMAP.
    Imap,
    /// Send mail by SMTP submission.
    Smtp,
    /// Fetch mail over POP3.
    Pop,
    /// Call Microsoft Graph.
    Graph,
}

impl Purpose {
    /// Its word in the API, in logs and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Imap => "imap",
            Self::Smtp => "smtp",
            Self::Pop => "pop",
            Self::Graph => "graph",
        }
    }

    /// The resource whose token serves this purpose.
    pub const fn audience(self) -> Audience {
        match self {
            Self::Imap | Self::Smtp | Self::Pop => Audience::Outlook,
            Self::Graph => Audience::Graph,
        }
    }

    /// The last part of the permission's name that the token must carry, where there is one.
    pub const fn permission(self) -> Option<&'static str> {
        match self {
            Self::Imap => Some("IMAP.AccessAsUser.All"),
            Self::Smtp => Some("SMTP.Send"),
            Self::Pop => Some("POP.AccessAsUser.All"),
            Self::Graph => None,
        }
    }
}

impl FromStr for Purpose {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "imap" => Ok(Self::Imap),
            "smtp" => Ok(Self::Smtp),
            "pop" => Ok(Self::Pop),
            "graph" => Ok(Self::Graph),
            _ => Err(()),
        }
    }
}

/// An access token for one resource. Opaque: it is handed on, never parsed.
#[derive(Debug, Clone)]
pub struct AccessToken {
    /// What the other side gets to see.
    pub value: Secret<String>,
    /// When it was issued, by our clock.
    pub obtained_at: Timestamp,
    /// When it ends, by our clock and the provider's `expires_in`.
    pub expires_at: Timestamp,
    /// The scopes that were granted, as the provider listed them, separated by blanks.
    pub scope: String,
}

impl AccessToken {
    /// Its whole life.
    pub fn lifetime(&self) -> SignedDuration {
        self.expires_at.duration_since(self.obtained_at)
    }

    /// Whether at least `slack` of life is left at `now`.
    pub fn lasts(&self, now: Timestamp, slack: SignedDuration) -> bool {
        // A clock set back would make an old token look young, so a token "from the future" has to prove itself by a refresh.
        now.duration_since(self.obtained_at) > SignedDuration::from_secs(-300) && self.expires_at.duration_since(now) >= slack
    }

    /// Whether `permission` (the part behind the resource's prefix) was granted.
    pub fn permits(&self, permission: &str) -> bool {
        self.scope.split_ascii_whitespace().any(|scope| scope.rsplit('/').next().is_some_and(|name| name.eq_ignore_ascii_case(permission)))
    }
}
