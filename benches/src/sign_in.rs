//! Connects mailboxes as people do: the admin makes a link, somebody opens it and signs in at the provider, and the
//! browser comes back to the callback.

use anyhow::{Context, Result, ensure};
use hyper::{Method, Response};
use serde_json::json;
use tokio::task::JoinSet;

use crate::client::{Connection, request};
use crate::programs::{Daemon, PUBLIC_URL, Simulator, address_of};

/// Sign-ins at once.
const AT_ONCE: usize = 8;

/// Connects the mailboxes `0..count`.
pub async fn connect_all(daemon: &Daemon, simulator: &Simulator, count: usize) -> Result<()> {
    let mut workers = JoinSet::new();
    for worker in 0..AT_ONCE {
        let mut person = Person::new(daemon, simulator).await?;
        workers.spawn(async move {
            for number in (worker..count).step_by(AT_ONCE) {
                person.connect(&address_of(number)).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker??;
    }
    Ok(())
}

/// An admin and a browser in one.
pub struct Person {
    api: Connection,
    web: Connection,
    provider: Connection,
    authority: String,
}

impl Person {
    /// Opens the connections.
    pub async fn new(daemon: &Daemon, simulator: &Simulator) -> Result<Self> {
        Ok(Self {
            api: Connection::open(&daemon.api).await?,
            web: Connection::open(&daemon.web).await?,
            provider: Connection::open(&simulator.place).await?,
            authority: simulator.authority.clone(),
        })
    }

    /// Connects one mailbox, or connects it again.
    pub async fn connect(&mut self, address: &str) -> Result<()> {
        let link = self.api.json(Method::POST, "/v1/mailboxes", Some(&json!({ "address": address }))).await?;
        let link = link["connect_url"].as_str().context("no connect_url")?;
        let departure = self.web.get(path_below(link, PUBLIC_URL)?).await?;
        let cookie = header(&departure, "set-cookie")?.split(';').next().unwrap_or_default().to_owned();
        let authorize = format!("{}&sim_user={address}", path_below(header(&departure, "location")?, &self.authority)?);
        let arrival = self.provider.get(&authorize).await?;
        let callback = path_below(header(&arrival, "location")?.trim_end_matches('#'), PUBLIC_URL)?;
        let mut back = request(Method::GET, callback, None);
        back.headers_mut().insert("cookie", cookie.parse()?);
        let result = self.web.send(back).await?;
        let page = String::from_utf8_lossy(result.body()).into_owned();
        ensure!(result.status() == 303, "{address} is not connected, the callback answered {}: {page}", result.status());
        Ok(())
    }
}

fn header<'a, B: std::fmt::Debug>(answer: &'a Response<B>, name: &str) -> Result<&'a str> {
    let value = answer.headers().get(name).with_context(|| format!("no {name} in {answer:?}"))?;
    Ok(value.to_str()?)
}

fn path_below<'a>(url: &'a str, origin: &str) -> Result<&'a str> {
    url.strip_prefix(origin).with_context(|| format!("{url} does not lead to {origin}"))
}
