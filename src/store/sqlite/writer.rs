//! The one writer. Writes queue up; what waits together is one transaction with a savepoint each, and one sync for all
//! (group commit): each answer is given after the commit. A write that was queued is finished even if its caller goes away.
//!
//! Every statement is a trip to SQLite's thread and back, which costs more than most statements do: there are no more than needed.

use std::pin::Pin;
use std::sync::Arc;

use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{broadcast, mpsc, oneshot};

use super::direct::{self, Direct, DirectJob};
use super::error::{engine, shared};
use crate::store::Error;
use crate::store::leases::Change;

/// Writes that may wait; who comes then waits for a place.
const QUEUE: usize = 1024;
/// Writes in one transaction: enough to hide the sync, few enough that the first of them does not wait long.
const GROUP: usize = 256;

/// Where writes go. Cheap to clone; the writer ends when the last one is gone.
#[derive(Clone)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Queued>,
    changes: broadcast::Sender<Change>,
}

/// What a write works on.
pub(super) struct Tx {
    /// The connection, inside a transaction.
    pub connection: SqliteConnection,
    /// What is told to subscribers after the commit.
    pub changes: Vec<Change>,
}

impl Writer {
    /// Starts the writer on its two connections. `held` is let go after they were closed; the receiver learns of it.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub(super) fn start(
        connection: SqliteConnection,
        direct: rusqlite::Connection,
        held: impl Send + 'static,
    ) -> std::io::Result<(Self, oneshot::Receiver<()>)> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let (closing, closed) = oneshot::channel();
        let writer = Self { jobs, changes: broadcast::Sender::new(QUEUE) };
        let changes = writer.changes.clone();
        let runtime = tokio::runtime::Handle::current();
        // A thread of its own, not a task: it outlives a runtime that shuts down, until the queue is empty and the file is closed.
        std::thread::Builder::new().name("store-writer".to_owned()).spawn(move || {
            runtime.block_on(run(connection, direct, queue, changes));
            drop(held);
            let _ = closing.send(());
        })?;
        Ok((writer, closed))
    }

    /// Runs `work` in a transaction; what it wrote is on disk when this returns, or nothing of it is.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: AsyncFnOnce(&mut Tx) -> Result<T, Error> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Queued::Shared(Box::new(Write { work: Some(work), result: None, reply }));
        self.jobs.send(job).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// The same on the writer's own thread, without a trip for each statement.
    pub(super) async fn write_directly<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&rusqlite::Connection) -> Result<T, Error> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.queue(Box::new(Direct::new(work, reply))).await?;
        answer.await.map_err(|_| closed())?
    }

    /// Queues a direct write that answers by itself; waits for a place in the queue only.
    pub(super) async fn queue(&self, job: Box<dyn DirectJob>) -> Result<(), Error> {
        self.jobs.send(Queued::Direct(job)).await.map_err(|_| closed())
    }

    /// Queues a direct write that nobody waits for; returns whether there was a place in the queue.
    pub(super) fn post(&self, job: Box<dyn DirectJob>) -> bool {
        self.jobs.try_send(Queued::Direct(job)).is_ok()
    }

    /// What is changed from now on.
    pub(super) fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }
}

fn closed() -> Error {
    engine(std::io::Error::other("the store is closed"))
}

/// A write in the queue, by the connection that it is for.
enum Queued {
    Shared(Box<dyn Job>),
    Direct(Box<dyn DirectJob>),
}

/// A write over sqlx, whatever it returns.
trait Job: Send {
    /// Does the work and keeps the result.
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> Pin<Box<dyn Future<Output = Outcome> + 'a>>;

    /// Answers the caller: with the result, or with why the transaction as a whole came to nothing.
    fn answer(self: Box<Self>, committed: Result<(), Error>);
}

/// How a write ended, for the transaction around it.
enum Outcome {
    /// It stands, if the transaction does.
    Done,
    /// Whatever it wrote is taken back.
    Refused,
    /// SQLite may have rolled everything back on its own (full disk, input/output error): the group cannot go on.
    Broken(Error),
}

struct Write<T, F> {
    work: Option<F>,
    result: Option<Result<T, Error>>,
    reply: oneshot::Sender<Result<T, Error>>,
}

impl<T, F> Job for Write<T, F>
where
    T: Send + 'static,
    F: AsyncFnOnce(&mut Tx) -> Result<T, Error> + Send + 'static,
{
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> Pin<Box<dyn Future<Output = Outcome> + 'a>> {
        Box::pin(async move {
            let Some(work) = self.work.take() else { return Outcome::Refused };
            match work(tx).await {
                Ok(value) => {
                    self.result = Some(Ok(value));
                    Outcome::Done
                }
                Err(Error::Engine(cause)) => Outcome::Broken(Error::Engine(cause)),
                Err(refusal) => {
                    self.result = Some(Err(refusal));
                    Outcome::Refused
                }
            }
        })
    }

    fn answer(self: Box<Self>, committed: Result<(), Error>) {
        let result = match (committed, self.result) {
            // A refusal holds whatever became of the others: it wrote nothing.
            (_, Some(Err(refusal))) => Err(refusal),
            (Ok(()), Some(Ok(value))) => Ok(value),
            (Ok(()), None) => Err(engine(std::io::Error::other("the write was not run"))),
            (Err(cause), _) => Err(cause),
        };
        // Nobody waits any more: the write stands all the same.
        let _ = self.reply.send(result);
    }
}

async fn run(
    connection: SqliteConnection,
    mut direct: rusqlite::Connection,
    mut queue: mpsc::Receiver<Queued>,
    changes: broadcast::Sender<Change>,
) {
    let mut tx = Tx { connection, changes: Vec::new() };
    while let Some(first) = queue.recv().await {
        let (mut group, mut directs) = (Vec::new(), Vec::new());
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                Queued::Shared(job) => group.push(job),
                Queued::Direct(job) => directs.push(job),
            }
            next = (group.len() + directs.len() < GROUP).then(|| queue.try_recv().ok()).flatten();
        }
        if !directs.is_empty() {
            write_directs(&mut direct, directs);
        }
        if !group.is_empty() {
            write_group(&mut tx, group, &changes).await;
        }
    }
    drop(direct);
    // The last connection to leave folds the log into the database; whatever is left undone here is done at the next start.
    let _ = tx.connection.close().await;
}

fn write_directs(connection: &mut rusqlite::Connection, mut directs: Vec<Box<dyn DirectJob>>) {
    let mut refused = Vec::with_capacity(directs.len());
    let committed = direct::commit(connection, &mut directs, &mut refused).map_err(Arc::new);
    refused.resize_with(directs.len(), || None);
    for (job, refusal) in directs.into_iter().zip(refused) {
        // A refusal holds whatever became of the others: it wrote nothing.
        let committed = committed.as_ref().map(|&()| ()).map_err(|cause| shared(Arc::clone(cause)));
        job.answer(refusal.map_or(committed, Err));
    }
}

async fn write_group(tx: &mut Tx, mut group: Vec<Box<dyn Job>>, changes: &broadcast::Sender<Change>) {
    let committed = commit(tx, &mut group).await.map_err(Arc::new);
    let told = std::mem::take(&mut tx.changes);
    if committed.is_ok() {
        for change in told {
            // Nobody subscribed: nobody to tell.
            let _ = changes.send(change);
        }
    }
    for job in group {
        job.answer(committed.as_ref().map(|&()| ()).map_err(|cause| shared(Arc::clone(cause))));
    }
}

/// Runs the group as one transaction. On an error nothing of it was written.
async fn commit(tx: &mut Tx, group: &mut [Box<dyn Job>]) -> Result<(), Error> {
    run_kept(tx, "BEGIN IMMEDIATE").await?;
    let done = match group {
        [only] => alone(tx, only.as_mut()).await,
        several => together(tx, several).await,
    };
    if done.is_err() {
        // Fails where SQLite has rolled back already.
        let _ = run_kept(tx, "ROLLBACK").await;
    }
    done
}

/// Ends the transaction of one write: taking it back takes the transaction back.
async fn alone(tx: &mut Tx, job: &mut dyn Job) -> Result<(), Error> {
    match job.run(tx).await {
        Outcome::Done => run_kept(tx, "COMMIT").await,
        Outcome::Refused => {
            tx.changes.clear();
            run_kept(tx, "ROLLBACK").await
        }
        Outcome::Broken(cause) => Err(cause),
    }
}

/// Runs each of several writes inside a savepoint, and commits them.
async fn together(tx: &mut Tx, group: &mut [Box<dyn Job>]) -> Result<(), Error> {
    for (place, job) in group.iter_mut().enumerate() {
        let told = tx.changes.len();
        let next = if place == 0 { "SAVEPOINT one" } else { "RELEASE one; SAVEPOINT one" };
        sqlx::raw_sql(next).execute(&mut tx.connection).await?;
        match job.run(tx).await {
            Outcome::Done => {}
            Outcome::Refused => {
                tx.changes.truncate(told);
                run_kept(tx, "ROLLBACK TO one").await?;
            }
            Outcome::Broken(cause) => return Err(cause),
        }
    }
    // The last savepoint goes with the transaction.
    run_kept(tx, "COMMIT").await
}

/// Runs a statement without parameters that is kept prepared.
async fn run_kept(tx: &mut Tx, sql: &'static str) -> Result<(), Error> {
    sqlx::query(sql).execute(&mut tx.connection).await?;
    Ok(())
}
