//! `GET` and `PUT /v1/limits` (gateway.md 11).

use bespin_embedded::Fault;
use bespin_local::LocalSettings;
use bespin_tests::{Actor, Reply, World};
use serde_json::{Value, json};

use crate::{at_once, echo, limits_text, put_limits, read};

const FIELDS: [&str; 4] = [
    "assistant_query_daily_limit",
    "tool_invocation_daily_limit",
    "daily_brief_generated_daily_limit",
    "notification_enqueued_daily_limit",
];
const DEFAULTS: [u64; 4] = [100, 100, 10, 500];

/// Limits of 1 each, but one of them as it stands here.
async fn put_one(actor: &Actor, field: &str, value: &str) -> Reply {
    let members = FIELDS.map(|name| format!(r#""{name}":{}"#, if name == field { value } else { "1" }));
    actor.request("PUT", "/v1/limits").body(format!("{{{}}}", members.join(","))).send().await
}

/// The changes of a tenant's limits that are noted.
async fn audited(world: &World, tenant: &Actor) -> Vec<Value> {
    let path = format!("/v1/admin/audit?tenant_id={}", tenant.tenant_id);
    world.operator("GET", &path).send().await.expect(200)["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_new_tenant_has_the_default_limits_and_any_role_reads_them() {
    let world = World::open().await;
    let admin = world.tenant().await;

    for reader in [&admin, &admin.member().await] {
        let reply = reader.get("/v1/limits").send().await;

        reply.expect(200);
        assert_eq!(reply.text, limits_text(&admin.tenant_id, DEFAULTS));
    }
}

#[tokio::test]
async fn limits_are_answered_like_a_read_and_hold_from_the_next_call_on() {
    let world = World::open().await;
    let (admin, other) = (world.tenant().await, world.tenant().await);
    echo(&admin, "one").send().await.expect(200);

    let set = put_limits(&admin, [7, 1, 0, u64::MAX / 2]).send().await;

    set.expect(200);
    assert_eq!(set.text, limits_text(&admin.tenant_id, [7, 1, 0, 9_223_372_036_854_775_807]));
    assert_eq!(admin.get("/v1/limits").send().await.text, set.text);
    assert_eq!(echo(&admin, "two").send().await.detail(429)["limit"], 1);
    assert_eq!(admin.materialize("brief", "2026-02-01").send().await.detail(429)["limit"], 0);
    put_limits(&admin, [7, 2, 1, 0]).send().await.expect(200);
    echo(&admin, "two").send().await.expect(200);
    admin.materialize("brief", "2026-02-01").send().await.expect(200);
    assert_eq!(read(&other, "/v1/limits").await["tool_invocation_daily_limit"], 100, "another's stay");
}

#[tokio::test]
async fn a_whole_number_may_be_written_in_any_way_and_members_nobody_knows_are_ignored() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let body = r#"{"tenant_id":"another","assistant_query_daily_limit":7.0,"tool_invocation_daily_limit":" 8 ",
        "daily_brief_generated_daily_limit":true,"notification_enqueued_daily_limit":1e2,"chat_daily_limit":-1}"#;

    let set = admin.request("PUT", "/v1/limits").body(body).send().await;

    set.expect(200);
    assert_eq!(set.text, limits_text(&admin.tenant_id, [7, 8, 1, 100]));
}

#[tokio::test]
async fn every_bad_limit_is_named_with_its_fault_and_nothing_is_changed() {
    let world = World::open().await;
    let admin = world.tenant().await;
    for (value, fault) in [
        ("-1", "greater_than_equal"),
        ("-99999999999999999999", "greater_than_equal"),
        ("9223372036854775808", "less_than_equal"),
        ("18446744073709551616", "less_than_equal"),
        ("\"99999999999999999999\"", "less_than_equal"),
        ("1e300", "less_than_equal"),
        ("1e400", "finite_number"),
        ("-1e400", "finite_number"),
        ("NaN", "finite_number"),
        ("Infinity", "finite_number"),
        ("-Infinity", "finite_number"),
        ("7.5", "int_from_float"),
        ("1e-3", "int_from_float"),
        ("\"7.5\"", "int_parsing"),
        ("\"many\"", "int_parsing"),
        ("\"\"", "int_parsing"),
        ("null", "int_type"),
        ("[1]", "int_type"),
        ("{}", "int_type"),
    ] {
        for field in FIELDS {
            let refused = put_one(&admin, field, value).await;
            assert_eq!(refused.faults(), [format!("{fault} body.{field}")], "{value}");
        }
    }

    assert_eq!(admin.get("/v1/limits").send().await.text, limits_text(&admin.tenant_id, DEFAULTS));
    assert_eq!(audited(&world, &admin).await, [] as [Value; 0]);
    echo(&admin, "a limit of 1 would refuse").send().await.expect(200);
    echo(&admin, "the second of these").send().await.expect(200);
}

#[tokio::test]
async fn all_four_are_required_and_all_faults_are_told_together_in_their_order() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let [query, tool, brief, notification] = FIELDS;
    let put = |body: &str| admin.request("PUT", "/v1/limits").body(body).send();

    assert_eq!(put("{}").await.faults(), FIELDS.map(|field| format!("missing body.{field}")));
    let mixed = format!(r#"{{"{notification}":-1,"{brief}":"many","{query}":0.5}}"#);
    assert_eq!(
        put(&mixed).await.faults(),
        [
            format!("int_from_float body.{query}"),
            format!("missing body.{tool}"),
            format!("int_parsing body.{brief}"),
            format!("greater_than_equal body.{notification}"),
        ]
    );
    for (body, fault) in [
        ("", "missing body"),
        ("null", "missing body"),
        ("[]", "model_attributes_type body"),
        ("7", "model_attributes_type body"),
        ("{", "json_invalid body.1"),
    ] {
        assert_eq!(put(body).await.faults(), [fault], "{body}");
    }
}

#[tokio::test]
async fn the_platform_bounds_what_a_tenant_may_allow_itself() {
    let settings = LocalSettings { daily_limit_ceiling: 50, ..World::settings() };
    let world = World::open_with(settings).await;
    let admin = world.tenant().await;

    for field in FIELDS {
        let refused = put_one(&admin, field, "51").await;

        assert_eq!(refused.faults(), [format!("less_than_equal body.{field}")]);
        assert_eq!(refused.detail(422)[0]["ctx"], json!({"le": 50}));
    }
    assert_eq!(
        admin.get("/v1/limits").send().await.text,
        limits_text(&admin.tenant_id, DEFAULTS),
        "what is above the ceiling already stays until it is set"
    );
    put_limits(&admin, [50; 4]).send().await.expect(200);
}

#[tokio::test]
async fn a_change_leaves_one_entry_that_tells_who_made_what_of_what() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let first = put_limits(&admin, [1, 2, 3, 4]).send().await;
    let second = put_limits(&admin, [5, 6, 7, 8]).at("2026-02-10T12:00:01Z").send().await;
    put_one(&admin, FIELDS[0], "-1").await.detail(422);
    let member = put_limits(&admin.member().await, [9; 4]).send().await;
    assert_eq!(member.detail(403), "Role 'member' is not authorized to update limits");

    let entries = audited(&world, &admin).await;

    let limits = |limits| serde_json::from_str::<Value>(&limits_text(&admin.tenant_id, limits)).unwrap();
    let expected = [
        (&second, [1, 2, 3, 4], [5, 6, 7, 8], "2026-02-10T12:00:01.000000Z"),
        (&first, DEFAULTS, [1, 2, 3, 4], "2026-02-10T12:00:00.000000Z"),
    ];
    assert_eq!(entries.len(), expected.len());
    for (entry, (reply, before, after, created_at)) in entries.iter().zip(expected) {
        let told = json!({
            "id": entry["id"], "actor": {"kind": "user", "user_id": admin.user_id}, "action": "limits.update",
            "tenant_id": admin.tenant_id, "subject": "", "before": limits(before), "after": limits(after),
            "request_id": reply.header("x-request-id"), "created_at": created_at,
        });
        assert_eq!(entry, &told);
    }
    let of_platform = world.operator("GET", "/v1/admin/audit").send().await.expect(200);
    assert_eq!(of_platform["items"], json!([]), "the operator did nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_changes_at_the_same_time_each_starts_from_what_another_left() {
    let world = World::open().await;
    let admin = world.tenant().await;

    for reply in at_once((1..=12).map(|limit| put_limits(&admin, [limit; 4]))).await {
        reply.expect(200);
    }

    let entries = audited(&world, &admin).await;
    assert_eq!(entries.len(), 12);
    let mut limits: Value = serde_json::from_str(&limits_text(&admin.tenant_id, DEFAULTS)).unwrap();
    for _ in 0..12 {
        limits = entries.iter().find(|entry| entry["before"] == limits).unwrap()["after"].clone();
    }
    assert_eq!(read(&admin, "/v1/limits").await, limits, "the last of the chain is what is there");
}

#[tokio::test]
async fn a_change_whose_answer_was_lost_on_the_way_is_made_and_noted_once() {
    let world = World::open().await;
    let admin = world.tenant().await;

    for (limit, fault) in [(1, Fault::ReplyLost), (2, Fault::Conflict), (3, Fault::Throttled)] {
        world.faults().next("TransactWriteItems", fault);
        put_limits(&admin, [limit; 4]).send().await.expect(200);
    }

    assert_eq!(world.faults().pending(), 0);
    assert_eq!(audited(&world, &admin).await.len(), 3);
}

/// Whoever is told that the store gave no answer must not find that neither the old nor the new limits hold.
#[tokio::test(start_paused = true)]
async fn a_change_whose_answer_was_lost_for_good_holds_as_it_is_shown() {
    let world = World::open().await;
    let admin = world.tenant().await;
    echo(&admin, "one").send().await.expect(200);
    world.faults().times("TransactWriteItems", Fault::ReplyLost, 12);

    put_limits(&admin, [1; 4]).send().await.detail(503);

    world.faults().clear();
    assert_eq!(admin.get("/v1/limits").send().await.text, limits_text(&admin.tenant_id, [1; 4]));
    assert_eq!(echo(&admin, "two").send().await.detail(429)["limit"], 1);
}
