//! `GET` and `PUT /v1/limits` (gateway.md 11).

use bespin_local::LocalSettings;
use bespin_tests::World;
use serde_json::{Value, json};

use crate::{echo, put_limits, read};

const FIELDS: [&str; 4] = [
    "assistant_query_daily_limit",
    "tool_invocation_daily_limit",
    "daily_brief_generated_daily_limit",
    "notification_enqueued_daily_limit",
];

#[tokio::test]
async fn a_new_tenant_has_the_default_limits() {
    let world = World::open().await;
    let admin = world.tenant().await;

    let shown = admin.get("/v1/limits").send().await;

    shown.expect(200);
    let expected = format!(
        r#"{{"tenant_id":"{}","assistant_query_daily_limit":100,"tool_invocation_daily_limit":100,"daily_brief_generated_daily_limit":10,"notification_enqueued_daily_limit":500}}"#,
        admin.tenant_id
    );
    assert_eq!(shown.text, expected);
}

#[tokio::test]
async fn new_limits_are_answered_shown_audited_and_hold_in_the_next_call() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let before = read(&admin, "/v1/limits").await;
    echo(&admin, "one").send().await.expect(200);

    let set = put_limits(&admin, [0, 1, 9_223_372_036_854_775_807, 3]).send().await.expect(200);

    assert_eq!(set["daily_brief_generated_daily_limit"].to_string(), "9223372036854775807");
    assert_eq!(read(&admin, "/v1/limits").await, set);
    assert_eq!(echo(&admin, "two").send().await.detail(429)["limit"], 1);
    let path = format!("/v1/admin/audit?tenant_id={}", admin.tenant_id);
    let audit = world.operator("GET", &path).send().await.expect(200)["items"][0].clone();
    assert_eq!(
        (&audit["action"], &audit["before"], &audit["after"], &audit["actor"]["user_id"]),
        (&json!("limits.update"), &before, &set, &json!(admin.user_id))
    );
}

#[tokio::test]
async fn what_is_no_limit_is_named_with_all_its_fields_and_changes_nothing() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let before = read(&admin, "/v1/limits").await;
    let send = |value: &str| {
        let members: Vec<String> = FIELDS.iter().map(|field| format!("\"{field}\": {value}")).collect();
        admin.request("PUT", "/v1/limits").body(format!("{{{}}}", members.join(", ")))
    };
    for (value, kind) in [
        ("-1", "greater_than_equal"),
        ("-99999999999999999999999", "greater_than_equal"),
        ("9223372036854775808", "less_than_equal"),
        ("18446744073709551616", "less_than_equal"),
        ("1e400", "finite_number"),
        ("NaN", "finite_number"),
        ("7.5", "int_from_float"),
        ("\"many\"", "int_parsing"),
        ("[]", "int_type"),
        ("{}", "int_type"),
    ] {
        let faults = send(value).send().await.faults();
        assert_eq!(faults, FIELDS.map(|field| format!("{kind} body.{field}")), "{value}");
    }
    for field in FIELDS {
        let mut body = json!({});
        for other in FIELDS.into_iter().filter(|other| *other != field) {
            body[other] = json!(1);
        }
        let missing = admin.request("PUT", "/v1/limits").json(&body).send().await.faults();
        assert_eq!(missing, [format!("missing body.{field}")]);
        body[field] = Value::Null;
        let null = admin.request("PUT", "/v1/limits").json(&body).send().await.faults();
        assert_eq!(null, [format!("int_type body.{field}")]);
    }
    assert_eq!(read(&admin, "/v1/limits").await, before);
    for (lax, value) in [("\"7\"", 7), ("7.0", 7), ("true", 1)] {
        assert_eq!(send(lax).send().await.expect(200)[FIELDS[0]], value, "{lax}");
    }
}

#[tokio::test]
async fn a_tenant_sets_no_limit_above_the_ceiling_of_the_platform() {
    let settings = LocalSettings { daily_limit_ceiling: 1_000, ..World::settings() };
    let world = World::open_with(settings).await;
    let admin = world.tenant().await;

    let refused = put_limits(&admin, [1_001, 1_000, 0, 1_001]).send().await;

    assert_eq!(refused.faults(), [FIELDS[0], FIELDS[3]].map(|field| format!("less_than_equal body.{field}")));
    assert_eq!(refused.json()["detail"][0]["ctx"], json!({"le": 1_000}));
    put_limits(&admin, [1_000; 4]).send().await.expect(200);
}
