//! The table of the interface, section 2, event by event.

use super::*;
use crate::model::Secret;

const CLIENT: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn pair(secret: &str, next: Option<&str>) -> Pair {
    Pair { client_id: CLIENT.parse().unwrap(), secret: Secret::from(secret), next: next.map(Secret::from) }
}

fn file(pair: Pair) -> Observation {
    Observation { outcome: Outcome::Pair(pair), warnings: Vec::new() }
}

fn problem(code: &str) -> Problem {
    Problem::new(code, code, "hint")
}

fn secret_in_force(ledger: &Ledger) -> Option<String> {
    ledger.status().in_force.map(|in_force| in_force.secret.expose().clone())
}

/// A ledger with an accepted pair.
fn settled(secret: &str) -> Ledger {
    let mut ledger = Ledger::new();
    let trial = ledger.observe(&file(pair(secret, None))).unwrap();
    assert_eq!(ledger.verdict(trial.number, Verdict::Accepted, NOW), None);
    ledger
}

#[test]
fn without_a_file_the_state_is_unconfigured_and_says_why() {
    let mut ledger = Ledger::new();
    assert_eq!(ledger.status().state, State::Unconfigured);
    ledger.observe(&Observation { outcome: Outcome::Missing(problem("file_missing")), warnings: Vec::new() });
    let status = ledger.status();
    assert_eq!((status.state, status.problem.unwrap().code.as_str()), (State::Unconfigured, "file_missing"));
}

#[test]
fn an_accepted_pair_is_in_force_and_verified() {
    let status = settled("one").status();
    assert_eq!(status.state, State::Ready);
    assert_eq!(status.in_force.unwrap().verified, Verified::Yes);
}

#[test]
fn a_broken_or_missing_file_leaves_the_good_pair_in_force() {
    for outcome in [Outcome::Missing(problem("x")), Outcome::Rejected(problem("x"))] {
        let mut ledger = settled("one");
        ledger.observe(&Observation { outcome, warnings: Vec::new() });
        assert_eq!((ledger.status().state, secret_in_force(&ledger).as_deref()), (State::Stale, Some("one")));
        ledger.observe(&file(pair("one", None)));
        assert_eq!(ledger.status().state, State::Ready);
    }
}

#[test]
fn a_refused_new_pair_leaves_the_old_one_in_force() {
    let mut ledger = settled("one");
    let trial = ledger.observe(&file(pair("two", None))).unwrap();
    assert_eq!(secret_in_force(&ledger).as_deref(), Some("one"), "until there is a verdict");
    ledger.verdict(trial.number, Verdict::Refused(problem("AADSTS7000215")), NOW);
    let status = ledger.status();
    assert_eq!((status.state, status.problem.unwrap().code.as_str()), (State::Stale, "AADSTS7000215"));
    assert_eq!(secret_in_force(&ledger).as_deref(), Some("one"));
}

#[test]
fn without_a_verdict_in_time_the_new_pair_is_taken_and_a_late_refusal_brings_the_old_one_back() {
    let mut ledger = settled("one");
    let trial = ledger.observe(&file(pair("two", None))).unwrap();
    ledger.deadline(trial.number, NOW);
    let status = ledger.status();
    assert_eq!((status.state, status.in_force.unwrap().verified), (State::Ready, Verified::Unverified));
    assert_eq!(secret_in_force(&ledger).as_deref(), Some("two"));

    ledger.verdict(trial.number, Verdict::Refused(problem("AADSTS7000222")), NOW);
    assert_eq!((ledger.status().state, secret_in_force(&ledger).as_deref()), (State::Stale, Some("one")));
}

#[test]
fn an_answer_that_is_no_verdict_takes_the_pair_and_is_shown() {
    let mut ledger = Ledger::new();
    let trial = ledger.observe(&file(pair("one", None))).unwrap();
    ledger.verdict(trial.number, Verdict::None(Some(problem("AADSTS90033"))), NOW);
    let status = ledger.status();
    assert_eq!((status.state, status.in_force.unwrap().verified), (State::Ready, Verified::Unverified));
    assert_eq!(status.warnings[0].code, "AADSTS90033");
}

#[test]
fn a_refused_first_pair_is_not_in_force_and_is_tried_again() {
    let mut ledger = Ledger::new();
    let trial = ledger.observe(&file(pair("one", None))).unwrap();
    ledger.verdict(trial.number, Verdict::Refused(problem("AADSTS7000215")), NOW);
    assert_eq!((ledger.status().state, secret_in_force(&ledger)), (State::Unconfigured, None), "nothing good stays in force");

    let later = ledger.retry_at().unwrap();
    assert_eq!(ledger.retry(NOW), None, "not before its time");
    let again = ledger.retry(later).unwrap();
    ledger.deadline(again.number, later);
    assert_eq!(secret_in_force(&ledger), None, "what was refused needs a yes");
    ledger.verdict(again.number, Verdict::Accepted, later);
    assert_eq!((ledger.status().state, secret_in_force(&ledger).as_deref()), (State::Ready, Some("one")));
}

#[test]
fn of_two_secrets_the_first_accepted_is_used() {
    let mut ledger = Ledger::new();
    let trial = ledger.observe(&file(pair("old", Some("new")))).unwrap();
    let next = ledger.verdict(trial.number, Verdict::Refused(problem("AADSTS7000222")), NOW).unwrap();
    assert_eq!(next.secret.expose(), "new");
    ledger.verdict(next.number, Verdict::Accepted, NOW);
    let status = ledger.status();
    assert_eq!((status.state, status.in_force.unwrap().slot), (State::Ready, Slot::Next));
    assert_eq!(status.warnings[0].code, "current_secret_refused");
}

#[test]
fn when_both_secrets_are_accepted_the_status_says_that_the_old_one_can_go() {
    let mut ledger = Ledger::new();
    let trial = ledger.observe(&file(pair("old", Some("new")))).unwrap();
    let side = ledger.verdict(trial.number, Verdict::Accepted, NOW).unwrap();
    ledger.verdict(side.number, Verdict::Accepted, NOW);
    assert_eq!(ledger.status().warnings[0].code, "next_secret_accepted");
    assert_eq!(secret_in_force(&ledger).as_deref(), Some("old"));
}

#[test]
fn a_secret_that_is_refused_in_use_gives_way_to_the_other_and_then_to_nothing() {
    let mut ledger = Ledger::new();
    let trial = ledger.observe(&file(pair("old", Some("new")))).unwrap();
    ledger.verdict(trial.number, Verdict::None(None), NOW);
    let first = ledger.status().in_force.unwrap();
    let second = ledger.rejected(first.generation, &problem("AADSTS7000222"), NOW).unwrap();
    assert_eq!(second.secret.expose(), "new");
    assert_eq!(ledger.rejected(first.generation, &problem("late"), NOW), Some(Arc::clone(&second)), "who comes late gets the newer");
    assert_eq!(ledger.rejected(second.generation, &problem("AADSTS7000222"), NOW), None);
    let status = ledger.status();
    assert_eq!((status.state, status.in_force.unwrap().verified), (State::Stale, Verified::No));
}

#[test]
fn an_unverified_pair_that_is_refused_in_use_gives_way_to_the_one_before() {
    let mut ledger = settled("one");
    let trial = ledger.observe(&file(pair("two", None))).unwrap();
    ledger.verdict(trial.number, Verdict::None(None), NOW);
    let two = ledger.status().in_force.unwrap();
    let back = ledger.rejected(two.generation, &problem("AADSTS7000215"), NOW).unwrap();
    assert_eq!((back.secret.expose().as_str(), ledger.status().state), ("one", State::Stale));
}

#[test]
fn being_served_makes_a_pair_verified_and_heals_a_refusal() {
    let mut ledger = settled("one");
    let one = ledger.status().in_force.unwrap();
    assert_eq!(ledger.rejected(one.generation, &problem("AADSTS7000215"), NOW), None);
    assert_eq!(ledger.status().state, State::Stale);
    ledger.accepted(one.generation);
    let status = ledger.status();
    assert_eq!((status.state, status.in_force.unwrap().verified), (State::Ready, Verified::Yes));
}

#[test]
fn an_answer_about_an_older_file_no_longer_counts() {
    let mut ledger = settled("one");
    let two = ledger.observe(&file(pair("two", None))).unwrap();
    let three = ledger.observe(&file(pair("three", None))).unwrap();
    assert_eq!(ledger.verdict(two.number, Verdict::Accepted, NOW), None);
    assert_eq!(secret_in_force(&ledger).as_deref(), Some("one"));
    ledger.verdict(three.number, Verdict::Accepted, NOW);
    assert_eq!(secret_in_force(&ledger).as_deref(), Some("three"));
}

#[test]
fn no_status_shows_a_secret() {
    let status = format!("{:?}", settled("tilde~secret").status());
    assert!(!status.contains("tilde"), "{status}");
}

#[test]
fn a_chain_of_unverified_pairs_falls_back_to_the_last_accepted_one() {
    let mut ledger = settled("one");
    let second = ledger.observe(&file(pair("two", None))).unwrap();
    ledger.deadline(second.number, NOW);
    let third = ledger.observe(&file(pair("three", None))).unwrap();
    ledger.deadline(third.number, NOW);
    ledger.verdict(third.number, Verdict::Refused(problem("x")), NOW);
    let in_force = ledger.status().in_force.unwrap();
    assert_eq!((in_force.secret.expose().as_str(), in_force.verified), ("one", Verified::Yes));
}

#[test]
fn a_flow_that_is_refused_while_a_newer_pair_is_tried_goes_on_with_that_one() {
    let mut ledger = settled("one");
    let used = ledger.status().in_force.unwrap().generation;
    let trial = ledger.observe(&file(pair("two", None))).unwrap();
    let retry = ledger.rejected(used, &problem("x"), NOW).unwrap();
    assert_eq!((retry.secret.expose().as_str(), retry.verified), ("two", Verified::Unverified));
    ledger.verdict(trial.number, Verdict::Accepted, NOW);
    assert_eq!(ledger.status().in_force.unwrap().verified, Verified::Yes);
}
