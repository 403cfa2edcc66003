//! Cases of section 14 as a product meets them: policies and credits are stored, and turns are let in by the limiter (A, B,
//! C, E, U). Its rules over time stand beside the crate, in `shared/turns/tests`.

use std::sync::Arc;

use bespin_primitives::OsRandom;
use bespin_testing::StoppedClock;
use bespin_tests::{Actor, World};
use serde_json::{Value, json};

use super::words::{admit, at, cp, daily_limit, limiter, pay, payment, set_quota, top_up, world_at};

const NOW: &str = "2026-02-01T08:00:00Z";

async fn with_policy(policy: Value) -> (World, Actor) {
    let (world, _) = world_at(NOW).await;
    let admin = world.tenant().await;
    let mut body = json!({"user_type": "free"});
    for (name, value) in policy.as_object().unwrap() {
        body[name] = value.clone();
    }
    set_quota(&admin, NOW, body).await;
    (world, admin)
}

/// Counts so many requests of Maria in the bundle `app`.
async fn used(admin: &Actor, requests: u64) {
    for _ in 0..requests {
        limiter(admin, NOW, "commit", &json!({"user_id": "maria", "bundle_id": "app", "tokens": 1})).await;
    }
}

/// Whether a turn of Maria in `app` is let in, why not, how many more, and whether credits hold for it.
async fn told(admin: &Actor, now: &str, lock_id: &str) -> (bool, Value, Value, bool) {
    let admitted = admit(admin, now, "maria", "app", lock_id).await;
    (
        admitted["allowed"].as_bool().unwrap(),
        admitted["reason"].clone(),
        admitted["insight"]["messages_remaining"].clone(),
        admitted["used_replenishment"].as_bool().unwrap(),
    )
}

#[tokio::test]
async fn b1_b2_credits_raise_a_limit_until_they_are_used_up_with_it() {
    let (_world, admin) = with_policy(json!({"requests_per_day": 10})).await;
    top_up(&admin, NOW, json!({"user_id": "maria", "additional_requests_per_day": 50})).await;

    let first = admit(&admin, NOW, "maria", "app", "a").await;
    assert_eq!(first["effective_policy"]["requests_per_day"], 60, "B1");
    assert_eq!(first["replenishment_needed"], false);
    assert_eq!(told(&admin, NOW, "a").await, (true, Value::Null, json!(60), true), "B1");
    used(&admin, 59).await;
    assert_eq!(told(&admin, NOW, "b").await, (true, Value::Null, json!(1), true), "B2, 59 used");
    assert_eq!(admit(&admin, NOW, "maria", "app", "c").await["replenishment_needed"], true);
    used(&admin, 1).await;
    let reason = json!("requests_per_day");
    assert_eq!(told(&admin, NOW, "d").await, (false, reason, json!(0), true), "B2, 60 used");
}

#[tokio::test]
async fn b3_b4_credits_never_limit_and_let_more_turns_run_at_once() {
    let (_world, admin) = with_policy(json!({"max_concurrent": 2})).await;
    top_up(
        &admin,
        NOW,
        json!({"user_id": "maria", "additional_requests_per_day": 50, "additional_max_concurrent": 3}),
    )
    .await;

    for lock in ["a", "b", "c", "d", "e"] {
        assert_eq!(told(&admin, NOW, lock).await, (true, Value::Null, Value::Null, true), "{lock}");
    }
    assert_eq!(told(&admin, NOW, "f").await, (false, json!("concurrency"), Value::Null, true));
}

#[tokio::test]
async fn b7_a_credit_counts_to_its_end_and_not_at_it() {
    let (_world, admin) = with_policy(json!({"requests_per_day": 10})).await;
    let until_noon = json!({"user_id": "maria", "additional_requests_per_day": 50, "expires_in_days": 1});
    top_up(&admin, "2026-01-31T12:00:00Z", until_noon).await;

    let last = told(&admin, "2026-02-01T11:59:59.999999Z", "a").await;
    let over = told(&admin, "2026-02-01T12:00:00Z", "a").await;

    assert_eq!(last, (true, Value::Null, json!(60), true));
    assert_eq!(over, (true, Value::Null, json!(10), false));
}

#[tokio::test]
async fn c3_c4_a_policy_changes_by_what_is_given_and_at_once() {
    let (_world, admin) = with_policy(json!({"requests_per_day": 10, "tokens_per_day": 5000})).await;
    used(&admin, 10).await;
    assert_eq!(told(&admin, NOW, "a").await.1, "requests_per_day");

    set_quota(&admin, NOW, json!({"user_type": "free", "requests_per_month": 90})).await;
    let limits = admit(&admin, NOW, "maria", "app", "a").await["insight"]["limits"].clone();
    assert_eq!(
        ["requests_per_day", "requests_per_month", "tokens_per_day"].map(|name| limits[name].clone()),
        [json!(10), json!(90), json!(5000)],
        "C3"
    );
    set_quota(&admin, NOW, json!({"user_type": "free", "requests_per_day": 11})).await;
    assert_eq!(told(&admin, NOW, "a").await, (true, Value::Null, json!(1), false), "C4");
}

#[tokio::test]
async fn c5_another_process_lets_in_what_was_bought_five_seconds_ago() {
    let (world, admin) = with_policy(json!({"requests_per_day": 0})).await;
    let clock = StoppedClock::at(at(NOW));
    let other = world.another(Arc::new(clock.clone()), Arc::new(OsRandom));
    let there = other.actor(&admin.tenant_id, &admin.user_id, &admin.api_key);
    assert!(!told(&there, NOW, "a").await.0);

    top_up(&admin, NOW, json!({"user_id": "maria", "additional_requests_per_day": 1})).await;

    assert!(told(&admin, NOW, "a").await.0, "the process that wrote it");
    clock.advance_seconds(5);
    assert_eq!(told(&there, NOW, "a").await, (true, Value::Null, json!(1), true));
}

#[tokio::test]
async fn e16_a_user_at_its_limit_goes_on_with_what_it_bought() {
    let (world, admin) = with_policy(json!({"requests_per_day": 10})).await;
    used(&admin, 10).await;
    assert_eq!(told(&admin, NOW, "a").await.1, "requests_per_day");
    let metadata = json!({"user_id": "maria", "tenant": admin.tenant_id, "package": "basic"});

    pay(&world, NOW, &payment("evt_1", "pi_1", 1000, &metadata)).await;

    assert_eq!(told(&admin, NOW, "a").await, (true, Value::Null, json!(50), true));
    assert_eq!(daily_limit(&admin, NOW, "maria", "app").await, 60);
}

#[tokio::test]
async fn u8_a_turn_over_a_providers_budget_takes_no_slot_and_counts_nothing() {
    let (_world, admin) = with_policy(json!({"max_concurrent": 1})).await;
    let budget = json!({"bundle_id": "app", "provider": "openai", "usd_per_day": 1});
    admin.post(&cp("/policies/budget")).at(NOW).json(&budget).send().await.expect(201);
    let spend = json!({"bundle_id": "app", "provider": "openai", "usd": 1});
    admin.post(&cp("/budgets/commit")).at(NOW).json(&spend).send().await.expect(200);

    let body = json!({
        "user_id": "maria", "bundle_id": "app", "user_type": "free",
        "estimate": {"usd": {"anthropic": 1, "openai": 0.01}},
    });
    let refused = admin.post("/v1/turns").key("turn").at(NOW).json(&body).send().await.detail(429);

    assert_eq!((&refused["denied_by"], &refused["provider"]), (&json!("budget"), &json!("openai")));
    let free = admit(&admin, NOW, "maria", "app", "a").await;
    let counted = (&free["allowed"], &free["snapshot"]["in_flight"], &free["snapshot"]["req_total"]);
    assert_eq!(counted, (&json!(true), &json!(1), &json!(0)));
}
