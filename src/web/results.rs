//! [`Results`]: what the result pages show, kept for the moment between the callback and the page. Nothing depends on it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::pages::Page;
use crate::crypto;

/// As many as a busy morning may bring; the oldest goes first.
const KEPT: usize = 256;

/// The newest results by a name that nobody can guess.
#[derive(Default)]
pub struct Results(Mutex<VecDeque<(String, Arc<Page>)>>);

impl Results {
    /// Keeps a page and returns its name.
    pub fn keep(&self, page: Page) -> String {
        let name = crypto::random_token(32).expose().clone();
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pages.len() == KEPT {
            pages.pop_front();
        }
        pages.push_back((name.clone(), Arc::new(page)));
        name
    }

    /// The page with that name.
    pub fn get(&self, name: &str) -> Option<Arc<Page>> {
        let pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pages.iter().find(|(kept, _)| kept == name).map(|(_, page)| Arc::clone(page))
    }
}
