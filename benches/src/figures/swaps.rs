//! From the moment that the credentials file was written, in every way that files get written, to the new secret in force;
//! and the requests that are answered meanwhile.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hyper::Method;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::client::{Connection, Place};
use crate::programs::{Installation, SECRETS, Scene, Simulator, address_of, credentials, write_private};
use crate::report::{Figure, Times};
use crate::scale::Scale;
use crate::sign_in;

const BAR: Duration = Duration::from_millis(50);
const MAILBOXES: usize = 50;
/// Seconds that an access token lasts: grants are refreshed all the time, with whichever secret is in force.
const LIFETIME: u64 = 6;
/// Between two swaps, so that each is a change of its own; between two requests of a reader.
const PAUSE: Duration = Duration::from_millis(20);
const BREATH: Duration = Duration::from_millis(1);
/// Nobody waits longer for a swap.
const PATIENCE: Duration = Duration::from_secs(5);

/// One way to write the file. Returns when the write was done: the last close or rename, or for another program its start.
type Write = fn(&Path, &str) -> Result<Instant>;

const WAYS: [(&str, Write); 8] = [
    ("in place", in_place),
    ("truncate, then write", truncate_then_write),
    ("editor's rename", rename),
    ("mv", mv),
    ("cp", cp),
    ("delete and create", delete_and_create),
    ("directory replaced", replace_directory),
    // Last: the next two of the first go through the link.
    ("symlink swap", symlink_swap),
];

/// Swaps two secrets.
pub async fn measure(scene: &Scene, scale: &Scale) -> Result<Figure> {
    let folder = scene.folder("swaps")?;
    let simulator = Simulator::start(scene, &folder, MAILBOXES, json!({"access_token_lifetime": LIFETIME})).await?;
    let installation = Installation::new(scene, folder, &simulator, true).await?;
    let (daemon, _) = installation.start().await?;
    sign_in::connect_all(&daemon, &simulator, MAILBOXES).await?;

    let (done, is_done) = watch::channel(false);
    let answered = Arc::new(AtomicUsize::new(0));
    let reads: Vec<String> = (0..MAILBOXES).map(|number| format!("/v1/mailboxes/{}/token?for=imap", address_of(number))).collect();
    let api = ask_on(daemon.api.clone(), reads, Arc::clone(&answered), is_done.clone());
    let web = ask_on(daemon.web.clone(), vec!["/healthz".to_owned()], Arc::clone(&answered), is_done);
    let swaps = async {
        let swapped = swap(&installation, &daemon.api, scale.swaps).await;
        while swapped.is_ok() && answered.load(Ordering::Relaxed) < scale.requests {
            tokio::time::sleep(PAUSE).await;
        }
        done.send_replace(true);
        swapped
    };
    let (swapped, api, web) = tokio::join!(swaps, api, web);
    let (by_way, failed) = (swapped?, api? + web?);
    let requests = answered.load(Ordering::Relaxed);
    let refreshes = simulator.counters().await?["requests"]["refresh"].as_u64().unwrap_or_default();
    let violations = simulator.violations().await?;
    daemon.stop().await?;
    ensure!(violations.is_empty(), "the provider was asked wrongly: {violations:?}");

    let all = Times::new(by_way.iter().flatten().copied().collect());
    let mut details = vec![
        format!(
            "{} swaps between two secrets in {} ways; measured from the last close or rename (mv, cp: from their start) until the status on the local API tells of the new pair, the probe at the provider included.",
            scale.swaps,
            WAYS.len()
        ),
        format!("All ways: {}.", all.summary()),
        format!("Meanwhile {requests} requests (token reads and /healthz) and {refreshes} refreshes: {failed} requests failed."),
    ];
    let ways = WAYS.iter().zip(by_way).map(|((name, _), times)| format!("{name}: {}.", Times::new(times).summary()));
    details.extend(ways);
    Ok(Figure {
        what: "file written -> new credentials in force",
        bar: "p99 <= 50 ms over 200 swaps of all kinds; 0 failed of 10,000 requests meanwhile",
        measured: format!("{}; {failed} failed of {requests}", all.summary()),
        met: all.quantile(0.99) <= BAR && failed == 0 && requests >= scale.requests,
        details,
    })
}

/// The times of each way.
async fn swap(installation: &Installation, api: &Place, swaps: usize) -> Result<Vec<Vec<Duration>>> {
    let mut connection = Connection::open(api).await?;
    let mut times = vec![Vec::new(); WAYS.len()];
    let mut before = in_force(&mut connection).await?;
    for number in 0..swaps {
        tokio::time::sleep(PAUSE).await;
        let (name, write) = WAYS[number % WAYS.len()];
        // The first secret is in force at the start.
        let content = credentials(SECRETS[(number + 1) % SECRETS.len()]);
        let written = tokio::task::block_in_place(|| write(&installation.credentials, &content))
            .with_context(|| format!("cannot write by: {name}"))?;
        let now = loop {
            let now = in_force(&mut connection).await?;
            if now != before {
                break now;
            }
            ensure!(written.elapsed() < PATIENCE, "swap {number} ({name}) is not in force after {PATIENCE:?}");
            tokio::time::sleep(BREATH).await;
        };
        times[number % WAYS.len()].push(written.elapsed());
        before = now;
    }
    Ok(times)
}

/// What tells one pair in force from the next.
async fn in_force(connection: &mut Connection) -> Result<Value> {
    let status = connection.json(Method::GET, "/v1/status", None).await?;
    Ok(status["credentials"]["changed_at"].clone())
}

/// Asks one path after the other until all is done; how many were not answered with 200.
async fn ask_on(place: Place, paths: Vec<String>, answered: Arc<AtomicUsize>, is_done: watch::Receiver<bool>) -> Result<usize> {
    let mut connection = Connection::open(&place).await?;
    let mut failed = 0;
    for path in paths.iter().cycle() {
        if *is_done.borrow() {
            break;
        }
        let answer = connection.get(path).await?;
        failed += usize::from(answer.status() != 200);
        answered.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(BREATH).await;
    }
    Ok(failed)
}

/// A name beside the file.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    path.with_extension(suffix)
}

fn in_place(path: &Path, content: &str) -> Result<Instant> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.write_all(content.as_bytes())?;
    file.set_len(u64::try_from(content.len())?)?;
    drop(file);
    Ok(Instant::now())
}

/// Empty for a moment, as a shell's redirection leaves it.
fn truncate_then_write(path: &Path, content: &str) -> Result<Instant> {
    let mut file = OpenOptions::new().write(true).truncate(true).open(path)?;
    std::thread::sleep(BREATH);
    file.write_all(content.as_bytes())?;
    drop(file);
    Ok(Instant::now())
}

fn rename(path: &Path, content: &str) -> Result<Instant> {
    let new = beside(path, "new");
    write_private(&new, content)?;
    File::open(&new)?.sync_all()?;
    fs::rename(&new, path)?;
    Ok(Instant::now())
}

/// From another file system where there is one: then `mv` copies.
fn mv(path: &Path, content: &str) -> Result<Instant> {
    run("mv", path, content)
}

fn cp(path: &Path, content: &str) -> Result<Instant> {
    run("cp", path, content)
}

fn run(program: &str, path: &Path, content: &str) -> Result<Instant> {
    let elsewhere = Path::new("/dev/shm");
    let folder = if elsewhere.is_dir() { elsewhere.to_owned() } else { std::env::temp_dir() };
    let source = folder.join(format!("onedesk-figures-{}", std::process::id()));
    write_private(&source, content)?;
    let began = Instant::now();
    let status = Command::new(program).arg("-f").arg(&source).arg(path).status()?;
    ensure!(status.success(), "{program} ended with {status}");
    if source.exists() {
        fs::remove_file(&source)?;
    }
    Ok(began)
}

fn symlink_swap(path: &Path, content: &str) -> Result<Instant> {
    let (target, link) = (beside(path, "target"), beside(path, "link"));
    // The file of the last swap may be the target of a link that is still there.
    if target.exists() {
        fs::remove_file(&target)?;
    }
    write_private(&target, content)?;
    symlink(&target, &link)?;
    fs::rename(&link, path)?;
    Ok(Instant::now())
}

fn delete_and_create(path: &Path, content: &str) -> Result<Instant> {
    fs::remove_file(path)?;
    std::thread::sleep(BREATH);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content.as_bytes())?;
    drop(file);
    Ok(Instant::now())
}

fn replace_directory(path: &Path, content: &str) -> Result<Instant> {
    let folder = path.parent().context("no folder")?;
    let (old, new) = (beside(folder, "old"), beside(folder, "new"));
    fs::DirBuilder::new().mode(0o700).create(&new)?;
    write_private(&new.join(path.file_name().context("no name")?), content)?;
    fs::rename(folder, &old)?;
    fs::rename(&new, folder)?;
    let written = Instant::now();
    fs::remove_dir_all(&old)?;
    Ok(written)
}
