//! Metered events (gateway.md 12.1, 13).

use bespin_primitives::{Credits, Usd};
use bespin_tests::{Reply, World};
use futures::future::join_all;
use serde_json::{Value, json};

const EVENTS: &str = "/v1/admin/metered-events";

fn a_scan() -> Value {
    json!({
        "event_key": "scan", "display_name": "Scan", "unit_name": "page", "credits_per_unit": 0.333333,
        "list_price_per_credit": 0.015,
    })
}

fn with(mut body: Value, name: &str, value: &str) -> String {
    body[name] = json!("__");
    body.to_string().replace("\"__\"", value)
}

fn keys(events: &Value) -> Vec<&str> {
    events.as_array().unwrap().iter().map(|event| event["event_key"].as_str().unwrap()).collect()
}

async fn change(world: &World, event_key: &str, body: &Value) -> Reply {
    world.operator("PUT", &format!("{EVENTS}/{event_key}")).json(body).send().await
}

#[tokio::test]
async fn an_event_is_made_once_and_listed_by_its_key() {
    let world = World::open().await;

    let made = world.operator("POST", EVENTS).json(&a_scan()).send().await.expect(201);

    assert_eq!(
        made,
        json!({
            "event_key": "scan", "display_name": "Scan", "description": null, "unit_name": "page",
            "credits_per_unit": 0.333333, "list_price_per_credit": 0.015, "billable": true, "active": true,
            "created_at": "2026-02-10T12:00:00.000000Z", "updated_at": "2026-02-10T12:00:00.000000Z",
        })
    );
    let again = world.operator("POST", EVENTS).json(&a_scan()).send().await;
    assert_eq!(again.detail(409), "Event type 'scan' already exists");
    let events = world.operator("GET", EVENTS).send().await.expect(200);
    assert_eq!(
        keys(&events),
        [
            "assistant_query",
            "daily_brief_generated",
            "kpi_definition_created",
            "kpi_points_ingested",
            "notification_enqueued",
            "scan",
            "tool_invocation"
        ]
    );
    assert_eq!(events[5], made);
}

#[tokio::test]
async fn a_change_names_only_what_changes_and_null_is_no_change() {
    let world = World::open().await;
    let mut expected = world.operator("POST", EVENTS).json(&a_scan()).send().await.expect(201);

    let changed =
        change(&world, "scan", &json!({"credits_per_unit": "5.2", "active": "no"})).await.expect(200);

    (expected["credits_per_unit"], expected["active"]) = (json!(5.2), json!(false));
    expected["updated_at"] = json!("2026-02-10T12:00:00.000001Z");
    assert_eq!(changed, expected, "and the time of change moves on though the clock stands still");
    let untouched =
        json!({"display_name": null, "description": null, "unit_name": null, "billable": null, "other": 1});
    expected["updated_at"] = json!("2026-02-10T12:00:00.000002Z");
    assert_eq!(change(&world, "scan", &untouched).await.expect(200), expected);
    assert_eq!(change(&world, "nope", &json!({})).await.detail(404), "Event type 'nope' not found");
    assert_eq!(change(&world, "no%2Fpe", &json!({})).await.detail(404), "Event type 'no/pe' not found");
}

#[tokio::test]
async fn a_new_weight_and_price_hold_from_the_next_call_and_what_was_charged_stays() {
    let world = World::open().await;
    let admin = world.tenant().await;
    admin.invoke("old", "echo", &json!({})).send().await.expect(200);

    let body = json!({"credits_per_unit": 0.333333, "list_price_per_credit": 0.000001});
    change(&world, "tool_invocation", &body).await.expect(200);
    admin.invoke("new", "echo", &json!({})).send().await.expect(200);

    let charged: Vec<(Credits, Usd)> =
        world.ledger(&admin, "2026-02").await.iter().map(|entry| (entry.credits, entry.list_cost)).collect();
    let (old, new) = ((2_000_000, 40_000_000_000), (333_333, 333_333));
    let amounts = |(micros, picos)| (Credits::from_micros(micros), Usd::from_picos(picos));
    assert_eq!(charged.len(), 2);
    assert!(charged.contains(&amounts(old)) && charged.contains(&amounts(new)), "{charged:?}");
    world.assert_ledger_equals_counters(&admin, "2026-02").await;
}

#[tokio::test]
async fn an_event_that_is_switched_off_cannot_happen() {
    let world = World::open().await;
    let admin = world.tenant().await;
    change(&world, "tool_invocation", &json!({"active": false})).await.expect(200);

    let refused = admin.invoke("k", "echo", &json!({})).send().await;

    assert_eq!(refused.detail(400), json!({"error": "unknown_event_type", "event_key": "tool_invocation"}));
    change(&world, "tool_invocation", &json!({"active": true})).await.expect(200);
    admin.invoke("k", "echo", &json!({})).send().await.expect(200);
}

#[tokio::test]
async fn every_bad_field_is_named_and_nothing_is_changed() {
    let world = World::open().await;
    let before = world.operator("GET", EVENTS).send().await.expect(200);
    for (name, value, fault) in [
        ("event_key", "\"\"", "string_too_short"),
        ("event_key", "\"a/b\"", "string_pattern_mismatch"),
        ("event_key", "7", "string_type"),
        ("display_name", "\"\"", "string_too_short"),
        ("display_name", "null", "string_type"),
        ("description", "[]", "string_type"),
        ("unit_name", "\"123456789012345678901234567890123456789012345678901\"", "string_too_long"),
        ("credits_per_unit", "-0.000001", "greater_than_equal"),
        ("credits_per_unit", "0.0000001", "decimal_max_places"),
        ("credits_per_unit", "1000000000.000001", "less_than_equal"),
        ("credits_per_unit", "99999999999999999999", "less_than_equal"),
        ("credits_per_unit", "1e400", "finite_number"),
        ("credits_per_unit", "NaN", "finite_number"),
        ("credits_per_unit", "\"much\"", "float_parsing"),
        ("list_price_per_credit", "Infinity", "finite_number"),
        ("list_price_per_credit", "1000000.1", "less_than_equal"),
        ("list_price_per_credit", "{}", "float_type"),
        ("billable", "2", "bool_parsing"),
        ("active", "\"perhaps\"", "bool_parsing"),
    ] {
        let body = with(a_scan(), name, value);
        let refused = world.operator("POST", EVENTS).body(body).send().await;
        assert_eq!(refused.faults(), [format!("{fault} body.{name}")], "{value}");
        if name != "event_key" && value != "null" {
            let body = with(json!({}), name, value);
            let refused = world.operator("PUT", &format!("{EVENTS}/tool_invocation")).body(body).send().await;
            assert_eq!(refused.faults(), [format!("{fault} body.{name}")], "{value}");
        }
    }
    let all_missing = world.operator("POST", EVENTS).json(&json!({})).send().await;
    assert_eq!(
        all_missing.faults(),
        ["event_key", "display_name", "unit_name", "credits_per_unit", "list_price_per_credit"]
            .map(|name| format!("missing body.{name}"))
    );
    assert_eq!(world.operator("GET", EVENTS).send().await.expect(200), before);
}

#[tokio::test]
async fn changes_of_different_fields_at_the_same_time_are_all_kept() {
    let world = World::open().await;
    let bodies = [
        json!({"display_name": "A"}),
        json!({"description": "B"}),
        json!({"unit_name": "C"}),
        json!({"credits_per_unit": 4}),
        json!({"list_price_per_credit": 5}),
        json!({"billable": false}),
        json!({"active": false}),
    ];

    for reply in join_all(bodies.iter().map(|body| change(&world, "tool_invocation", body))).await {
        reply.expect(200);
    }

    let events = world.operator("GET", EVENTS).send().await.expect(200);
    let event = events.as_array().unwrap().iter().find(|e| e["event_key"] == "tool_invocation").unwrap();
    for body in &bodies {
        for (name, value) in body.as_object().unwrap() {
            assert_eq!(&event[name], value);
        }
    }
}

#[tokio::test]
async fn of_several_who_make_the_same_event_at_once_one_does() {
    let world = World::open().await;

    let replies = join_all((0..8).map(|_| world.operator("POST", EVENTS).json(&a_scan()).send())).await;

    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 1);
    assert_eq!(replies.iter().filter(|reply| reply.status == 409).count(), 7);
}

#[tokio::test]
async fn a_key_of_a_further_event_meters_nothing_and_may_be_capped() {
    let world = World::open().await;
    let admin = world.tenant().await;
    world.operator("POST", EVENTS).json(&a_scan()).send().await.expect(201);

    let caps = json!({"caps": [{"event_key": "scan", "cap_raw_units": 1}]});
    world.operator("PUT", "/v1/admin/plans/starter/caps").json(&caps).send().await.expect(200);

    admin.invoke("k", "echo", &json!({})).send().await.expect(200);
    assert_eq!(world.assert_ledger_equals_counters(&admin, "2026-02").await, 1);
}
