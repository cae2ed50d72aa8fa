//! [`Reporter`]: puts together what the status says.

use super::status::Status;

/// Computes the status.
pub struct Reporter {}

impl Reporter {
    /// The status now. Answers from memory.
    pub async fn report(&self) -> Status {
        todo!()
    }
}
