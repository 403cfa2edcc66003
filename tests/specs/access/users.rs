//! `POST /v1/users` (gateway.md 3.2).

use bespin_entitlements::SubscriptionStatus;
use bespin_tests::{Actor, Request, World};
use serde_json::{Value, json};

fn make(admin: &Actor, change: impl FnOnce(&mut Value)) -> Request {
    let mut body = json!({"tenant_id": admin.tenant_id, "email": "m@example.com", "role": "member"});
    change(&mut body);
    admin.post("/v1/users").json(&body)
}

#[tokio::test]
async fn a_new_user_is_shown_and_may_act_at_once() {
    let world = World::open().await;
    let admin = world.tenant().await;

    let user = make(&admin, |_| {}).at("2026-02-01T10:21:00.000001Z").send().await.expect(201);

    let user_id = user["user_id"].as_str().unwrap().to_owned();
    let created_at = user["created_at"].as_str().unwrap();
    assert_eq!(created_at.trim_end_matches('Z'), "2026-02-01T10:21:00.000001");
    assert_eq!(
        user,
        json!({"user_id": user_id, "tenant_id": admin.tenant_id, "email": "m@example.com", "role": "member",
               "created_at": created_at})
    );
    let member = admin.as_user(&user_id);
    member.get("/v1/kpis").send().await.expect(200);
    let reply = make(&member, |_| {}).send().await;
    assert_eq!(reply.detail(403), "Role 'member' is not authorized to create users");
}

#[tokio::test]
async fn every_fault_of_a_user_is_named_and_the_schema_comes_before_role_and_tenant() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let member = admin.member().await;

    let nothing = member.post("/v1/users").json(&json!({})).send().await;
    assert_eq!(nothing.faults(), ["missing body.tenant_id", "missing body.email", "missing body.role"]);

    let all_wrong = json!({"tenant_id": "short", "email": "nobody", "role": "owner"});
    assert_eq!(
        member.post("/v1/users").json(&all_wrong).send().await.faults(),
        ["string_too_short body.tenant_id", "value_error body.email", "string_pattern_mismatch body.role"]
    );
    for (field, value, fault) in [
        ("tenant_id", json!("x".repeat(37)), "string_too_long body.tenant_id"),
        ("tenant_id", json!(7), "string_type body.tenant_id"),
        ("tenant_id", Value::Null, "string_type body.tenant_id"),
        ("email", json!(["m@example.com"]), "string_type body.email"),
        ("role", json!("Admin"), "string_pattern_mismatch body.role"),
        ("role", json!("admin "), "string_pattern_mismatch body.role"),
        ("role", json!(true), "string_type body.role"),
    ] {
        assert_eq!(make(&member, |body| body[field] = value).send().await.faults(), [fault]);
    }
    // Then the role, then the tenant.
    let elsewhere = |by: &Actor| make(by, |body| body["tenant_id"] = json!("x".repeat(36)));
    assert!(elsewhere(&member).send().await.detail(403).as_str().unwrap().starts_with("Role 'member'"));
    assert_eq!(elsewhere(&admin).send().await.detail(403), "Cannot create users for a different tenant");
}

#[tokio::test]
async fn two_users_may_share_an_address() {
    let world = World::open().await;
    let admin = world.tenant().await;

    let one = make(&admin, |_| {}).send().await.expect(201);
    let two = make(&admin, |_| {}).send().await.expect(201);

    assert_ne!(one["user_id"], two["user_id"]);
}

#[tokio::test]
async fn making_users_is_not_metered_and_works_while_suspended_and_without_credits() {
    let world = World::open().await;
    let admin = world.tenant().await;
    world.set_plan(&admin, |plan| plan.included_credits = 0).await;
    world.set_status(&admin, SubscriptionStatus::Suspended).await;

    make(&admin, |_| {}).send().await.expect(201);

    assert_eq!(world.assert_ledger_equals_counters(&admin, "2026-02").await, 0);
}
