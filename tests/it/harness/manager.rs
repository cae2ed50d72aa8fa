//! [`Manager`]: the service manager's side of sd_notify(3). It keeps every message, so that a test can wait for one.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::eventually;

/// Listens on a notify socket until it is dropped.
pub struct Manager {
    socket: PathBuf,
    messages: Arc<Mutex<Vec<String>>>,
    over: Arc<AtomicBool>,
    listens: Option<JoinHandle<()>>,
}

impl Manager {
    /// Binds `socket`.
    pub fn listen(socket: &Path) -> Self {
        let _ = std::fs::remove_file(socket);
        let datagrams = UnixDatagram::bind(socket).unwrap();
        // A daemon of another user tells us too.
        std::fs::set_permissions(socket, Permissions::from_mode(0o777)).unwrap();
        datagrams.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let messages = Arc::new(Mutex::new(Vec::new()));
        let over = Arc::new(AtomicBool::new(false));
        let (kept, ends) = (Arc::clone(&messages), Arc::clone(&over));
        let listens = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while !ends.load(Ordering::Relaxed) {
                // Descriptors that come along (FDSTORE=1, BARRIER=1) are closed by the kernel, since no room is given to them.
                if let Ok(length) = datagrams.recv(&mut buffer) {
                    kept.lock().unwrap().push(String::from_utf8_lossy(&buffer[..length]).into_owned());
                }
            }
        });
        Self { socket: socket.to_owned(), messages, over, listens: Some(listens) }
    }

    /// For `NOTIFY_SOCKET`.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// All messages so far.
    pub fn messages(&self) -> Vec<String> {
        self.messages.lock().unwrap().clone()
    }

    /// How many messages have this line.
    pub fn heard(&self, line: &str) -> usize {
        self.messages().iter().filter(|message| message.lines().any(|one| one == line)).count()
    }

    /// Waits until a message says that the state in words has all of `parts`.
    pub fn wait_for_status(&self, parts: &[&str]) {
        eventually(&format!("STATUS with {parts:?} among {:?}", self.messages()), || {
            let said = |message: &String| {
                let status = message.lines().find_map(|line| line.strip_prefix("STATUS="));
                status.is_some_and(|status| parts.iter().all(|part| status.contains(part)))
            };
            self.messages().iter().any(said).then_some(())
        });
    }

    /// Forgets what was heard.
    pub fn forget(&self) {
        self.messages.lock().unwrap().clear();
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(listens) = self.listens.take() {
            let _ = listens.join();
        }
    }
}
