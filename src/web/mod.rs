//! The web door: the two integration callbacks, health, and the pages that go with them. Thin: every rule is a service's.

mod admin;
mod answer;
mod assets;
mod entrance;
mod error_page;
mod front;
mod health;
mod integrations;
mod origin;
mod pages;
mod results;
mod sso;
mod waiting;

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::get;
use tokio::sync::watch;

use crate::audit;
use crate::directory;
use crate::health::reporter::Reporter;
use crate::mailboxes;
use crate::model::Clock;
use crate::settings::Settings;
use crate::sso as sign_on;
use crate::system::metrics::Metrics;
use crate::system::tasks::Tasks;

pub use entrance::Entrance;
use pages::Pages;
use results::Results;

/// What the web door serves.
#[derive(Clone)]
pub struct Services {
    /// Mailboxes.
    pub mailboxes: Arc<mailboxes::Service>,
    /// Directories.
    pub directory: Arc<directory::Service>,
    /// Single sign-on.
    pub sso: Arc<sign_on::Service>,
    /// Templates and static files.
    pub pages: Arc<crate::pages::Pages>,
    /// Who did what.
    pub audit: Arc<audit::Service>,
    /// What support asks for.
    pub support: Arc<crate::support::Knowledge>,
    /// Status and readiness.
    pub reporter: Arc<Reporter>,
    /// The settings in force.
    pub settings: watch::Receiver<Arc<Settings>>,
    /// The numbers.
    pub metrics: Metrics,
    /// Where work goes that must be finished though the browser left.
    pub tasks: Tasks,
    /// The time.
    pub clock: Clock,
}

/// What handlers share.
#[derive(Clone)]
struct Door {
    services: Services,
    pages: Arc<Pages>,
    results: Arc<Results<pages::Page>>,
    /// Connect links that administrators just made.
    links: Arc<Results<admin::Link>>,
    /// Trials of client records, for their page.
    trials: Arc<Results<crate::sso::Trial>>,
}

/// The whole web door.
pub fn entrance(services: Services) -> Entrance {
    let checker = Arc::new(sso::Checker::new(Arc::clone(&services.sso), services.settings.clone(), services.metrics.clone()));
    Entrance { checker, router: router(services) }
}

fn router(services: Services) -> Router {
    let pages = Arc::new(Pages::new(Arc::clone(&services.pages)));
    let door = Door { services, pages, results: Arc::default(), links: Arc::default(), trials: Arc::default() };
    Router::new()
        .merge(integrations::routes())
        .merge(sso::routes())
        .merge(admin::routes(&door))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .merge(assets::routes())
        .fallback(answer::not_found)
        .method_not_allowed_fallback(answer::wrong_method)
        .layer(middleware::from_fn_with_state(door.clone(), front::front))
        .with_state(door)
}

/// What each packaged page may be shown with: overrides are tried with it before anybody sees them.
pub fn samples() -> Vec<crate::pages::Sample> {
    sso::samples()
}

/// The metrics door.
pub fn metrics_router(services: Services) -> Router {
    Router::new().route("/metrics", get(health::numbers)).with_state(services)
}

#[cfg(test)]
mod tests {
    use super::samples;
    use crate::pages::Pages;
    use crate::settings;

    fn folders(overrides: &str) -> settings::Pages {
        let packaging = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging");
        settings::Pages {
            webapps: packaging.join("pages/webapps"),
            customerapps: packaging.join("pages/customerapps"),
            overrides: packaging.join(overrides),
        }
    }

    #[test]
    fn every_packaged_page_shows_all_of_its_samples_without_a_problem() {
        // With what a customer may copy as well.
        for overrides in ["nonexistent", "samples/templates"] {
            let samples = samples();
            let told = |pages: &Pages| pages.problems().borrow().clone();
            let pages = Pages::load(&folders(overrides), samples.clone());
            assert_eq!(told(&pages), []);
            for sample in &samples {
                let html = pages.render(sample.name, &sample.values);
                assert!(html.as_ref().is_ok_and(|html| html.contains("</html>")), "{}: {html:?}", sample.name);
            }
            assert_eq!(told(&pages), []);
        }
    }
}
