//! Specifications of `POST /v1/tools/invoke` and the two tools (gateway.md 5).

use bespin_entitlements::{Capability, SubscriptionStatus};
use bespin_metering::{Counter, MeteredEvent};
use bespin_primitives::parse_date;
use bespin_tests::{Actor, NOON, Reply, World};
use serde_json::{Value, json};

const INVOKE: &str = "/v1/tools/invoke";

/// A call whose body is exactly this text.
async fn invoked(actor: &Actor, key: &str, body: &str) -> Reply {
    actor.post(INVOKE).key(key).body(body).send().await
}

/// What `kpi_summary` says to this payload.
async fn summary(actor: &Actor, key: &str, payload: &Value) -> Value {
    actor.invoke(key, "kpi_summary", payload).send().await.expect(200)["result"].clone()
}

/// A KPI with these points.
async fn kpi_with(actor: &Actor, points: &[(&str, f64)]) -> String {
    let kpi = actor.kpi("MRR").await;
    actor.points(&kpi, points).send().await.expect(200);
    kpi
}

#[tokio::test]
async fn echo_gives_its_payload_back_unchanged() {
    let admin = World::open().await.tenant().await;
    let payloads = [
        "{}",
        r#"{"text":"hi"}"#,
        r#"{"z":1,"a":{"nested":[[],{},[1,[2,{"deep":[null]}]]],"b":null},"m":[true,false,null,""]}"#,
        r#"{"big":123456789012345678901234567890,"low":-123456789012345678901234567890}"#,
        r#"{"one":1,"float":1.0,"long":0.1234567890123456789012345,"tiny":1e-300,"minus":-0.0}"#,
        r#"{"unicode":"Grüße 🚀 日本語 \u0000 \\ \" \n","😀":"é","":"empty name"}"#,
    ];
    let nested = format!(r#"{{"deep":{}1{}}}"#, "[".repeat(100), "]".repeat(100));
    for (number, payload) in payloads.into_iter().chain([nested.as_str()]).enumerate() {
        let body = format!(r#"{{"tool_name":"echo","payload":{payload}}}"#);

        let reply = invoked(&admin, &format!("key-{number}"), &body).await;

        let request_id = reply.header("x-request-id").unwrap();
        let answer = format!(r#"{{"request_id":"{request_id}","result":{{"echo":{payload}}}}}"#);
        assert_eq!((reply.status, &reply.text), (200, &answer));
    }
}

#[tokio::test]
async fn a_payload_that_is_left_out_is_empty() {
    let admin = World::open().await.tenant().await;

    let reply = invoked(&admin, "key", r#"{"tool_name":"echo"}"#).await;

    assert_eq!(reply.expect(200)["result"], json!({"echo": {}}));
}

#[tokio::test]
async fn one_and_one_point_zero_are_different_payloads() {
    let admin = World::open().await.tenant().await;
    invoked(&admin, "key", r#"{"tool_name":"echo","payload":{"n":1}}"#).await.expect(200);

    let other = invoked(&admin, "key", r#"{"tool_name":"echo","payload":{"n":1.0}}"#).await;

    other.detail(409);
}

#[tokio::test]
async fn numbers_that_json_does_not_have_are_refused_where_they_stand() {
    let world = World::open().await;
    let admin = world.tenant().await;
    for number in ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "[NaN]"] {
        let body = format!(r#"{{"tool_name":"echo","payload":{{"n":{number}}}}}"#);
        let offset = body.find(number.trim_matches(['[', ']'])).unwrap();

        let reply = invoked(&admin, "key", &body).await;

        // The place is that of the literal, be it after its sign.
        let at = [format!("json_invalid body.{offset}"), format!("json_invalid body.{}", offset + 1)];
        assert!(at.contains(&reply.faults().concat()), "{number}: {}", reply.text);
    }
    assert!(world.ledger(&admin, "2026-02").await.is_empty());
}

#[tokio::test]
async fn half_a_character_is_refused() {
    let admin = World::open().await.tenant().await;
    for text in [r#""\ud800""#, r#""\udc00""#, r#""\ud83d \ude00""#, r#""\ude00\ud83d""#] {
        let body = format!(r#"{{"tool_name":"echo","payload":{{"text":{text}}}}}"#);

        let faults = invoked(&admin, "key", &body).await.faults();

        assert!(faults.len() == 1 && faults[0].starts_with("json_invalid body."), "{text}: {faults:?}");
    }
    let whole = r#"{"tool_name":"echo","payload":{"text":"\ud83d\ude00"}}"#;
    assert_eq!(invoked(&admin, "key", whole).await.expect(200)["result"]["echo"]["text"], "😀");
}

#[tokio::test]
async fn a_payload_is_an_object() {
    let admin = World::open().await.tenant().await;
    for payload in ["null", "[]", r#""text""#, "1", "true", "[{}]"] {
        let body = format!(r#"{{"tool_name":"echo","payload":{payload}}}"#);

        assert_eq!(invoked(&admin, "key", &body).await.faults(), ["dict_type body.payload"], "{payload}");
    }
}

#[tokio::test]
async fn a_tool_name_has_1_to_100_characters() {
    let admin = World::open().await.tenant().await;
    let longest = json!({"tool_name": "é".repeat(100)}).to_string();
    let too_long = json!({"tool_name": "é".repeat(101)}).to_string();
    for (body, fault) in [
        ("{}", "missing body.tool_name"),
        (r#"{"tool_name":""}"#, "string_too_short body.tool_name"),
        (r#"{"tool_name":null}"#, "string_type body.tool_name"),
        (r#"{"tool_name":7}"#, "string_type body.tool_name"),
        (&too_long, "string_too_long body.tool_name"),
    ] {
        assert_eq!(invoked(&admin, "key", body).await.faults(), [fault], "{body}");
    }
    invoked(&admin, "key", &longest).await.detail(404);
}

#[tokio::test]
async fn all_faults_of_a_call_are_told_together() {
    let admin = World::open().await.tenant().await;

    let reply = invoked(&admin, "key", r#"{"payload":null}"#).await;

    assert_eq!(reply.faults(), ["missing body.tool_name", "dict_type body.payload"]);
}

#[tokio::test]
async fn an_unknown_tool_is_not_found_is_not_metered_and_leaves_the_key_free() {
    let world = World::open().await;
    let admin = world.tenant().await;

    let unknown = admin.invoke("key", "nope", &json!({})).send().await;

    assert_eq!(unknown.detail(404), "Tool 'nope' not found");
    assert_eq!(world.assert_ledger_equals_counters(&admin, "2026-02").await, 0);
    admin.invoke("key", "echo", &json!({})).send().await.expect(200);
}

#[tokio::test]
async fn an_unknown_tool_at_an_exhausted_quota_is_a_matter_of_the_quota() {
    let world = World::open().await;
    let admin = world.tenant().await;
    world.set_daily_tool_limit(&admin, 0).await;
    assert_eq!(
        admin.invoke("key", "nope", &json!({})).send().await.detail(429)["activity_type"],
        "tool_invocation"
    );

    world.set_plan(&admin, |plan| plan.included_credits = 1).await;
    assert_eq!(admin.invoke("key", "nope", &json!({})).send().await.detail(429)["limit_credits"], 1);
}

#[tokio::test]
async fn tools_are_for_admins_of_a_plan_that_has_them() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let echo = |actor: &Actor| actor.invoke("key", "echo", &json!({}));

    let member = admin.member().await;
    assert_eq!(echo(&member).send().await.detail(403), "Role 'member' is not authorized to invoke tools");

    world.set_plan(&admin, |plan| assert!(plan.capabilities.remove(&Capability::Tools))).await;
    assert_eq!(
        echo(&admin).send().await.detail(403),
        json!({
            "error": "capability_denied", "message": "Plan does not include capability: tools",
            "capability_key": "tools", "plan_id": format!("of-{}", admin.tenant_id),
        })
    );

    world.set_status(&admin, SubscriptionStatus::Suspended).await;
    assert_eq!(
        echo(&admin).send().await.detail(403),
        json!({
            "error": "subscription_suspended", "message": "Tenant subscription is suspended",
            "status": "suspended",
        })
    );
    assert!(world.ledger(&admin, "2026-02").await.is_empty());
}

#[tokio::test]
async fn a_success_is_in_the_ledger_the_audit_and_the_counters() {
    let world = World::open().await;
    let admin = world.tenant().await;

    let answer = admin.invoke("key", "echo", &json!({"text": "hi"})).send().await.expect(200);

    let [entry] = world.ledger(&admin, "2026-02").await.try_into().unwrap();
    assert_eq!(entry.event, MeteredEvent::ToolInvocation);
    assert_eq!(
        (entry.raw_units, entry.credits.to_string(), entry.list_cost.to_string()),
        (1, "2".into(), "0.04".into())
    );
    assert_eq!(entry.tool_name.as_deref(), Some("echo"));
    assert_eq!(entry.action.as_deref(), Some("tools.invoke"));
    assert_eq!(entry.request_id.to_string(), answer["request_id"]);
    assert_eq!(entry.user_id.to_string(), admin.user_id);
    assert_eq!(entry.created_at, bespin_tests::noon());
    let today = parse_date(&NOON[..10]).unwrap();
    let usage = world.usage(&admin, "2026-02").await;
    assert_eq!(usage.counted(Counter::UnitsOfDay(MeteredEvent::ToolInvocation, today)).unwrap(), 1);
    assert_eq!(world.assert_ledger_equals_counters(&admin, "2026-02").await, 1);
}

#[tokio::test]
async fn what_is_wrong_with_a_summary_is_its_result_in_this_order() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let stranger = world.tenant().await;
    let empty = admin.kpi("Empty").await;
    let foreign = kpi_with(&stranger, &[("2026-02-01T00:00:00Z", 1.0)]).await;
    let missing = "Missing required field: kpi_id";
    let window = "window_days must be a positive integer";
    let absent = "00000000-0000-4000-8000-000000000000";
    let not_found = |kpi: &str| format!("KPI '{kpi}' not found");
    let failures = [
        (json!({}), missing.to_owned()),
        (json!({"kpi_id": ""}), missing.to_owned()),
        (json!({"kpi_id": null}), missing.to_owned()),
        (json!({"kpi_id": 0}), missing.to_owned()),
        (json!({"kpi_id": false}), missing.to_owned()),
        (json!({"kpi_id": "", "window_days": 0}), missing.to_owned()),
        (json!({"kpi_id": absent, "window_days": 0}), window.to_owned()),
        (json!({"kpi_id": absent, "window_days": -1}), window.to_owned()),
        (json!({"kpi_id": absent, "window_days": "7"}), window.to_owned()),
        (json!({"kpi_id": absent, "window_days": 7.5}), window.to_owned()),
        (json!({"kpi_id": absent, "window_days": 7.0}), window.to_owned()),
        (json!({"kpi_id": absent, "window_days": null}), window.to_owned()),
        (json!({"kpi_id": absent, "window_days": false}), window.to_owned()),
        (json!({"kpi_id": empty, "window_days": [7]}), window.to_owned()),
        (json!({"kpi_id": absent}), not_found(absent)),
        (json!({"kpi_id": "banana"}), not_found("banana")),
        (json!({"kpi_id": foreign}), not_found(&foreign)),
        (json!({"kpi_id": foreign.to_uppercase(), "window_days": true}), not_found(&foreign.to_uppercase())),
        (json!({"kpi_id": ["a"]}), not_found(r#"["a"]"#)),
        (json!({"kpi_id": {"a": 1}, "window_days": 10_000_000}), not_found(r#"{"a":1}"#)),
        (json!({"kpi_id": empty}), format!("No data points found for KPI '{empty}'")),
    ];
    let before = world.assert_ledger_equals_counters(&admin, "2026-02").await;
    for (number, (payload, text)) in failures.iter().enumerate() {
        let result = summary(&admin, &format!("key-{number}"), payload).await;

        assert_eq!(result, json!({"error": text}), "{payload}");
    }
    let after = world.assert_ledger_equals_counters(&admin, "2026-02").await;
    assert_eq!(
        after - before,
        failures.len(),
        "failures of the tool are successful calls, so they are metered"
    );
}

#[tokio::test]
async fn a_failure_of_the_tool_is_stored_and_replayed() {
    let admin = World::open().await.tenant().await;
    let kpi = admin.kpi("MRR").await;
    let ask = || admin.invoke("key", "kpi_summary", &json!({"kpi_id": kpi}));
    let first = ask().send().await;

    admin.points(&kpi, &[("2026-02-01T00:00:00Z", 1.0)]).send().await.expect(200);

    assert_eq!(ask().send().await.text, first.text);
    assert_eq!(first.expect(200)["result"]["error"], format!("No data points found for KPI '{kpi}'"));
}

#[tokio::test]
async fn a_summary_tells_how_a_kpi_moved() {
    let admin = World::open().await.tenant().await;
    let kpi = kpi_with(&admin, &[("2026-01-31T00:00:00Z", 1250.0), ("2026-01-24T00:00:00Z", 1000.0)]).await;

    let result = summary(&admin, "key", &json!({"kpi_id": kpi})).await;

    assert_eq!(
        result,
        json!({
            "kpi_id": kpi, "latest": {"ts": "2026-01-31T00:00:00Z", "value": 1250.0},
            "start": {"ts": "2026-01-24T00:00:00Z", "value": 1000.0}, "delta_abs": 250.0, "delta_pct": 25.0,
        })
    );
}

#[tokio::test]
async fn the_window_hangs_on_the_latest_point_and_includes_both_ends() {
    let admin = World::open().await.tenant().await;
    let points = [
        ("2030-06-08T10:00:00Z", 60.0),
        ("2030-06-07T10:00:00Z", 50.0),
        ("2030-06-06T09:59:59.999999Z", 40.0),
        ("2030-06-01T10:00:00Z", 30.0),
        ("2030-06-01T09:59:59.999999Z", 20.0),
        ("1999-12-31T00:00:00Z", 10.0),
    ];
    let kpi = kpi_with(&admin, &points).await;
    let windows = [
        (json!(true), 50.0),
        (json!(1), 50.0),
        (json!(2), 50.0),
        (json!(3), 40.0),
        (json!(7), 30.0),
        (json!(8), 20.0),
        (json!(10_957), 20.0),
        (json!(20_000), 10.0),
        (json!(10_000_000), 10.0),
        (json!(u64::MAX), 10.0),
    ];
    for (number, (window_days, start)) in windows.into_iter().enumerate() {
        let payload = json!({"kpi_id": kpi, "window_days": window_days});

        let result = summary(&admin, &format!("key-{number}"), &payload).await;

        assert_eq!(result["latest"]["value"], json!(60.0), "points in the future count, {payload}");
        assert_eq!(result["start"]["value"], json!(start), "{payload}");
        assert_eq!(result["delta_abs"], json!(60.0 - start), "{payload}");
    }
    let default = summary(&admin, "default", &json!({"kpi_id": kpi})).await;
    assert_eq!(default["start"]["value"], json!(30.0), "seven days unless the payload says otherwise");
}

#[tokio::test]
async fn the_percentage_is_of_the_start_as_it_is() {
    let admin = World::open().await.tenant().await;
    for (number, (start, latest, delta_abs, delta_pct)) in [
        (-100.0, -50.0, 50.0, json!(-50.0)),
        (0.0, 5.0, 5.0, Value::Null),
        (0.0, 0.0, 0.0, Value::Null),
        (100.0, 90.0, -10.0, json!(-10.0)),
        (3.0, 4.0, 1.0, json!(1.0 / 3.0 * 100.0)),
        (8.0, 8.0, 0.0, json!(0.0)),
    ]
    .into_iter()
    .enumerate()
    {
        let kpi = kpi_with(&admin, &[("2026-01-24", start), ("2026-01-31", latest)]).await;

        let result = summary(&admin, &format!("key-{number}"), &json!({"kpi_id": kpi})).await;

        assert_eq!((&result["delta_abs"], &result["delta_pct"]), (&json!(delta_abs), &delta_pct), "{start}");
    }
}

#[tokio::test]
async fn with_no_other_point_in_the_window_nothing_moved() {
    let admin = World::open().await.tenant().await;
    let one = kpi_with(&admin, &[("2026-01-31T00:00:00Z", 5.0)]).await;
    let far = kpi_with(&admin, &[("2026-01-01T00:00:00Z", 1.0), ("2026-01-31T00:00:00Z", 5.0)]).await;
    for kpi in [one, far] {
        let result = summary(&admin, &kpi, &json!({"kpi_id": kpi})).await;

        assert_eq!(result["start"], result["latest"]);
        assert_eq!((&result["delta_abs"], &result["delta_pct"]), (&json!(0.0), &json!(0.0)));
    }
}

#[tokio::test]
async fn replays_of_a_summary_are_frozen_when_points_come_later() {
    let admin = World::open().await.tenant().await;
    let kpi = kpi_with(&admin, &[("2026-01-24", 1000.0), ("2026-01-31", 1250.0)]).await;
    let ask = |key: &str| admin.invoke(key, "kpi_summary", &json!({"kpi_id": kpi}));
    let first = ask("first").send().await;

    admin.points(&kpi, &[("2026-02-01", 7.0)]).send().await.expect(200);

    assert_eq!(ask("first").send().await.text, first.text);
    assert_eq!(ask("second").send().await.expect(200)["result"]["latest"]["value"], json!(7.0));
}

#[tokio::test]
async fn the_ledger_names_the_tool_that_ran() {
    let world = World::open().await;
    let admin = world.tenant().await;

    summary(&admin, "key", &json!({})).await;

    let [entry] = world.ledger(&admin, "2026-02").await.try_into().unwrap();
    assert_eq!(
        (entry.tool_name.as_deref(), entry.action.as_deref()),
        (Some("kpi_summary"), Some("tools.invoke"))
    );
}
