//! The administration pages with many mailboxes and people: how long the daemon takes to answer, one request after another.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::HeaderValue;
use hyper::{Method, Request};
use serde_json::json;
use tokio::task::JoinSet;

use super::Connected;
use crate::client::{Connection, Place};
use crate::programs::Daemon;
use crate::report::{Figure, Times};
use crate::scale::Scale;

const BAR: Duration = Duration::from_millis(20);
/// With its style, in bytes.
const LARGEST_FIRST_PAGE: usize = 60 * 1024;
/// Requests for each page.
const REQUESTS: usize = 60;
/// Connections that add people.
const WRITERS: usize = 32;

/// Opens every page with as many mailboxes as are connected and as many people as the scale says.
pub async fn measure(connected: &Connected, scale: &Scale) -> Result<Figure> {
    let (daemon, _) = connected.installation.start().await?;
    add_people(&daemon, scale.people).await?;
    let cookie = enter(&daemon).await?;
    let mut web = Connection::open(&daemon.web).await?;
    let last = connected.mailboxes.div_ceil(30);
    let paths = [
        ("home", "/admin".to_owned()),
        ("credentials", "/admin/credentials".to_owned()),
        ("mailboxes", "/admin/mailboxes".to_owned()),
        ("mailboxes, last page", format!("/admin/mailboxes?page={last}")),
        ("mailboxes, search", "/admin/mailboxes?q=box00017".to_owned()),
        ("mailboxes, search for nobody", "/admin/mailboxes?q=zzzz".to_owned()),
        ("mailboxes, one state", "/admin/mailboxes?state=needs_reauth".to_owned()),
        ("grant calendar", "/admin/mailboxes/calendar".to_owned()),
        ("single sign on", "/admin/sso".to_owned()),
        ("people", "/admin/people".to_owned()),
        ("people, search", "/admin/people?q=person00".to_owned()),
        ("people, search for one", format!("/admin/people?q=person{:06}%40", scale.people - 1)),
        ("people, search for nobody", "/admin/people?q=zzzz".to_owned()),
        ("people, two letters", "/admin/people?q=zz".to_owned()),
        ("conflict desk", "/admin/people/conflicts".to_owned()),
        ("audit", "/admin/audit".to_owned()),
        ("audit, search for nothing", "/admin/audit?q=zzzz".to_owned()),
    ];
    let mut details = vec![format!(
        "{} mailboxes, {} people, {REQUESTS} requests for each page on one connection; median and 95th percentile, from the request's first byte to the answer's last.",
        connected.mailboxes, scale.people
    )];
    let mut worst = ("", Duration::ZERO);
    let mut first_page = 0;
    for (name, path) in &paths {
        let mut times = Vec::new();
        let mut size = 0;
        for _ in 0..REQUESTS {
            let began = Instant::now();
            let answer = web.send(page(path, &cookie)).await?;
            times.push(began.elapsed());
            ensure!(answer.status() == 200, "{path} answered {}", answer.status());
            size = answer.body().len();
            if *path == "/admin" {
                first_page = size + with_assets(&mut web, answer.body(), &cookie).await?;
            }
        }
        let times = Times::new(times);
        let (median, high) = (times.quantile(0.5), times.quantile(0.95));
        if high > worst.1 {
            worst = (name, high);
        }
        details.push(format!("{name}: {:.1} ms, {:.1} ms; {:.1} KiB", milliseconds(median), milliseconds(high), size as f64 / 1024.0));
    }
    daemon.stop().await?;
    details.push(format!("The first page with its style, script and icon: {:.1} KiB (at most 60).", first_page as f64 / 1024.0));
    Ok(Figure {
        what: "administration page",
        bar: "<= 20 ms with 10,000 mailboxes and 100,000 people, the 95th percentile of the slowest page; the first page <= 60 KiB with its style",
        measured: format!("{:.1} ms ({}); {:.1} KiB", milliseconds(worst.1), worst.0, first_page as f64 / 1024.0),
        met: worst.1 <= BAR && first_page <= LARGEST_FIRST_PAGE,
        details,
    })
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn page(path: &str, cookie: &HeaderValue) -> Request<Full<Bytes>> {
    let mut request = crate::client::request(Method::GET, path, None);
    request.headers_mut().insert("cookie", cookie.clone());
    request.headers_mut().insert("accept", HeaderValue::from_static("text/html"));
    request
}

/// The bytes of everything that a page loads.
async fn with_assets(web: &mut Connection, page_body: &Bytes, cookie: &HeaderValue) -> Result<usize> {
    let html = String::from_utf8_lossy(page_body).replace("&#x2f;", "/");
    let mut size = 0;
    for address in html.split('"').filter(|text| text.starts_with("/assets/")) {
        size += web.send(page(address, cookie)).await?.body().len();
    }
    Ok(size)
}

async fn add_people(daemon: &Daemon, people: usize) -> Result<()> {
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let api: Place = daemon.api.clone();
        writers.spawn(async move {
            let mut connection = Connection::open(&api).await?;
            for number in (writer..people).step_by(WRITERS) {
                let email = format!("person{number:06}@customer{}.example.test", number % 997);
                let person = json!({"kind": "customer", "email": email, "name": format!("Person Number {number}")});
                connection.json(Method::POST, "/v1/people", Some(&person)).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(written) = writers.join_next().await {
        written??;
    }
    Ok(())
}

/// A session of the administration, as its cookie.
async fn enter(daemon: &Daemon) -> Result<HeaderValue> {
    let link = Connection::open(&daemon.api).await?.json(Method::POST, "/v1/admin-links", Some(&json!({}))).await?;
    let ticket = link["url"].as_str().and_then(|url| url.split("ticket=").nth(1)).context("a link without a ticket")?.to_owned();
    let mut request = crate::client::request(Method::POST, "/admin/enter", None);
    *request.body_mut() = Full::new(Bytes::from(format!("ticket={ticket}")));
    request.headers_mut().insert("content-type", HeaderValue::from_static("application/x-www-form-urlencoded"));
    let answer = Connection::open(&daemon.web).await?.send(request).await?;
    let cookie = answer.headers().get("set-cookie").and_then(|value| value.to_str().ok()).context("the link opened no session")?;
    Ok(HeaderValue::from_str(cookie.split(';').next().unwrap_or_default())?)
}
