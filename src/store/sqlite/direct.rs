//! Writes on the writer's own thread. sqlx gives each connection a thread, and every statement is a trip there and back: two threads
//! are woken for it, which costs more than the statement does. What every sign-in writes is done without these trips, on a second
//! connection that only the writer uses, between its other transactions.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use super::error::engine;
use crate::store::Error;

/// Statements that stay prepared: all that there are.
const PREPARED: usize = 32;

/// A write that is done here.
pub(super) trait DirectJob: Send {
    /// Does the work. On [`Error::Engine`] the whole group is taken back, on any other error this one.
    fn run(&mut self, connection: &Connection) -> Result<(), Error>;

    /// Answers the caller: with the result, or with why the transaction as a whole came to nothing.
    fn answer(self: Box<Self>, committed: Result<(), Error>);
}

/// Opens the second connection to the database at `path`, which the first one has made and brought to its schema.
///
/// # Errors
/// SQLite's.
pub(super) fn open(path: &Path) -> Result<Connection, rusqlite::Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    // As the first one has them: what is written is synced before the answer, and wiped when it is deleted.
    connection.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;
         PRAGMA cache_size = -512; PRAGMA mmap_size = 0; PRAGMA journal_size_limit = 4194304;",
    )?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    Ok(connection)
}

/// Runs a group as one transaction. On an error nothing of it was written.
///
/// # Errors
/// SQLite's.
pub(super) fn commit(connection: &mut Connection, group: &mut [Box<dyn DirectJob>], refused: &mut Vec<Option<Error>>) -> Result<(), Error> {
    let mut transaction = Transaction::new(connection, TransactionBehavior::Immediate)?;
    for job in group {
        let one = transaction.savepoint()?;
        let result = job.run(&one);
        match result {
            Ok(()) => {
                one.commit()?;
                refused.push(None);
            }
            Err(Error::Engine(cause)) => return Err(Error::Engine(cause)),
            // Dropping the savepoint takes back what it wrote.
            Err(refusal) => refused.push(Some(refusal)),
        }
    }
    Ok(transaction.commit()?)
}

/// A write of one closure.
pub(super) struct Direct<T, F> {
    work: Option<F>,
    result: Option<T>,
    reply: oneshot::Sender<Result<T, Error>>,
}

impl<T, F> Direct<T, F>
where
    T: Send + 'static,
    F: FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
{
    /// Does `work`, and answers by `reply`.
    pub(super) fn new(work: F, reply: oneshot::Sender<Result<T, Error>>) -> Self {
        Self { work: Some(work), result: None, reply }
    }
}

impl<T, F> DirectJob for Direct<T, F>
where
    T: Send + 'static,
    F: FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
{
    fn run(&mut self, connection: &Connection) -> Result<(), Error> {
        let Some(work) = self.work.take() else { return Err(Error::NotFound) };
        self.result = Some(work(connection)?);
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<(), Error>) {
        let Self { result, reply, .. } = *self;
        let not_run = || engine(std::io::Error::other("the write was not run"));
        // Nobody waits any more: the write stands all the same.
        let _ = reply.send(committed.and_then(|()| result.ok_or_else(not_run)));
    }
}
