//! Turns over the embedded store: held, settled once, cancelled, expired by their own time (control-plane.md 5.1, 6, 7).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::{collections::BTreeMap, sync::Arc};

use bespin_access::TenantAccess;
use bespin_entitlements::{Admissions, Catalogue};
use bespin_policies::{Budget, BudgetWindow, Dimension, Project, Quotas};
use bespin_primitives::{Clock, Micros, RequestId, Timestamp};
use bespin_recording::{Claim, Fingerprint, Recorder};
use bespin_table::counted;
use bespin_testing::Store;
use bespin_turns::{
    Allowed, Amounts, AtExpiry, ProviderBudget, Room, Settlement, Subject, Turn, TurnError, TurnOrder, Turns,
};
use futures::future::join_all;
use serde_json::{Value, json};

const NOON: &str = "2026-02-10T12:00:00Z";

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn amounts(requests: u64, tokens: u64, usd: &[(&str, &str)]) -> Amounts {
    let usd = usd.iter().map(|(provider, dollars)| ((*provider).to_owned(), Micros::parse(dollars).unwrap()));
    Amounts { requests, tokens, usd: usd.collect::<BTreeMap<_, _>>(), ..Amounts::default() }
}

fn allowed(limits: &[(Dimension, u64)]) -> Allowed {
    let base =
        limits.iter().fold(Quotas::default(), |all, (dimension, most)| all.with(*dimension, Some(*most)));
    Allowed { base, granted: None }
}

fn a_day(provider: &str, dollars: &str) -> ProviderBudget {
    let budget = Budget::default().with(BudgetWindow::Day, Micros::parse(dollars).ok());
    ProviderBudget { scope: "app".to_owned(), provider: provider.to_owned(), budget }
}

/// One tenant's turns of one user.
struct Desk {
    turns: Turns,
    recorder: Arc<Recorder>,
    access: TenantAccess,
    store: Store,
    order: TurnOrder,
}

impl Desk {
    async fn open() -> Self {
        let store = Store::open().await;
        let clock: Arc<dyn Clock> = Arc::new(store.clock.clone());
        let recorder = Arc::new(Recorder::new(store.table.clone(), clock, Arc::clone(&store.random)));
        let order = TurnOrder {
            project: Project::default(),
            subject: Subject { user_id: "maria".to_owned(), bundle_id: "app".to_owned(), session_id: None },
            user_type: "free".to_owned(),
            estimate: amounts(1, 100, &[("openai", "0.5")]),
            lifetime_seconds: 120,
            at_expiry: Some(AtExpiry::Free),
        };
        let access = store.tenant_access().await;
        Self {
            turns: Turns::new(store.table.clone(), Arc::clone(&store.random)),
            recorder,
            access,
            store,
            order,
        }
    }

    async fn begin(
        &self,
        key: &str,
        allowed: &Allowed,
        budgets: &[ProviderBudget],
        now: &str,
    ) -> Result<Value, TurnError> {
        self.begin_as(&self.order, key, allowed, budgets, now).await
    }

    async fn begin_as(
        &self,
        order: &TurnOrder,
        key: &str,
        allowed: &Allowed,
        budgets: &[ProviderBudget],
        now: &str,
    ) -> Result<Value, TurnError> {
        let claim = Claim::new(&self.access, "/v1/turns", key, Fingerprint::of(&json!(key)));
        let request_id = RequestId::random(&*self.store.random);
        let what = (order, Room { allowed, budgets, plan: Ok(Admissions::default()) });
        let text = self.turns.begin(&self.recorder, &self.access, &claim, what, request_id, at(now)).await?;
        Ok(serde_json::from_str(&text).unwrap())
    }

    async fn started(&self, key: &str, now: &str) -> String {
        let turn = self.begin(key, &allowed(&[]), &[], now).await.unwrap();
        turn["turn_id"].as_str().unwrap().to_owned()
    }

    async fn settle(&self, turn_id: &str, amounts: &Amounts, now: &str) -> Result<Turn, TurnError> {
        let request_id = RequestId::random(&*self.store.random);
        let settlement = Settlement { amounts, catalogue: &Catalogue::default(), request_id };
        self.turns.settle(&self.access, turn_id, settlement, at(now)).await
    }

    /// Requests and tokens of the day, turns in flight, dollars of the day, dollars held.
    async fn counted(&self, now: &str) -> (u64, u64, u64, String, String) {
        let TurnOrder { project, subject, .. } = &self.order;
        let tally =
            self.turns.tally(&self.access, project, subject, at(now)).await.unwrap().snapshot(at(now));
        let provider = self.turns.spend(&self.access, project, "app", "openai", at(now)).await.unwrap();
        let whole = self.turns.spend(&self.access, project, "*", "openai", at(now)).await.unwrap();
        let of_day = provider.spent(BudgetWindow::Day, at(now));
        assert_eq!((of_day, provider.held()), (whole.spent(BudgetWindow::Day, at(now)), whole.held()));
        let dollars = |micros| Micros::new(micros).to_string();
        (tally.requests[0], tally.tokens[1], tally.in_flight, dollars(of_day), dollars(provider.held()))
    }
}

fn text(amounts: (u64, u64, u64, &str, &str)) -> (u64, u64, u64, String, String) {
    (amounts.0, amounts.1, amounts.2, amounts.3.to_owned(), amounts.4.to_owned())
}

#[tokio::test]
async fn a_turn_holds_its_estimate_and_is_settled_once_by_what_it_used() {
    let desk = Desk::open().await;
    let begun = desk.begin("key", &allowed(&[(Dimension::MaxConcurrent, 2)]), &[], NOON).await.unwrap();
    let id = begun["turn_id"].as_str().unwrap();
    assert_eq!(
        (&begun["status"], &begun["expires_at"]),
        (&json!("held"), &json!("2026-02-10T12:02:00.000000Z"))
    );
    assert_eq!(desk.counted(NOON).await, text((0, 0, 1, "0", "0.5")));

    let used = amounts(1, 130, &[("openai", "0.4"), ("brave", "0.01")]);
    let settled = desk.settle(id, &used, "2026-02-10T12:01:00Z").await.unwrap().view(at(NOON));
    let again = desk.settle(id, &used, "2026-02-10T12:01:30Z").await.unwrap().view(at(NOON));

    assert_eq!(settled, again);
    let overshoot =
        json!({"requests": 0, "tokens": 30, "usd": {"brave": Micros::parse("0.01").unwrap()}, "units": {}});
    assert_eq!((&settled["settled"]["overshoot"], &settled["settled"]["late"]), (&overshoot, &json!(false)));
    assert_eq!(desk.counted("2026-02-10T12:01:30Z").await, text((1, 130, 0, "0.4", "0")));
    let other = desk.settle(id, &amounts(1, 1, &[]), NOON).await.unwrap_err();
    assert!(matches!(other, TurnError::Settled { .. }), "{other}");
}

#[tokio::test]
async fn what_is_held_counts_against_every_limit() {
    let desk = Desk::open().await;
    for (dimension, name) in [
        (Dimension::RequestsPerDay, "requests_per_day"),
        (Dimension::RequestsPerMonth, "requests_per_month"),
        (Dimension::TotalRequests, "total_requests"),
    ] {
        let desk = Desk::open().await;
        let one = allowed(&[(dimension, 1)]);
        desk.begin("a", &one, &[], NOON).await.unwrap();
        let refused = desk.begin("b", &one, &[], NOON).await.unwrap_err();
        assert_eq!(refused.to_string(), format!("Rate limited: {name}"));
    }
    let tokens = allowed(&[(Dimension::TokensPerHour, 250)]);
    desk.begin("a", &tokens, &[], NOON).await.unwrap();
    desk.begin("b", &tokens, &[], NOON).await.unwrap();
    assert!(desk.begin("c", &tokens, &[], NOON).await.is_err(), "100 more than 50");

    let desk = Desk::open().await;
    let budget = [a_day("openai", "1.2")];
    desk.begin("a", &allowed(&[]), &budget, NOON).await.unwrap();
    desk.begin("b", &allowed(&[]), &budget, NOON).await.unwrap();
    let refused = desk.begin("c", &allowed(&[]), &budget, NOON).await.unwrap_err();
    assert!(matches!(&refused, TurnError::OverBudget(_)), "{refused}");
    assert_eq!(desk.counted(NOON).await, text((0, 0, 0, "0", "1")), "nothing is held after a refusal");
}

#[tokio::test]
async fn u8_a_budget_that_is_used_up_refuses_the_turn_and_takes_no_slot() {
    let desk = Desk::open().await;
    let one = allowed(&[(Dimension::MaxConcurrent, 1)]);

    let refused = desk.begin("a", &one, &[a_day("openai", "0")], NOON).await.unwrap_err();

    assert_eq!(refused.to_string(), "Budget exceeded: openai");
    assert_eq!(desk.counted(NOON).await, text((0, 0, 0, "0", "0")));
    // The key was not used up: the budget is raised, and the same request passes.
    desk.begin("a", &one, &[a_day("openai", "1")], NOON).await.unwrap();
}

#[tokio::test]
async fn a_turn_that_is_cancelled_frees_everything_and_counts_nothing() {
    let desk = Desk::open().await;
    let id = desk.started("a", NOON).await;
    for _ in 0..2 {
        let turn = desk.turns.cancel(&desk.access, &id, at(NOON)).await.unwrap();
        assert_eq!(turn.status_at(at(NOON)), "cancelled");
    }
    assert_eq!(desk.counted(NOON).await, text((0, 0, 0, "0", "0")));
    assert!(matches!(desk.settle(&id, &amounts(1, 1, &[]), NOON).await, Err(TurnError::Cancelled { .. })));
}

#[tokio::test]
async fn a_turn_expires_by_its_own_time_and_is_free_or_charged_as_it_was_begun() {
    let (last, over) = ("2026-02-10T12:01:59.999999Z", "2026-02-10T12:02:00Z");
    for (at_expiry, after) in
        [(AtExpiry::Free, text((0, 0, 0, "0", "0"))), (AtExpiry::Charge, text((1, 100, 0, "0.5", "0")))]
    {
        let desk = Desk::open().await;
        let order = TurnOrder { at_expiry: Some(at_expiry), ..desk.order.clone() };
        desk.begin_as(&order, "a", &allowed(&[]), &[], NOON).await.unwrap();
        assert_eq!(desk.counted(last).await, text((0, 0, 0, "0", "0.5")));
        // Nobody has written anything since.
        assert_eq!(desk.counted(over).await, after, "{at_expiry:?}");
    }
}

#[tokio::test]
async fn a_settlement_after_the_expiry_is_recorded_once_and_corrects_what_was_charged() {
    for at_expiry in [AtExpiry::Free, AtExpiry::Charge] {
        for touched in [false, true] {
            let desk = Desk::open().await;
            let order = TurnOrder { at_expiry: Some(at_expiry), ..desk.order.clone() };
            let begun = desk.begin_as(&order, "a", &allowed(&[]), &[], NOON).await.unwrap();
            let id = begun["turn_id"].as_str().unwrap();
            if touched {
                // Another turn writes the same rows after the expiry.
                let other = desk.started("b", "2026-02-10T12:05:00Z").await;
                desk.turns.cancel(&desk.access, &other, at("2026-02-10T12:05:00Z")).await.unwrap();
            }
            let used = amounts(1, 70, &[("openai", "0.3")]);
            for _ in 0..2 {
                let turn = desk.settle(id, &used, "2026-02-10T12:10:00Z").await.unwrap();
                assert_eq!(turn.view(at(NOON))["settled"]["late"], true);
            }
            let case = format!("{at_expiry:?}, rows written meanwhile: {touched}");
            assert_eq!(desk.counted("2026-02-10T12:10:00Z").await, text((1, 70, 0, "0.3", "0")), "{case}");
            let cancel = desk.turns.cancel(&desk.access, id, at("2026-02-10T12:10:00Z")).await;
            assert!(matches!(cancel, Err(TurnError::Settled { .. })), "{case}");
        }
    }
}

#[tokio::test]
async fn a_turn_that_is_over_by_a_clock_ahead_is_over_and_settled_by_what_it_used_all_the_same() {
    let (ahead, behind) = ("2026-02-10T12:02:00Z", "2026-02-10T12:01:59.9Z");
    for at_expiry in [AtExpiry::Free, AtExpiry::Charge] {
        let desk = Desk::open().await;
        let order = TurnOrder { at_expiry: Some(at_expiry), ..desk.order.clone() };
        let begun = desk.begin_as(&order, "a", &allowed(&[]), &[], NOON).await.unwrap();
        let id = begun["turn_id"].as_str().unwrap();
        // A process whose clock is ahead writes the same rows.
        let other = desk.started("b", ahead).await;
        desk.turns.cancel(&desk.access, &other, at(ahead)).await.unwrap();

        let renewed = desk.turns.prolong(&desk.access, id, None, at(behind)).await;
        assert!(matches!(renewed, Err(TurnError::Expired { .. })), "{at_expiry:?}: {renewed:?}");
        if at_expiry == AtExpiry::Charge {
            let cancelled = desk.turns.cancel(&desk.access, id, at(behind)).await;
            assert!(matches!(cancelled, Err(TurnError::Expired { .. })), "{cancelled:?}");
        }
        desk.settle(id, &amounts(1, 70, &[("openai", "0.3")]), behind).await.unwrap();
        assert_eq!(desk.counted(ahead).await, text((1, 70, 0, "0.3", "0")), "{at_expiry:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_give_a_turn_up_at_once_all_are_told_that_it_is() {
    let desk = Desk::open().await;
    let order = TurnOrder { at_expiry: Some(AtExpiry::Charge), ..desk.order.clone() };
    let begun = desk.begin_as(&order, "a", &allowed(&[]), &[], NOON).await.unwrap();
    let id = begun["turn_id"].as_str().unwrap();

    let given_up = join_all((0..12).map(|_| desk.turns.cancel(&desk.access, id, at(NOON)))).await;

    assert!(given_up.iter().all(Result::is_ok), "{given_up:?}");
    assert_eq!(desk.counted(NOON).await, text((0, 0, 0, "0", "0")));
}

#[tokio::test]
async fn a_heartbeat_prolongs_a_turn_that_is_not_over() {
    let desk = Desk::open().await;
    let id = desk.started("a", NOON).await;
    let prolong = async |now: &str| desk.turns.prolong(&desk.access, &id, None, at(now)).await;

    prolong("2026-02-10T12:01:30Z").await.unwrap();
    assert_eq!(desk.counted("2026-02-10T12:03:00Z").await, text((0, 0, 0, "0", "0.5")));
    assert_eq!(desk.counted("2026-02-10T12:03:30Z").await, text((0, 0, 0, "0", "0")));
    assert!(matches!(prolong("2026-02-10T12:03:30Z").await, Err(TurnError::Expired { .. })));
}

#[tokio::test]
async fn a_turn_that_begins_before_midnight_is_counted_in_the_day_that_it_is_settled_in() {
    let desk = Desk::open().await;
    let id = desk.started("a", "2026-02-28T23:59:50Z").await;
    let one = allowed(&[(Dimension::RequestsPerMonth, 1)]);
    assert!(desk.begin("b", &one, &[], "2026-03-01T00:00:10Z").await.is_err(), "held in the new month, too");

    desk.settle(&id, &amounts(1, 5, &[]), "2026-03-01T00:00:20Z").await.unwrap();

    assert_eq!(
        desk.counted("2026-02-28T23:59:59Z").await.0,
        1,
        "a clock that is behind sees the latest window"
    );
    assert_eq!(desk.counted("2026-03-01T00:00:20Z").await, text((1, 5, 0, "0", "0")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_turns_for_the_last_of_something_as_many_pass_as_fit() {
    let desk = Desk::open().await;
    desk.started("before", NOON).await;
    for (case, limits, budgets, fit) in [
        ("slot", allowed(&[(Dimension::MaxConcurrent, 1)]), vec![], 1),
        ("request", allowed(&[(Dimension::RequestsPerDay, 3)]), vec![], 2),
        ("token estimate", allowed(&[(Dimension::TokensPerDay, 399)]), vec![], 2),
        ("dollar", allowed(&[]), vec![a_day("openai", "2.4")], 3),
        (
            "all at once",
            allowed(&[(Dimension::MaxConcurrent, 9), (Dimension::RequestsPerDay, 5)]),
            vec![a_day("openai", "1.6")],
            2,
        ),
    ] {
        let desk = Desk::open().await;
        if case != "slot" {
            desk.started("before", NOON).await;
        }
        let keys: Vec<String> = (0..64).map(|number| format!("key {number}")).collect();

        let begun = join_all(keys.iter().map(|key| desk.begin(key, &limits, &budgets, NOON))).await;

        assert_eq!(begun.iter().filter(|begun| begun.is_ok()).count(), fit, "{case}");
        let holding = fit + usize::from(case != "slot");
        let held = Micros::new(500_000 * holding as u64).to_string();
        assert_eq!(desk.counted(NOON).await.4, held, "{case}: nothing is held after a refusal");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_settlements_at_once_one_counts() {
    let desk = Desk::open().await;
    let id = desk.started("a", NOON).await;
    let used: Vec<Amounts> =
        (0..12).map(|number| amounts(1, 50 + number % 2, &[("openai", "0.1")])).collect();

    let settled = join_all(used.iter().map(|used| desk.settle(&id, used, NOON))).await;

    let counted = desk.counted(NOON).await;
    assert_eq!((counted.0, counted.2, &*counted.3, &*counted.4), (1, 0, "0.1", "0"));
    let won = settled.iter().filter(|settled| settled.is_ok()).count();
    assert_eq!(won, 6, "the same amounts again are the same settlement, others are refused");
}

#[tokio::test(start_paused = true)]
async fn a_process_that_dies_at_any_call_leaves_a_turn_that_is_held_once_or_not_at_all() {
    for calls in 0.. {
        let desk = Desk::open().await;
        desk.store.faults().stop_after(calls);
        let died = desk.begin("key", &allowed(&[]), &[], NOON).await;
        desk.store.faults().clear();
        let begun = desk.begin("key", &allowed(&[]), &[], NOON).await.unwrap();
        let id = begun["turn_id"].as_str().unwrap();
        assert_eq!(desk.counted(NOON).await, text((0, 0, 0, "0", "0.5")), "died after {calls} calls");

        desk.store.faults().stop_after(calls);
        let used = amounts(1, 7, &[("openai", "0.2")]);
        let settled = desk.settle(id, &used, NOON).await;
        desk.store.faults().clear();
        desk.settle(id, &used, NOON).await.unwrap();
        assert_eq!(desk.counted(NOON).await, text((1, 7, 0, "0.2", "0")), "died after {calls} calls");
        if died.is_ok() && settled.is_ok() {
            assert!(calls >= 3);
            break;
        }
    }
}

#[tokio::test]
async fn a_turn_is_one_read_and_one_write_to_begin_and_two_reads_and_one_write_to_settle() {
    let desk = Desk::open().await;
    desk.started("warm", NOON).await;
    let budgets = [a_day("openai", "9")];

    let (begun, cost) = counted(desk.begin("a", &allowed(&[]), &budgets, NOON)).await;
    assert_eq!((cost.round_trips, cost.cancelled), (2, 0));
    // Turn, tally, the provider in bundle and project, and the kept answer, which is above 1 KB.
    assert_eq!(cost.write_units.to_string(), "12");

    let id = begun.unwrap()["turn_id"].as_str().unwrap().to_owned();
    let (settled, cost) = counted(desk.settle(&id, &amounts(1, 5, &[("openai", "0.1")]), NOON)).await;
    settled.unwrap();
    assert_eq!((cost.round_trips, cost.write_units.to_string()), (3, "8".to_owned()));
}
