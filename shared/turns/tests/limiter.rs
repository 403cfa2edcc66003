//! The limiter over the embedded store, case by case (control-plane.md 14, A and B).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Arc;

use bespin_access::TenantAccess;
use bespin_policies::{Dimension, Project, Quotas};
use bespin_primitives::Timestamp;
use bespin_table::counted;
use bespin_testing::Store;
use bespin_turns::{Allowed, LockOrder, Reason, Subject, Turns, Verdict};
use futures::future::join_all;
use serde_json::{Value, json};

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

/// `P(max_concurrent; requests day; month; total; tokens hour; day; month)`, `-` for no limit.
fn quotas(text: &str) -> Quotas {
    let numbers = text.split(';').map(|number| number.trim().parse().ok());
    Dimension::ALL
        .into_iter()
        .zip(numbers)
        .fold(Quotas::default(), |all, (dimension, number)| all.with(dimension, number))
}

/// A policy, and nothing granted.
fn policy(text: &str) -> Allowed {
    Allowed { base: quotas(text), granted: None }
}

fn day(requests: u64) -> Quotas {
    Quotas::default().with(Dimension::RequestsPerDay, Some(requests))
}

/// One user in one bundle of one tenant.
struct Desk {
    turns: Turns,
    access: TenantAccess,
    project: Project,
    subject: Subject,
}

impl Desk {
    async fn open(store: &Store) -> Self {
        Self {
            turns: Turns::new(store.table.clone(), Arc::clone(&store.random)),
            access: store.tenant_access().await,
            project: Project::default(),
            subject: Subject { user_id: "maria".to_owned(), bundle_id: "app".to_owned(), session_id: None },
        }
    }

    async fn admit(&self, allowed: &Allowed, lock_id: &str, now: &str) -> Verdict {
        let now = at(now);
        let lock = LockOrder { lock_id, until: now.plus_seconds(120) };
        self.turns.admit(&self.access, &self.project, &self.subject, allowed, lock, now).await.unwrap()
    }

    async fn commit(&self, tokens: u64, lock_id: Option<&str>, now: &str) {
        let ids = (lock_id, None);
        self.turns.commit(&self.access, &self.project, &self.subject, tokens, ids, at(now)).await.unwrap();
    }

    async fn release(&self, lock_id: &str, now: &str) -> bool {
        self.turns.release(&self.access, &self.project, &self.subject, lock_id, at(now)).await.unwrap()
    }

    async fn snapshot(&self, now: &str) -> Value {
        let tally = self.turns.tally(&self.access, &self.project, &self.subject, at(now)).await.unwrap();
        tally.snapshot(at(now)).view()
    }

    /// Commits so many requests, the last of them with these tokens.
    async fn used(&self, requests: u64, tokens: u64, now: &str) {
        for number in 0..requests {
            self.commit(if number + 1 == requests { tokens } else { 0 }, None, now).await;
        }
    }
}

fn told(verdict: &Verdict) -> (Option<String>, Value) {
    (verdict.reason.map(Reason::text), verdict.view("l")["insight"]["messages_remaining"].clone())
}

fn retry(verdict: &Verdict) -> (Value, Value) {
    let insight = &verdict.view("l")["insight"];
    (insight["retry_after_sec"].clone(), insight["retry_scope"].clone())
}

const NOON: &str = "2026-02-10T12:00:00Z";

#[tokio::test]
async fn a1_to_a3_a_daily_limit_counts_down_and_starts_again_at_midnight() {
    let store = Store::open().await;
    let desk = Desk::open(&store).await;
    let three = policy("1;3;-;-;-;-;-");
    for left in [3, 2, 1] {
        let verdict = desk.admit(&three, "a", "2026-02-10T21:15:00Z").await;
        assert_eq!(told(&verdict), (None, json!(left)));
        desk.commit(10, Some("a"), "2026-02-10T21:15:00Z").await;
    }

    let refused = desk.admit(&three, "a", "2026-02-10T21:15:00Z").await;
    assert_eq!(told(&refused), (Some("requests_per_day".to_owned()), json!(0)));
    assert_eq!(retry(&refused), (json!(9_900), json!("day")));
    assert_eq!(refused.view("a")["lock_id"], Value::Null);

    let next_day = desk.admit(&three, "a", "2026-02-11T00:00:00Z").await;
    assert_eq!(told(&next_day), (None, json!(3)));
}

#[tokio::test]
async fn a4_to_a7_every_violated_window_is_named_and_the_longest_wait_is_told() {
    let store = Store::open().await;
    let desk = Desk::open(&store).await;
    desk.used(10, 100_000, NOON).await;
    let verdict = desk.admit(&policy("1;10;-;-;-;100000;-"), "a", NOON).await;
    assert_eq!(told(&verdict).0.unwrap(), "requests_per_day|tokens_per_day", "A4");

    let desk = Desk::open(&store).await;
    desk.used(20, 900, "2026-04-29T23:30:00Z").await;
    let verdict = desk.admit(&policy("1;-;20;-;700;-;-"), "a", "2026-04-29T23:30:00Z").await;
    assert_eq!(told(&verdict).0.unwrap(), "requests_per_month|tokens_per_hour", "A5");
    assert_eq!(retry(&verdict), (json!(88_200), json!("month")), "A5");

    let desk = Desk::open(&store).await;
    desk.used(6, 0, "2025-02-10T12:00:00Z").await;
    let verdict = desk.admit(&policy("1;-;-;6;-;-;-"), "a", NOON).await;
    assert_eq!(
        (told(&verdict).0.unwrap(), retry(&verdict).0),
        ("total_requests".to_owned(), Value::Null),
        "A6"
    );

    let desk = Desk::open(&store).await;
    desk.used(1, 2_499, NOON).await;
    let hour = policy("1;-;-;-;2500;-;-");
    assert_eq!(
        told(&desk.admit(&hour, "a", NOON).await).0,
        None,
        "A7: any size, because tokens count when they are known"
    );
    desk.commit(4_000, Some("a"), NOON).await;
    let verdict = desk.admit(&hour, "a", NOON).await;
    assert_eq!(
        (told(&verdict).0.unwrap(), verdict.view("a")["snapshot"]["tok_hour"].clone()),
        ("tokens_per_hour".to_owned(), json!(6_499))
    );
}

#[tokio::test]
async fn a8_to_a14_locks_are_slots_that_end_by_themselves() {
    let store = Store::open().await;
    let desk = Desk::open(&store).await;
    let two = policy("2;-;-;-;-;-;-");
    let in_flight = |verdict: &Verdict| verdict.view("l")["snapshot"]["in_flight"].clone();
    assert_eq!(in_flight(&desk.admit(&two, "a", NOON).await), 1, "A8");
    assert_eq!(in_flight(&desk.admit(&two, "b", NOON).await), 2, "A8");
    let refused = desk.admit(&two, "c", NOON).await;
    assert_eq!(
        (told(&refused).0.unwrap(), in_flight(&refused), retry(&refused).0),
        ("concurrency".to_owned(), json!(2), Value::Null),
        "A8"
    );
    assert!(desk.release("a", NOON).await && !desk.release("a", NOON).await, "A9");
    assert_eq!(in_flight(&desk.admit(&two, "c", NOON).await), 2, "A9");

    let desk = Desk::open(&store).await;
    let one = policy("1;-;-;-;-;-;-");
    assert!(desk.admit(&one, "a", "2026-02-10T10:00:00Z").await.is_allowed());
    assert!(!desk.admit(&one, "b", "2026-02-10T10:01:59Z").await.is_allowed(), "A10");
    assert!(desk.admit(&one, "b", "2026-02-10T10:02:00Z").await.is_allowed(), "A10");

    let desk = Desk::open(&store).await;
    assert!(desk.admit(&one, "a", "2026-02-10T10:00:00Z").await.is_allowed());
    let again = desk.admit(&one, "a", "2026-02-10T10:01:00Z").await;
    assert_eq!((again.is_allowed(), in_flight(&again)), (true, json!(1)), "A11, F6");
    assert!(!desk.admit(&one, "b", "2026-02-10T10:02:40Z").await.is_allowed(), "A11: the lock was renewed");

    let desk = Desk::open(&store).await;
    for lock in ["a", "b", "c", "d", "e"] {
        let verdict = desk.admit(&policy("-;2;-;-;-;-;-"), lock, NOON).await;
        assert_eq!((verdict.is_allowed(), in_flight(&verdict)), (true, json!(0)), "A12");
    }
    assert_eq!(
        told(&desk.admit(&policy("1;0;-;-;-;-;-"), "a", NOON).await).0.unwrap(),
        "requests_per_day",
        "A13"
    );

    let desk = Desk::open(&store).await;
    let five = policy("1;5;-;-;-;-;-");
    assert!(desk.admit(&five, "a", NOON).await.is_allowed());
    desk.used(5, 0, NOON).await;
    let refused = desk.admit(&five, "b", NOON).await;
    assert_eq!(
        (told(&refused).0.unwrap(), in_flight(&refused)),
        ("requests_per_day".to_owned(), json!(0)),
        "A14"
    );
}

#[tokio::test]
async fn a15_to_a19_what_is_counted_where() {
    let store = Store::open().await;
    let desk = Desk::open(&store).await;
    let many = policy("4;9;-;-;-;-;-");
    desk.admit(&many, "a", "2026-02-10T23:59:50Z").await;
    desk.commit(800, Some("a"), "2026-02-11T00:00:05Z").await;
    let day = desk.snapshot("2026-02-11T00:00:05Z").await;
    assert_eq!(
        (&day["req_day"], &day["tok_day"], &day["in_flight"]),
        (&json!(1), &json!(800), &json!(0)),
        "A15"
    );

    let other = Desk {
        subject: Subject { bundle_id: "other".to_owned(), ..desk.subject.clone() },
        ..Desk::open(&store).await
    };
    let other = Desk { access: desk.access.clone(), ..other };
    let one = policy("1;1;-;-;-;-;-");
    assert!(!desk.admit(&one, "b", "2026-02-11T00:01:00Z").await.is_allowed());
    assert!(other.admit(&one, "b", "2026-02-11T00:01:00Z").await.is_allowed(), "A16");

    desk.admit(&many, "c", "2026-02-11T00:02:00Z").await;
    desk.commit(0, Some("c"), "2026-02-11T00:02:00Z").await;
    let day = desk.snapshot("2026-02-11T00:02:00Z").await;
    assert_eq!(
        (&day["req_day"], &day["tok_day"], &day["in_flight"]),
        (&json!(2), &json!(800), &json!(0)),
        "A17"
    );
    desk.admit(&many, "d", "2026-02-11T00:03:00Z").await;
    desk.release("d", "2026-02-11T00:03:00Z").await;
    assert_eq!(desk.snapshot("2026-02-11T00:03:00Z").await, day, "A18");

    let zeta = Desk::open(&store).await;
    assert!(zeta.admit(&one, "a", "2026-02-11T00:04:00Z").await.is_allowed(), "A19");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a20_of_many_at_once_exactly_so_many_pass_as_fit() {
    for (most, admits) in [(4, 25), (1, 64)] {
        let store = Store::open().await;
        let desk = Desk::open(&store).await;
        let allowed = policy(&format!("{most};-;-;-;-;-;-"));
        let locks: Vec<String> = (0..admits).map(|number| format!("lock {number}")).collect();

        let verdicts = join_all(locks.iter().map(|lock| desk.admit(&allowed, lock, NOON))).await;

        assert_eq!(verdicts.iter().filter(|verdict| verdict.is_allowed()).count(), most);
        assert_eq!(desk.snapshot(NOON).await["in_flight"], most);
    }
}

#[tokio::test]
async fn b1_to_b4_what_was_granted_raises_limits_and_is_told() {
    let store = Store::open().await;
    let desk = Desk::open(&store).await;
    let granted = Allowed { base: quotas("1;10;-;-;-;-;-"), granted: Some(day(50)) };
    let verdict = desk.admit(&granted, "a", NOON).await;
    let view = verdict.view("a");
    assert_eq!(told(&verdict), (None, json!(60)), "B1");
    assert_eq!(
        (&view["used_replenishment"], &view["replenishment_needed"]),
        (&json!(true), &json!(false)),
        "B1"
    );
    assert_eq!(view["effective_policy"]["requests_per_day"], 60, "B1");

    desk.release("a", NOON).await;
    desk.used(59, 0, NOON).await;
    let verdict = desk.admit(&granted, "a", NOON).await;
    assert_eq!((told(&verdict), verdict.replenishment_needed), ((None, json!(1)), true), "B2");
    desk.used(1, 0, NOON).await;
    let verdict = desk.admit(&granted, "b", NOON).await;
    assert_eq!(told(&verdict).0.unwrap(), "requests_per_day", "B2");
    assert_eq!(verdict.view("b")["used_replenishment"], true, "B2");

    let unlimited = Allowed { base: quotas("1;-;-;-;-;-;-"), granted: Some(day(50)) };
    let view = Desk::open(&store).await.admit(&unlimited, "a", NOON).await.view("a");
    assert_eq!(
        (&view["effective_policy"]["requests_per_day"], &view["used_replenishment"]),
        (&Value::Null, &json!(true)),
        "B3"
    );

    let desk = Desk::open(&store).await;
    let more = Quotas::default().with(Dimension::MaxConcurrent, Some(3));
    let allowed = Allowed { base: quotas("2;-;-;-;-;-;-"), granted: Some(more) };
    for lock in ["a", "b", "c", "d", "e"] {
        assert!(desk.admit(&allowed, lock, NOON).await.is_allowed(), "B4");
    }
    assert_eq!(told(&desk.admit(&allowed, "f", NOON).await).0.unwrap(), "concurrency", "B4");
}

#[tokio::test]
async fn c1_without_a_policy_the_fallback_holds() {
    let limits = Allowed::new(None, None).effective();

    assert_eq!(limits, quotas("1;10;-;-;-;100000;-"));
    assert_eq!(Allowed::new(Some(Quotas::default()), None).effective(), Quotas::default());
}

#[tokio::test]
async fn a_commit_with_an_id_counts_once_in_a_day() {
    let store = Store::open().await;
    let desk = Desk::open(&store).await;
    let commit = async |now: &str| {
        let ids = (Some("a"), Some("turn-1"));
        desk.turns.commit(&desk.access, &desk.project, &desk.subject, 500, ids, at(now)).await.unwrap().1
    };

    let repeats =
        [commit(NOON).await, commit("2026-02-10T12:00:01Z").await, commit("2026-02-11T11:59:59Z").await];

    assert_eq!(repeats, [false, true, true]);
    assert_eq!(desk.snapshot("2026-02-11T11:59:59Z").await["req_total"], 1);
    assert!(!commit("2026-02-11T12:00:00Z").await, "after 24 hours the id is free again");
}

#[tokio::test]
async fn an_admit_is_one_read_and_one_write_and_a_refusal_one_read() {
    let store = Store::open().await;
    let desk = Desk::open(&store).await;
    let one = policy("1;9;-;-;-;9000;-");
    desk.admit(&one, "warm", NOON).await;
    desk.commit(10, Some("warm"), NOON).await;

    let (_, admitted) = counted(desk.admit(&one, "a", NOON)).await;
    let (_, refused) = counted(desk.admit(&one, "b", NOON)).await;
    let ((), committed) = counted(desk.commit(10, Some("a"), NOON)).await;

    let paid = |cost: bespin_table::Cost| (cost.round_trips, cost.read_units, cost.write_units);
    assert_eq!(paid(admitted), (2, 1.0, 2.0));
    assert_eq!(paid(refused), (1, 1.0, 0.0));
    assert_eq!(paid(committed), (2, 1.0, 2.0));
}

#[tokio::test]
async fn names_of_any_kind_are_kept_apart() {
    let store = Store::open().await;
    let desk = Desk::open(&store).await;
    let one = policy("-;1;-;-;-;-;-");
    let long = "x".repeat(255);
    let names = ["a", "a#b", "a:b", "=a", "~a", "名前", " ", "a/../b", &long, &long[1..]];
    for user in names {
        for bundle in ["*", "a", "b#=a", &long] {
            let subject =
                Subject { user_id: user.to_owned(), bundle_id: bundle.to_owned(), session_id: None };
            let desk = Desk { subject, access: desk.access.clone(), ..Desk::open(&store).await };
            assert!(desk.admit(&one, "l", NOON).await.is_allowed(), "{user} {bundle}");
            desk.commit(1, None, NOON).await;
        }
    }
    let sum = desk.turns.tally_of_user(&desk.access, &desk.project, "a", at(NOON)).await.unwrap();
    assert_eq!(sum.requests[0], 4, "of one user in all bundles");
}
