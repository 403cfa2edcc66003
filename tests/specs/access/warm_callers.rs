//! Who was seen a moment ago is not read again, and yet no change goes unseen (DESIGN, the way of a request).

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use bespin_access::{AccessError, CACHED_SECONDS, Credentials};
use bespin_edge::Deps;
use bespin_entitlements::{DailyLimits, SubscriptionStatus};
use bespin_primitives::{Clock, OsRandom, Timestamp};
use bespin_table::{Condition, Transaction, keys};
use bespin_tests::{Actor, World, noon};
use serde_json::json;

/// A request that ends with the check of the role: its cost is that of authentication.
fn only_authenticated(member: &Actor) -> bespin_tests::Request {
    member.post("/v1/kpis").json(&json!({"name": "x"}))
}

#[tokio::test]
async fn a_cold_caller_costs_one_batched_read_and_a_warm_one_none() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let member = admin.member().await;

    let cold = only_authenticated(&member).send().await;
    let warm = only_authenticated(&member).send().await;

    assert_eq!((cold.status, cold.cost().round_trips), (403, 1));
    assert_eq!((warm.status, warm.cost().round_trips), (403, 0));
    assert_eq!(
        admin.invoke("k", "echo", &json!({})).send().await.cost().round_trips,
        1,
        "the recording alone"
    );
}

#[tokio::test]
async fn refused_callers_are_not_remembered() {
    let world = World::open().await;
    let (admin, other) = (world.tenant().await, world.tenant().await);
    let wrong_key = admin.get("/v1/kpis").header("x-api-key", &other.api_key);
    let wrong_user = admin.get("/v1/kpis").header("x-user-id", &other.user_id);

    for _ in 0..2 {
        let (key, user) = (wrong_key.clone().send().await, wrong_user.clone().send().await);
        assert_eq!((key.status, key.cost().round_trips), (401, 1));
        assert_eq!((user.status, user.cost().round_trips), (403, 1));
    }
}

#[tokio::test]
async fn a_change_made_in_this_process_shows_in_the_next_call() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let call = |key: &str| admin.invoke(key, "echo", &json!({}));
    call("warm").send().await.expect(200);

    world.set_daily_tool_limit(&admin, 1).await;
    assert_eq!(call("limited").send().await.detail(429)["limit"], 1);
    world.set_daily_limits(&admin, DailyLimits::default()).await;
    call("unlimited").send().await.expect(200);

    world.set_status(&admin, SubscriptionStatus::Suspended).await;
    assert_eq!(call("suspended").send().await.detail(403)["error"], "subscription_suspended");
    world.set_status(&admin, SubscriptionStatus::Active).await;
    call("active").send().await.expect(200);

    world.set_plan(&admin, |plan| plan.included_credits = 0).await;
    assert_eq!(call("poor").send().await.detail(429)["limit_credits"], 0);

    let member = admin.member().await;
    assert_eq!(member.get("/v1/kpis").send().await.status, 200, "a user made just now");
}

/// The clock by which caches age, set by the test.
#[derive(Debug)]
struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        noon().plus_seconds(self.0.load(Ordering::Acquire))
    }
}

#[tokio::test]
async fn a_change_made_by_another_process_shows_after_five_seconds_at_the_latest() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let clock = Arc::new(SetClock(AtomicI64::new(0)));
    let settings = (*world.deps().settings).clone();
    let elsewhere = Deps::new(
        &world.table_of(world.embedded()),
        settings,
        clock.clone() as Arc<dyn Clock>,
        Arc::new(OsRandom),
    );
    let credentials = Credentials {
        tenant_id: admin.tenant_id.clone(),
        user_id: admin.user_id.clone(),
        api_key: admin.api_key.clone(),
    };
    elsewhere.access.authenticate(&credentials, noon()).await.unwrap();

    // This process takes the user away; the other is not told.
    let access = admin.access().await;
    let mut write = Transaction::new();
    write.delete(keys::user(access.tenant_id(), access.user_id()), Condition::present());
    write.delete(keys::user_owner(access.user_id()), Condition::present());
    world.deps().table.commit(write).await.unwrap();

    clock.0.store(CACHED_SECONDS - 1, Ordering::Release);
    elsewhere.access.authenticate(&credentials, noon()).await.unwrap();
    clock.0.store(CACHED_SECONDS, Ordering::Release);
    let refused = elsewhere.access.authenticate(&credentials, noon()).await;
    assert!(matches!(refused, Err(AccessError::UnknownUser)), "{refused:?}");
    assert_eq!(CACHED_SECONDS, 5);
}
