//! Making and reading briefs: one for a date, never changed, charged once (gateway.md 7.1, 7.3).

use bespin_entitlements::{Capability, DailyLimits, SubscriptionStatus};
use bespin_metering::{Counter, MeteredEvent};
use bespin_primitives::{Micros, parse_date};
use bespin_tests::{Actor, Reply, Request, World};
use futures::future::join_all;
use serde_json::{Value, json};

use crate::words::{brief, counts, entries, include_credits, names};

const PATH: &str = "/v1/briefs/materialize";

fn make(actor: &Actor, key: &str, order: &Value) -> Request {
    actor.post(PATH).key(key).json(order)
}

async fn read(actor: &Actor, date: &str) -> Reply {
    actor.get(&format!("/v1/briefs/{date}")).send().await
}

/// How many briefs were charged in February 2026.
async fn charged(world: &World, actor: &Actor) -> usize {
    world.assert_ledger_equals_counters(actor, "2026-02").await;
    entries(world, actor, MeteredEvent::DailyBriefGenerated).await.len()
}

#[tokio::test]
async fn an_empty_order_is_for_today_a_week_and_three_highlights() {
    let world = World::open().await;
    let admin = world.tenant().await;

    let made = brief(&admin, "k", json!({})).await;

    let zeros = json!({"kpis_considered": 0, "kpis_up": 0, "kpis_down": 0, "kpis_flat": 0});
    let content = json!({
        "date": "2026-02-10", "window_days": 7, "top_n": 3, "summary": zeros, "highlights": [], "alerts": [],
    });
    assert_eq!(
        made,
        json!({"brief_id": made["brief_id"], "request_id": made["request_id"], "content": content})
    );
}

#[tokio::test]
async fn today_is_the_day_in_utc() {
    let world = World::open().await;
    let admin = world.tenant().await;

    for (now, today) in [
        ("2026-02-10T23:59:59.999999Z", "2026-02-10"),
        ("2026-02-11T00:00:00Z", "2026-02-11"),
        ("2026-02-12T23:30:00-01:00", "2026-02-13"),
        ("2028-02-29T12:00:00Z", "2028-02-29"),
    ] {
        let made = make(&admin, now, &json!({"date": null})).at(now).send().await.expect(200);
        assert_eq!(made["content"]["date"], today, "{now}");
    }
}

#[tokio::test]
async fn a_date_is_a_real_one_of_four_two_and_two_digits() {
    let world = World::open().await;
    let admin = world.tenant().await;

    for date in [
        "banana",
        "",
        " ",
        "2026-02-30",
        "2027-02-29",
        "2026-13-01",
        "2026-00-01",
        "2026-1-1",
        "20260131",
        "2026-01-31T00:00:00Z",
        "2026-01-31 ",
        "0000-01-01",
        "10000-01-01",
        "-001-01-01",
        "latest",
        "２０２６-01-31",
    ] {
        let reply = make(&admin, "k", &json!({"date": date})).send().await;
        assert_eq!(reply.faults(), ["value_error body.date"], "{date}");
    }
    for date in [json!(20_260_131), json!(true), json!([])] {
        assert_eq!(
            make(&admin, "k", &json!({"date": date})).send().await.faults(),
            ["string_type body.date"]
        );
    }
    for date in ["2028-02-29", "0001-01-01", "9999-12-31"] {
        assert_eq!(brief(&admin, date, json!({"date": date})).await["content"]["date"], date);
    }
    assert_eq!(read(&admin, "latest").await.expect(200)["content"]["date"], "9999-12-31");
}

#[tokio::test]
async fn window_and_top_n_have_bounds_and_a_body_is_required() {
    let world = World::open().await;
    let admin = world.tenant().await;

    for (order, faults) in [
        (json!({"window_days": 0}), vec!["greater_than_equal body.window_days"]),
        (json!({"window_days": 366}), vec!["less_than_equal body.window_days"]),
        (json!({"top_n": 0}), vec!["greater_than_equal body.top_n"]),
        (json!({"top_n": 101}), vec!["less_than_equal body.top_n"]),
        (
            json!({"date": "x", "window_days": "x", "top_n": 1.5}),
            vec!["value_error body.date", "int_parsing body.window_days", "int_from_float body.top_n"],
        ),
        (json!(null), vec!["missing body"]),
        (json!([]), vec!["model_attributes_type body"]),
    ] {
        assert_eq!(make(&admin, "k", &order).send().await.faults(), faults, "{order}");
    }
    assert_eq!(admin.post(PATH).key("k").send().await.faults(), ["missing body"]);
    for (date, window_days, top_n) in [("2026-01-01", 1, 100), ("2026-01-02", 365, 1)] {
        let order = json!({"date": date, "window_days": window_days.to_string(), "top_n": f64::from(top_n)});
        let made = brief(&admin, date, order).await;
        assert_eq!(made["content"]["window_days"], window_days);
        assert_eq!(made["content"]["top_n"], top_n);
    }
}

#[tokio::test]
async fn there_is_one_brief_for_a_date_and_it_never_changes() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;
    let order = json!({"date": "2026-01-31", "window_days": 7, "top_n": 3});
    let first = make(&admin, "a", &order).send().await;

    admin.points(&kpi, &[("2026-01-31", 1.0)]).send().await.expect(200);
    let other = json!({"date": "2026-01-31", "window_days": 30, "top_n": 1});
    let second = make(&admin, "b", &other).at("2026-02-12T08:00:00Z").send().await;

    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(second.text, first.text, "with its first request id, window and top_n");
    assert_eq!(read(&admin, "2026-01-31").await.text, first.text);
    assert_eq!(charged(&world, &admin).await, 1);
}

#[tokio::test]
async fn an_existing_brief_is_free_and_recorded_under_the_key() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let order = json!({"date": "2026-01-31"});
    let first = make(&admin, "a", &order).send().await;
    include_credits(&world, &admin, 0).await;
    world.set_daily_limits(&admin, DailyLimits { daily_brief_generated: 0, ..DailyLimits::default() }).await;
    world.change_event(MeteredEvent::DailyBriefGenerated, |event| event.active = false).await;

    assert_eq!(make(&admin, "b", &order).send().await.text, first.text);
    assert_eq!(make(&admin, "b", &order).send().await.text, first.text);
    assert_eq!(
        make(&admin, "b", &json!({"date": "2026-01-30"})).send().await.detail(409),
        "Idempotency key 'b' was already used with a different request body"
    );
    assert_eq!(charged(&world, &admin).await, 1);
}

#[tokio::test]
async fn a_new_brief_is_metered_audited_and_counted_on_the_day_of_the_call() {
    let world = World::open().await;
    let admin = world.tenant().await;

    let reply = make(&admin, "k", &json!({"date": "2025-12-31"})).send().await;

    let entries = entries(&world, &admin, MeteredEvent::DailyBriefGenerated).await;
    let [entry] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!((entry.raw_units, entry.credits.micros()), (1, 5_000_000));
    assert_eq!(entry.tool_name.as_deref(), Some("daily_brief"));
    assert_eq!(entry.action.as_deref(), Some("briefs.materialize"));
    assert_eq!(reply.expect(200)["request_id"], entry.request_id.to_string());
    assert_eq!(reply.header("x-request-id"), Some(entry.request_id.to_string().as_str()));
    assert_eq!(entry.user_id.to_string(), admin.user_id);
    let usage = world.usage(&admin, "2026-02").await;
    let on = |date| Counter::UnitsOfDay(MeteredEvent::DailyBriefGenerated, parse_date(date).unwrap());
    assert_eq!(usage.counted(on("2026-02-10")).unwrap(), 1);
    assert_eq!(usage.counted(on("2026-02-11")).unwrap(), 0);
    assert_eq!(world.ledger(&admin, "2025-12").await.len(), 0);
    world.assert_ledger_equals_counters(&admin, "2026-02").await;
}

#[tokio::test]
async fn the_same_key_and_order_is_replayed_byte_for_byte_and_free() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let first = make(&admin, "k", &json!({"date": "2026-01-31", "top_n": 3})).send().await;
    include_credits(&world, &admin, 0).await;

    for same in [
        r#"{"top_n":3,"date":"2026-01-31"}"#,
        r#" { "date" : "2026-01-31" } "#,
        r#"{"date": "2026-01-31", "window_days": "7", "top_n": 3.0, "unknown": 1}"#,
        r#"{"date": "2026-01-31", "window_days": null, "top_n": null}"#,
    ] {
        let replay = admin.post(PATH).key("k").body(same).send().await;
        assert_eq!((replay.status, &replay.text), (200, &first.text), "{same}");
        assert_eq!(replay.cost().write_units, 0.0);
    }
    for other in [json!({"date": "2026-01-30"}), json!({"date": "2026-01-31", "top_n": 4}), json!({})] {
        assert_eq!(
            make(&admin, "k", &other).send().await.detail(409),
            "Idempotency key 'k' was already used with a different request body"
        );
    }
    assert_eq!(charged(&world, &admin).await, 1);
}

#[tokio::test]
async fn a_retry_without_a_date_after_midnight_is_the_replay() {
    let world = World::open().await;
    let admin = world.tenant().await;

    let before = make(&admin, "k", &json!({})).at("2026-02-10T23:59:59Z").send().await;
    let after = make(&admin, "k", &json!({"date": null})).at("2026-02-11T00:00:01Z").send().await;

    assert_eq!(before.expect(200)["content"]["date"], "2026-02-10");
    assert_eq!(after.text, before.text);
    assert_eq!(charged(&world, &admin).await, 1);
}

#[tokio::test]
async fn keys_of_briefs_are_of_one_tenant_and_of_one_endpoint() {
    let world = World::open().await;
    let (admin, stranger) = (world.tenant().await, world.tenant().await);
    admin.invoke("k", "echo", &json!({})).send().await.expect(200);

    let ours = make(&admin, "k", &json!({"date": "2026-01-31"})).send().await;
    let theirs = make(&stranger, "k", &json!({"date": "2026-01-30"})).send().await;

    assert_eq!(ours.expect(200)["content"]["date"], "2026-01-31");
    assert_eq!(theirs.expect(200)["content"]["date"], "2026-01-30");
    assert_eq!(read(&stranger, "2026-01-31").await.status, 404);
}

#[tokio::test]
async fn a_refused_attempt_makes_no_brief_and_leaves_its_key_free() {
    let world = World::open().await;
    let admin = world.tenant().await;
    include_credits(&world, &admin, 4).await;

    let refused = make(&admin, "k", &json!({"date": "2026-01-31"})).send().await;
    assert_eq!(refused.detail(429)["event_key"], "daily_brief_generated");
    assert_eq!(refused.cost().write_units, 0.0);
    assert_eq!(read(&admin, "2026-01-31").await.status, 404);
    assert_eq!(make(&admin, "k", &json!({"date": "x"})).send().await.status, 422);

    include_credits(&world, &admin, 5).await;
    make(&admin, "k", &json!({"date": "2026-01-30"})).send().await.expect(200);
    assert_eq!(charged(&world, &admin).await, 1);
}

#[tokio::test]
async fn credits_refuse_before_the_cap_and_the_cap_before_the_day() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let capped = |credits: u64, cap: u64| {
        let event = MeteredEvent::DailyBriefGenerated.key().to_owned();
        let cap = Micros::new(cap * 1_000_000);
        let (world, admin) = (world.clone(), admin.clone());
        async move {
            world
                .set_plan(&admin, |plan| {
                    plan.included_credits = credits;
                    plan.caps.insert(event, cap);
                })
                .await;
        }
    };
    world.set_daily_limits(&admin, DailyLimits { daily_brief_generated: 0, ..DailyLimits::default() }).await;
    let refusal = || async { make(&admin, "k", &json!({})).send().await.detail(429) };

    capped(0, 0).await;
    let credits = refusal().await;
    assert_eq!((&credits["limit_credits"], &credits["cap_raw_units"]), (&json!(0), &Value::Null));
    capped(500, 0).await;
    let cap = refusal().await;
    assert_eq!((&cap["cap_raw_units"], &cap["used_raw_units"]), (&json!(0), &json!(0)));
    capped(500, 50).await;
    let day = refusal().await;
    assert_eq!(day["error"], "quota_exceeded");
    assert_eq!(day["activity_type"], "daily_brief_generated");
    assert_eq!((&day["limit"], &day["current"], &day["requested"]), (&json!(0), &json!(0), &json!(1)));
}

#[tokio::test]
async fn the_daily_limit_is_of_the_day_of_the_call_not_of_the_date() {
    let world = World::open().await;
    let admin = world.tenant().await;
    world.set_daily_limits(&admin, DailyLimits { daily_brief_generated: 1, ..DailyLimits::default() }).await;
    make(&admin, "a", &json!({"date": "2026-01-01"})).send().await.expect(200);

    let again = make(&admin, "b", &json!({"date": "2026-01-02"}));

    assert_eq!(again.clone().at("2026-02-10T23:59:59Z").send().await.detail(429)["current"], 1);
    again.at("2026-02-11T00:00:00Z").send().await.expect(200);
}

#[tokio::test]
async fn an_event_that_is_switched_off_is_a_400() {
    let world = World::open().await;
    let admin = world.tenant().await;
    world.change_event(MeteredEvent::DailyBriefGenerated, |event| event.active = false).await;

    let detail = make(&admin, "k", &json!({})).send().await.detail(400);

    assert_eq!(detail["error"], "unknown_event_type");
    assert_eq!(read(&admin, "2026-02-10").await.status, 404);
}

#[tokio::test]
async fn key_then_schema_then_role_then_capability_then_replay_then_quota() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let member = admin.member().await;
    make(&admin, "used", &json!({"date": "2026-01-01"})).send().await.expect(200);
    world
        .set_plan(&admin, |plan| {
            plan.included_credits = 0;
            plan.capabilities.remove(&Capability::Briefs);
        })
        .await;
    world.set_status(&admin, SubscriptionStatus::Suspended).await;
    let replay = json!({"date": "2026-01-01"});

    let keyless = world.request("POST", PATH).json(&json!({"date": 7})).send().await;
    assert_eq!(keyless.detail(400), "Missing required header: Idempotency-Key");
    assert_eq!(world.request("POST", PATH).body("{").send().await.faults(), ["json_invalid body.1"]);
    assert_eq!(make(&member, "used", &json!({"date": 7})).send().await.faults(), ["string_type body.date"]);
    assert_eq!(
        make(&member, "used", &replay).send().await.detail(403),
        "Role 'member' is not authorized to materialize briefs"
    );
    let suspended = make(&admin, "used", &replay).send().await.detail(403);
    assert_eq!(suspended["error"], "subscription_suspended");
    world.set_status(&admin, SubscriptionStatus::Active).await;
    let denied = make(&admin, "used", &replay).send().await.detail(403);
    assert_eq!(
        (&denied["error"], &denied["capability_key"]),
        (&json!("capability_denied"), &json!("briefs"))
    );
    include_credits(&world, &admin, 0).await;
    make(&admin, "used", &replay).send().await.expect(200);
    make(&admin, "used", &json!({"date": "2026-01-02"})).send().await.detail(409);
    make(&admin, "new", &json!({"date": "2026-01-02"})).send().await.detail(429);
}

#[tokio::test]
async fn a_key_has_1_to_255_characters() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let keyed = |key: &str| make(&admin, key, &json!({})).send();

    assert_eq!(keyed("").await.detail(400), "Missing required header: Idempotency-Key");
    assert_eq!(keyed(&"k".repeat(256)).await.status, 422);
    keyed(&"k".repeat(255)).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simultaneous_first_calls_get_the_one_brief_and_the_one_charge() {
    for callers in [2, 20] {
        let world = World::open().await;
        let admin = world.tenant().await;
        let kpi = admin.kpi("MRR").await;
        admin.points(&kpi, &[("2026-01-24", 1000.0), ("2026-01-31", 1250.0)]).send().await.expect(200);

        let order = |caller: i32| json!({"date": "2026-01-31", "window_days": caller + 1});
        let calls =
            (0..callers).map(|caller| tokio::spawn(make(&admin, &caller.to_string(), &order(caller)).send()));
        let replies: Vec<Reply> = join_all(calls).await.into_iter().map(Result::unwrap).collect();

        let stored = read(&admin, "2026-01-31").await.text;
        assert!(replies.iter().all(|reply| reply.status == 200 && reply.text == stored), "{replies:?}");
        assert_eq!(charged(&world, &admin).await, 1);
        for caller in 0..callers {
            let replay = make(&admin, &caller.to_string(), &order(caller)).send().await;
            assert_eq!((replay.status, &replay.text), (200, &stored));
            make(&admin, &caller.to_string(), &json!({})).send().await.detail(409);
        }
        assert_eq!(charged(&world, &admin).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simultaneous_calls_with_one_key_get_the_one_brief() {
    let world = World::open().await;
    let admin = world.tenant().await;

    let calls = (0..20).map(|_| tokio::spawn(make(&admin, "k", &json!({"date": "2026-01-31"})).send()));
    let replies: Vec<Reply> = join_all(calls).await.into_iter().map(Result::unwrap).collect();

    assert!(replies.iter().all(|reply| reply.status == 200 && reply.text == replies[0].text), "{replies:?}");
    assert_eq!(charged(&world, &admin).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simultaneous_briefs_of_many_dates_never_pass_the_daily_limit() {
    let world = World::open().await;
    let admin = world.tenant().await;

    let calls = (1..=20).map(|day| {
        let order = json!({"date": format!("2026-01-{day:02}")});
        tokio::spawn(make(&admin, &day.to_string(), &order).send())
    });
    let mut statuses: Vec<u16> =
        join_all(calls).await.into_iter().map(|reply| reply.unwrap().status).collect();

    statuses.sort_unstable();
    assert_eq!(statuses, [[200; 10], [429; 10]].concat());
    assert_eq!(charged(&world, &admin).await, 10);
}

#[tokio::test]
async fn latest_is_the_greatest_date_not_the_one_made_last() {
    let world = World::open().await;
    let admin = world.tenant().await;
    assert_eq!(read(&admin, "latest").await.detail(404), "No briefs found for this tenant");

    for (date, latest) in
        [("2026-01-15", "2026-01-15"), ("2026-01-31", "2026-01-31"), ("2025-12-31", "2026-01-31")]
    {
        brief(&admin, date, json!({"date": date})).await;
        let found = read(&admin, "latest").await;
        assert_eq!(found.expect(200)["content"]["date"], latest);
        assert_eq!(found.text, read(&admin, latest).await.text);
    }
}

#[tokio::test]
async fn any_text_is_a_date_that_may_have_no_brief() {
    let world = World::open().await;
    let (admin, stranger) = (world.tenant().await, world.tenant().await);
    brief(&stranger, "k", json!({"date": "2026-01-31"})).await;
    brief(&admin, "k", json!({"date": "2026-01-30"})).await;

    for (path, date) in [
        ("2026-01-31", "2026-01-31"),
        ("banana", "banana"),
        ("2026-02-30", "2026-02-30"),
        ("2026-1-30", "2026-1-30"),
        ("LATEST", "LATEST"),
        ("%20", " "),
        ("a%2Fb%27", "a/b'"),
        ("%C3%A9%F0%9F%98%80", "é😀"),
        ("2026-01-30%00", "2026-01-30\0"),
    ] {
        assert_eq!(read(&admin, path).await.detail(404), format!("Brief for date '{date}' not found"));
    }
    let long = "9".repeat(5000);
    assert_eq!(read(&admin, &long).await.status, 404);
}

#[tokio::test]
async fn any_role_reads_briefs_without_any_capability_even_while_suspended() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let member = admin.member().await;
    let made = make(&admin, "k", &json!({"date": "2026-01-31"})).send().await;
    world
        .set_plan(&admin, |plan| {
            plan.included_credits = 0;
            plan.capabilities.clear();
        })
        .await;
    world.set_status(&admin, SubscriptionStatus::Suspended).await;

    for reader in [&admin, &member] {
        assert_eq!(read(reader, "2026-01-31").await.text, made.text);
        let latest = read(reader, "latest").await;
        assert_eq!((latest.status, &latest.text), (200, &made.text));
        assert_eq!(latest.cost().write_units, 0.0);
    }
    assert_eq!(charged(&world, &admin).await, 1);
}

#[tokio::test]
async fn a_brief_larger_than_any_item_is_kept_whole_and_replayed_byte_for_byte() {
    let world = World::open().await;
    let admin = world.tenant().await;
    // One byte of such a name takes six in JSON, and the wide letters must not be cut where the text is.
    let long = "\u{1}".repeat(230) + &"😀".repeat(20);
    let unit = "\u{2}".repeat(50);
    for number in 0..140 {
        let body = json!({"name": format!("{number:03}{long}"), "unit": unit});
        let kpi = admin.post("/v1/kpis").json(&body).send().await.expect(201)["kpi_id"].take();
        let fall = [("2026-01-30", 100.0), ("2026-01-31", 50.0)];
        assert_eq!(counts(&admin.points(kpi.as_str().unwrap(), &fall).send().await), (2, 0));
    }
    let order = json!({"date": "2026-01-31", "top_n": 100});

    let made = make(&admin, "a", &order).send().await;

    assert!(made.text.len() > 400 * 1024, "{} bytes are no more than an item holds", made.text.len());
    let content = made.expect(200)["content"].take();
    assert_eq!((names(&content["highlights"]).len(), names(&content["alerts"]).len()), (100, 140));
    for again in [
        make(&admin, "a", &order).send().await,
        make(&admin, "b", &order).send().await,
        make(&admin, "b", &order).send().await,
        read(&admin, "2026-01-31").await,
        read(&admin, "latest").await,
    ] {
        assert_eq!((again.status, again.text == made.text), (200, true));
    }
    make(&admin, "a", &json!({"date": "2026-01-31"})).send().await.detail(409);
    assert_eq!(charged(&world, &admin).await, 1);
}
