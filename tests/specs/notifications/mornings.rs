//! The scheduled path: each hour the scheduler finds whose brief is due, the runner makes it and tells the tenant's
//! users, once for each local day, whatever comes twice, late, or at the same time.

use std::collections::BTreeMap;

use bespin_entitlements::{Capability, DailyLimits, SubscriptionStatus};
use bespin_fn_daily_brief_scheduler::{Scheduled, SchedulerError};
use bespin_jobs::{BriefMessage, DueBrief};
use bespin_primitives::{OsRandom, SystemClock, TenantId, Timestamp, parse_date};
use bespin_tests::{Actor, World};
use futures::future::join_all;
use serde_json::{Value, json};

use crate::words::{JOB, SCHEDULE, at, members, notified, outbox, set_schedule};

/// One hour of a deployment: the rule fires, and the queue is worked off.
async fn hour(world: &World, now: Timestamp) {
    world.schedule(&Value::Null, now).await.unwrap();
    world.work_off_briefs(now).await;
}

/// What became of the last brief.
pub(crate) async fn last(admin: &Actor) -> Value {
    admin.get(SCHEDULE).send().await.expect(200)["last"].clone()
}

async fn brief_dates(admin: &Actor) -> Vec<String> {
    let access = admin.access().await;
    let range = bespin_table::keys::briefs(access.tenant_id());
    let rows = admin.world().deps().table.query_whole(bespin_table::Query::of(range)).await.unwrap();
    rows.iter().map(|row| row.sk().to_owned()).collect()
}

#[tokio::test]
async fn when_it_is_due_the_brief_is_made_and_every_user_is_told() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let mut users = members(&admin, 2).await;
    users.push(admin.clone());
    set_schedule(&admin, &json!({"enabled": true, "hour": 18, "time_zone": "Europe/Berlin", "top_n": 2}))
        .await;

    hour(&world, at("2026-02-10T16:59:59Z")).await;
    assert_eq!(last(&admin).await, Value::Null, "an instant too early");
    hour(&world, at("2026-02-10T17:00:00Z")).await;

    assert_eq!(notified(&users, "2026-02-10").await, [1, 1, 1]);
    let last = last(&admin).await;
    assert_eq!(
        (&last["date"], &last["status"], &last["reason"]),
        (&json!("2026-02-10"), &json!("made"), &Value::Null)
    );
    let run = admin.get(&format!("{JOB}/{}", last["run_id"].as_str().unwrap())).send().await.expect(200);
    assert_eq!(
        (&run["status"], &run["brief_created"], &run["notifications_inserted"]),
        (&json!("done"), &json!(true), &json!(3))
    );
    admin.get("/v1/briefs/2026-02-10").send().await.expect(200);
    let schedule = admin.get(SCHEDULE).at("2026-02-10T17:30:00Z").send().await.expect(200);
    assert_eq!(schedule["next_due_at"], "2026-02-11T17:00:00.000000Z");
    world.assert_ledger_equals_counters(&admin, "2026-02").await;
}

/// Zones from the first to the last of a day, through both changes of the clocks, the end of a year and a leap day.
#[tokio::test]
async fn each_tenant_has_one_brief_for_each_of_its_local_days() {
    let zones = [
        ("Etc/GMT+12", 5),
        ("Pacific/Marquesas", 0),
        ("America/New_York", 2),
        ("America/St_Johns", 23),
        ("UTC", 0),
        ("Europe/Berlin", 2),
        ("Asia/Kathmandu", 23),
        ("Australia/Lord_Howe", 2),
        ("Pacific/Chatham", 3),
        ("Pacific/Kiritimati", 0),
    ];
    let world = World::open().await;
    let mut tenants = Vec::new();
    for (zone, hour) in zones {
        let admin = world.tenant().await;
        world.without_limits(&admin).await;
        tenants.push((admin, zone, hour));
    }
    for (from, days) in [
        ("2025-12-30T12:00:00Z", 3),
        ("2026-03-07T12:00:00Z", 2),
        ("2026-03-28T12:00:00Z", 2),
        ("2026-10-24T12:00:00Z", 2),
        ("2026-10-31T12:00:00Z", 2),
        ("2028-02-28T12:00:00Z", 2),
    ] {
        let start = at(from);
        let mut expected = BTreeMap::new();
        for (admin, zone, hour) in &tenants {
            let body = |enabled: bool| json!({"enabled": enabled, "hour": hour, "time_zone": zone});
            for enabled in [false, true] {
                admin.request("PUT", SCHEDULE).json(&body(enabled)).at(from).send().await.expect(200);
            }
            expected.insert(*zone, brief_dates(admin).await.len());
        }
        for tick in 1..=days * 24 {
            hour(&world, start.plus_seconds(tick * 3_600)).await;
        }
        for (admin, zone, _) in &tenants {
            let dates = brief_dates(admin).await;
            let before = expected[zone];
            assert_eq!(dates.len(), before + usize::try_from(days).unwrap(), "{zone} from {from}: {dates:?}");
            // Dates sort as text, and those of earlier rounds come first.
            for pair in dates[before..].windows(2) {
                let (one, next) = (parse_date(&pair[0]).unwrap(), parse_date(&pair[1]).unwrap());
                assert_eq!(one.succ_opt(), Some(next), "{zone}");
            }
            let told = outbox(admin).await;
            assert_eq!(told.len(), dates.len(), "{zone}: each brief was told once");
        }
    }
}

/// A tenant whose brief of 10 February is due at noon, with two members.
pub(crate) async fn due_at_noon(world: &World) -> (Actor, Vec<Actor>) {
    let admin = world.tenant().await;
    let mut users = members(&admin, 2).await;
    users.push(admin.clone());
    let set = admin.request("PUT", SCHEDULE).json(&json!({"enabled": true, "hour": 12}));
    set.at("2026-02-10T11:00:00Z").send().await.expect(200);
    (admin, users)
}

fn due(admin: &Actor, date: &str) -> BriefMessage {
    let tenant_id = TenantId::parse(&admin.tenant_id).unwrap();
    BriefMessage::Due(DueBrief { tenant_id, date: parse_date(date).unwrap(), named: false })
}

#[tokio::test]
async fn what_comes_twice_or_late_or_at_the_same_time_changes_nothing() {
    let world = World::open().await;
    let (admin, users) = due_at_noon(&world).await;
    let other = world.another(std::sync::Arc::new(SystemClock), std::sync::Arc::new(OsRandom));
    let noon = at("2026-02-10T12:00:00Z");

    // The rule fires in two processes at once, and each message is doubled.
    let fired = join_all([world.schedule(&Value::Null, noon), other.schedule(&Value::Null, noon)]).await;
    assert!(fired.into_iter().all(|fired| fired.unwrap() == Scheduled { examined: 1, sent: 1, leases: 0 }));
    let queue = world.deps().brief_queue.clone().unwrap();
    for _ in 0..6 {
        queue.send(&due(&admin, "2026-02-10")).await.unwrap();
    }
    join_all([world.work_off_briefs(noon), other.work_off_briefs(noon)]).await;

    assert_eq!(notified(&users, "2026-02-10").await, [1, 1, 1]);
    let first = last(&admin).await;
    // The next day is done when an old message turns up.
    hour(&world, at("2026-02-11T12:00:00Z")).await;
    queue.send(&due(&admin, "2026-02-10")).await.unwrap();
    queue.send(&due(&admin, "2026-02-09")).await.unwrap();
    world.work_off_briefs(at("2026-02-11T13:00:00Z")).await;

    assert_eq!((&first["date"], &last(&admin).await["date"]), (&json!("2026-02-10"), &json!("2026-02-11")));
    assert_eq!(brief_dates(&admin).await, ["2026-02-10", "2026-02-11"]);
    assert_eq!(notified(&users, "2026-02-10").await, [1, 1, 1]);
    assert_eq!(world.assert_ledger_equals_counters(&admin, "2026-02").await, 8);
}

#[tokio::test]
async fn a_brief_that_was_made_by_hand_is_told_and_not_made_again() {
    let world = World::open().await;
    let (admin, users) = due_at_noon(&world).await;
    let by_hand = admin.materialize("key", "2026-02-10").send().await.expect(200);

    hour(&world, at("2026-02-10T12:00:00Z")).await;

    assert_eq!(admin.get("/v1/briefs/2026-02-10").send().await.expect(200)["brief_id"], by_hand["brief_id"]);
    assert_eq!(notified(&users, "2026-02-10").await, [1, 1, 1]);
}

#[tokio::test]
async fn a_tenant_that_may_not_have_its_brief_is_skipped_for_the_day_with_the_reason() {
    for (case, reason, message) in [
        ("suspended", "subscription_suspended", "subscription is suspended"),
        ("without the capability", "capability_denied", "briefs"),
        ("no brief a day", "quota_exceeded", "0 daily_brief_generated a day"),
        ("no credits", "quota_exceeded", "0 credits a billing period"),
    ] {
        let world = World::open().await;
        let (admin, users) = due_at_noon(&world).await;
        match case {
            "suspended" => world.set_status(&admin, SubscriptionStatus::Suspended).await,
            "without the capability" => {
                world
                    .set_plan(&admin, |plan| plan.capabilities.retain(|one| *one != Capability::Briefs))
                    .await;
            }
            "no brief a day" => {
                let none = DailyLimits { daily_brief_generated: 0, ..DailyLimits::default() };
                world.set_daily_limits(&admin, none).await;
            }
            _ => world.set_plan(&admin, |plan| plan.included_credits = 0).await,
        }
        let noon = at("2026-02-10T12:00:00Z");
        hour(&world, noon).await;

        let last = last(&admin).await;
        assert_eq!((&last["date"], &last["status"]), (&json!("2026-02-10"), &json!("skipped")), "{reason}");
        assert_eq!(last["reason"], reason, "{last}");
        assert!(last["message"].as_str().unwrap().contains(message), "{last}");
        assert_eq!(notified(&users, "2026-02-10").await, [0, 0, 0], "{reason}");

        // It is not tried again on that day, but on the next.
        let again = world.schedule(&Value::Null, noon.plus_seconds(3_600)).await.unwrap();
        assert_eq!(again, Scheduled { examined: 1, sent: 0, leases: 0 }, "{reason}");
        let next = world.schedule(&Value::Null, noon.plus_seconds(86_400)).await.unwrap();
        assert_eq!(next, Scheduled { examined: 1, sent: 1, leases: 0 }, "{reason}");
    }
}

#[tokio::test]
async fn a_schedule_that_is_switched_off_before_its_message_arrives_makes_nothing() {
    let world = World::open().await;
    let (admin, users) = due_at_noon(&world).await;
    world.schedule(&Value::Null, at("2026-02-10T12:00:00Z")).await.unwrap();
    set_schedule(&admin, &json!({"enabled": false})).await;

    world.work_off_briefs(at("2026-02-10T12:01:00Z")).await;

    assert_eq!(notified(&users, "2026-02-10").await, [0, 0, 0]);
    assert_eq!(last(&admin).await, Value::Null);
}

#[tokio::test]
async fn an_event_may_name_a_date_and_a_tenant() {
    let world = World::open().await;
    let (admin, users) = due_at_noon(&world).await;
    let (other, _) = due_at_noon(&world).await;
    let never_asked = world.tenant().await;
    let early = at("2026-02-10T08:00:00Z");
    hour(&world, at("2026-02-10T12:00:00Z")).await;

    // A day that was missed, of one tenant; then of all.
    let one = json!({"detail": {"date": "2026-02-03", "tenant_id": admin.tenant_id}});
    assert_eq!(world.schedule(&one, early).await.unwrap(), Scheduled { examined: 1, sent: 1, leases: 0 });
    world.work_off_briefs(early).await;
    assert_eq!(notified(&users, "2026-02-03").await, [1, 1, 1]);
    assert_eq!(brief_dates(&other).await, ["2026-02-10"]);
    assert_eq!(last(&admin).await["date"], "2026-02-10", "the last one stays the last one");
    for _ in 0..2 {
        let all = world.schedule(&json!({"date": "2026-02-03"}), early).await.unwrap();
        assert_eq!(all, Scheduled { examined: 2, sent: 2, leases: 0 });
        world.work_off_briefs(early).await;
    }
    assert_eq!(notified(&users, "2026-02-03").await, [1, 1, 1]);
    assert_eq!(brief_dates(&other).await, ["2026-02-03", "2026-02-10"]);

    let nobody = json!({"tenant_id": never_asked.tenant_id});
    assert_eq!(world.schedule(&nobody, early).await.unwrap(), Scheduled { examined: 0, sent: 0, leases: 0 });
    let refused = world.schedule(&json!({"date": "yesterday"}), early).await.unwrap_err();
    assert_eq!(refused.to_string(), "date must be a date written YYYY-MM-DD");
}

#[tokio::test]
async fn an_event_that_names_a_date_ahead_of_its_time_holds_up_no_other_and_makes_that_one_once() {
    let world = World::open().await;
    let (admin, users) = due_at_noon(&world).await;
    let early = at("2026-02-10T08:00:00Z");
    for date in ["2026-02-12", "2027-02-10"] {
        world.schedule(&json!({"date": date}), early).await.unwrap();
        world.work_off_briefs(early).await;
    }
    assert_eq!((notified(&users, "2026-02-12").await, last(&admin).await), (vec![1, 1, 1], Value::Null));

    for day in 10..=12 {
        hour(&world, at(&format!("2026-02-{day}T12:00:00Z"))).await;
        let date = format!("2026-02-{day}");
        assert_eq!(
            (&last(&admin).await["date"], notified(&users, &date).await),
            (&json!(date), vec![1, 1, 1])
        );
    }
    assert_eq!(world.schedule(&Value::Null, at("2026-02-12T13:00:00Z")).await.unwrap().sent, 0);
    assert_eq!(brief_dates(&admin).await, ["2026-02-10", "2026-02-11", "2026-02-12", "2027-02-10"]);
    assert_eq!(world.assert_ledger_equals_counters(&admin, "2026-02").await, 4 * 4);
}

#[tokio::test]
async fn whoever_set_the_schedule_acts_in_it() {
    let world = World::open().await;
    let (admin, _) = due_at_noon(&world).await;

    hour(&world, at("2026-02-10T12:00:00Z")).await;

    let entries = world.ledger(&admin, "2026-02").await;
    assert_eq!(entries.len(), 4);
    assert!(entries.iter().all(|entry| entry.user_id.to_string() == admin.user_id), "{entries:?}");
}

#[tokio::test]
async fn the_sample_event_of_the_scheduler_sends_what_is_due() {
    let world = World::open().await;
    let (admin, _) = due_at_noon(&world).await;
    let event = serde_json::from_str(include_str!("../../../events/daily-brief-scheduler.json")).unwrap();

    let sent = world.schedule(&event, at("2026-02-10T12:00:00Z")).await.unwrap();

    assert_eq!(sent, Scheduled { examined: 1, sent: 1, leases: 0 });
    let messages = world.brief_source().receive(0).await.unwrap();
    let message: BriefMessage = serde_json::from_str(messages[0].body().unwrap()).unwrap();
    assert_eq!(message, due(&admin, "2026-02-10"));
}

mod outages {
    use bespin_embedded::Fault;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_was_not_sent_fails_the_run_and_is_found_by_the_next() {
        let world = World::open().await;
        let (admin, users) = due_at_noon(&world).await;
        let noon = at("2026-02-10T12:00:00Z");
        world.faults().times("SendMessageBatch", Fault::Unprocessed, 4);

        let failed = world.schedule(&Value::Null, noon).await.unwrap_err();

        assert!(matches!(failed, SchedulerError::Unsent { unsent: 1, due: 1, .. }), "{failed}");
        hour(&world, noon.plus_seconds(3_600)).await;
        assert_eq!(notified(&users, "2026-02-10").await, [1, 1, 1]);
        assert_eq!(last(&admin).await["at"], "2026-02-10T13:00:00.000000Z");
    }

    #[tokio::test(start_paused = true)]
    async fn a_partition_that_cannot_be_read_does_not_keep_the_others_from_being_sent() {
        let world = World::open().await;
        let mut tenants = Vec::new();
        for _ in 0..24 {
            tenants.push(due_at_noon(&world).await);
        }
        world.faults().times("Query", Fault::ServerError, 200);

        world.schedule(&Value::Null, at("2026-02-10T12:00:00Z")).await.unwrap_err();
        world.faults().clear();
        hour(&world, at("2026-02-10T13:00:00Z")).await;

        for (_, users) in &tenants {
            assert_eq!(notified(users, "2026-02-10").await, [1, 1, 1]);
        }
    }
}
