//! Plans, their capabilities and their caps (gateway.md 12.1, 13).

use bespin_tests::{Actor, Reply, World};
use serde_json::{Value, json};

use super::subscriptions::subscribe;

const PLANS: &str = "/v1/admin/plans";

fn a_plan() -> Value {
    json!({"plan_id": "p1", "name": "Pro", "included_credits": 20, "overage_price_per_credit": 0.0125})
}

async fn put(world: &World, path: &str, body: &Value) -> Reply {
    world.operator("PUT", &format!("{PLANS}/{path}")).json(body).send().await
}

async fn echo(admin: &Actor, key: &str) -> Reply {
    admin.invoke(key, "echo", &json!({})).send().await
}

#[tokio::test]
async fn a_plan_is_made_once_and_includes_nothing_yet() {
    let world = World::open().await;

    let made = world.operator("POST", PLANS).json(&a_plan()).send().await.expect(201);

    let mut expected = a_plan();
    expected["created_at"] = json!("2026-02-10T12:00:00.000000Z");
    expected["updated_at"] = json!("2026-02-10T12:00:00.000000Z");
    assert_eq!(made, expected);
    let again = world.operator("POST", PLANS).json(&a_plan()).send().await;
    assert_eq!(again.detail(409), "Plan 'p1' already exists");
    let plans = world.operator("GET", PLANS).send().await.expect(200);
    let ids: Vec<&Value> = plans.as_array().unwrap().iter().map(|plan| &plan["plan_id"]).collect();
    assert_eq!(ids, ["growth", "p1", "scale", "starter"]);
    (expected["capabilities"], expected["caps"]) = (json!([]), json!([]));
    assert_eq!(world.operator("GET", "/v1/admin/plans/p1").send().await.expect(200), expected);
    let missing = world.operator("GET", "/v1/admin/plans/p2").send().await;
    assert_eq!(missing.detail(404), "Plan 'p2' not found");
}

#[tokio::test]
async fn a_changed_plan_holds_for_its_subscribers_from_the_next_call() {
    let world = World::open().await;
    let admin = world.tenant().await;
    echo(&admin, "one").await.expect(200);

    let changed = put(&world, "starter", &json!({"included_credits": 3})).await.expect(200);

    assert_eq!((&changed["name"], &changed["included_credits"]), (&json!("Starter"), &json!(3)));
    assert_eq!(echo(&admin, "two").await.detail(429)["limit_credits"], 3);
    put(&world, "starter", &json!({"included_credits": 4, "name": null})).await.expect(200);
    echo(&admin, "two").await.expect(200);
    assert_eq!(put(&world, "nope", &json!({})).await.detail(404), "Plan 'nope' not found");
}

#[tokio::test]
async fn capabilities_are_replaced_as_a_whole_and_repeats_are_ignored() {
    let world = World::open().await;
    let admin = world.tenant().await;
    world.operator("POST", PLANS).json(&a_plan()).send().await.expect(201);
    subscribe(&world, &admin, &json!({"plan_id": "p1"})).await.expect(200);
    assert_eq!(echo(&admin, "k").await.detail(403)["capability_key"], "tools");

    let twice = json!({"capabilities": ["tools", "chat", "tools"]});
    let set = put(&world, "p1/capabilities", &twice).await.expect(200);

    assert_eq!(set, json!(["tools", "chat"]));
    echo(&admin, "k").await.expect(200);
    let unknown = put(&world, "p1/capabilities", &json!({"capabilities": ["briefs", "fly"]})).await;
    assert_eq!(unknown.detail(400), "Capability 'fly' not found");
    let plan = world.operator("GET", "/v1/admin/plans/p1").send().await.expect(200);
    assert_eq!(plan["capabilities"], json!(["chat", "tools"]), "nothing was changed");
    assert_eq!(put(&world, "p1/capabilities", &json!({"capabilities": []})).await.expect(200), json!([]));
    echo(&admin, "another").await.detail(403);
    for body in [json!({"capabilities": ["fly"]}), json!({"capabilities": ["chat"]})] {
        assert_eq!(put(&world, "p2/capabilities", &body).await.detail(404), "Plan 'p2' not found");
    }
}

#[tokio::test]
async fn caps_are_replaced_as_a_whole_and_of_several_on_one_event_the_last_counts() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let caps = json!({"caps": [
        {"event_key": "tool_invocation", "cap_raw_units": 9, "period": "monthly"},
        {"event_key": "assistant_query", "cap_raw_units": "2.5"},
        {"event_key": "tool_invocation", "cap_raw_units": 1, "period": null},
    ]});

    let set = put(&world, "starter/caps", &caps).await.expect(200);

    assert_eq!(
        set,
        json!([
            {"event_key": "tool_invocation", "period": "monthly", "cap_raw_units": 1},
            {"event_key": "assistant_query", "period": "monthly", "cap_raw_units": 2.5},
        ])
    );
    echo(&admin, "one").await.expect(200);
    assert_eq!(echo(&admin, "two").await.detail(429)["cap_raw_units"], 1);
    let unknown = json!({"caps": [{"event_key": "nope", "cap_raw_units": 1}]});
    assert_eq!(put(&world, "starter/caps", &unknown).await.detail(400), "Event type 'nope' not found");
    assert_eq!(put(&world, "p2/caps", &unknown).await.detail(404), "Plan 'p2' not found");
    echo(&admin, "two").await.detail(429);
    assert_eq!(put(&world, "starter/caps", &json!({"caps": []})).await.expect(200), json!([]));
    echo(&admin, "two").await.expect(200);
}

#[tokio::test]
async fn every_bad_field_is_named_and_nothing_is_changed() {
    let world = World::open().await;
    let before = world.operator("GET", PLANS).send().await.expect(200);
    for (name, value, fault) in [
        ("plan_id", "\"a b\"", "string_pattern_mismatch"),
        ("plan_id", "null", "string_type"),
        ("name", "\"\"", "string_too_short"),
        ("included_credits", "-1", "greater_than_equal"),
        ("included_credits", "1.5", "int_from_float"),
        ("included_credits", "18446744073710", "less_than_equal"),
        ("included_credits", "9223372036854775808", "less_than_equal"),
        ("included_credits", "1e400", "finite_number"),
        ("overage_price_per_credit", "Infinity", "finite_number"),
        ("overage_price_per_credit", "-1", "greater_than_equal"),
    ] {
        let mut body = a_plan();
        body[name] = json!("__");
        let body = body.to_string().replace("\"__\"", value);
        let refused = world.operator("POST", PLANS).body(body).send().await;
        assert_eq!(refused.faults(), [format!("{fault} body.{name}")], "{value}");
    }
    for (path, body, fault) in [
        ("starter", json!({"included_credits": "many"}), "int_parsing body.included_credits"),
        ("starter/capabilities", json!({}), "missing body.capabilities"),
        ("starter/capabilities", json!({"capabilities": "chat"}), "list_type body.capabilities"),
        ("starter/capabilities", json!({"capabilities": ["chat", 7]}), "string_type body.capabilities.1"),
        ("starter/caps", json!({"caps": [7]}), "model_attributes_type body.caps.0"),
        ("starter/caps", json!({"caps": [{"event_key": "a"}]}), "missing body.caps.0.cap_raw_units"),
        (
            "starter/caps",
            json!({"caps": [{"event_key": "tool_invocation", "cap_raw_units": 1, "period": "daily"}]}),
            "string_pattern_mismatch body.caps.0.period",
        ),
        (
            "starter/caps",
            json!({"caps": [{"event_key": "tool_invocation", "cap_raw_units": -1}]}),
            "greater_than_equal body.caps.0.cap_raw_units",
        ),
    ] {
        assert_eq!(put(&world, path, &body).await.faults(), [fault], "{path} {body}");
    }
    assert_eq!(world.operator("GET", PLANS).send().await.expect(200), before);
}

#[tokio::test]
async fn the_largest_plan_admits_and_counts_without_overflow() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let largest = json!({"included_credits": 18_446_744_073_709u64});
    put(&world, "starter", &largest).await.expect(200);
    let dearest = json!({"credits_per_unit": 1_000_000_000, "list_price_per_credit": 1_000_000});
    world.operator("PUT", "/v1/admin/metered-events/tool_invocation").json(&dearest).send().await.expect(200);

    echo(&admin, "one").await.expect(200);
    echo(&admin, "two").await.expect(200);

    assert_eq!(world.assert_ledger_equals_counters(&admin, "2026-02").await, 2);
    let usage = world.usage(&admin, "2026-02").await;
    assert_eq!(usage.credits().unwrap().to_string(), "2000000000");
}

#[tokio::test]
async fn the_catalogue_is_seeded_once() {
    let folder = tempfile::tempdir().unwrap();
    let storage = bespin_local::Storage::Folder(folder.path().to_owned());
    let settings = bespin_local::LocalSettings { storage, ..World::settings() };
    let world = World::open_with(settings.clone()).await;
    put(&world, "starter/caps", &json!({"caps": []})).await.expect(200);
    put(&world, "starter/capabilities", &json!({"capabilities": ["chat"]})).await.expect(200);
    let before = world.operator("GET", "/v1/admin/plans/starter").send().await.expect(200);
    drop(world);

    let after_a_restart = World::open_with(settings).await;

    let plan = after_a_restart.operator("GET", "/v1/admin/plans/starter").send().await.expect(200);
    assert_eq!(plan, before);
}
