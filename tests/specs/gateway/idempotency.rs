//! Specifications of the `Idempotency-Key`: one key has one effect (gateway.md 4).

use bespin_embedded::Fault;
use bespin_entitlements::{Capability, SubscriptionStatus};
use bespin_local::LocalSettings;
use bespin_metering::MeteredEvent;
use bespin_table::{Condition, Item, Transaction, keys};
use bespin_tests::{Actor, Reply, Request, World};
use serde_json::{Value, json};

use crate::at_once;

const INVOKE: &str = "/v1/tools/invoke";
const MATERIALIZE: &str = "/v1/briefs/materialize";
const MONTH: &str = "2026-02";
/// What may happen to a call on its way, short of the death of the process.
const FAULTS: [Fault; 5] =
    [Fault::Conflict, Fault::Throttled, Fault::ReplyLost, Fault::NotSent, Fault::ServerError];

fn echo(actor: &Actor, key: &str, text: &str) -> Request {
    actor.invoke(key, "echo", &json!({"text": text}))
}

fn with_body(actor: &Actor, path: &str, body: &str) -> Request {
    actor.post(path).key("key").body(body)
}

async fn entries(world: &World, actor: &Actor) -> usize {
    world.assert_ledger_equals_counters(actor, MONTH).await
}

/// The one text that all of `replies` have.
#[track_caller]
fn the_one_answer(replies: &[Reply]) -> &str {
    for reply in replies {
        assert_eq!((reply.status, &reply.text), (200, &replies[0].text));
    }
    &replies[0].text
}

#[tokio::test]
async fn a_retry_gets_the_first_answer_byte_for_byte_and_is_not_charged() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let first = echo(&admin, "key", "hi").send().await;

    for _ in 0..3 {
        let again = echo(&admin, "key", "hi").at("2026-02-11T00:00:00Z").send().await;
        assert_eq!((again.status, &again.text), (200, &first.text));
    }

    assert_eq!(entries(&world, &admin).await, 1);
}

#[tokio::test]
async fn members_in_another_order_white_space_defaults_and_unknown_members_make_no_other_body() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let spellings = [
        (INVOKE, r#"{"tool_name":"echo","payload":{}}"#, r#" { "payload" : { } ,"tool_name":"\u0065cho"}"#),
        (
            INVOKE,
            r#"{"tool_name":"echo"}"#,
            "{\n\t\"unknown\": [1], \"payload\": {}, \"tool_name\": \"echo\"}",
        ),
        (
            INVOKE,
            r#"{"tool_name":"echo","payload":{"a":[1,{"b":2,"c":3}],"d":null}}"#,
            r#"{"tool_name":"echo","payload":{"d":null, "a":[1, {"c":3,"b":2}]}}"#,
        ),
        (MATERIALIZE, r#"{"date":"2026-02-01"}"#, r#"{"top_n":3,"window_days":7,"date":"2026-02-01"}"#),
        (
            MATERIALIZE,
            r#"{"date":"2026-02-01"}"#,
            r#"{"top_n":"3","window_days":7.0,"date":"2026-02-01","x":1}"#,
        ),
        (MATERIALIZE, "{}", r#"{"date":null,"top_n":null,"window_days":null}"#),
    ];
    for (number, (path, one, other)) in spellings.into_iter().enumerate() {
        let key = format!("key-{number}");
        let first = admin.post(path).key(&key).body(one).send().await;

        let again = admin.post(path).key(&key).body(other).send().await;

        assert_eq!((first.status, again.status, &again.text), (200, 200, &first.text), "{one} {other}");
    }
    // Two of the briefs are one.
    assert_eq!(entries(&world, &admin).await, 5);
}

#[tokio::test]
async fn another_body_under_the_same_key_is_refused_and_the_first_still_replays() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let first = echo(&admin, "the-key", "hi").send().await;
    let others = [
        echo(&admin, "the-key", "ho"),
        admin.invoke("the-key", "kpi_summary", &json!({"text": "hi"})),
        // What would be not found without the key is a matter of the key.
        admin.invoke("the-key", "nope", &json!({"text": "hi"})),
    ];
    for other in others {
        let refused = other.send().await;

        assert_eq!(
            refused.detail(409),
            "Idempotency key 'the-key' was already used with a different request body"
        );
    }
    assert_eq!(echo(&admin, "the-key", "hi").send().await.text, first.text);
    assert_eq!(entries(&world, &admin).await, 1);
}

#[tokio::test]
async fn a_process_that_has_not_seen_the_key_refuses_another_body_just_so() {
    let folder = tempfile::tempdir().unwrap();
    let world = crate::histories::open_on(folder.path(), 1).await;
    let admin = world.tenant().await;
    let first = echo(&admin, "key", "hi").send().await;
    let (tenant_id, user_id, api_key) =
        (admin.tenant_id.clone(), admin.user_id.clone(), admin.api_key.clone());
    drop((admin, world));

    let world = crate::histories::open_on(folder.path(), 2).await;
    let admin = world.actor(&tenant_id, &user_id, &api_key);

    echo(&admin, "key", "ho").send().await.detail(409);
    assert_eq!(echo(&admin, "key", "hi").send().await.text, first.text);
    assert_eq!(entries(&world, &admin).await, 1);
}

#[tokio::test]
async fn a_used_key_is_told_before_an_exhausted_quota() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let first = echo(&admin, "key", "hi").send().await;
    let brief = admin.materialize("key", "2026-02-01").send().await;
    world.set_plan(&admin, |plan| plan.included_credits = 0).await;

    echo(&admin, "key", "ho").send().await.detail(409);
    admin.materialize("key", "2026-02-02").send().await.detail(409);
    assert_eq!(echo(&admin, "key", "hi").send().await.text, first.text);
    assert_eq!(admin.materialize("key", "2026-02-01").send().await.text, brief.text);
    echo(&admin, "new", "hi").send().await.detail(429);

    world.change_event(MeteredEvent::ToolInvocation, |event| event.active = false).await;
    echo(&admin, "key", "ho").send().await.detail(409);
    assert_eq!(echo(&admin, "key", "hi").send().await.text, first.text);
}

#[tokio::test]
async fn role_and_capability_are_checked_before_a_replay() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let member = admin.member().await;
    let first = echo(&admin, "key", "hi").send().await;
    let brief = admin.materialize("key", "2026-02-01").send().await;

    echo(&member, "key", "hi").send().await.detail(403);
    member.materialize("key", "2026-02-01").send().await.detail(403);

    world.set_status(&admin, SubscriptionStatus::Suspended).await;
    assert_eq!(echo(&admin, "key", "hi").send().await.detail(403)["error"], "subscription_suspended");
    echo(&admin, "key", "another body").send().await.detail(403);
    world.set_status(&admin, SubscriptionStatus::Active).await;
    assert_eq!(echo(&admin, "key", "hi").send().await.text, first.text);

    world.set_plan(&admin, |plan| assert!(plan.capabilities.remove(&Capability::Briefs))).await;
    assert_eq!(admin.materialize("key", "2026-02-01").send().await.detail(403)["error"], "capability_denied");
    world.set_plan(&admin, |_| ()).await;
    assert_eq!(admin.materialize("key", "2026-02-01").send().await.text, brief.text);
}

#[tokio::test]
async fn a_failed_attempt_leaves_the_key_free_for_another_body() {
    let world = World::open().await;
    let admin = world.tenant().await;

    admin.invoke("key", "nope", &json!({})).send().await.detail(404);
    with_body(&admin, INVOKE, r#"{"tool_name":"echo","payload":null}"#).send().await.detail(422);
    with_body(&admin, INVOKE, r#"{"tool_name":"#).send().await.detail(422);
    world.set_daily_tool_limit(&admin, 0).await;
    echo(&admin, "key", "one").send().await.detail(429);
    world.change_event(MeteredEvent::ToolInvocation, |event| event.active = false).await;
    echo(&admin, "key", "two").send().await.detail(400);
    world.change_event(MeteredEvent::ToolInvocation, |event| event.active = true).await;
    world.set_daily_tool_limit(&admin, 1).await;
    assert_eq!(entries(&world, &admin).await, 0);

    echo(&admin, "key", "three").send().await.expect(200);
    assert_eq!(entries(&world, &admin).await, 1);
}

#[tokio::test]
async fn a_brief_that_failed_leaves_the_key_free_too() {
    let world = World::open().await;
    let admin = world.tenant().await;

    admin.materialize("key", "2026-02-30").send().await.detail(422);
    world.set_plan(&admin, |plan| plan.included_credits = 4).await;
    admin.materialize("key", "2026-02-03").send().await.detail(429);
    world.set_plan(&admin, |plan| plan.included_credits = 5).await;

    admin.materialize("key", "2026-02-04").send().await.expect(200);
    assert_eq!(entries(&world, &admin).await, 1);
}

#[tokio::test]
async fn an_attempt_that_the_store_did_not_take_leaves_the_key_free() {
    let world = World::open().await;
    let admin = world.tenant().await;
    echo(&admin, "warm", "").send().await.expect(200);
    tokio::time::pause();

    world.faults().times("TransactWriteItems", Fault::NotSent, 12);
    let failed = echo(&admin, "key", "hi").send().await;

    assert_eq!(failed.detail(503), "the store is not available, please repeat");
    assert!(failed.header("retry-after").is_some());
    assert_eq!(world.faults().pending(), 0);
    echo(&admin, "key", "another").send().await.expect(200);
    assert_eq!(entries(&world, &admin).await, 2);
}

#[tokio::test]
async fn an_attempt_that_others_kept_out_is_told_to_come_again_and_leaves_the_key_free() {
    let world = World::open().await;
    let admin = world.tenant().await;
    echo(&admin, "warm", "").send().await.expect(200);
    tokio::time::pause();

    world.faults().times("TransactWriteItems", Fault::Conflict, 12);
    let kept_out = echo(&admin, "key", "hi").send().await;

    kept_out.detail(429);
    assert_eq!(kept_out.json()["error"], "contended");
    assert!(kept_out.header("retry-after").is_some());
    assert_eq!(world.faults().pending(), 0);
    echo(&admin, "key", "another").send().await.expect(200);
    assert_eq!(entries(&world, &admin).await, 2);
}

#[tokio::test]
async fn the_same_key_of_another_tenant_or_on_another_endpoint_is_another_key() {
    let world = World::open().await;
    let (one, other) = (world.tenant().await, world.tenant().await);
    let first = echo(&one, "key", "hi").send().await;

    let foreign = echo(&other, "key", "another body").send().await.expect(200);
    one.materialize("key", "2026-02-01").send().await.expect(200);

    assert_ne!(foreign["request_id"], first.json()["request_id"]);
    assert_eq!((entries(&world, &one).await, entries(&world, &other).await), (2, 1));
}

#[tokio::test]
async fn users_of_a_tenant_share_their_keys() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let body = json!({"tenant_id": admin.tenant_id, "email": "second@example.com", "role": "admin"});
    let user = admin.post("/v1/users").json(&body).send().await.expect(201);
    let second = world.actor(&admin.tenant_id, user["user_id"].as_str().unwrap(), &admin.api_key);
    let first = echo(&admin, "key", "hi").send().await;

    assert_eq!(echo(&second, "key", "hi").send().await.text, first.text);
    echo(&second, "key", "ho").send().await.detail(409);
    assert_eq!(entries(&world, &admin).await, 1);
}

#[tokio::test]
async fn a_key_has_at_most_255_characters() {
    let admin = World::open().await.tenant().await;
    for longest in ["k".repeat(255), "é".repeat(255)] {
        let first = echo(&admin, &longest, "hi").send().await;
        first.expect(200);
        assert_eq!(echo(&admin, &longest, "hi").send().await.text, first.text);
    }
    for too_long in ["k".repeat(256), "é".repeat(256), "k".repeat(300)] {
        for path in [INVOKE, MATERIALIZE] {
            let reply = admin.post(path).key(&too_long).json(&json!({"tool_name": "echo"})).send().await;
            assert_eq!(reply.faults(), ["string_too_long header.Idempotency-Key"]);
        }
    }
}

#[tokio::test]
async fn keys_that_differ_in_their_last_character_are_two() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let long = |end: char| format!("{}{end}", "k".repeat(254));

    echo(&admin, &long('a'), "hi").send().await.expect(200);
    echo(&admin, &long('b'), "ho").send().await.expect(200);

    assert_eq!(entries(&world, &admin).await, 2);
}

#[tokio::test]
async fn without_a_key_nothing_happens_whoever_asks() {
    let world = World::open().await;
    let admin = world.tenant().await;
    for path in [INVOKE, MATERIALIZE] {
        let requests = [
            admin.post(path).body("{}"),
            admin.post(path).key("").body("{}"),
            admin.post(path).key("  ").body("{}"),
            // The key is asked for before the caller is.
            world.request("POST", path).body("{}"),
        ];
        for request in requests {
            assert_eq!(request.send().await.detail(400), "Missing required header: Idempotency-Key");
        }
        // But broken JSON is told even before the key.
        assert_eq!(world.request("POST", path).body("{").send().await.faults(), ["json_invalid body.1"]);
    }
    assert_eq!(entries(&world, &admin).await, 0);
}

#[tokio::test]
async fn a_key_is_free_again_after_seven_days() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let large = "x".repeat(250_000);
    for (key, text) in [("small", "hi"), ("large", large.as_str())] {
        let first = echo(&admin, key, text).at("2026-02-10T12:00:00Z").send().await;

        let last = echo(&admin, key, text).at("2026-02-17T11:59:59Z").send().await;
        assert_eq!(last.text, first.text);
        echo(&admin, key, "another").at("2026-02-17T11:59:59Z").send().await.detail(409);

        echo(&admin, key, "another").at("2026-02-17T12:00:00Z").send().await.expect(200);
        echo(&admin, key, text).at("2026-02-17T12:00:01Z").send().await.detail(409);
    }
    assert_eq!(entries(&world, &admin).await, 4);
}

#[tokio::test]
async fn a_brief_without_a_date_replays_after_midnight() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let today = |key: &str, now: &str| admin.post(MATERIALIZE).key(key).body("{}").at(now);
    let first = today("key", "2026-02-10T23:59:59Z").send().await;
    assert_eq!(first.expect(200)["content"]["date"], "2026-02-10");

    assert_eq!(today("key", "2026-02-11T00:00:01Z").send().await.text, first.text);
    let next = today("another", "2026-02-11T00:00:01Z").send().await.expect(200);

    assert_eq!(next["content"]["date"], "2026-02-11");
    assert_eq!(entries(&world, &admin).await, 2);
}

#[tokio::test]
async fn a_call_that_finds_the_brief_made_keeps_its_own_record() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let first = admin.materialize("first", "2026-02-01").send().await;
    let body = json!({"date": "2026-02-01", "top_n": 9});
    let second = |body: &Value| admin.post(MATERIALIZE).key("second").json(body);

    assert_eq!(second(&body).send().await.text, first.text);

    second(&json!({"date": "2026-02-01"})).send().await.detail(409);
    assert_eq!(second(&body).send().await.text, first.text);
    assert_eq!(entries(&world, &admin).await, 1, "what exists is free");
}

#[tokio::test]
async fn a_large_answer_replays_byte_for_byte() {
    let world = World::open().await;
    let admin = world.tenant().await;
    // Below and above what one item holds, with characters of every width across the seams.
    for (bytes, unit) in [(190_000, "x"), (350_000, "aé日😀"), (1_000_000, "aé日😀"), (5_500_000, "x")]
    {
        let text = unit.repeat(bytes / unit.len());
        let key = format!("key-{bytes}");
        let first = echo(&admin, &key, &text).send().await;
        assert!(first.status == 200 && first.text.contains(&text), "{bytes}");

        let again = echo(&admin, &key, &text).send().await;

        assert!(again.status == 200 && again.text == first.text, "{bytes}");
        echo(&admin, &key, &text[1..]).send().await.detail(409);
    }
    assert_eq!(entries(&world, &admin).await, 4);
}

#[tokio::test]
async fn where_a_key_is_optional_it_works_just_so() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let user = |role| json!({"tenant_id": admin.tenant_id, "email": "m@example.com", "role": role});
    let creations = [
        ("/v1/kpis", json!({"name": "MRR"}), json!({"name": "Churn"})),
        ("/v1/users", user("member"), user("admin")),
    ];
    for (path, body, other) in creations {
        let send = |body: &Value| admin.post(path).key("key").json(body).send();
        let first = send(&body).await;

        let again = send(&body).await;

        assert_eq!((first.status, again.status, &again.text), (201, 201, &first.text), "{path}");
        send(&other).await.detail(409);
        let without = admin.post(path).json(&body).send().await;
        assert_ne!((without.status, &without.text), (201, &first.text), "{path}");
    }
    assert_eq!(entries(&world, &admin).await, 2);
}

#[tokio::test]
async fn an_optional_key_replays_though_the_event_is_switched_off_or_the_quota_used_up() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let create = |name: &str| admin.post("/v1/kpis").key("key").json(&json!({"name": name})).send();
    let first = create("MRR").await;

    world.set_plan(&admin, |plan| plan.included_credits = 0).await;
    assert_eq!(create("MRR").await.text, first.text);
    create("Churn").await.detail(409);
    admin.post("/v1/kpis").json(&json!({"name": "MRR"})).send().await.detail(429);
    assert_eq!(create("MRR").await.text, first.text);
    create("Churn").await.detail(409);

    world.change_event(MeteredEvent::KpiDefinitionCreated, |event| event.active = false).await;
    assert_eq!(create("MRR").await.text, first.text);
    create("Churn").await.detail(409);
    assert_eq!(entries(&world, &admin).await, 1);
}

#[tokio::test]
async fn where_the_header_is_not_known_it_is_ignored() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;
    for (point, counts) in [
        (("2026-02-01", 1.0), json!({"inserted": 1, "ignored": 0})),
        (("2026-02-02", 2.0), json!({"inserted": 1, "ignored": 0})),
        (("2026-02-02", 2.0), json!({"inserted": 0, "ignored": 1})),
    ] {
        assert_eq!(admin.points(&kpi, &[point]).key("key").send().await.expect(200), counts);
    }
    assert_eq!(entries(&world, &admin).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_callers_with_one_key_make_one_effect_and_all_get_its_answer() {
    let world = World::open().await;
    let admin = world.tenant().await;

    let replies = at_once((0..50).map(|_| echo(&admin, "key", "hi"))).await;

    let [entry] = world.ledger(&admin, MONTH).await.try_into().unwrap();
    let answer: Value = serde_json::from_str(the_one_answer(&replies)).unwrap();
    assert_eq!(answer["request_id"], entry.request_id.to_string());
    assert_eq!(entries(&world, &admin).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_callers_with_one_key_make_one_effect_while_the_store_falters() {
    for seed in 0..8 {
        let world = World::open().await;
        let admin = world.tenant().await;
        world.faults().random(seed, 250, &FAULTS);

        let replies = at_once((0..50).map(|_| echo(&admin, "key", "hi"))).await;

        world.faults().clear();
        the_one_answer(&replies);
        assert_eq!(entries(&world, &admin).await, 1, "seed {seed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_callers_of_a_tool_that_reads_make_one_effect() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;
    admin.points(&kpi, &[("2026-02-01", 1.0), ("2026-02-02", 2.0)]).send().await.expect(200);
    world.faults().random(7, 150, &FAULTS);

    let replies = at_once((0..50).map(|_| admin.invoke("key", "kpi_summary", &json!({"kpi_id": kpi})))).await;

    world.faults().clear();
    the_one_answer(&replies);
    assert_eq!(entries(&world, &admin).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_answer_is_made_once_by_simultaneous_callers() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let text = "é".repeat(200_000);

    let replies = at_once((0..8).map(|_| echo(&admin, "key", &text))).await;

    the_one_answer(&replies);
    assert_eq!(entries(&world, &admin).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_bodies_that_race_for_a_key_wins_and_the_other_is_refused() {
    for seed in 0..4 {
        let world = World::open().await;
        let admin = world.tenant().await;
        world.faults().random(seed, 150, &FAULTS);

        let replies = at_once((0..40).map(|n| echo(&admin, "key", ["hi", "ho"][n % 2]))).await;

        world.faults().clear();
        let (hi, ho): (Vec<_>, Vec<_>) = replies.into_iter().enumerate().partition(|(n, _)| n % 2 == 0);
        let (won, lost) = if hi[0].1.status == 200 { (hi, ho) } else { (ho, hi) };
        let won: Vec<Reply> = won.into_iter().map(|(_, reply)| reply).collect();
        the_one_answer(&won);
        for (_, reply) in lost {
            reply.detail(409);
        }
        assert_eq!(entries(&world, &admin).await, 1, "seed {seed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn simultaneous_first_calls_for_a_date_get_the_one_brief() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;
    admin.points(&kpi, &[("2026-02-01", 1.0), ("2026-02-02", 2.0)]).send().await.expect(200);
    world.faults().random(3, 100, &FAULTS);

    // Ten keys, each used by four callers.
    let calls = (0..40).map(|n| admin.materialize(&format!("key-{}", n % 10), "2026-02-02"));
    let replies = at_once(calls).await;

    world.faults().clear();
    the_one_answer(&replies);
    assert_eq!(entries(&world, &admin).await, 3, "a definition, two points in one call, one brief");
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_who_create_under_one_key_create_one() {
    let world = World::open().await;
    let admin = world.tenant().await;
    world.faults().random(5, 150, &FAULTS);

    let calls = (0..50).map(|_| admin.post("/v1/kpis").key("key").json(&json!({"name": "MRR"})));
    let replies = at_once(calls).await;

    world.faults().clear();
    for reply in &replies {
        assert_eq!((reply.status, &reply.text), (201, &replies[0].text));
    }
    assert_eq!(entries(&world, &admin).await, 1);
    assert_eq!(admin.get("/v1/kpis").send().await.expect(200).as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_test_clock_in_the_past_loses_no_key_to_the_stores_own_clock() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let call = || admin.invoke("key", "echo", &json!({"text": "hi"})).at("2001-02-03T04:05:06Z");
    let first = call().send().await;

    world.sweep_expired();

    assert_eq!(call().send().await.text, first.text);
}

#[tokio::test]
async fn without_a_test_clock_what_has_expired_is_deleted() {
    let world = World::open_with(LocalSettings::default()).await;
    let table = &world.deps().table;
    let row = |minute: i64, expires_at: i64| {
        Item::new(keys::signups("192.0.2.1", minute)).with("expires_at", &expires_at)
    };
    let mut write = Transaction::new();
    write.put(row(1, 1), Condition::default());
    write.put(row(2, i64::from(u32::MAX)), Condition::default());
    table.commit(write).await.unwrap();

    world.sweep_expired();

    assert_eq!(table.get(keys::signups("192.0.2.1", 1)).await.unwrap(), None);
    assert!(table.get(keys::signups("192.0.2.1", 2)).await.unwrap().is_some());
}
