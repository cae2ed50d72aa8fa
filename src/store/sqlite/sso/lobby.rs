//! [`Lobby`]: sign-ins under way, in memory on their way into the table and out of it. Nobody waits for the disk when one begins
//! or is used: that is written a moment later, with whatever else is written then.
//!
//! A process that dies in that moment loses a sign-in that had just begun, and its person begins anew; or it leaves one that
//! was just used, whose code the provider takes no second time. Neither is worth a sync of its own. Sessions and the lines
//! of the log are: they are on disk before the answer.

use std::collections::{HashMap, HashSet, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use sqlx::sqlite::SqliteConnection;
use sqlx::{QueryBuilder, Sqlite};
use tokio::sync::oneshot;

use super::super::writer::{Job, Outcome, Tx, Writer};
use super::super::{columns, error};
use crate::store::Error;
use crate::store::flows::StateHash;
use crate::store::sso::transit::{Claim, SignInRow};

/// Sign-ins that stay in memory once they are in the table, of less than 1 KiB each: more than are under way on a busy morning.
const KEPT: usize = 4096;
/// Sign-ins that may wait to be written; whoever comes then waits for the disk.
const WAITING: usize = 4096;
/// Rows in one statement: far from SQLite's bound on parameters.
const ROWS: usize = 200;

/// Sign-ins in memory.
#[derive(Default)]
pub struct Lobby(Mutex<Guests>);

#[derive(Default)]
struct Guests {
    by_state: HashMap<StateHash, Guest>,
    /// Those that are in the table too, the oldest first. Some have left since.
    kept: VecDeque<StateHash>,
    /// Those that came or left since they were last written; some did both.
    unwritten: Vec<StateHash>,
    /// How many of one browser stay.
    most: u32,
    is_flush_due: bool,
}

/// Where a sign-in is.
enum Guest {
    /// Not in the table.
    Arrived(SignInRow),
    /// Being written to the table.
    Entering(SignInRow),
    /// Used while it was being written.
    Overtaken,
    /// In the table.
    Kept(SignInRow),
    /// Used, and still in the table.
    Left,
    /// Being removed from the table.
    Leaving,
}

impl Lobby {
    /// Takes one in; returns whether too many wait to be written.
    pub fn enter(&self, sign_in: SignInRow, most: u32) -> bool {
        let mut guests = self.lock();
        guests.most = most;
        guests.unwritten.push(sign_in.state);
        guests.by_state.insert(sign_in.state, Guest::Arrived(sign_in));
        guests.unwritten.len() > WAITING
    }

    /// Uses one up, if it is here; nothing when only the table can tell.
    pub fn claim(&self, state: &StateHash, browser: Option<&[u8; 32]>, now: Timestamp) -> Option<Result<Claim, Error>> {
        let mut guests = self.lock();
        let row = match guests.by_state.get(state)? {
            Guest::Arrived(row) | Guest::Entering(row) | Guest::Kept(row) => row,
            Guest::Overtaken | Guest::Left | Guest::Leaving => return Some(Err(Error::NotFound)),
        };
        if row.expires_at <= now {
            return Some(Err(Error::NotFound));
        }
        if browser.is_some_and(|browser| *browser != row.browser) {
            return Some(Ok(Claim::Foreign));
        }
        let claimed = match guests.by_state.remove(state)? {
            Guest::Arrived(row) => row,
            Guest::Entering(row) => {
                guests.by_state.insert(*state, Guest::Overtaken);
                row
            }
            Guest::Kept(row) => {
                guests.by_state.insert(*state, Guest::Left);
                guests.unwritten.push(*state);
                row
            }
            Guest::Overtaken | Guest::Left | Guest::Leaving => return Some(Err(Error::NotFound)),
        };
        Some(Ok(Claim::Own(claimed)))
    }

    /// Forgets those that ended before `now`; the table is swept by somebody else.
    pub fn sweep(&self, now: Timestamp) {
        let mut guests = self.lock();
        guests.by_state.retain(|_, guest| !matches!(guest, Guest::Kept(row) | Guest::Arrived(row) if row.expires_at <= now));
    }

    /// Writes what is unwritten, soon. To be called whenever something came or left.
    pub fn flush_soon(self: &Arc<Self>, writer: &Writer) {
        {
            let mut guests = self.lock();
            if guests.is_flush_due || guests.unwritten.is_empty() {
                return;
            }
            guests.is_flush_due = true;
        }
        if !writer.post(Box::new(Flush::new(self, writer, None))) {
            // The queue is full: whoever comes next tries again.
            self.lock().is_flush_due = false;
        }
    }

    /// Writes what is unwritten, and waits for it.
    pub async fn flush(self: &Arc<Self>, writer: &Writer) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        writer.queue(Box::new(Flush::new(self, writer, Some(reply)))).await?;
        answer.await.map_err(|_| error::engine(std::io::Error::other("the store is closed")))?
    }

    fn draw(&self) -> Batch {
        let mut guests = self.lock();
        let mut batch = Batch { entering: Vec::new(), leaving: Vec::new(), most: guests.most };
        for state in std::mem::take(&mut guests.unwritten) {
            let Some(guest) = guests.by_state.get_mut(&state) else { continue };
            match guest {
                Guest::Arrived(row) => {
                    batch.entering.push(row.clone());
                    *guest = Guest::Entering(row.clone());
                }
                Guest::Left => {
                    batch.leaving.push(state);
                    *guest = Guest::Leaving;
                }
                Guest::Entering(_) | Guest::Overtaken | Guest::Kept(_) | Guest::Leaving => {}
            }
        }
        batch
    }

    /// Notes that a batch was written, or that it was not.
    fn settle(&self, flush: &Flush, is_written: bool) {
        let mut guests = self.lock();
        let Guests { by_state, kept, unwritten, .. } = &mut *guests;
        for state in flush.entering.iter().chain(&flush.leaving) {
            let Some(guest) = by_state.remove(state) else { continue };
            let next = match (guest, is_written) {
                (Guest::Entering(row), true) => {
                    kept.push_back(*state);
                    Guest::Kept(row)
                }
                (Guest::Entering(row), false) => {
                    unwritten.push(*state);
                    Guest::Arrived(row)
                }
                (Guest::Overtaken, true) | (Guest::Leaving, false) => {
                    unwritten.push(*state);
                    Guest::Left
                }
                (Guest::Overtaken, false) | (Guest::Leaving, true) => continue,
                (guest @ (Guest::Arrived(_) | Guest::Kept(_) | Guest::Left), _) => guest,
            };
            by_state.insert(*state, next);
        }
        for state in &flush.surplus {
            by_state.remove(state);
        }
        while kept.len() > KEPT
            && let Some(oldest) = kept.pop_front()
        {
            if matches!(by_state.get(&oldest), Some(Guest::Kept(_))) {
                by_state.remove(&oldest);
            }
        }
        guests.is_flush_due = false;
    }

    fn lock(&self) -> MutexGuard<'_, Guests> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Batch {
    entering: Vec<SignInRow>,
    leaving: Vec<StateHash>,
    most: u32,
}

/// Writes what came and what left since the last one.
struct Flush {
    lobby: Arc<Lobby>,
    writer: Writer,
    entering: Vec<StateHash>,
    leaving: Vec<StateHash>,
    /// Removed from the table, since their browser has too many.
    surplus: Vec<StateHash>,
    result: Result<(), Error>,
    reply: Option<oneshot::Sender<Result<(), Error>>>,
}

impl Flush {
    fn new(lobby: &Arc<Lobby>, writer: &Writer, reply: Option<oneshot::Sender<Result<(), Error>>>) -> Self {
        let (lobby, writer) = (Arc::clone(lobby), writer.clone());
        Self { lobby, writer, entering: Vec::new(), leaving: Vec::new(), surplus: Vec::new(), result: Ok(()), reply }
    }

    async fn write(&mut self, connection: &mut SqliteConnection) -> Result<(), Error> {
        let Batch { entering, leaving, most } = self.lobby.draw();
        self.entering = entering.iter().map(|row| row.state).collect();
        self.leaving = leaving;
        for states in self.leaving.chunks(ROWS) {
            let mut delete = QueryBuilder::<Sqlite>::new("DELETE FROM sso_flows WHERE state IN ");
            delete.push_tuples(states, |mut tuple, state| {
                tuple.push_bind(state.0.to_vec());
            });
            delete.build().persistent(false).execute(&mut *connection).await?;
        }
        for rows in entering.chunks(ROWS) {
            let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO sso_flows (state, browser, expires_at, sealed) ");
            insert.push_values(rows, |mut values, row| {
                values.push_bind(row.state.0.to_vec()).push_bind(row.browser.to_vec());
                values.push_bind(row.expires_at.as_millisecond()).push_bind(row.sealed.0.clone());
            });
            insert.build().persistent(false).execute(&mut *connection).await?;
            self.surplus.extend(trim(connection, rows, most).await?);
        }
        Ok(())
    }
}

/// Removes what the browsers of `rows` have beyond `most`, the oldest first.
async fn trim(connection: &mut SqliteConnection, rows: &[SignInRow], most: u32) -> Result<Vec<StateHash>, Error> {
    let browsers: HashSet<[u8; 32]> = rows.iter().map(|row| row.browser).collect();
    let mut delete = QueryBuilder::<Sqlite>::new(
        "DELETE FROM sso_flows WHERE state IN (SELECT state FROM
            (SELECT state, row_number() OVER (PARTITION BY browser ORDER BY expires_at DESC) AS place FROM sso_flows WHERE browser IN ",
    );
    delete.push_tuples(browsers, |mut tuple, browser| {
        tuple.push_bind(browser.to_vec());
    });
    delete.push(") WHERE place > ").push_bind(most).push(") RETURNING state");
    let removed = delete.build().persistent(false).fetch_all(connection).await?;
    removed.iter().map(|row| columns::hash(row, "state").map(StateHash)).collect()
}

impl Job for Flush {
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> Pin<Box<dyn Future<Output = Outcome> + 'a>> {
        Box::pin(async move {
            match self.write(&mut tx.connection).await {
                Ok(()) => Outcome::Done,
                Err(error @ Error::Engine(_)) => Outcome::Broken(error),
                Err(refusal) => {
                    self.result = Err(refusal);
                    Outcome::Refused
                }
            }
        })
    }

    fn answer(mut self: Box<Self>, committed: Result<(), Error>) {
        let result = std::mem::replace(&mut self.result, Ok(())).and(committed);
        self.lobby.settle(&self, result.is_ok());
        if result.is_ok() {
            // What came or left meanwhile. After an error whoever comes next tries again.
            self.lobby.flush_soon(&self.writer);
        }
        if let Some(reply) = self.reply {
            // Nobody waits any more: what is written stands.
            let _ = reply.send(result);
        }
    }
}
