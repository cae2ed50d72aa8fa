//! Identifiers. Each parses at the border and prints in one canonical form.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A text is no GUID of the form `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a GUID of the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")]
pub struct NotAGuid;

/// Whether `text` has the shape of a GUID (hyphenated, any case).
pub fn is_guid(text: &str) -> bool {
    parse_guid(text).is_ok()
}

fn parse_guid(text: &str) -> Result<Uuid, NotAGuid> {
    // `Uuid` also reads braces, URNs and bare hexadecimal: none of them is what Entra shows or accepts.
    if text.len() != 36 {
        return Err(NotAGuid);
    }
    Uuid::parse_str(text).map_err(|_| NotAGuid)
}

macro_rules! guid {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = NotAGuid;

            fn from_str(text: &str) -> Result<Self, NotAGuid> {
                parse_guid(text).map(Self)
            }
        }
    };
}

guid! {
    /// The Application (client) ID of the app registration: `AZUREAD_CID`. Sent and shown in lower case.
    ClientId
}
guid! {
    /// A tenant: the `tid` claim.
    TenantId
}
guid! {
    /// A user in a tenant: the `oid` claim. The same person has another one in every tenant.
    ObjectId
}
guid! {
    /// One authorization that somebody gave us; made here.
    GrantId
}
guid! {
    /// One request that we answered: on the page, in the journal (`ONEDESK_REQUEST_ID`) and in the answer's `X-Request-Id`.
    RequestId
}

guid! {
    /// A person who signs in; made here.
    PersonId
}
guid! {
    /// An OpenID Connect client record; made here.
    ConnectionId
}
guid! {
    /// A sign-in that waits for somebody's decision; made here.
    ConflictId
}

macro_rules! made_here {
    ($($name:ident),*) => {$(
        impl $name {
            /// A fresh one; ordered by time of creation.
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }
    )*};
}

made_here!(GrantId, PersonId, ConnectionId, ConflictId);

impl RequestId {
    /// A fresh one.
    pub fn new() -> Self {
        Self(Uuid::new_v4())
    }
}

impl Default for RequestId {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hyphenated_form_is_a_guid() {
        assert!(is_guid("AAAAAAAA-bbbb-cccc-dddd-eeeeeeeeeeee"));
        for text in
            ["", "x", "aaaaaaaabbbbccccddddeeeeeeeeeeee", "{aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee}", "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeee~"]
        {
            assert!(!is_guid(text), "{text}");
        }
    }

    #[test]
    fn a_client_id_is_printed_in_lower_case() {
        let id: ClientId = "AAAAAAAA-BBBB-cccc-dddd-EEEEEEEEEEEE".parse().unwrap();
        assert_eq!(id.to_string(), "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee");
    }
}
