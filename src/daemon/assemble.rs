//! The composition root: every part is made here, once, and handed what it needs. Reads top-down as the house stands.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;

use super::jobs::Jobs;
use super::lifecycle::Lifecycle;
use super::reload::Reload;
use crate::credentials::keeper::{Keeper, Probe};
use crate::credentials::source::{self, Origin};
use crate::crypto::{KeySource, Keyring};
use crate::flows::Flows;
use crate::flows::connect::Connector;
use crate::grants::{self, Grants, Redeemer, Vault};
use crate::health::checks::{self, Examiner};
use crate::health::expiry::{self, Expiry};
use crate::health::probe::CredentialProbe;
use crate::health::reporter::{self, Reporter};
use crate::model::{Clock, Hint, Problem};
use crate::oauth::microsoft::Microsoft;
use crate::pages::Pages;
use crate::settings::{Address, Settings};
use crate::store::sqlite::Sqlite;
use crate::store::{self, Store};
use crate::system::accept::{self, Door};
use crate::system::admission::Bounds;
use crate::system::deadlines::Patience;
use crate::system::fd::Inherited;
use crate::system::http::{self, Http, Outbound, Transcripts};
use crate::system::listen::{self, Access, Listeners};
use crate::system::metrics::Metrics;
use crate::system::tls;
use crate::system::watchdog::Pulse;
use crate::{audit, directory, local_api, mailboxes, sso, support, web};

/// Why the house does not stand.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database.
    #[error(transparent)]
    Open(#[from] store::sqlite::OpenError),
    /// The database, after it was opened.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A listener.
    #[error(transparent)]
    Listen(#[from] listen::Error),
    /// The outgoing client.
    #[error(transparent)]
    Http(#[from] http::BuildError),
    /// The certificate of our own door.
    #[error(transparent)]
    Tls(#[from] tls::Error),
}

impl Hint for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Open(error) => error.hint(),
            Self::Store(error) => error.hint(),
            Self::Listen(error) => error.hint(),
            Self::Http(error) => error.hint(),
            Self::Tls(error) => error.hint(),
        }
    }
}

/// How long a start may take when a database has to be migrated.
const LONGEST_MIGRATION: std::time::Duration = std::time::Duration::from_secs(600);
/// Connections to the web door at once; each costs some tens of kilobytes while it is busy.
const WEB: Bounds = Bounds { connections: 2048, per_user: 2048, root: 2048 };
/// Connections to the local API at once: 64 for each user, root 256 (interface, section 5).
const LOCAL_API: Bounds = Bounds { connections: 1024, per_user: 64, root: 256 };
/// Scrapers are few.
const METRICS: Bounds = Bounds { connections: 32, per_user: 32, root: 32 };

/// What stands, for whoever keeps it running.
pub struct House {
    /// For the jobs.
    pub jobs: Jobs,
    /// For the reload.
    pub reload: Reload,
    /// For the watchdog.
    pub pulses: Vec<Pulse>,
}

/// Makes every part and opens the doors.
///
/// # Errors
/// What a part says; a missing credential, provider or network is none of them.
pub async fn assemble(
    settings: Settings,
    notes: Vec<Problem>,
    inherited: Inherited,
    life: &Lifecycle,
    clock: &Clock,
) -> Result<House, Error> {
    let tasks = life.tasks();
    let metrics = Metrics::new(env!("CARGO_PKG_VERSION"));
    // A migration of a large database, with its backup, may take longer than a start usually may.
    life.notifier().extend_timeout(LONGEST_MIGRATION);
    let opened = Sqlite::open(&settings.database, clock).await?;
    if let Some(migrated) = &opened.migrated {
        log::info!(from = migrated.from, to = migrated.to; "the database was brought to this version's schema");
    }
    let store = opened.store;
    let (keyring, key_problem) = open_keyring(&settings.database.master_key_file, &store).await?;
    let vault = Vault::new(Arc::clone(&keyring), key_problem.clone());

    let transcripts = Transcripts::new(clock.clone());
    let (http, http_now) = watch::channel(Http::new(&outbound(&settings))?.recorded_in(&transcripts));
    let (settings_sender, settings_now) = watch::channel(Arc::new(settings));
    let (notes_sender, notes_now) = watch::channel(notes);
    let settings = settings_now.borrow().clone();
    let microsoft = Arc::new(Microsoft::new(settings_now.clone(), http_now.clone(), clock.clone()));
    let probe: Arc<dyn Probe> =
        Arc::new(CredentialProbe { microsoft: Arc::clone(&microsoft), settings: settings_now.clone(), grants: Arc::clone(&store.grants) });
    let observations = source::observe(settings_now.clone(), |settings| Origin::from_settings(settings.credentials_file.as_deref()), tasks);
    let keeper = Keeper::spawn(observations, Arc::clone(&probe), clock.clone(), tasks, metrics.clone());

    let audit = Arc::new(audit::Service::new(Arc::clone(&store.audit), clock.clone()));
    let sso = sso::Service::load(sso::Parts {
        store: store.sso.clone(),
        keyring: Arc::clone(&keyring),
        http: http_now.clone(),
        settings: settings_now.clone(),
        audit: Arc::clone(&audit),
        clock: clock.clone(),
    });
    let sso = Arc::new(sso.await?);
    let flows = Flows::new(Arc::clone(&store.flows), Arc::clone(&keyring), clock.clone());
    let connector = Arc::new(Connector::new(flows, Arc::clone(&microsoft), keeper.clone(), settings_now.clone()));
    let (fence_sender, fence) = watch::channel(None);
    let grants = Grants::load(grants::Parts {
        store: Arc::clone(&store.grants),
        vault: vault.clone(),
        keeper: keeper.clone(),
        microsoft: Arc::clone(&microsoft),
        redeemer: Redeemer::new(keeper.clone(), Arc::clone(&microsoft)),
        fence,
        tasks: tasks.clone(),
        clock: clock.clone(),
        metrics: metrics.clone(),
    })
    .await?;
    let mailboxes = Arc::new(
        mailboxes::Service::load(mailboxes::Parts {
            store: Arc::clone(&store.connections),
            grants: Arc::clone(&grants),
            vault: vault.clone(),
            connector: Arc::clone(&connector),
            microsoft: Arc::clone(&microsoft),
            audit: Arc::clone(&audit),
            clock: clock.clone(),
            metrics: metrics.clone(),
        })
        .await?,
    );
    let directory = Arc::new(
        directory::Service::load(directory::Parts {
            store: Arc::clone(&store.connections),
            grants: Arc::clone(&grants),
            vault,
            connector: Arc::clone(&connector),
            microsoft,
            audit: Arc::clone(&audit),
            clock: clock.clone(),
        })
        .await?,
    );
    let pages = Arc::new(Pages::load(&settings.pages, web::samples()));
    let (fresh, stop) = (Arc::clone(&pages).keep_fresh(), tasks.token());
    tasks.spawn("pages", async move { stop.run_until_cancelled(fresh).await.unwrap_or_default() });
    let expiry = expiry::Parts {
        keeper: keeper.clone(),
        directory: Arc::clone(&directory),
        sso: Arc::clone(&sso),
        settings: settings_now.clone(),
        http: http_now,
        clock: clock.clone(),
        metrics: metrics.clone(),
    };
    let expiry = Arc::new(Expiry::open(expiry, Path::new(settings.database.url.path()), &keyring));
    let reporter = Arc::new(Reporter::new(reporter::Parts {
        expiry: Arc::clone(&expiry),
        keeper: keeper.clone(),
        mailboxes: Arc::clone(&mailboxes),
        directory: Arc::clone(&directory),
        sso: Arc::clone(&sso),
        settings: settings_now.clone(),
        notes: notes_now,
        pages: pages.problems(),
        key_problem,
        store: store.clone(),
        metrics: metrics.clone(),
    }));

    let examiner = Arc::new(Examiner::new(checks::Parts {
        reporter: Arc::clone(&reporter),
        settings: settings_now.clone(),
        keeper: keeper.clone(),
        probe,
        grants: Arc::clone(&store.grants),
        mailboxes: Arc::clone(&mailboxes),
        sso: Arc::clone(&sso),
        expiry: Arc::clone(&expiry),
        clock: clock.clone(),
    }));

    let database = Arc::new(opened.database);
    let support = Arc::new(support::Knowledge::new(support::Parts {
        reporter: Arc::clone(&reporter),
        mailboxes: Arc::clone(&mailboxes),
        directory: Arc::clone(&directory),
        sso: Arc::clone(&sso),
        database: database.clone(),
        transcripts: transcripts.clone(),
        settings: settings_now.clone(),
        clock: clock.clone(),
    }));
    let services = web::Services {
        mailboxes: Arc::clone(&mailboxes),
        directory: Arc::clone(&directory),
        sso: Arc::clone(&sso),
        audit: Arc::clone(&audit),
        pages,
        support: Arc::clone(&support),
        reporter: Arc::clone(&reporter),
        settings: settings_now.clone(),
        metrics,
        tasks: tasks.clone(),
        clock: clock.clone(),
    };
    let api = local_api::Services {
        database,
        mailboxes: Arc::clone(&mailboxes),
        directory: Arc::clone(&directory),
        sso: Arc::clone(&sso),
        audit: Arc::clone(&audit),
        health: Arc::clone(&reporter),
        examiner,
        support,
        expiry: Arc::clone(&expiry),
        settings: settings_now,
        clock: clock.clone(),
    };
    let (tls, tls_now) = watch::channel(settings.listen.tls.as_ref().map(tls::acceptor).transpose()?);
    let pulses = open_doors(&settings, inherited, life, services, api, tls_now)?;
    let jobs = Jobs {
        grants,
        keeper,
        mailboxes,
        directory,
        sso,
        connector,
        audit,
        reporter,
        expiry,
        store,
        // One process has a SQLite database to itself: see store::sqlite.
        node: "local".to_owned(),
        fence: fence_sender,
        clock: clock.clone(),
    };
    jobs.renew_lease().await;
    let reporter = Arc::clone(&jobs.reporter);
    let reload = Reload { settings: settings_sender, notes: notes_sender, reporter, http, transcripts, tls };
    Ok(House { jobs, reload, pulses })
}

/// How requests leave this machine.
pub fn outbound(settings: &Settings) -> Outbound {
    let microsoft = &settings.microsoft;
    Outbound::new(microsoft.ca_file.clone(), microsoft.proxy.clone(), |name| std::env::var(name).ok())
}

/// The keyring. Without its key the daemon runs on: nothing is handed out or connected, and the status says what to restore.
async fn open_keyring(file: &Path, store: &Store) -> Result<(Arc<Keyring>, Option<Problem>), Error> {
    let may_create = store.grants.sealed_values().await? == 0;
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    match Keyring::load_or_create(&KeySource::find(file, folder.as_deref()), may_create) {
        Ok(keyring) => Ok((Arc::new(keyring), None)),
        Err(error) => {
            log::error!(hint = error.hint().unwrap_or_default().as_str(); "no token can be opened or sealed: {error}");
            let problem = Problem::new("master_key", error.to_string(), error.hint().unwrap_or_default());
            Ok((Arc::new(Keyring::empty()), Some(problem)))
        }
    }
}

fn open_doors(
    settings: &Settings,
    inherited: Inherited,
    life: &Lifecycle,
    services: web::Services,
    api: local_api::Services,
    tls: tls::Current,
) -> Result<Vec<Pulse>, Error> {
    let socket = Address::Unix(settings.local_api.socket.clone());
    let mut wanted = vec![("api", &socket), ("http", &settings.listen.http)];
    wanted.extend(settings.listen.metrics.as_ref().map(|address| ("metrics", address)));
    let mut listeners = Listeners::new(inherited, &wanted, life.notifier());
    let group = Access::Group(settings.listen.group.as_deref());
    let patience = Patience::default();
    let mut pulses = Vec::new();

    let listener = listeners.open("api", &socket, Access::Everybody)?;
    let service = local_api::router(api);
    pulses.push(accept::serve(life.tasks(), Door { name: "api", listener, tls: None, bounds: LOCAL_API, patience, service }));

    let listener = listeners.open("http", &settings.listen.http, group)?;
    let service = web::entrance(services.clone());
    pulses.push(accept::serve(life.tasks(), Door { name: "http", listener, tls: Some(tls), bounds: WEB, patience, service }));

    if let Some(address) = &settings.listen.metrics {
        let listener = listeners.open("metrics", address, group)?;
        let service = web::metrics_router(services);
        pulses.push(accept::serve(life.tasks(), Door { name: "metrics", listener, tls: None, bounds: METRICS, patience, service }));
    }
    Ok(pulses)
}
