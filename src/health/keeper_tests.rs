//! The keeper at work: its clock is tokio's paused one, its provider a table of answers.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::JoinSet;

use super::*;
use crate::credentials::grammar;
use crate::health::in_force::Slot;
use crate::health::probe::Verdict;
use crate::model::{ClientId, Secret};

/// Answers by secret, after that time.
struct Table(HashMap<&'static str, (Duration, Verdict)>);

#[async_trait]
impl Probe for Table {
    async fn try_out(&self, _: ClientId, secret: Secret<String>) -> Verdict {
        let (delay, verdict) = self.0[secret.expose().as_str()].clone();
        sleep(delay).await;
        verdict
    }
}

fn problem() -> Problem {
    Problem::new("AADSTS7000215", "the secret is wrong", "copy the Value")
}

fn file(lines: &str) -> Arc<Observation> {
    Arc::new(grammar::parse(format!("AZUREAD_CID=11111111-2222-3333-4444-555555555555\n{lines}").as_bytes()))
}

struct House {
    file: watch::Sender<Arc<Observation>>,
    keeper: Keeper,
    _tasks: JoinSet<()>,
}

fn house<const N: usize>(first: &str, answers: [(&'static str, u64, Verdict); N]) -> House {
    let table = Table(answers.into_iter().map(|(secret, delay, verdict)| (secret, (Duration::from_millis(delay), verdict))).collect());
    let (sender, receiver) = watch::channel(file(first));
    let (keeper, work) = Keeper::new(receiver, Arc::new(table), Clock::system());
    let mut tasks = JoinSet::new();
    tasks.spawn(work);
    House { file: sender, keeper, _tasks: tasks }
}

async fn until(keeper: &Keeper, wanted: impl Fn(&Credentials) -> bool) -> Arc<Credentials> {
    let mut credentials = keeper.subscribe();
    let found = tokio::time::timeout(Duration::from_secs(3600), credentials.wait_for(|newest| wanted(newest))).await;
    Arc::clone(&found.expect("it never came to that").unwrap())
}

fn uses(secret: &'static str, verified: Verified) -> impl Fn(&Credentials) -> bool {
    move |newest| newest.in_force.as_ref().is_some_and(|used| used.secret.expose() == secret && used.verified == verified)
}

#[tokio::test(start_paused = true)]
async fn a_pair_that_is_there_at_the_start_is_in_force_before_anything_ran() {
    let house = house("AZUREAD_CIS=a", [("a", 10, Verdict::Accepted)]);
    assert_eq!(house.keeper.in_force().unwrap().verified, Verified::Unverified);
    until(&house.keeper, uses("a", Verified::Yes)).await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_provider_delays_a_new_pair_by_700_ms_and_can_still_refuse_it() {
    let house = house("AZUREAD_CIS=a", [("a", 10, Verdict::Accepted), ("b", 5_000, Verdict::Refused(problem()))]);
    until(&house.keeper, uses("a", Verified::Yes)).await;
    let start = Instant::now();
    house.file.send_replace(file("AZUREAD_CIS=b"));
    until(&house.keeper, uses("b", Verified::Unverified)).await;
    assert_eq!(start.elapsed().as_millis() / 10, 70);
    let back = until(&house.keeper, uses("a", Verified::Yes)).await;
    assert_eq!((back.condition, back.problem.clone()), (Condition::Stale, Some(problem())));
}

#[tokio::test(start_paused = true)]
async fn whoever_meets_invalid_client_gets_the_other_secret_to_retry_with() {
    let house = house("AZUREAD_CIS=a\nAZUREAD_CIS_NEXT=b", [("a", 10, Verdict::Accepted), ("b", 60_000, Verdict::Accepted)]);
    until(&house.keeper, uses("a", Verified::Yes)).await;
    let used = house.keeper.in_force().unwrap();
    let retry = house.keeper.rejected(used.generation, problem()).await.unwrap();
    assert_eq!((retry.secret.expose().as_str(), retry.slot), ("b", Slot::Next));
    assert_eq!(house.keeper.rejected(used.generation, problem()).await, Some(retry.clone()), "a late report of the same fault");
    assert_eq!(house.keeper.rejected(retry.generation, problem()).await, None);
    house.keeper.accepted(retry.generation);
    until(&house.keeper, uses("b", Verified::Yes)).await;
}

#[tokio::test(start_paused = true)]
async fn a_keeper_without_listeners_ends() {
    let (_file, receiver) = watch::channel(file("AZUREAD_CIS=a"));
    let (keeper, work) =
        Keeper::new(receiver, Arc::new(Table(HashMap::from([("a", (Duration::ZERO, Verdict::Accepted))]))), Clock::system());
    drop(keeper);
    work.await;
}
