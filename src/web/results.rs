//! [`Results`]: what a page shows once after something was done, kept for the moment between the redirect and the page. Nothing depends
//! on it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::crypto;

/// As many as a busy morning may bring; the oldest goes first.
const KEPT: usize = 256;

/// The newest results by a name that nobody can guess.
pub struct Results<T>(Mutex<VecDeque<(String, Arc<T>)>>);

impl<T> Default for Results<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Results<T> {
    /// Keeps a result and returns its name.
    pub fn keep(&self, result: T) -> String {
        let name = crypto::random_token(32).expose().clone();
        let mut results = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if results.len() == KEPT {
            results.pop_front();
        }
        results.push_back((name.clone(), Arc::new(result)));
        name
    }

    /// The result with that name.
    pub fn get(&self, name: &str) -> Option<Arc<T>> {
        let results = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        results.iter().find(|(kept, _)| kept == name).map(|(_, result)| Arc::clone(result))
    }
}
