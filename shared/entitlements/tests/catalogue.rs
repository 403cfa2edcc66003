//! The catalogue: seeded once, believed for five seconds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use bespin_entitlements::Entitlements;
use bespin_table::{Condition, Transaction, counted, keys};
use bespin_testing::Store;

fn entitlements(store: &Store) -> Entitlements {
    Entitlements::new(store.table.clone(), Arc::new(store.clock.clone()))
}

#[tokio::test]
async fn it_starts_with_six_events_and_three_plans() {
    let store = Store::open().await;

    let catalogue = entitlements(&store).catalogue().await.unwrap();

    let weights: Vec<String> = catalogue
        .events
        .values()
        .map(|event| {
            format!("{} {} {}", event.event_key, event.credits_per_unit, event.list_price_per_credit)
        })
        .collect();
    assert_eq!(
        weights,
        [
            "assistant_query 1 0.02",
            "daily_brief_generated 5 0.02",
            "kpi_definition_created 0.5 0.02",
            "kpi_points_ingested 0.001 0.02",
            "notification_enqueued 0.2 0.02",
            "tool_invocation 2 0.02",
        ]
    );
    let plans: Vec<String> = catalogue
        .plans
        .values()
        .map(|plan| format!("{} {} {}", plan.name, plan.included_credits, plan.overage_price_per_credit))
        .collect();
    assert_eq!(plans, ["Growth 2000 0.015", "Scale 10000 0.01", "Starter 500 0.02"]);
    assert!(catalogue.plans.values().all(|plan| plan.capabilities.len() == 6));
    let caps: Vec<String> =
        catalogue.plans["starter"].caps.iter().map(|(event, cap)| format!("{event} {cap}")).collect();
    assert_eq!(caps, ["daily_brief_generated 50", "tool_invocation 2000"]);
}

#[tokio::test]
async fn what_an_administrator_removes_does_not_come_back() {
    let store = Store::open().await;
    entitlements(&store).catalogue().await.unwrap();
    let mut transaction = Transaction::new();
    transaction.delete(keys::plan("growth"), Condition::present());
    store.table.commit(transaction).await.unwrap();

    let after_a_restart = entitlements(&store).catalogue().await.unwrap();

    assert_eq!(after_a_restart.plans.keys().collect::<Vec<_>>(), ["scale", "starter"]);
}

#[tokio::test]
async fn many_processes_that_start_at_once_seed_it_once() {
    let store = Store::open().await;
    let processes: Vec<Entitlements> = (0..8).map(|_| entitlements(&store)).collect();

    let catalogues = futures::future::join_all(processes.iter().map(Entitlements::catalogue)).await;

    let first = catalogues[0].as_ref().unwrap();
    assert_eq!(first.plans.len(), 3);
    assert!(catalogues.iter().all(|catalogue| catalogue.as_ref().unwrap() == first));
}

#[tokio::test]
async fn it_is_read_again_after_five_seconds() {
    let store = Store::open().await;
    let entitlements = entitlements(&store);
    entitlements.catalogue().await.unwrap();

    for (after_seconds, round_trips) in [(0, 0), (4, 0), (1, 1), (0, 0)] {
        store.clock.advance_seconds(after_seconds);
        assert_eq!(counted(entitlements.catalogue()).await.1.round_trips, round_trips);
    }
}
