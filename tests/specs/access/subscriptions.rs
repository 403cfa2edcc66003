//! What a tenant's subscription opens and closes (gateway.md 1.4 step 8, 12.3).

use bespin_entitlements::{Capability, SubscriptionStatus};
use bespin_table::{Condition, Transaction, keys};
use bespin_tests::{Actor, World};
use serde_json::{Value, json};

use super::routes::{Objects, Route, all};

/// Takes a tenant's subscription away, as no endpoint does.
pub(crate) async fn unsubscribe(world: &World, actor: &Actor) {
    let tenant_id = actor.access().await.tenant_id();
    let mut write = Transaction::new();
    write.delete(keys::subscription(tenant_id), Condition::present());
    world.deps().table.commit(write).await.unwrap();
    world.deps().access.forget(tenant_id);
}

/// Each route that needs a capability refuses with this; the others serve as ever.
async fn assert_closed(admin: &Actor, own: &Objects, detail: impl Fn(&str) -> Value) {
    for route in all() {
        let reply = route.by(admin, own).send().await;
        let Some(capability) = route.capability else {
            if reply.status == 404 {
                assert_eq!(reply.detail(404), "No subscription found for tenant", "{}", route.name());
            } else {
                assert_eq!(reply.status, route.success, "{}: {}", route.name(), reply.text);
            }
            continue;
        };
        let detail = detail(capability);
        route.assert_refused(&reply, 403, &detail);
        // Clients of the documentation read the members at the top level.
        for (name, value) in detail.as_object().unwrap() {
            assert_eq!(&reply.json()[name], value, "{}: {name}", route.name());
        }
    }
}

#[tokio::test]
async fn a_suspended_tenant_is_refused_wherever_a_capability_is_needed_and_served_elsewhere() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let own = Objects::of(&admin).await;

    world.set_status(&admin, SubscriptionStatus::Suspended).await;

    let suspended = json!({"error": "subscription_suspended", "message": "Tenant subscription is suspended",
                           "status": "suspended"});
    assert_closed(&admin, &own, |_| suspended.clone()).await;
}

#[tokio::test]
async fn a_tenant_without_a_subscription_is_refused_in_the_same_places() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let own = Objects::of(&admin).await;

    unsubscribe(&world, &admin).await;

    let missing = json!({"error": "no_subscription", "message": "Tenant has no active subscription"});
    assert_closed(&admin, &own, |_| missing.clone()).await;
}

#[tokio::test]
async fn a_plan_without_capabilities_names_the_one_that_each_route_lacks() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let own = Objects::of(&admin).await;

    world.set_plan(&admin, |plan| plan.capabilities.clear()).await;

    let plan_id = format!("of-{}", admin.tenant_id);
    let denied = |capability: &str| {
        json!({"error": "capability_denied", "message": format!("Plan does not include capability: {capability}"),
               "capability_key": capability, "plan_id": plan_id})
    };
    assert_closed(&admin, &own, denied).await;
}

#[tokio::test]
async fn each_route_needs_the_one_capability_that_it_names_and_no_other() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let own = Objects::of(&admin).await;
    let needing: Vec<Route> = all().filter(|route| route.capability.is_some()).collect();

    // The job needs two: each of them alone is not enough.
    let both = vec![Capability::Briefs, Capability::Notifications];
    for included in Capability::ALL.map(|capability| vec![capability]).into_iter().chain([both]) {
        world.set_plan(&admin, |plan| plan.capabilities = included.iter().copied().collect()).await;
        let included: Vec<&str> = included.iter().map(|capability| capability.key()).collect();
        for route in &needing {
            let reply = route.by(&admin, &own).send().await;
            let included = route.capabilities().iter().all(|needed| included.contains(needed));
            assert_eq!(
                reply.status,
                if included { route.success } else { 403 },
                "{}: {}",
                route.name(),
                reply.text
            );
        }
    }
}

/// Capabilities are checked before the key is looked up (gateway.md 4).
#[tokio::test]
async fn a_suspended_tenant_does_not_get_what_it_was_answered_before_until_it_goes_on() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let call = admin.invoke("k", "echo", &json!({"n": 1}));
    let first = call.clone().send().await;

    world.set_status(&admin, SubscriptionStatus::Suspended).await;
    assert_eq!(call.clone().send().await.status, 403);

    world.set_status(&admin, SubscriptionStatus::Active).await;
    assert_eq!(call.send().await.text, first.text);
}
