//! [`Known`]: switches and client records in memory, as they are in force.

use std::sync::Arc;

use super::record::Record;
use crate::store::sso::records::Switches;

/// Switches and client records.
#[derive(Default)]
pub struct Known {
    /// The switches.
    pub switches: Switches,
    /// The records, in the order in which they were made.
    pub records: Vec<Arc<Record>>,
    /// The login origin of Microsoft that the records were read with: it tells which URLs are Entra's.
    pub authority: String,
}

impl Known {
    /// Reads the records with another login origin of Microsoft.
    pub fn follow(&mut self, authority: &str) {
        for record in &mut self.records {
            // What could be read once can be read again.
            if let Ok(anew) = Record::new(record.row.clone(), authority) {
                *record = Arc::new(anew);
            }
        }
        authority.clone_into(&mut self.authority);
    }
}
