//! What SQLite adds to the conformance list: files, schemas, crashes, full disks, a second process.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use jiff::SignedDuration;
use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use tempfile::TempDir;

use super::{OpenError, Opened, Sqlite, path_of, restore, schema};
use crate::model::{Clock, GrantId, Hint as _};
use crate::store::conformance::samples::{at, connect, fence, grant, mailbox, rotation, ticket};
use crate::store::{Error, Store};

/// A new database, for the conformance list.
pub async fn fresh() -> (Store, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (open(&folder.path().join("onedesk.db")).await.unwrap().store, folder)
}

async fn open(path: &Path) -> Result<Opened, OpenError> {
    Sqlite::open_with(path, &Clock::manual(at(0)), &schema::MIGRATOR).await
}

async fn close(opened: Opened) {
    drop(opened.store);
    opened.database.close().await;
}

fn newest() -> i64 {
    schema::newest(&schema::MIGRATOR)
}

/// This version's schema and `more` invented ones behind it.
fn later(more: i64) -> Migrator {
    let invented = (0..more).map(|n| {
        let sql = format!("CREATE TABLE later_{n} (x INTEGER) STRICT");
        let version = newest() + 1 + n;
        Migration::new(version, "later".into(), MigrationType::Simple, sqlx::AssertSqlSafe(sql).into_sql_str(), false)
    });
    Migrator::with_migrations(schema::MIGRATOR.iter().cloned().chain(invented).collect())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn only_the_owner_may_read_what_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made/onedesk.db");
    let opened = open(&path).await.unwrap();
    connect(&opened.store, "one@example.test", 1).await;
    opened.database.backup(&folder.path().join("copy.db")).await.unwrap();
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    for file in ["made/onedesk.db", "made/onedesk.db-wal", "made/onedesk.db-shm", "made/onedesk.db.lock", "copy.db"] {
        assert_eq!(mode(&folder.path().join(file)), 0o600, "{file}");
    }
}

#[tokio::test]
async fn an_open_file_is_closed_to_others_and_an_exposed_directory_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("onedesk.db");
    close(open(&path).await.unwrap()).await;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    close(open(&path).await.unwrap()).await;
    assert_eq!(mode(&path), 0o600);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let error = open(&path).await.err().unwrap();
    assert!(matches!(error, OpenError::Exposed { .. }), "{error}");
    assert!(error.hint().unwrap().starts_with("chmod 0700 "));
}

#[tokio::test]
async fn the_writer_syncs_every_commit_and_wipes_what_it_deletes() {
    let folder = tempfile::tempdir().unwrap();
    let opened = open(&folder.path().join("onedesk.db")).await.unwrap();
    let found = opened.database.engine.writer.write(async |tx| {
        let mut found = Vec::new();
        for pragma in ["PRAGMA synchronous", "PRAGMA secure_delete", "PRAGMA foreign_keys", "PRAGMA mmap_size"] {
            found.push(sqlx::query_scalar::<_, i64>(pragma).fetch_optional(&mut tx.connection).await?.unwrap_or_default());
        }
        let journal: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut tx.connection).await?;
        Ok((found, journal))
    });
    assert_eq!(found.await.unwrap(), (vec![2, 1, 1, 0], "wal".to_owned()));
}

#[tokio::test]
async fn a_second_opener_is_told_that_the_database_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("onedesk.db");
    let first = open(&path).await.unwrap();
    assert!(matches!(open(&path).await, Err(OpenError::InUse(_))));
    assert!(matches!(restore(&path, &path).await, Err(OpenError::InUse(_))));
    close(first).await;
    open(&path).await.unwrap();
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_the_backup_to_restore_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("onedesk.db");
    close(open(&path).await.unwrap()).await;
    let newer = Sqlite::open_with(&path, &Clock::manual(at(0)), &later(1)).await.unwrap();
    let made = newer.migrated.clone().unwrap();
    close(newer).await;
    let before = fs::read(&path).unwrap();
    let error = open(&path).await.err().unwrap();
    assert!(
        matches!(&error, OpenError::Newer { found, known, backup: Some(backup), .. }
            if (*found, *known) == (newest() + 1, newest()) && *backup == made.backup),
        "{error}"
    );
    assert!(error.to_string().contains("made by a newer version"));
    assert!(error.hint().unwrap().contains(made.backup.to_str().unwrap()));
    assert_eq!(fs::read(&path).unwrap(), before);
    restore(&made.backup, &path).await.unwrap();
    open(&path).await.unwrap();
}

#[tokio::test]
async fn a_migration_is_preceded_by_a_backup_and_the_newest_three_stay() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("onedesk.db");
    let clock = Clock::manual(at(0));
    let first = open(&path).await.unwrap();
    assert!(first.migrated.is_none());
    let id = connect(&first.store, "one@example.test", 1).await;
    close(first).await;
    for more in 1..=5 {
        clock.advance(SignedDuration::from_secs(1));
        let opened = Sqlite::open_with(&path, &clock, &later(more)).await.unwrap();
        let migrated = opened.migrated.clone().unwrap();
        assert_eq!((migrated.from, migrated.to, mode(&migrated.backup)), (newest() + more - 1, newest() + more, 0o600));
        assert!(opened.store.grants.get(id).await.is_ok());
        close(opened).await;
    }
    let mut kept: Vec<_> =
        fs::read_dir(folder.path().join("backups")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    kept.sort();
    let schemas = [2, 3, 4].map(|more| format!("{}.db", newest() + more));
    assert_eq!(kept.iter().map(|name| name.rsplit("-v").next().unwrap()).collect::<Vec<_>>(), schemas);
    assert!(kept[0].starts_with("onedesk-2027"), "{kept:?}");
}

#[tokio::test]
async fn what_is_no_database_of_ours_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("onedesk.db");
    fs::write(&path, "not a database, just a text that is long enough to be read as one".repeat(100)).unwrap();
    assert!(matches!(open(&path).await, Err(OpenError::NotOurs(_))));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(matches!(open(&path).await, Err(OpenError::NotOurs(_))));
    fs::remove_dir(&path).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", &path).unwrap();
    assert!(matches!(open(&path).await, Err(OpenError::NotOurs(_))));
    for url in ["postgres://host/db", "sqlite://host/path", "sqlite:///"] {
        assert!(matches!(path_of(&url.parse().unwrap()), Err(OpenError::Address(_))), "{url}");
    }
    assert_eq!(path_of(&"sqlite:///a%20b.db".parse().unwrap()).unwrap(), Path::new("/a b.db"));
}

#[tokio::test]
async fn a_backup_can_be_restored_and_nothing_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("onedesk.db"), folder.path().join("copy.db"));
    let opened = open(&path).await.unwrap();
    let one = connect(&opened.store, "one@example.test", 1).await;
    opened.database.backup(&copy).await.unwrap();
    assert!(matches!(opened.database.backup(&copy).await, Err(OpenError::Exists(_))));
    let two = connect(&opened.store, "two@example.test", 2).await;
    let status = opened.database.status().await.unwrap();
    assert_eq!((status.schema, status.mailboxes, status.grants, status.audit), (newest(), 2, 2, 2));
    assert!(status.findings.is_empty() && status.size > 0);
    close(opened).await;

    restore(&copy, &path).await.unwrap();
    let opened = open(&path).await.unwrap();
    assert!(opened.store.grants.get(one).await.is_ok());
    assert!(matches!(opened.store.grants.get(two).await, Err(Error::NotFound)));
    assert!(folder.path().join("onedesk.db.before-restore").exists());
    assert_eq!(mode(&path), 0o600);
}

#[tokio::test]
async fn a_damaged_backup_is_not_restored() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("onedesk.db"), folder.path().join("copy.db"));
    let opened = open(&path).await.unwrap();
    let id = connect(&opened.store, "one@example.test", 1).await;
    opened.database.backup(&copy).await.unwrap();
    close(opened).await;
    let whole = fs::read(&copy).unwrap();
    fs::write(&copy, &whole[..whole.len() / 2]).unwrap();
    let error = restore(&copy, &path).await.err().unwrap();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
    assert!(open(&path).await.unwrap().store.grants.get(id).await.is_ok());
}

/// Runs `sentence` in a process of its own with this environment; the sentence sees `STORE_CHILD`.
fn child(sentence: &str, database: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("store::sqlite::tests::{sentence}"), "--nocapture", "--test-threads=1"]).env("STORE_CHILD", database);
    command
}

/// The child of the crash test: rotates until it is killed and prints each version that was acknowledged.
#[tokio::test]
async fn child_that_rotates() {
    let Some(path) = std::env::var_os("STORE_CHILD") else { return };
    let store = open(Path::new(&path)).await.unwrap().store;
    let fence = fence(&store).await;
    let grants = store.grants.all().await.unwrap();
    let rotate = |id: GrantId, mut version: u64| {
        let (store, fence) = (store.clone(), fence.clone());
        async move {
            loop {
                version = store.grants.rotate(&fence, id, version, rotation(version + 1)).await.unwrap();
                println!("\nacknowledged {id} {version}");
            }
        }
    };
    futures_util::future::join_all(grants.into_iter().map(|grant| rotate(grant.id, grant.version))).await;
}

#[tokio::test]
async fn every_acknowledged_rotation_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("onedesk.db");
    let opened = open(&path).await.unwrap();
    for number in 0..4 {
        connect(&opened.store, &format!("box{number}@example.test"), number).await;
    }
    close(opened).await;
    let mut acknowledged = std::collections::HashMap::new();
    for round in 0_u64..30 {
        let mut process = child("child_that_rotates", &path).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut wanted = 3 + (round * 37) % 101;
        while let Some(Ok(line)) = lines.next() {
            if let Some((id, version)) = line.strip_prefix("acknowledged ").and_then(|rest| rest.split_once(' ')) {
                acknowledged.insert(id.parse::<GrantId>().unwrap(), version.parse::<u64>().unwrap());
                wanted = wanted.saturating_sub(1);
                if wanted == 0 {
                    // SIGKILL; what was printed before it arrives is read below and counts too.
                    process.kill().unwrap();
                }
            }
        }
        process.wait().unwrap();
        let opened = open(&path).await.unwrap();
        for (id, version) in &acknowledged {
            let grant = opened.store.grants.get(*id).await.unwrap();
            assert!(grant.version >= *version, "round {round}: {} of {version}", grant.version);
            assert_eq!(grant.refresh, rotation(grant.version).refresh);
        }
        assert!(opened.database.status().await.unwrap().findings.is_empty());
        close(opened).await;
    }
    assert_eq!(acknowledged.len(), 4);
}

/// The child of the full disk: files may not grow beyond a bound, which SQLite sees as a disk without room.
#[tokio::test]
async fn child_with_a_full_disk() {
    let Some(path) = std::env::var_os("STORE_CHILD") else { return };
    let opened = open(Path::new(&path)).await.unwrap();
    let (store, bound) = (opened.store, 600 * 1024);
    nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_FSIZE, bound, bound).unwrap();
    let mut kept = 0;
    let error = loop {
        let big = crate::store::grants::GrantRow { scope: "x".repeat(9000), ..grant() };
        let number = u8::try_from(kept).unwrap();
        let written = match store.flows.add_ticket(ticket(number)).await {
            Ok(()) => store.connections.connect_mailbox(mailbox(&format!("box{kept}@example.test"), number, big)).await,
            Err(error) => Err(error),
        };
        match written {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
    };
    println!("\nkept {kept}\nerror {error:?}");
    assert!(matches!(error, Error::Engine(_)));
    assert_eq!(store.connections.mailboxes().await.unwrap().len(), kept);
}

#[tokio::test]
async fn a_full_disk_is_an_error_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("onedesk.db");
    // The signal that comes with the bound would end the process; ignored, it stays ignored over exec.
    let run = child("child_with_a_full_disk", &path);
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(run.get_program())
        .args(run.get_args())
        .env("STORE_CHILD", &path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let kept: usize = said.lines().find_map(|line| line.strip_prefix("kept ")).unwrap().parse().unwrap();
    assert!(kept > 0);
    let opened = open(&path).await.unwrap();
    assert_eq!(opened.store.connections.mailboxes().await.unwrap().len(), kept, "{said}");
    assert!(opened.database.status().await.unwrap().findings.is_empty());
    connect(&opened.store, "room-again@example.test", 255).await;
}
