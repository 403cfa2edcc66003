//! Subscriptions of tenants (gateway.md 12.1, 13).

use bespin_table::{Condition, Transaction, keys};
use bespin_tests::{Actor, Reply, World};
use futures::future::join_all;
use serde_json::{Value, json};

/// Puts a tenant on a plan.
pub(crate) async fn subscribe(world: &World, tenant: &Actor, body: &Value) -> Reply {
    let path = format!("/v1/admin/tenants/{}/subscription", tenant.tenant_id);
    world.operator("PUT", &path).json(body).send().await
}

async fn switch(world: &World, tenant: &Actor, what: &str) -> Reply {
    world.operator("POST", &format!("/v1/admin/tenants/{}/{what}", tenant.tenant_id)).send().await
}

async fn echo(admin: &Actor, key: &str) -> Reply {
    admin.invoke(key, "echo", &json!({})).send().await
}

async fn remove_subscription(world: &World, tenant: &Actor) {
    let tenant_id = tenant.access().await.tenant_id();
    let mut write = Transaction::new();
    write.delete(keys::subscription(tenant_id), Condition::present());
    world.deps().table.commit(write).await.unwrap();
    world.deps().access.forget(tenant_id);
}

#[tokio::test]
async fn a_subscription_is_changed_and_keeps_what_is_not_said_but_the_status() {
    let world = World::open().await;
    let admin = world.tenant().await;

    let moved = subscribe(&world, &admin, &json!({"plan_id": "growth", "status": "suspended"})).await;

    let mut expected = json!({
        "tenant_id": admin.tenant_id, "plan_id": "growth", "status": "suspended", "period_start": "2026-02-01",
        "period_end": "2026-03-01", "created_at": "2026-02-10T12:00:00.000000Z",
        "updated_at": "2026-02-10T12:00:00.000001Z",
    });
    assert_eq!(moved.expect(200), expected);
    echo(&admin, "k").await.detail(403);
    // Leaving the status out re-activates.
    let body = json!({"plan_id": "growth", "period_start": "2027-12-01"});
    let pinned = subscribe(&world, &admin, &body).await.expect(200);
    expected["status"] = json!("active");
    (expected["period_start"], expected["period_end"]) = (json!("2027-12-01"), json!("2028-01-01"));
    expected["updated_at"] = json!("2026-02-10T12:00:00.000002Z");
    assert_eq!(pinned, expected);
    let kept = subscribe(&world, &admin, &json!({"plan_id": "scale"})).await.expect(200);
    assert_eq!((&kept["plan_id"], &kept["period_start"]), (&json!("scale"), &json!("2027-12-01")));
    echo(&admin, "k").await.expect(200);
}

#[tokio::test]
async fn a_tenant_without_a_subscription_gets_one() {
    let world = World::open().await;
    let admin = world.tenant().await;
    remove_subscription(&world, &admin).await;
    assert_eq!(switch(&world, &admin, "suspend").await.detail(404), "No subscription found for tenant");
    echo(&admin, "k").await.detail(403);

    let made = subscribe(&world, &admin, &json!({"plan_id": "starter"})).await.expect(200);

    assert_eq!((&made["status"], &made["period_start"]), (&json!("active"), &json!("2026-02-01")));
    echo(&admin, "k").await.expect(200);
}

#[tokio::test]
async fn a_plan_change_keeps_the_usage_of_the_month() {
    let world = World::open().await;
    let admin = world.tenant().await;
    for key in ["one", "two", "three"] {
        echo(&admin, key).await.expect(200);
    }
    let small =
        json!({"plan_id": "small", "name": "S", "included_credits": 7, "overage_price_per_credit": 0});
    world.operator("POST", "/v1/admin/plans").json(&small).send().await.expect(201);
    let tools = json!({"capabilities": ["tools"]});
    world.operator("PUT", "/v1/admin/plans/small/capabilities").json(&tools).send().await.expect(200);

    subscribe(&world, &admin, &json!({"plan_id": "small"})).await.expect(200);

    let refused = echo(&admin, "four").await.detail(429);
    assert_eq!((&refused["used_credits"], &refused["limit_credits"]), (&json!(6), &json!(7)));
    subscribe(&world, &admin, &json!({"plan_id": "growth"})).await.expect(200);
    echo(&admin, "four").await.expect(200);
}

#[tokio::test]
async fn the_schema_comes_first_then_the_tenant_then_the_plan() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let stranger = admin.as_user("x");
    let of = |tenant_id: &str| format!("/v1/admin/tenants/{tenant_id}/subscription");
    let set = |path: String, body: Value| world.operator("PUT", &path).json(&body).send();

    let unknown = "770e8400-e29b-41d4-a716-446655440000";
    let faulty = json!({"plan_id": "", "status": "paused", "period_start": "2026-02-15"});
    assert_eq!(
        set(of(unknown), faulty).await.faults(),
        [
            "string_too_short body.plan_id",
            "string_pattern_mismatch body.status",
            "value_error body.period_start"
        ]
    );
    for tenant_id in [unknown, "nonsense", &admin.tenant_id.to_uppercase()] {
        let missing = set(of(tenant_id), json!({"plan_id": "nope"})).await;
        assert_eq!(missing.detail(404), format!("Tenant '{tenant_id}' not found"));
    }
    let missing = set(of(&stranger.tenant_id), json!({"plan_id": "nope"})).await;
    assert_eq!(missing.detail(404), "Plan 'nope' not found");
    for period_start in ["2026-02-02", "2026-2-1", "9999-12-01", "banana", ""] {
        let body = json!({"plan_id": "growth", "period_start": period_start});
        assert_eq!(set(of(&admin.tenant_id), body).await.faults(), ["value_error body.period_start"]);
    }
    let untouched = switch(&world, &admin, "resume").await.expect(200);
    assert_eq!(
        (&untouched["plan_id"], &untouched["updated_at"]),
        (&json!("starter"), &untouched["created_at"])
    );
}

#[tokio::test]
async fn a_suspended_tenant_may_not_use_its_plan_until_it_is_resumed() {
    let world = World::open().await;
    let admin = world.tenant().await;
    echo(&admin, "before").await.expect(200);

    let suspended = switch(&world, &admin, "suspend").await.expect(200);

    assert_eq!((&suspended["status"], &suspended["plan_id"]), (&json!("suspended"), &json!("starter")));
    assert_eq!(echo(&admin, "before").await.detail(403)["error"], "subscription_suspended");
    assert_eq!(switch(&world, &admin, "suspend").await.expect(200), suspended, "a repeat changes nothing");
    let resumed = switch(&world, &admin, "resume").await.expect(200);
    assert_eq!(resumed["status"], "active");
    echo(&admin, "before").await.expect(200);
    for what in ["suspend", "resume"] {
        let missing = world.operator("POST", &format!("/v1/admin/tenants/nonsense/{what}")).send().await;
        assert_eq!(missing.detail(404), "Tenant 'nonsense' not found");
    }
}

#[tokio::test]
async fn orders_at_the_same_time_all_happen_one_after_the_other() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let plans = ["growth", "scale", "starter", "growth", "scale", "starter"];
    let bodies: Vec<Value> = plans.iter().map(|plan_id| json!({"plan_id": plan_id})).collect();

    for reply in join_all(bodies.iter().map(|body| subscribe(&world, &admin, body))).await {
        reply.expect(200);
    }

    let audit = world.operator("GET", "/v1/admin/audit").send().await.expect(200);
    let items = audit["items"].as_array().unwrap();
    assert_eq!(items.len(), plans.len());
    // Each change starts from what another one left.
    let after = |updated_at: &Value| items.iter().find(|item| &item["after"]["updated_at"] == updated_at);
    let firsts = items.iter().filter(|item| after(&item["before"]["updated_at"]).is_none()).count();
    assert_eq!(firsts, 1);
}
