//! The wire: `/{alias}/…` goes to the provider of that alias, `/_op/…` to the test that runs it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use tokio::net::TcpListener;

use crate::control;
use crate::exchange::{Exchange, Reply};
use crate::provider::Provider;
use crate::script::Script;
use crate::signout::deliver;

/// All providers of the process.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) origin: String,
    providers: Mutex<HashMap<String, Arc<Mutex<Provider>>>>,
}

impl World {
    pub(crate) fn new(origin: String) -> Self {
        Self { origin, providers: Mutex::default() }
    }

    /// Adds a provider, or changes the script of one; what it has seen stays.
    pub(crate) fn put(&self, alias: &str, script: Script) {
        match self.provider(alias) {
            Some(known) => locked(&known).script = script,
            None => {
                let provider = Arc::new(Mutex::new(Provider::new(&self.origin, alias, script)));
                locked(&self.providers).insert(alias.to_owned(), provider);
            }
        }
    }

    pub(crate) fn provider(&self, alias: &str) -> Option<Arc<Mutex<Provider>>> {
        locked(&self.providers).get(alias).cloned()
    }
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves until the future is dropped.
pub(crate) async fn serve(listener: TcpListener, world: Arc<World>) -> std::io::Result<()> {
    axum::serve(listener, Router::new().fallback(dispatch).with_state(world)).await
}

async fn dispatch(State(world): State<Arc<World>>, request: Request) -> Response {
    let exchange = Exchange::read(request).await;
    let path = exchange.path.trim_start_matches('/');
    let (alias, rest) = path.split_once('/').unwrap_or((path, ""));
    if alias == "_op" {
        return control::answer(&world, rest, &exchange).into();
    }
    let Some(provider) = world.provider(alias) else { return Reply::refuse(404, "invalid_tenant", "no such provider").into() };
    let (reply, delivery, date) = {
        let mut provider = locked(&provider);
        let reply = provider.answer(rest, &exchange);
        let is_logout = reply.is_some() && rest.ends_with("end_session");
        let delivery = if is_logout { provider.delivery() } else { None };
        let date = (provider.script.clock_ahead != 0).then(|| http_date(provider.now()));
        (reply.unwrap_or_else(|| Reply::refuse(404, "not_found", "no such endpoint")), delivery, date)
    };
    if let Some(delivery) = delivery {
        let notice = deliver(&delivery).await;
        locked(&provider).notices.push(notice);
    }
    if reply.status == 0 {
        std::future::pending::<()>().await;
    }
    match date {
        Some(date) => reply.with("date", date).into(),
        None => reply.into(),
    }
}

/// A time as HTTP writes it (RFC 9110 section 5.6.7), by the civil calendar.
fn http_date(seconds: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let (mut days, clock) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let weekday = DAYS[usize::try_from(days.rem_euclid(7)).unwrap_or_default()];
    let mut year = 1970;
    while days >= 365 + i64::from(is_leap(year)) {
        days -= 365 + i64::from(is_leap(year));
        year += 1;
    }
    let lengths = [31, 28 + i64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    let (hour, minute, second) = (clock / 3600, clock / 60 % 60, clock % 60);
    format!("{weekday}, {:02} {} {year} {hour:02}:{minute:02}:{second:02} GMT", days + 1, MONTHS[month])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_http_wants_them() {
        assert_eq!(http_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(http_date(1_709_164_800), "Thu, 29 Feb 2024 00:00:00 GMT");
    }
}
