//! Ingesting points: insert or ignore, all or nothing, metered once (gateway.md 6.2).

use bespin_entitlements::{Capability, SubscriptionStatus};
use bespin_metering::MeteredEvent;
use bespin_primitives::Micros;
use bespin_tests::{Actor, Reply, World};
use futures::future::join_all;
use serde_json::{Value, json};

use crate::words::{HOUR, NOBODYS, counts, entries, include_credits, latest, numbered, send, start};

async fn post(actor: &Actor, kpi_id: &str, body: Value) -> Reply {
    send(actor, kpi_id, body.to_string()).await
}

/// Sends one point whose value is written as it stands.
async fn send_value(actor: &Actor, kpi_id: &str, value: &str) -> Reply {
    let good = r#"{"ts": "2026-01-01", "value": 1}"#;
    let body = format!(r#"{{"points": [{good}, {{"ts": "2026-01-02", "value": {value}}}]}}"#);
    send(actor, kpi_id, body).await
}

#[tokio::test]
async fn new_points_are_inserted_and_known_instants_ignored() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;

    let first = admin.points(&kpi, &[("2026-01-02", 2.0), ("2026-01-01", 1.0)]).send().await;
    let second =
        admin.points(&kpi, &[("2026-01-03", 3.0), ("2026-01-02", 9.0), ("2026-01-01", 9.0)]).send().await;

    assert_eq!(counts(&first), (2, 0));
    assert_eq!(counts(&second), (1, 2));
}

#[tokio::test]
async fn the_first_value_of_an_instant_stays() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;
    admin.points(&kpi, &[("2026-01-01", 1.0)]).send().await.expect(200);

    let again = admin.points(&kpi, &[("2026-01-01", 2.0)]).send().await;

    assert_eq!(counts(&again), (0, 1));
    assert_eq!(latest(&admin, &kpi).await, ("2026-01-01".to_owned(), 1.0));
}

#[tokio::test]
async fn of_duplicates_inside_a_call_the_first_is_inserted_and_the_others_ignored() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;

    let points =
        [("2026-01-02", 5.0), ("2026-01-01", 1.0), ("2026-01-02", 6.0), ("2026-01-02T00:00:00Z", 7.0)];
    let reply = admin.points(&kpi, &points).send().await;

    assert_eq!(counts(&reply), (2, 2));
    assert_eq!(latest(&admin, &kpi).await, ("2026-01-02".to_owned(), 5.0));
    let entries = entries(&world, &admin, MeteredEvent::KpiPointsIngested).await;
    assert_eq!(entries.iter().map(|entry| entry.raw_units).collect::<Vec<_>>(), [2]);
}

#[tokio::test]
async fn the_same_instant_in_two_kpis_is_two_points() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let (one, other) = (admin.kpi("MRR").await, admin.kpi("MRR").await);

    assert_eq!(counts(&admin.points(&one, &[("2026-01-01", 1.0)]).send().await), (1, 0));
    assert_eq!(counts(&admin.points(&other, &[("2026-01-01", 2.0)]).send().await), (1, 0));
    assert_eq!(latest(&admin, &one).await.1, 1.0);
    assert_eq!(latest(&admin, &other).await.1, 2.0);
}

#[tokio::test]
async fn values_are_coerced_like_all_floats() {
    let world = World::open().await;
    let admin = world.tenant().await;

    for (value, read) in [
        ("7", 7.0),
        ("-0.125", -0.125),
        ("\"7.5\"", 7.5),
        ("\" 1e3 \"", 1000.0),
        ("true", 1.0),
        ("false", 0.0),
        ("1.7976931348623157e308", f64::MAX),
        ("5e-324", 5e-324),
        ("123456789012345678901234567890", 1.234_567_890_123_456_8e29),
        ("1e-999", 0.0),
    ] {
        let kpi = admin.kpi(value).await;
        assert_eq!(counts(&send_value(&admin, &kpi, value).await), (2, 0), "{value}");
        assert_eq!(latest(&admin, &kpi).await.1, read, "{value}");
    }
}

#[tokio::test]
async fn a_value_that_is_not_finite_is_named_in_its_place_and_nothing_is_stored() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;

    for value in [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "-1e999",
        "1.0E+400",
        "\"inf\"",
        "\"-inf\"",
        "\"nan\"",
        "\"1e999\"",
        "\"Infinity\"",
        "\"NaN\"",
    ] {
        let reply = send_value(&admin, &kpi, value).await;
        assert_eq!(reply.faults(), ["finite_number body.points.1.value"], "{value}");
    }
    for (value, fault) in [
        ("\"seven\"", "float_parsing"),
        ("\"\"", "float_parsing"),
        ("null", "float_type"),
        ("[]", "float_type"),
        ("{}", "float_type"),
    ] {
        let reply = send_value(&admin, &kpi, value).await;
        assert_eq!(reply.faults(), [format!("{fault} body.points.1.value")], "{value}");
    }
    assert_eq!(
        admin.get(&format!("/v1/kpis/{kpi}/latest")).send().await.detail(404),
        format!("No data points found for KPI '{kpi}'")
    );
}

#[tokio::test]
async fn an_integer_beyond_the_largest_float_is_not_finite() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;

    let reply = send_value(&admin, &kpi, &format!("1{}", "0".repeat(400))).await;

    assert_eq!(reply.faults(), ["finite_number body.points.1.value"]);
}

#[tokio::test]
async fn every_bad_field_of_every_point_is_named_at_once() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;

    for (body, faults) in [
        (json!({}), vec!["missing body.points"]),
        (json!({"points": null}), vec!["list_type body.points"]),
        (json!({"points": {}}), vec!["list_type body.points"]),
        (json!({"points": []}), vec!["too_short body.points"]),
        (json!({"points": [7]}), vec!["model_attributes_type body.points.0"]),
        (
            json!({"points": [{}, {"ts": 1, "value": 1}, {"ts": "2026-01-01", "value": "x"}]}),
            vec![
                "missing body.points.0.ts",
                "missing body.points.0.value",
                "string_type body.points.1.ts",
                "float_parsing body.points.2.value",
            ],
        ),
        (json!([]), vec!["model_attributes_type body"]),
        (json!(null), vec!["missing body"]),
    ] {
        assert_eq!(post(&admin, &kpi, body.clone()).await.faults(), faults, "{body}");
    }
    let too_short = post(&admin, &kpi, json!({"points": []})).await.detail(422);
    assert_eq!(too_short[0]["ctx"]["min_length"], 1);
    assert_eq!(send(&admin, &kpi, "{\"points\": [}".to_owned()).await.faults(), ["json_invalid body.12"]);
}

#[tokio::test]
async fn one_bad_point_among_many_leaves_nothing_stored_and_nothing_charged() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;
    let body = numbered("2026-01-01", HOUR, 0..500).replace("\"value\":499", "\"value\":\"x\"");

    assert_eq!(send(&admin, &kpi, body).await.faults(), ["float_parsing body.points.499.value"]);

    let good = send(&admin, &kpi, numbered("2026-01-01", HOUR, 0..500)).await;
    assert_eq!(counts(&good), (500, 0), "nothing of the first call is there");
    assert_eq!(
        world.usage(&admin, "2026-02").await.of_event(MeteredEvent::KpiPointsIngested).unwrap().0,
        500
    );
}

#[tokio::test]
async fn a_call_takes_10000_points_and_not_one_more() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;

    let more = send(&admin, &kpi, numbered("2026-01-01", HOUR, 0..10_001)).await;
    assert_eq!(more.faults(), ["too_long body.points"]);
    assert_eq!(more.detail(422)[0]["ctx"]["max_length"], 10_000);
    assert!(more.text.len() < 10_000, "the points are not echoed: {} bytes", more.text.len());

    assert_eq!(counts(&send(&admin, &kpi, numbered("2026-01-01", HOUR, 0..10_000)).await), (10_000, 0));
    assert_eq!(latest(&admin, &kpi).await.1, 9999.0);
    let entries = entries(&world, &admin, MeteredEvent::KpiPointsIngested).await;
    assert_eq!(entries.iter().map(|entry| entry.raw_units).collect::<Vec<_>>(), [10_000]);
    assert_eq!(entries[0].credits.micros(), 10_000_000);
}

#[tokio::test]
async fn a_body_of_more_than_6_mb_is_a_413_and_one_of_5_mb_is_read() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;
    let padded = |bytes: usize| {
        let points = r#"{"points": [{"ts": "2026-01-01", "value": 1}]"#;
        format!("{points}{}}}", " ".repeat(bytes - points.len() - 1))
    };

    let large = send(&admin, &kpi, padded(6 * 1024 * 1024 + 1)).await;
    assert_eq!(large.detail(413), "Request body too large");

    assert_eq!(counts(&send(&admin, &kpi, padded(5_000_000)).await), (1, 0));
}

#[tokio::test]
async fn the_new_points_of_a_call_are_metered_as_one_event_of_no_tool_and_not_audited() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;
    send(&admin, &kpi, numbered("2026-01-01", HOUR, 0..5)).await.expect(200);

    let reply = send(&admin, &kpi, numbered("2026-01-01", HOUR, 0..8)).await;

    assert_eq!(counts(&reply), (3, 5));
    let entries = entries(&world, &admin, MeteredEvent::KpiPointsIngested).await;
    let [entry, _] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!(entries.iter().map(|entry| entry.raw_units).sum::<u64>(), 8);
    assert_eq!((&entry.tool_name, &entry.action), (&None, &None));
    let ids: Vec<String> = entries.iter().map(|entry| entry.request_id.to_string()).collect();
    assert!(ids.contains(&reply.header("x-request-id").unwrap().to_owned()));
    world.assert_ledger_equals_counters(&admin, "2026-02").await;
}

#[tokio::test]
async fn nothing_new_works_at_zero_credits_and_costs_nothing() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;
    send(&admin, &kpi, numbered("2026-01-01", HOUR, 0..50)).await.expect(200);
    include_credits(&world, &admin, 0).await;
    world.change_event(MeteredEvent::KpiPointsIngested, |event| event.active = false).await;

    let reply = send(&admin, &kpi, numbered("2026-01-01", HOUR, 10..40)).await;

    assert_eq!(counts(&reply), (0, 30));
    assert_eq!(reply.cost().write_units, 0.0);
    assert_eq!(entries(&world, &admin, MeteredEvent::KpiPointsIngested).await.len(), 1);
}

#[tokio::test]
async fn a_refused_ingest_stores_nothing_not_even_what_would_have_fitted() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;
    // Half a credit went to the definition, so 500 points fit into one credit.
    include_credits(&world, &admin, 1).await;
    send(&admin, &kpi, numbered("2026-01-01", HOUR, 0..100)).await.expect(200);

    let refused = send(&admin, &kpi, numbered("2026-01-01", HOUR, 0..501)).await;

    let detail = refused.detail(429);
    assert_eq!(detail["error"], "quota_exceeded");
    assert_eq!(detail["event_key"], "kpi_points_ingested");
    assert_eq!(detail["requested_raw_units"], 401, "only new points count");
    assert_eq!(detail["requested_credits"].as_f64(), Some(0.401));
    assert_eq!(detail["used_credits"].as_f64(), Some(0.6));
    assert_eq!(refused.cost().write_units, 0.0);
    assert_eq!(latest(&admin, &kpi).await.1, 99.0);
    assert_eq!(counts(&send(&admin, &kpi, numbered("2026-01-01", HOUR, 0..500)).await), (400, 100));
    world.assert_ledger_equals_counters(&admin, "2026-02").await;
}

#[tokio::test]
async fn a_cap_on_points_counts_new_points_only() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;
    let event = MeteredEvent::KpiPointsIngested.key().to_owned();
    world
        .set_plan(&admin, |plan| {
            plan.caps.insert(event, Micros::new(10_000_000));
        })
        .await;
    send(&admin, &kpi, numbered("2026-01-01", HOUR, 0..6)).await.expect(200);

    let detail = send(&admin, &kpi, numbered("2026-01-01", HOUR, 0..11)).await.detail(429);
    assert_eq!((&detail["cap_raw_units"], &detail["used_raw_units"]), (&json!(10), &json!(6)));
    assert_eq!(detail["requested_raw_units"], 5);

    assert_eq!(counts(&send(&admin, &kpi, numbered("2026-01-01", HOUR, 0..10)).await), (4, 6));
}

#[tokio::test]
async fn an_event_that_is_switched_off_is_a_400_and_stores_nothing() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;
    world.change_event(MeteredEvent::KpiPointsIngested, |event| event.active = false).await;

    let detail = admin.points(&kpi, &[("2026-01-01", 1.0)]).send().await.detail(400);

    assert_eq!(detail["error"], "unknown_event_type");
    assert_eq!(detail["event_key"], "kpi_points_ingested");
    admin.get(&format!("/v1/kpis/{kpi}/latest")).send().await.detail(404);
}

#[tokio::test]
async fn an_unknown_kpi_is_told_by_the_id_as_asked() {
    let world = World::open().await;
    let (admin, stranger) = (world.tenant().await, world.tenant().await);
    let theirs = stranger.kpi("theirs").await;

    for id in [NOBODYS, "abc", theirs.as_str(), "latest"] {
        let reply = admin.points(id, &[("2026-01-01", 1.0)]).send().await;
        assert_eq!(reply.detail(404), format!("KPI '{id}' not found"));
    }
    let encoded = admin.points("a%20b%2Fc%27", &[("2026-01-01", 1.0)]).send().await;
    assert_eq!(encoded.detail(404), "KPI 'a b/c'' not found");
}

#[tokio::test]
async fn schema_then_role_then_capability_then_kpi_then_quota() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let member = admin.member().await;
    let kpi = admin.kpi("MRR").await;
    world
        .set_plan(&admin, |plan| {
            plan.included_credits = 0;
            plan.capabilities.remove(&Capability::KpiIngest);
        })
        .await;
    world.set_status(&admin, SubscriptionStatus::Suspended).await;
    let good = [("2026-01-01", 1.0)];

    assert_eq!(post(&member, "abc", json!({"points": []})).await.faults(), ["too_short body.points"]);
    assert_eq!(
        member.points("abc", &good).send().await.detail(403),
        "Role 'member' is not authorized to ingest KPI points"
    );
    assert_eq!(admin.points("abc", &good).send().await.detail(403)["error"], "subscription_suspended");
    world.set_status(&admin, SubscriptionStatus::Active).await;
    let denied = admin.points("abc", &good).send().await.detail(403);
    assert_eq!(
        (&denied["error"], &denied["capability_key"]),
        (&json!("capability_denied"), &json!("kpi_ingest"))
    );
    include_credits(&world, &admin, 0).await;
    assert_eq!(admin.points("abc", &good).send().await.detail(404), "KPI 'abc' not found");
    assert_eq!(admin.points(&kpi, &good).send().await.detail(429)["error"], "quota_exceeded");
}

#[tokio::test]
async fn an_idempotency_key_means_nothing_here() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;
    let keyed = |ts| admin.points(&kpi, &[(ts, 1.0)]).key("k").send();

    assert_eq!(counts(&keyed("2026-01-01").await), (1, 0));
    assert_eq!(counts(&keyed("2026-01-01").await), (0, 1), "not replayed");
    assert_eq!(counts(&keyed("2026-01-02").await), (1, 0), "no conflict");
}

#[tokio::test]
async fn points_may_come_in_any_order_over_many_calls() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;

    // 1,009 is prime, so multiples of 377 modulo it visit every number once, in a wild order.
    let wild: Vec<u32> = (0..1009).map(|step| step * 377 % 1009).collect();
    for some in wild.chunks(67) {
        let reply = send(&admin, &kpi, numbered("2026-01-01", HOUR, some.iter().copied())).await;
        assert_eq!(counts(&reply), (some.len() as u64, 0));
    }

    assert_eq!(counts(&send(&admin, &kpi, numbered("2026-01-01", HOUR, 0..1009)).await), (0, 1009));
    assert_eq!(latest(&admin, &kpi).await.1, 1008.0);
    for days in [1_u32, 10, 30, 42] {
        assert_eq!(start(&admin, &days.to_string(), &kpi, days.into()).await.1, f64::from(1008 - 24 * days));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simultaneous_ingests_of_one_kpi_add_up_to_its_distinct_points() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;

    // Each caller shares half of its points with the caller before it.
    let callers = (0..32_u32).map(|caller| {
        let (admin, kpi) = (admin.clone(), kpi.clone());
        let body = numbered("2026-01-01", HOUR, caller * 10..caller * 10 + 20);
        tokio::spawn(async move { send(&admin, &kpi, body).await })
    });
    let replies: Vec<Reply> = join_all(callers).await.into_iter().map(Result::unwrap).collect();

    let (inserted, ignored) =
        replies.iter().map(counts).fold((0, 0), |sum, (new, old)| (sum.0 + new, sum.1 + old));
    assert_eq!((inserted, ignored), (330, 310));
    assert_eq!(counts(&send(&admin, &kpi, numbered("2026-01-01", HOUR, 0..330)).await), (0, 330));
    assert_eq!(latest(&admin, &kpi).await.1, 329.0);
    world.assert_ledger_equals_counters(&admin, "2026-02").await;
    assert_eq!(
        world.usage(&admin, "2026-02").await.of_event(MeteredEvent::KpiPointsIngested).unwrap().0,
        330
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simultaneous_ingests_of_the_same_points_are_charged_once() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;

    let callers = (0..16).map(|_| {
        let (admin, kpi) = (admin.clone(), kpi.clone());
        tokio::spawn(async move { send(&admin, &kpi, numbered("2026-01-01", HOUR, 0..100)).await })
    });
    let replies: Vec<Reply> = join_all(callers).await.into_iter().map(Result::unwrap).collect();

    let mut all: Vec<_> = replies.iter().map(counts).collect();
    all.sort_unstable();
    assert_eq!(all, [vec![(0, 100); 15], vec![(100, 0)]].concat());
    assert_eq!(entries(&world, &admin, MeteredEvent::KpiPointsIngested).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simultaneous_ingests_of_many_kpis_share_the_counters_and_add_up() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let mut kpis = Vec::new();
    for number in 0..16 {
        kpis.push(admin.kpi(&number.to_string()).await);
    }

    let callers = kpis.into_iter().map(|kpi| {
        let admin = admin.clone();
        tokio::spawn(async move { send(&admin, &kpi, numbered("2026-01-01", HOUR, 0..25)).await })
    });
    let replies: Vec<Reply> = join_all(callers).await.into_iter().map(Result::unwrap).collect();

    assert!(replies.iter().all(|reply| counts(reply) == (25, 0)));
    assert_eq!(world.assert_ledger_equals_counters(&admin, "2026-02").await, 32);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simultaneous_ingests_never_pass_the_credits() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;
    // Room for 500 points, which is five calls.
    include_credits(&world, &admin, 1).await;

    let callers = (0..12_u32).map(|caller| {
        let (admin, kpi) = (admin.clone(), kpi.clone());
        let body = numbered("2026-01-01", HOUR, caller * 100..caller * 100 + 100);
        tokio::spawn(async move { send(&admin, &kpi, body).await.status })
    });
    let mut statuses: Vec<u16> = join_all(callers).await.into_iter().map(Result::unwrap).collect();

    statuses.sort_unstable();
    assert_eq!(statuses, [vec![200; 5], vec![429; 7]].concat());
    world.assert_ledger_equals_counters(&admin, "2026-02").await;
    assert_eq!(world.usage(&admin, "2026-02").await.credits().unwrap().micros(), 1_000_000);
}
