//! [`Lobby`]: sign-ins under way, in memory on their way into the table and out of it. Nobody waits for the disk when one begins
//! or is used: that is written a moment later, with whatever else is written then.
//!
//! A process that dies in that moment loses a sign-in that had just begun, and its person begins anew; or it leaves one that
//! was just used, whose code the provider takes no second time. Neither is worth a sync of its own. Sessions and the lines
//! of the log are: they are on disk before the answer.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::super::direct::DirectJob;
use super::super::error;
use super::super::writer::Writer;
use crate::store::Error;
use crate::store::flows::StateHash;
use crate::store::sso::transit::{Claim, SignInRow};

/// Sign-ins that stay in memory once they are in the table, of less than 1 KiB each: more than are under way on a busy morning.
const KEPT: usize = 4096;
/// Sign-ins that may wait to be written; whoever comes then waits for the disk.
const WAITING: usize = 4096;

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
    reply: Option<oneshot::Sender<Result<(), Error>>>,
}

impl Flush {
    fn new(lobby: &Arc<Lobby>, writer: &Writer, reply: Option<oneshot::Sender<Result<(), Error>>>) -> Self {
        let (lobby, writer) = (Arc::clone(lobby), writer.clone());
        Self { lobby, writer, entering: Vec::new(), leaving: Vec::new(), surplus: Vec::new(), reply }
    }

    fn write(&mut self, connection: &Connection) -> Result<(), Error> {
        let Batch { entering, leaving, most } = self.lobby.draw();
        self.entering = entering.iter().map(|row| row.state).collect();
        self.leaving = leaving;
        let mut delete = connection.prepare_cached("DELETE FROM sso_flows WHERE state = ?")?;
        for state in &self.leaving {
            delete.execute([&state.0[..]])?;
        }
        let mut insert = connection.prepare_cached("INSERT INTO sso_flows (state, browser, expires_at, sealed) VALUES (?, ?, ?, ?)")?;
        for row in &entering {
            insert.execute((&row.state.0[..], &row.browser[..], row.expires_at.as_millisecond(), &row.sealed.0[..]))?;
        }
        let browsers: HashSet<[u8; 32]> = entering.iter().map(|row| row.browser).collect();
        let mut trim = connection.prepare_cached(
            "DELETE FROM sso_flows WHERE state IN
                (SELECT state FROM sso_flows WHERE browser = ? ORDER BY expires_at DESC LIMIT -1 OFFSET ?) RETURNING state",
        )?;
        for browser in browsers {
            let removed = trim.query_map((&browser[..], most), |row| row.get::<_, [u8; 32]>(0))?;
            for state in removed {
                self.surplus.push(StateHash(state?));
            }
        }
        Ok(())
    }
}

impl DirectJob for Flush {
    fn run(&mut self, connection: &Connection) -> Result<(), Error> {
        self.write(connection)
    }

    fn answer(self: Box<Self>, committed: Result<(), Error>) {
        self.lobby.settle(&self, committed.is_ok());
        if committed.is_ok() {
            // What came or left meanwhile. After an error whoever comes next tries again.
            self.lobby.flush_soon(&self.writer);
        }
        if let Some(reply) = self.reply {
            // Nobody waits any more: what is written stands.
            let _ = reply.send(committed);
        }
    }
}
