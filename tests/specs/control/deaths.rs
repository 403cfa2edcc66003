//! A process that dies between any two calls of the store loses nothing and doubles nothing, and whoever tries again
//! completes what was begun (I8).

use std::sync::Arc;

use bespin_embedded::Fault;
use bespin_primitives::{OsRandom, SystemClock};
use bespin_tests::{Actor, World};
use serde_json::{Value, json};

use super::words::{cp, credits, get, payment, revenue, signed, top_up};

const NOW: &str = "2026-02-10T12:00:00Z";

/// The same world, or as often as not another process over its stores, for whoever tries again.
fn place(world: &World, number: u64) -> World {
    if number.is_multiple_of(2) {
        world.clone()
    } else {
        world.another(Arc::new(SystemClock), Arc::new(OsRandom))
    }
}

async fn assert_granted_once(admin: &Actor, case: &str) {
    let granted = credits(admin, NOW, "maria").await;
    assert_eq!(granted.len(), 1, "{case}: {granted:?}");
    let by_time = get(admin, NOW, "/replenishments").await;
    assert_eq!(by_time["replenishments"], json!(granted), "{case}");
    assert_eq!(get(admin, NOW, "/reports/active-credits").await["rows"], json!(granted), "{case}");
    let revenue = revenue(admin, NOW).await;
    assert_eq!((&revenue["purchase_count"], &revenue["total_revenue"]), (&json!(1), &json!(10)), "{case}");
    let audit = admin.world().operator("GET", &format!("/v1/admin/audit?tenant_id={}", admin.tenant_id));
    let audit = audit.send().await.expect(200);
    let entries = audit["items"].as_array().unwrap().iter().filter(|entry| entry["action"] == "grant.issue");
    assert_eq!(entries.count(), 1, "{case}");
}

#[tokio::test(start_paused = true)]
async fn a_grant_under_a_key_that_died_at_any_call_is_granted_once_by_its_retry() {
    let body = json!({"user_id": "maria", "additional_requests_per_day": 1, "purchase_amount_usd": 10});
    let grant = async |admin: &Actor| {
        admin.post(&cp("/replenishments/top-up")).key("order").at(NOW).json(&body).send().await
    };
    for calls in 0.. {
        let world = World::open().await;
        let admin = world.tenant().await;
        get(&admin, NOW, "/health").await;

        world.faults().stop_after(calls);
        let died = grant(&admin).await;
        world.faults().clear();
        let there = place(&world, calls).actor(&admin.tenant_id, &admin.user_id, &admin.api_key);
        let retry = grant(&there).await;

        let case = format!("died after {calls} calls");
        assert_eq!(retry.status, 201, "{case}: {}", retry.text);
        assert_granted_once(&there, &case).await;
        if died.status == 201 {
            assert_eq!(died.text, retry.text, "{case}");
            assert!(calls >= 2, "a read and a transaction");
            break;
        }
        assert_eq!(died.status, 503, "{case}: {}", died.text);
    }
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_died_at_any_call_is_granted_once_by_its_redelivery() {
    for calls in 0.. {
        let world = World::open().await;
        let admin = world.tenant().await;
        let metadata = json!({"user_id": "maria", "tenant": admin.tenant_id, "package": "basic"});
        let event = payment("evt_1", "pi_1", 1000, &metadata);

        world.faults().stop_after(calls);
        let died = signed(&world, NOW, &event).send().await;
        world.faults().clear();
        let retry = signed(&place(&world, calls), NOW, &event).send().await;

        let case = format!("died after {calls} calls");
        retry.expect(200);
        assert_granted_once(&admin, &case).await;
        let granted = get(&admin, NOW, "/webhooks/deliveries?outcome=granted").await;
        assert_eq!(granted["count"], 1, "{case}");
        if died.status == 200 {
            assert!(calls >= 3, "two reads and a transaction");
            break;
        }
        assert_eq!(died.status, 503, "{case}: {}", died.text);
    }
}

/// The commit happens and its reply is lost: to the sender it is as if it had not.
#[tokio::test(start_paused = true)]
async fn a_delivery_whose_reply_was_lost_for_good_is_a_duplicate_when_it_comes_again() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let metadata = json!({"user_id": "maria", "tenant": admin.tenant_id, "package": "basic"});
    let event = payment("evt_1", "pi_1", 1000, &metadata);

    world.faults().times("TransactWriteItems", Fault::ReplyLost, 12);
    let lost = signed(&world, NOW, &event).send().await;
    world.faults().clear();
    let again = signed(&world, NOW, &event).send().await;

    assert_eq!(lost.status, 503, "{}", lost.text);
    assert_eq!(again.expect(200)["message"], "Payment pi_1 was granted before");
    assert_granted_once(&admin, "lost").await;
}

#[tokio::test(start_paused = true)]
async fn whoever_takes_back_many_credits_and_dies_is_helped_by_a_repeat() {
    for calls in 0.. {
        let world = World::open().await;
        let admin = world.tenant().await;
        for _ in 0..35 {
            top_up(&admin, NOW, json!({"user_id": "maria", "purchase_amount_usd": 1})).await;
        }
        let take_back = async || admin.request("DELETE", &cp("/replenishments/maria/*")).at(NOW).send().await;

        world.faults().stop_after(calls);
        let died = take_back().await;
        world.faults().clear();
        let (left, sum) = (credits(&admin, NOW, "maria").await.len(), revenue(&admin, NOW).await);
        assert_eq!(sum["purchase_count"], left, "died after {calls} calls: sums and records agree");
        take_back().await.expect(200);

        assert_eq!(credits(&admin, NOW, "maria").await.len(), 0);
        let sum = revenue(&admin, NOW).await;
        assert_eq!((&sum["total_revenue"], &sum["refund_count"]), (&Value::Null, &json!(35)));
        if died.status == 200 {
            break;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn policies_are_set_whole_or_not_at_all() {
    for calls in 0.. {
        let world = World::open().await;
        let admin = world.tenant().await;
        let access = admin.access().await;
        let body = json!({"bundle_id": "app", "provider": "openai", "usd_per_day": 5});
        let set = async || admin.post(&cp("/policies/budget")).json(&body).send().await;

        world.faults().stop_after(calls);
        let died = set().await;
        world.faults().clear();
        let listed = get(&admin, NOW, "/policies/budget").await["count"].clone();
        let project = bespin_policies::Project::default();
        let hold = world.deps().policies.budgets_for(&access, &project, "app").await.unwrap().len();
        assert_eq!(listed, hold, "died after {calls} calls");
        set().await.expect(201);

        if died.status == 201 {
            break;
        }
    }
}

#[tokio::test]
async fn many_grants_and_policies_at_once_all_count() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let grants = (0..12).map(|_| {
        let body = json!({"user_id": "maria", "additional_requests_per_day": 1, "purchase_amount_usd": 1});
        admin.post(&cp("/replenishments/top-up")).at(NOW).json(&body).send()
    });
    let policies = (0..8).map(|number| {
        let body = json!({"user_type": "free", "requests_per_day": 5, "tokens_per_day": number});
        admin.post(&cp("/policies/quota")).at(NOW).json(&body).send()
    });
    let (grants, policies) =
        futures::future::join(futures::future::join_all(grants), futures::future::join_all(policies)).await;

    assert!(grants.iter().chain(&policies).all(|reply| reply.status == 201));
    assert_eq!(super::words::daily_limit(&admin, NOW, "maria", "app").await, 17);
    assert_eq!(revenue(&admin, NOW).await["purchase_count"], 12);
    assert_eq!(get(&admin, NOW, "/policies/quota").await["count"], 1);
}
