//! The job: the brief of a date, and who hears of it (gateway.md 9).

use std::collections::BTreeSet;

use bespin_audit::AuditActor;
use bespin_entitlements::{Capability, DailyLimits, SubscriptionStatus};
use bespin_metering::{Counter, MeteredEvent};
use bespin_primitives::{Date, parse_date};
use bespin_tests::{Actor, World};
use serde_json::{Value, json};

use crate::words::{
    DATE, JOB, MONTH, OUTBOX, PREFS, audited, counts, entries, member_at, members, notified, outbox, run,
    want,
};

fn day(date: &str) -> Date {
    parse_date(date).unwrap()
}

async fn enqueued_on(world: &World, actor: &Actor, date: &str) -> u64 {
    let counter = Counter::UnitsOfDay(MeteredEvent::NotificationEnqueued, day(date));
    world.usage(actor, MONTH).await.counted(counter).unwrap()
}

#[tokio::test]
async fn a_first_run_makes_the_brief_and_notifies_everybody() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let members = members(&admin, 2).await;

    let reply = run(&admin, "k", DATE).send().await;

    let brief = admin.get(&format!("/v1/briefs/{DATE}")).send().await.expect(200);
    let answer = json!({
        "date": DATE, "brief_id": brief["brief_id"], "brief_created": true, "notifications_inserted": 3,
        "notifications_ignored": 0, "notifications_suppressed_due_to_quota": 0,
    });
    assert_eq!((reply.status, reply.text.clone()), (200, answer.to_string()), "exactly these members");
    assert_eq!(brief["request_id"], reply.header("x-request-id").unwrap());
    for user in [&admin, &members[0], &members[1]] {
        let [notification] = outbox(user).await.try_into().unwrap();
        assert_eq!(notification["request_id"], brief["request_id"]);
    }
}

#[tokio::test]
async fn each_notification_is_metered_by_itself_and_the_run_is_audited_once() {
    let world = World::open().await;
    let admin = world.tenant().await;
    members(&admin, 2).await;

    let reply = run(&admin, "k", DATE).send().await;

    let request_id = reply.header("x-request-id").unwrap();
    let entries = entries(&world, &admin).await;
    let mut ids = Vec::new();
    for entry in &entries {
        assert_eq!((entry.raw_units, entry.credits.micros()), (1, 200_000));
        assert_eq!(entry.tool_name.as_deref(), Some("daily_brief"));
        assert_eq!(entry.request_id.to_string(), request_id);
        assert_eq!(entry.user_id.to_string(), admin.user_id, "whoever ran the job acts");
        assert_eq!(entry.action, None);
        ids.push(entry.subject.clone().unwrap());
    }
    ids.sort();
    ids.dedup();
    assert_eq!((entries.len(), ids.len()), (3, 3));
    assert_eq!(world.assert_ledger_equals_counters(&admin, MONTH).await, 4);
    assert_eq!(world.usage(&admin, MONTH).await.credits().unwrap().micros(), 5_600_000);
    assert_eq!(enqueued_on(&world, &admin, "2026-02-10").await, 3, "on the day of the call");

    let [entry] = audited(&world, &admin).await.try_into().unwrap();
    assert!(matches!(entry.actor, AuditActor::User(user) if user.to_string() == admin.user_id));
    assert_eq!((entry.subject.as_str(), entry.request_id.to_string().as_str()), ("daily_brief", request_id));
    assert_eq!(entry.after, reply.json());
}

#[tokio::test]
async fn what_is_told_is_the_summary_and_the_highlights_of_the_brief() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;
    admin.points(&kpi, &[("2026-01-24", 1000.0), ("2026-01-31", 750.0)]).send().await.expect(200);

    run(&admin, "k", DATE).send().await.expect(200);

    let content = admin.get(&format!("/v1/briefs/{DATE}")).send().await.expect(200)["content"].take();
    assert_eq!(content["alerts"].as_array().unwrap().len(), 1, "which is not copied");
    let payload = json!({
        "title": "Daily Brief", "date": DATE, "summary": content["summary"], "highlights": content["highlights"],
    });
    assert_eq!(outbox(&admin).await[0]["payload"].to_string(), payload.to_string());
}

#[tokio::test]
async fn a_brief_that_exists_is_used_free_whatever_its_quota() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let brief = admin.materialize("made before", DATE).send().await.expect(200);
    world.set_plan(&admin, |plan| plan.included_credits = 6).await;
    world.set_daily_limits(&admin, DailyLimits { daily_brief_generated: 0, ..DailyLimits::default() }).await;
    world.change_event(MeteredEvent::DailyBriefGenerated, |event| event.active = false).await;

    let reply = run(&admin, "k", DATE).send().await;

    assert_eq!(counts(&reply), (1, 0, 0));
    assert_eq!(
        (&reply.json()["brief_created"], &reply.json()["brief_id"]),
        (&json!(false), &brief["brief_id"])
    );
    let told = outbox(&admin).await[0]["request_id"].clone();
    assert_eq!(told, reply.header("x-request-id").unwrap());
    assert_ne!(told, brief["request_id"], "the run's own");
    assert_eq!(world.assert_ledger_equals_counters(&admin, MONTH).await, 2);
}

#[tokio::test]
async fn a_new_brief_needs_its_quota_and_without_it_nothing_happens() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let refused = async || {
        let detail = run(&admin, "k", DATE).send().await.detail(429);
        assert!(outbox(&admin).await.is_empty());
        assert_eq!(admin.get(&format!("/v1/briefs/{DATE}")).send().await.status, 404);
        detail
    };

    world.set_daily_limits(&admin, DailyLimits { daily_brief_generated: 0, ..DailyLimits::default() }).await;
    world.set_plan(&admin, |plan| plan.included_credits = 4).await;
    let credits = refused().await;
    assert_eq!(
        (&credits["event_key"], &credits["limit_credits"]),
        (&json!("daily_brief_generated"), &json!(4))
    );
    world.set_plan(&admin, |_| ()).await;
    let daily = refused().await;
    assert_eq!((&daily["activity_type"], &daily["limit"]), (&json!("daily_brief_generated"), &json!(0)));
    world.change_event(MeteredEvent::DailyBriefGenerated, |event| event.active = false).await;
    assert_eq!(run(&admin, "k", DATE).send().await.detail(400)["error"], "unknown_event_type");
    world.change_event(MeteredEvent::DailyBriefGenerated, |event| event.active = true).await;
    world.set_daily_limits(&admin, DailyLimits::default()).await;
    assert_eq!(world.assert_ledger_equals_counters(&admin, MONTH).await, 0);
    assert!(audited(&world, &admin).await.is_empty());

    // The key is still free, for another date, too.
    assert_eq!(counts(&run(&admin, "k", "2026-01-30").send().await), (1, 0, 0));
}

#[tokio::test]
async fn who_saved_preferences_comes_first_then_the_others_each_in_order_of_creation() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let users = members(&admin, 6).await;
    // Saved in another order than they were made in; the last one twice.
    for (user, enabled) in [(4, true), (1, true), (2, false), (3, false), (3, true)] {
        want(&users[user], enabled).await;
    }
    let order = [1, 3, 4, 0, 5];
    for (allowed, next) in order.into_iter().enumerate() {
        let notification_enqueued = allowed as u64 + 1;
        world.set_daily_limits(&admin, DailyLimits { notification_enqueued, ..DailyLimits::default() }).await;

        let reply = run(&admin, &format!("k{allowed}"), DATE).send().await;

        assert_eq!(counts(&reply), (1, allowed as u64, 5 - allowed as u64), "the admin comes last");
        assert_eq!(notified(&users, DATE).await[next], 1, "{next} is the next after {allowed}");
    }
    assert_eq!(notified(&users, DATE).await, [1, 1, 0, 1, 1, 1], "who opted out is left out entirely");
    world.assert_ledger_equals_counters(&admin, MONTH).await;
}

#[tokio::test]
async fn a_run_that_meets_nobody_answers_zeros_and_is_not_audited() {
    let world = World::open().await;
    let admin = world.tenant().await;
    want(&admin, false).await;

    let reply = run(&admin, "k", DATE).send().await;

    assert_eq!((counts(&reply), &reply.json()["brief_created"]), ((0, 0, 0), &json!(true)));
    assert!(audited(&world, &admin).await.is_empty());
    assert_eq!(run(&admin, "k", DATE).send().await.text, reply.text);
    assert_eq!(world.assert_ledger_equals_counters(&admin, MONTH).await, 1);
}

#[tokio::test]
async fn a_later_run_ignores_who_has_it_be_it_acked_and_picks_up_the_others() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let users = members(&admin, 2).await;
    world.set_daily_limits(&admin, DailyLimits { notification_enqueued: 2, ..DailyLimits::default() }).await;
    assert_eq!(counts(&run(&admin, "first", DATE).send().await), (2, 0, 1));
    let id = outbox(&users[0]).await[0]["id"].to_string();
    users[0].post(&format!("/v1/notifications/{id}/ack")).send().await.expect(200);
    let newcomer = member_at(&admin, 30).await;
    world.set_daily_limits(&admin, DailyLimits::default()).await;

    let second = run(&admin, "second", DATE).send().await;
    let third = run(&admin, "third", DATE).send().await;

    assert_eq!((counts(&second), counts(&third)), ((2, 2, 0), (0, 4, 0)));
    let everybody = [users[0].clone(), users[1].clone(), newcomer, admin.clone()];
    assert_eq!(notified(&everybody, DATE).await, [1; 4]);
    assert_eq!(outbox(&users[0]).await[0]["status"], "acked");
    assert_eq!(audited(&world, &admin).await.len(), 3, "a run that only ignores is audited, too");
    assert_eq!(world.assert_ledger_equals_counters(&admin, MONTH).await, 5);
}

#[tokio::test]
async fn each_date_has_its_own_and_ids_grow() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let other = world.tenant().await;
    let mut ids = Vec::new();
    // All at one instant, of two tenants in turn.
    for date in ["2026-01-31", "2026-01-29", "2026-01-30"] {
        for actor in [&admin, &other] {
            assert_eq!(counts(&run(actor, date, date).send().await), (1, 0, 0));
            ids.push(outbox(actor).await[0]["id"].as_u64().unwrap());
        }
    }
    for of_one in [0, 1] {
        let of_tenant: Vec<u64> = ids.iter().copied().skip(of_one).step_by(2).collect();
        assert!(of_tenant.is_sorted_by(|one, next| one < next), "{ids:?}");
    }
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
    assert!(ids.iter().all(|id| *id < 1 << 53));
    let dates: Vec<Value> = outbox(&admin).await.iter().map(|item| item["date"].clone()).collect();
    assert_eq!(dates, ["2026-01-30", "2026-01-29", "2026-01-31"], "newest first by creation");
}

#[tokio::test]
async fn the_same_key_replays_the_first_counts_free_of_charge() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let first = run(&admin, "k", DATE).send().await;
    member_at(&admin, 5).await;
    world.set_plan(&admin, |plan| plan.included_credits = 0).await;

    // The first call of a day notes that the key was used on it.
    admin.get("/v1/limits").at("2026-02-11T07:00:00Z").send().await.expect(200);
    let again = run(&admin, "k", DATE).at("2026-02-11T08:00:00Z").send().await;

    assert_eq!((again.status, &again.text), (200, &first.text));
    assert_eq!((again.cost().write_units, again.cost().cancelled), (0.0, 0));
    let spelled =
        admin.post(JOB).key("k").body(format!(r#"{{"top_n":"3","date":"{DATE}","x":1}}"#)).send().await;
    assert_eq!(spelled.text, first.text);
    for other in [json!({"date": "2026-01-30"}), json!({"date": DATE, "top_n": 4}), json!({})] {
        assert_eq!(
            admin.post(JOB).key("k").json(&other).send().await.detail(409),
            "Idempotency key 'k' was already used with a different request body"
        );
    }
    // On the endpoint of the brief alone it is another key.
    admin.materialize("k", "2026-01-31").send().await.expect(200);
    assert_eq!(world.assert_ledger_equals_counters(&admin, MONTH).await, 2);
    assert_eq!(audited(&world, &admin).await.len(), 1);
}

#[tokio::test]
async fn without_a_date_it_is_today_and_a_retry_after_midnight_is_the_replay() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let today = |key: &str, now: &str| admin.post(JOB).key(key).body("{}").at(now);

    let first = today("k", "2026-02-10T23:59:59Z").send().await;

    assert_eq!(first.expect(200)["date"], "2026-02-10");
    assert_eq!(today("k", "2026-02-11T00:00:01Z").send().await.text, first.text);
    assert_eq!(today("another", "2026-02-11T00:00:01Z").send().await.expect(200)["date"], "2026-02-11");
    assert_eq!(enqueued_on(&world, &admin, "2026-02-10").await, 1);
    assert_eq!(enqueued_on(&world, &admin, "2026-02-11").await, 1);
}

#[tokio::test]
async fn checks_come_in_the_order_of_the_contract() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let member = admin.member().await;
    let first = run(&admin, "used", DATE).send().await;

    let keyless = world.request("POST", JOB).json(&json!({"date": 7})).send().await;
    assert_eq!(keyless.detail(400), "Missing required header: Idempotency-Key");
    assert_eq!(world.request("POST", JOB).body("{").send().await.faults(), ["json_invalid body.1"]);
    let faulty = json!({"date": "2026-02-30", "window_days": 0, "top_n": 101});
    assert_eq!(
        member.post(JOB).key("k").json(&faulty).send().await.faults(),
        ["value_error body.date", "greater_than_equal body.window_days", "less_than_equal body.top_n"]
    );
    assert_eq!(
        run(&member, "used", DATE).send().await.detail(403),
        "Role 'member' is not authorized to run jobs"
    );

    world.set_status(&admin, SubscriptionStatus::Suspended).await;
    assert_eq!(run(&admin, "used", DATE).send().await.detail(403)["error"], "subscription_suspended");
    world.set_status(&admin, SubscriptionStatus::Active).await;
    world.set_plan(&admin, |plan| plan.capabilities.clear()).await;
    assert_eq!(run(&admin, "used", DATE).send().await.detail(403)["capability_key"], "briefs");
    world.set_plan(&admin, |plan| assert!(plan.capabilities.remove(&Capability::Notifications))).await;
    assert_eq!(run(&admin, "used", DATE).send().await.detail(403)["capability_key"], "notifications");
    world.set_plan(&admin, |plan| plan.included_credits = 0).await;
    assert_eq!(run(&admin, "used", DATE).send().await.text, first.text);
    run(&admin, "used", "2026-01-30").send().await.detail(409);
    run(&admin, "new", "2026-01-30").send().await.detail(429);
}

#[tokio::test]
async fn users_hear_of_their_own_tenant_only() {
    let world = World::open().await;
    let (admin, other) = (world.tenant().await, world.tenant().await);

    run(&admin, "k", DATE).send().await.expect(200);

    assert!(outbox(&other).await.is_empty());
    assert_eq!(other.get(PREFS).send().await.expect(200)["daily_brief_enabled"], true);
    assert_eq!(counts(&run(&other, "k", DATE).send().await), (1, 0, 0), "its keys are its own, too");
    other.get(&format!("{OUTBOX}?limit=1")).send().await.expect(200);
}
