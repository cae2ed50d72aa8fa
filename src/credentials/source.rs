//! TEMP
use super::Observation;
use crate::system::tasks::Tasks;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct Error;
pub fn observe(file: Option<&Path>, tasks: &Tasks) -> Result<watch::Receiver<Arc<Observation>>, Error> {
    let file = file.unwrap_or(Path::new("/root/.OneDesk")).to_owned();
    let read = move || super::file::read(&file, nix::unistd::Uid::effective());
    let (tx, rx) = watch::channel(Arc::new(read()));
    tasks.spawn("temp", async move {
        loop {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            let o = Arc::new(read());
            tx.send_if_modified(|k| {
                let n = **k != *o;
                *k = o;
                n
            });
        }
    });
    Ok(rx)
}
