//! How users say what they want to hear of (gateway.md 8.1).

use bespin_entitlements::{Capability, SubscriptionStatus};
use bespin_tests::{Actor, World};
use serde_json::{Value, json};

use crate::words::PREFS;

async fn saved(actor: &Actor) -> Value {
    actor.get(PREFS).send().await.expect(200)
}

async fn save(actor: &Actor, body: Value) -> Value {
    actor.request("PUT", PREFS).json(&body).send().await.expect(200)
}

fn prefs(enabled: bool) -> Value {
    json!({"daily_brief_enabled": enabled, "delivery_method": "in_app"})
}

#[tokio::test]
async fn who_never_saved_any_has_the_defaults() {
    let world = World::open().await;
    let admin = world.tenant().await;

    let reply = admin.get(PREFS).send().await;

    assert_eq!(reply.text, r#"{"daily_brief_enabled":true,"delivery_method":"in_app"}"#);
}

#[tokio::test]
async fn saving_replaces_so_what_is_left_out_goes_back_to_its_default() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let bodies = [
        (json!({"daily_brief_enabled": false, "delivery_method": "in_app"}), false),
        (json!({"daily_brief_enabled": "no"}), false),
        (json!({}), true),
        (json!({"daily_brief_enabled": 0, "unknown": [1]}), false),
        (json!({"daily_brief_enabled": null, "delivery_method": null}), true),
    ];
    for (body, enabled) in bodies {
        assert_eq!(save(&admin, body.clone()).await, prefs(enabled), "{body}");
        assert_eq!(saved(&admin).await, prefs(enabled), "{body}");
    }
}

#[tokio::test]
async fn each_user_has_its_own() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let (one, other) = (admin.member().await, admin.member().await);

    save(&one, json!({"daily_brief_enabled": false})).await;

    assert_eq!(saved(&one).await, prefs(false));
    assert_eq!(saved(&other).await, prefs(true));
    assert_eq!(saved(&admin).await, prefs(true));
}

#[tokio::test]
async fn bad_fields_are_all_named() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let put = |body: &Value| admin.request("PUT", PREFS).json(body).send();
    for (body, faults) in [
        (json!({"delivery_method": "email"}), vec!["string_pattern_mismatch body.delivery_method"]),
        (json!({"delivery_method": ""}), vec!["string_pattern_mismatch body.delivery_method"]),
        (json!({"delivery_method": "IN_APP"}), vec!["string_pattern_mismatch body.delivery_method"]),
        (json!({"daily_brief_enabled": 2}), vec!["bool_parsing body.daily_brief_enabled"]),
        (
            json!({"daily_brief_enabled": {}, "delivery_method": 7}),
            vec!["bool_type body.daily_brief_enabled", "string_type body.delivery_method"],
        ),
        (json!(null), vec!["missing body"]),
        (json!([]), vec!["model_attributes_type body"]),
    ] {
        assert_eq!(put(&body).await.faults(), faults, "{body}");
    }
    assert_eq!(admin.request("PUT", PREFS).body("{").send().await.faults(), ["json_invalid body.1"]);
    assert_eq!(saved(&admin).await, prefs(true));
}

#[tokio::test]
async fn preferences_are_free_and_need_no_capability_nor_an_active_tenant() {
    let world = World::open().await;
    let admin = world.tenant().await;
    world.set_plan(&admin, |plan| plan.capabilities.retain(|held| *held != Capability::Notifications)).await;
    world.set_status(&admin, SubscriptionStatus::Suspended).await;

    save(&admin, json!({"daily_brief_enabled": false})).await;

    assert_eq!(saved(&admin).await, prefs(false));
    assert_eq!(world.assert_ledger_equals_counters(&admin, "2026-02").await, 0);
}
