//! Every row of the table in interface section 2, and the rules of the probe.

use super::*;
use crate::credentials::Pair;
use crate::model::Secret;

const ID: &str = "11111111-2222-3333-4444-555555555555";
const OTHER_ID: &str = "99999999-2222-3333-4444-555555555555";
const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn problem(code: &str) -> Problem {
    Problem::new(code, code, "mend it")
}

fn refused() -> Verdict {
    Verdict::Refused(problem("AADSTS7000222"))
}

fn file(id: &str, secret: &str, next: Option<&str>) -> Event {
    let pair = Pair { client_id: id.parse().unwrap(), secret: Secret::from(secret), next: next.map(Secret::from) };
    Event::Observed(Observation { outcome: Outcome::Pair(pair), warnings: Vec::new() })
}

fn missing() -> Event {
    Event::Observed(Observation::missing(problem("file_missing")))
}

fn rejected_file() -> Event {
    Event::Observed(Observation::rejected(problem("file_owner")))
}

/// A decision with the words of its story.
#[derive(Default)]
struct Story(Decision);

impl Story {
    fn of(events: impl IntoIterator<Item = Event>) -> Self {
        let mut story = Self::default();
        for event in events {
            story.then(event);
        }
        story
    }

    fn then(&mut self, event: Event) -> Vec<Action> {
        self.0.decide(event, NOW)
    }

    fn judged(&mut self, slot: Slot, verdict: Verdict) -> Vec<Action> {
        self.then(Event::Judged(self.0.trial(), slot, verdict))
    }

    fn wait_over(&mut self) -> Vec<Action> {
        self.then(Event::WaitOver(self.0.trial()))
    }

    /// A pair that the provider has accepted.
    fn good(secret: &str) -> Self {
        let mut story = Self::of([file(ID, secret, None)]);
        story.judged(Slot::Current, Verdict::Accepted);
        story
    }

    fn generation(&self) -> Generation {
        self.0.in_force().unwrap().generation
    }

    #[track_caller]
    fn shows(&self, condition: Condition, secret: &str, slot: Slot, verified: Verified, problem: Option<&str>) {
        let used = self.0.in_force().unwrap();
        assert_eq!((used.secret.expose().as_str(), used.slot, used.verified), (secret, slot, verified));
        assert_eq!(self.0.condition(), condition);
        assert_eq!(self.0.problem().map(|problem| problem.code.as_str()), problem);
    }

    fn advice(&self) -> Vec<String> {
        self.0.warnings().into_iter().map(|warning| warning.code).collect()
    }
}

fn probes(actions: &[Action]) -> Vec<(Slot, &str)> {
    let probe = |action| match action {
        &Action::Probe(_, slot, _, ref secret) => Some((slot, secret.expose().as_str())),
        Action::Wait(_) | Action::RecheckAfter(..) => None,
    };
    actions.iter().filter_map(probe).collect()
}

#[test]
fn without_a_pair_since_the_start_it_is_unconfigured() {
    for (event, code) in [(missing(), "file_missing"), (rejected_file(), "file_owner")] {
        let story = Story::of([event]);
        assert_eq!(story.0.in_force(), None);
        assert_eq!(story.0.condition(), Condition::Unconfigured);
        assert_eq!(story.0.problem().unwrap().code, code);
    }
}

#[test]
fn a_broken_file_leaves_the_old_credentials_in_force() {
    for (event, code) in [(missing(), "file_missing"), (rejected_file(), "file_owner")] {
        let mut story = Story::good("a");
        story.then(event);
        story.shows(Condition::Stale, "a", Slot::Current, Verified::Yes, Some(code));
        assert_eq!(story.then(file(ID, "a", None)), []);
        story.shows(Condition::Ready, "a", Slot::Current, Verified::Yes, None);
    }
}

#[test]
fn the_first_pair_serves_at_once_and_is_tried() {
    let mut story = Story::default();
    let actions = story.then(file(ID, "a", None));
    assert_eq!(probes(&actions), [(Slot::Current, "a")]);
    story.shows(Condition::Ready, "a", Slot::Current, Verified::Unverified, None);
    story.judged(Slot::Current, Verdict::Accepted);
    story.shows(Condition::Ready, "a", Slot::Current, Verified::Yes, None);
}

#[test]
fn a_first_pair_that_is_refused_is_tried_again_until_it_is_known_everywhere() {
    let mut story = Story::of([file(ID, "a", None)]);
    let actions = story.judged(Slot::Current, refused());
    story.shows(Condition::Unconfigured, "a", Slot::Current, Verified::No, Some("AADSTS7000222"));
    assert_eq!(actions, [Action::RecheckAfter(story.0.trial(), Duration::from_secs(15))]);
    let before = story.generation();
    assert_eq!(probes(&story.then(Event::Recheck(story.0.trial()))), [(Slot::Current, "a")]);
    assert_eq!(story.judged(Slot::Current, refused()), [Action::RecheckAfter(story.0.trial(), Duration::from_secs(30))]);
    story.judged(Slot::Current, Verdict::Accepted);
    story.shows(Condition::Ready, "a", Slot::Current, Verified::Yes, None);
    assert!(story.generation() > before, "whoever waits must try again");
}

#[test]
fn a_changed_pair_waits_for_its_verdict_while_the_old_one_serves() {
    let mut story = Story::good("a");
    let actions = story.then(file(ID, "b", None));
    assert_eq!(probes(&actions), [(Slot::Current, "b")]);
    assert!(actions.contains(&Action::Wait(story.0.trial())));
    story.shows(Condition::Ready, "a", Slot::Current, Verified::Yes, None);
    let before = story.generation();
    story.judged(Slot::Current, Verdict::Accepted);
    story.shows(Condition::Ready, "b", Slot::Current, Verified::Yes, None);
    assert!(story.generation() > before);
}

#[test]
fn a_refused_change_leaves_the_old_pair_in_force() {
    let mut story = Story::good("a");
    story.then(file(ID, "b", None));
    story.judged(Slot::Current, refused());
    story.shows(Condition::Stale, "a", Slot::Current, Verified::Yes, Some("AADSTS7000222"));
    story.wait_over();
    story.shows(Condition::Stale, "a", Slot::Current, Verified::Yes, Some("AADSTS7000222"));
    story.judged(Slot::Current, Verdict::Unclear(problem("network")));
    story.shows(Condition::Stale, "a", Slot::Current, Verified::Yes, Some("AADSTS7000222"));
    story.then(file(ID, "a", None));
    story.shows(Condition::Ready, "a", Slot::Current, Verified::Yes, None);
}

#[test]
fn any_other_answer_takes_the_new_pair_and_is_shown() {
    let mut story = Story::good("a");
    story.then(file(ID, "b", None));
    let actions = story.judged(Slot::Current, Verdict::Unclear(problem("AADSTS700016")));
    story.shows(Condition::Ready, "b", Slot::Current, Verified::Unverified, Some("AADSTS700016"));
    assert!(matches!(actions[..], [Action::RecheckAfter(..)]));
}

#[test]
fn without_a_tenant_the_new_pair_is_taken_untried() {
    let mut story = Story::good("a");
    story.then(file(ID, "b", None));
    story.judged(Slot::Current, Verdict::NoTenant);
    story.shows(Condition::Ready, "b", Slot::Current, Verified::Unverified, None);
}

#[test]
fn no_verdict_in_time_takes_the_new_pair_and_a_late_refusal_brings_the_old_one_back() {
    let mut story = Story::good("a");
    story.then(file(ID, "b", None));
    story.wait_over();
    story.shows(Condition::Ready, "b", Slot::Current, Verified::Unverified, None);
    let taken = story.generation();
    story.judged(Slot::Current, refused());
    story.shows(Condition::Stale, "a", Slot::Current, Verified::Yes, Some("AADSTS7000222"));
    assert!(story.generation() > taken);
}

#[test]
fn a_chain_of_unverified_changes_falls_back_to_the_last_accepted_pair() {
    let mut story = Story::good("a");
    for secret in ["b", "c"] {
        story.then(file(ID, secret, None));
        story.wait_over();
    }
    story.judged(Slot::Current, refused());
    story.shows(Condition::Stale, "a", Slot::Current, Verified::Yes, Some("AADSTS7000222"));
}

#[test]
fn an_answer_of_an_older_trial_is_dropped() {
    let mut story = Story::good("a");
    story.then(file(ID, "b", None));
    let old = story.0.trial();
    story.then(file(ID, "c", None));
    assert_eq!(story.then(Event::Judged(old, Slot::Current, refused())), []);
    assert_eq!(story.then(Event::WaitOver(old)), []);
    story.shows(Condition::Ready, "a", Slot::Current, Verified::Yes, None);
}

#[test]
fn a_changed_client_id_is_a_changed_pair() {
    let mut story = Story::good("a");
    story.then(file(OTHER_ID, "a", None));
    story.judged(Slot::Current, Verdict::Accepted);
    assert_eq!(story.0.in_force().unwrap().client_id.to_string(), OTHER_ID);
}

#[test]
fn the_second_secret_is_tried_at_once_when_the_first_is_refused() {
    let mut story = Story::good("old");
    story.then(file(ID, "a", Some("b")));
    assert_eq!(probes(&story.judged(Slot::Current, refused())), [(Slot::Next, "b")]);
    story.shows(Condition::Ready, "old", Slot::Current, Verified::Yes, None);
    story.judged(Slot::Next, Verdict::Accepted);
    story.shows(Condition::Ready, "b", Slot::Next, Verified::Yes, None);
    assert_eq!(story.advice(), ["next_secret_in_use"]);
}

#[test]
fn both_secrets_refused_leave_what_there_was() {
    let mut first = Story::of([file(ID, "a", Some("b"))]);
    first.judged(Slot::Current, refused());
    first.shows(Condition::Ready, "b", Slot::Next, Verified::Unverified, None);
    first.judged(Slot::Next, refused());
    first.shows(Condition::Unconfigured, "b", Slot::Next, Verified::No, Some("AADSTS7000222"));

    let mut later = Story::good("old");
    later.then(file(ID, "a", Some("b")));
    later.judged(Slot::Current, refused());
    later.judged(Slot::Next, refused());
    later.shows(Condition::Stale, "old", Slot::Current, Verified::Yes, Some("AADSTS7000222"));
}

#[test]
fn adding_and_promoting_a_second_secret_never_interrupts() {
    let mut story = Story::good("a");
    let generation = story.generation();
    assert_eq!(probes(&story.then(file(ID, "a", Some("b")))), [(Slot::Next, "b")]);
    story.shows(Condition::Ready, "a", Slot::Current, Verified::Yes, None);
    story.judged(Slot::Next, Verdict::Accepted);
    assert_eq!(story.advice(), ["old_secret_can_go"]);
    assert_eq!(story.generation(), generation);

    story.then(Event::Rejected(generation, problem("AADSTS7000222")));
    story.shows(Condition::Ready, "b", Slot::Next, Verified::Yes, None);
    let generation = story.generation();
    assert_eq!(probes(&story.then(file(ID, "b", None))), []);
    story.shows(Condition::Ready, "b", Slot::Current, Verified::Yes, None);
    assert_eq!((story.generation(), story.advice()), (generation, vec![]));
}

#[test]
fn a_second_secret_that_is_refused_beside_a_good_one_is_a_warning() {
    let mut story = Story::good("a");
    story.then(file(ID, "a", Some("b")));
    story.judged(Slot::Next, refused());
    story.shows(Condition::Ready, "a", Slot::Current, Verified::Yes, None);
    assert_eq!(story.advice(), ["next_secret_refused"]);
}

#[test]
fn a_refusal_in_the_middle_of_a_flow_switches_to_what_is_left() {
    let mut with_next = Story::good("a");
    with_next.then(file(ID, "a", Some("b")));
    with_next.then(Event::Rejected(with_next.generation(), problem("x")));
    with_next.shows(Condition::Ready, "b", Slot::Next, Verified::Unverified, None);

    let mut with_previous = Story::good("a");
    with_previous.then(file(ID, "b", None));
    with_previous.wait_over();
    with_previous.then(Event::Rejected(with_previous.generation(), problem("x")));
    with_previous.shows(Condition::Stale, "a", Slot::Current, Verified::Yes, Some("x"));

    let mut with_newer = Story::good("a");
    with_newer.then(file(ID, "b", None));
    with_newer.then(Event::Rejected(with_newer.generation(), problem("x")));
    with_newer.shows(Condition::Ready, "b", Slot::Current, Verified::Unverified, None);

    let mut alone = Story::good("a");
    alone.then(Event::Rejected(alone.generation(), problem("x")));
    alone.shows(Condition::Stale, "a", Slot::Current, Verified::No, Some("x"));
    alone.then(Event::Accepted(alone.generation()));
    alone.shows(Condition::Ready, "a", Slot::Current, Verified::Yes, None);
}

#[test]
fn a_report_about_an_older_generation_changes_nothing() {
    let mut story = Story::good("a");
    let old = story.generation();
    story.then(file(ID, "b", None));
    story.judged(Slot::Current, Verdict::Accepted);
    assert_eq!(story.then(Event::Rejected(old, problem("x"))), []);
    story.shows(Condition::Ready, "b", Slot::Current, Verified::Yes, None);
}

#[test]
fn the_pause_between_tries_grows_to_ten_minutes_and_no_further() {
    let mut story = Story::of([file(ID, "a", Some("b"))]);
    for _ in 0..20 {
        for _ in story.then(Event::Recheck(story.0.trial())) {}
        story.judged(Slot::Current, refused());
        let planned = story.judged(Slot::Next, refused());
        assert!(planned.len() == 1);
    }
    let last = story.judged(Slot::Next, refused());
    assert_eq!(last, [Action::RecheckAfter(story.0.trial(), Duration::from_secs(600))]);
}
