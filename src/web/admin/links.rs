//! [`Links`]: connect links that were just made, kept in memory for the page that shows them once more after a reload.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::crypto;
use crate::flows::connect::Invitation;
use crate::sso::AdminSession;

/// As many as a busy hour may bring; the oldest goes first.
const KEPT: usize = 256;

/// A link, for the session that asked for it.
#[derive(Debug, Clone)]
pub struct Link {
    /// The link.
    pub url: String,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Whom it is for, in words: an address, or empty.
    pub subject: String,
}

/// The newest links, by a name that nobody can guess.
#[derive(Default)]
pub struct Links(Mutex<VecDeque<(String, String, Link)>>);

impl Links {
    /// Keeps a link of this session and returns its name.
    pub fn keep(&self, session: &AdminSession, invitation: Invitation, subject: &str) -> String {
        let name = crypto::random_token(16).expose().clone();
        let link = Link { url: invitation.connect_url, expires_at: invitation.expires_at, subject: subject.to_owned() };
        let mut links = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if links.len() == KEPT {
            links.pop_front();
        }
        links.push_back((name.clone(), session.form_token.clone(), link));
        name
    }

    /// The link of that name, if this session asked for it.
    pub fn get(&self, session: &AdminSession, name: &str) -> Option<Link> {
        let links = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = links.iter().find(|(kept, owner, _)| kept == name && session.made(owner));
        found.map(|(_, _, link)| link.clone())
    }
}
