//! What notifications ask of the store, counted by the store itself (I6, I7).

use std::collections::BTreeSet;

use bespin_entitlements::DailyLimits;
use bespin_fn_daily_brief_scheduler::Scheduled;
use bespin_jobs::{BriefMessage, DueBrief};
use bespin_primitives::{OsRandom, TenantId, parse_date};
use bespin_table::{counted, keys};
use bespin_tests::{Actor, Cost, World, noon};
use serde_json::Value;

use crate::{
    large::{tenant_of, users},
    mornings::due_at_noon,
    words::{DATE, OUTBOX, PREFS, at, counts, members, run},
};

async fn cost(actor: &Actor, path: &str) -> Cost {
    let reply = actor.get(path).send().await;
    reply.expect(200);
    reply.cost()
}

#[tokio::test]
async fn a_run_costs_the_same_for_each_user_however_many_there_are() {
    let mut costs = Vec::new();
    for count in [301, 901] {
        let world = World::unhurried().await;
        let admin = tenant_of(&world, count).await;

        let reply = run(&admin, "key", DATE).send().await;

        assert_eq!(counts(&reply), (count, 0, 0));
        costs.push(reply.cost());
    }
    let per_user = |amount: fn(&Cost) -> f64| (amount(&costs[1]) - amount(&costs[0])) / 600.0;
    // Of 30 users together: a notification, its mark and its entry for each; the run, the moment of the ids, the counters.
    assert_eq!(per_user(|cost| cost.write_units), (30.0 * 6.0 + 6.0) / 30.0);
    let round_trips = per_user(|cost| f64::from(cost.round_trips));
    assert!(round_trips < 1.2 / 30.0, "{round_trips}: one transaction for 30, and a page of users for 500");
    assert!(per_user(|cost| cost.read_units) < 0.1, "a row of a user is a few hundred bytes");
}

#[tokio::test]
async fn a_run_that_finds_everybody_notified_writes_next_to_nothing() {
    let world = World::unhurried().await;
    let admin = tenant_of(&world, 300).await;
    run(&admin, "first", DATE).send().await.expect(200);

    let again = run(&admin, "second", DATE).send().await;

    assert_eq!(counts(&again), (0, 300, 0));
    let Cost { round_trips, write_units, cancelled, .. } = again.cost();
    assert!(round_trips <= 12 && cancelled == 0, "{round_trips} for three hundreds, {cancelled} cancelled");
    assert!(write_units <= 12.0, "{write_units}: the run's steps, the answer and the audit");
}

#[tokio::test]
async fn outbox_and_preferences_cost_the_same_with_a_long_history() {
    let world = World::unhurried().await;
    let admin = tenant_of(&world, 1).await;
    let paths = [
        format!("{OUTBOX}?limit=5"),
        format!("{OUTBOX}?date=2026-01-03"),
        format!("{OUTBOX}?limit=5&status=queued"),
        PREFS.to_owned(),
    ];
    let job = async |day: u32| {
        let date = format!("2026-01-{day:02}");
        run(&admin, &date, &date).send().await.expect(200);
    };
    for day in 1..=6 {
        job(day).await;
    }
    let mut young = Vec::new();
    for path in &paths {
        young.push(cost(&admin, path).await);
    }
    for day in 7..=31 {
        job(day).await;
    }

    for (path, young) in paths.iter().zip(young) {
        let old = cost(&admin, path).await;
        assert_eq!((old.round_trips, old.write_units), (young.round_trips, 0.0), "{path}");
        // A page of one status reads ahead, up to its bound.
        if !path.contains("status") {
            assert_eq!(old.items_read, young.items_read, "{path}");
        }
    }
}

#[tokio::test]
async fn acknowledging_is_three_round_trips_and_a_repeat_two() {
    let world = World::unhurried().await;
    let admin = tenant_of(&world, 1).await;
    run(&admin, "key", DATE).send().await.expect(200);
    let id = admin.get(OUTBOX).send().await.expect(200)["items"][0]["id"].clone();
    let ack = || admin.post(&format!("/v1/notifications/{id}/ack")).send();

    let (first, repeat) = (ack().await, ack().await);

    assert_eq!(first.expect(200), repeat.expect(200));
    assert_eq!((first.cost().round_trips, first.cost().write_units), (3, 2.0));
    assert_eq!((repeat.cost().round_trips, repeat.cost().write_units), (2, 0.0));
    assert_eq!(users(&world, &admin).await.len(), 1);
}

/// Round trips, write units and cancelled transactions: what a caller pays and waits for.
fn paid(cost: Cost) -> (u32, f64, u32) {
    (cost.round_trips, cost.write_units, cost.cancelled)
}

#[tokio::test]
async fn a_run_costs_the_same_whatever_was_notified_before() {
    let world = World::unhurried().await;
    let admin = world.tenant().await;
    world.without_limits(&admin).await;
    members(&admin, 9).await;
    run(&admin, "warm", DATE).send().await.expect(200);
    let mut costs = Vec::new();
    for day in 1..=60 {
        // Each at an instant of its own, or the ids of its notifications would be looked for.
        let (date, now) = (
            format!("2025-{:02}-{:02}", 1 + day / 28, 1 + day % 28),
            format!("2026-02-10T13:{:02}:00Z", day - 1),
        );
        let reply = run(&admin, &date, &date).at(&now).send().await;
        assert_eq!(counts(&reply), (10, 0, 0));
        costs.push(reply.cost());
    }

    // The look, the KPIs, the brief, two lists of users, and one transaction for all of them.
    let first = costs[0];
    assert_eq!((first.round_trips, first.cancelled), (6, 0));
    for cost in &costs {
        assert_eq!(cost, &first);
    }
    // Three rows of two units for each user; the rest is the same for one user and for thirty.
    assert_eq!(first.write_units, 10.0 * 6.0 + 20.0);
    // One unit of them looks whether the notifications leave the building.
    assert_eq!((first.items_read, first.read_units), (11, 8.0));
}

#[tokio::test]
async fn a_replay_is_one_read_and_a_run_that_only_ignores_writes_nothing_for_each() {
    let world = World::unhurried().await;
    let admin = world.tenant().await;
    members(&admin, 5).await;
    let first = run(&admin, "k", DATE).send().await;
    assert_eq!(counts(&first), (6, 0, 0));

    let replay = run(&admin, "k", DATE).send().await;
    assert_eq!((replay.text.clone(), paid(replay.cost())), (first.text, (1, 0.0, 0)));

    let ignoring = run(&admin, "later", DATE).send().await;
    assert_eq!(counts(&ignoring), (0, 6, 0));
    assert_eq!(ignoring.cost().round_trips, 5, "the look, two lists, who has it, and the end of the run");
    assert!(ignoring.cost().write_units <= 10.0, "{:?}", ignoring.cost());
}

#[tokio::test]
async fn a_refused_brief_writes_nothing_however_often_it_is_asked_for() {
    let world = World::unhurried().await;
    let admin = world.tenant().await;
    world.set_daily_limits(&admin, DailyLimits { daily_brief_generated: 0, ..DailyLimits::default() }).await;
    for _ in 0..3 {
        let refused = run(&admin, "k", DATE).send().await;
        assert_eq!(refused.detail(429)["error"], "quota_exceeded");
        assert_eq!((refused.cost().write_units, refused.cost().cancelled), (0.0, 0));
    }
}

/// So many tenants whose briefs are due at noon of 10 February: their schedules are there, which is all that the scheduler
/// reads of them.
async fn schedules(world: &World, count: usize) -> BTreeSet<TenantId> {
    let (admin, _) = due_at_noon(world).await;
    let tenant_id = TenantId::parse(&admin.tenant_id).unwrap();
    let others: Vec<_> = (1..count).map(|_| TenantId::random(&OsRandom)).collect();
    let original = keys::schedule(tenant_id);
    let copies = others.iter().map(|tenant| {
        let key = keys::schedule(*tenant);
        vec![("pk", key.pk), ("sk", key.sk), ("tenant_id", tenant.to_string())]
    });
    let key = [("pk", original.pk.as_str()), ("sk", original.sk.as_str())];
    world.embedded().dynamodb().put_copies(&World::settings().table_name, &key, copies).unwrap();
    others.into_iter().chain([tenant_id]).collect()
}

#[tokio::test]
async fn ten_thousand_tenants_are_scheduled_in_one_run_that_holds_a_page_at_a_time() {
    let world = World::unhurried().await;
    let tenants = schedules(&world, 10_000).await;
    let noon = at("2026-02-10T12:00:00Z");

    let (early, looked) = counted(world.schedule(&Value::Null, noon.plus_seconds(-1))).await;
    assert_eq!(early.unwrap(), Scheduled { examined: 10_000, sent: 0, leases: 0 });
    let (sent, cost) = counted(world.schedule(&Value::Null, noon)).await;
    assert_eq!(sent.unwrap(), Scheduled { examined: 10_000, sent: 10_000, leases: 0 });

    assert_eq!(cost, looked, "that a brief is due costs nothing in the table");
    assert_eq!((cost.items_read, cost.write_units), (10_000, 0.0));
    // A page is 250 rows of one partition; partitions differ a little in size.
    assert!((40..=80).contains(&cost.round_trips), "{} pages", cost.round_trips);
    assert!(cost.read_units < 0.08 * 10_000.0, "{} units", cost.read_units);
    let mut told = BTreeSet::new();
    loop {
        let messages = world.brief_source().receive(0).await.unwrap();
        if messages.is_empty() {
            break;
        }
        for message in messages {
            let BriefMessage::Due(due) = serde_json::from_str(message.body().unwrap()).unwrap() else {
                panic!()
            };
            assert!(told.insert(due.tenant_id), "twice: {due:?}");
        }
    }
    assert_eq!(told, tenants);
}

#[tokio::test]
async fn a_scheduled_brief_costs_the_same_every_morning_and_little_more_than_the_job() {
    let world = World::unhurried().await;
    let (admin, _) = due_at_noon(&world).await;
    world.without_limits(&admin).await;
    admin.get("/v1/kpis").send().await.expect(200);
    // At an instant of its own, or the ids of its notifications would be those of the first morning.
    let by_hand = run(&admin, "warm", "2026-01-01").at("2026-02-10T11:00:00Z").send().await;
    let mut costs = Vec::new();
    for day in 0..40 {
        let now = at("2026-02-10T12:00:00Z").plus_seconds(86_400 * day);
        world.schedule(&Value::Null, now).await.unwrap();
        let (handled, cost) = counted(world.work_off_briefs(now)).await;
        assert_eq!(handled, 1);
        costs.push(cost);
    }
    let first = costs[0];
    for (day, cost) in costs.iter().enumerate() {
        assert_eq!(paid(*cost), paid(first), "day {day}");
    }
    // The schedule is read twice and written once, and who set it is looked up.
    let (trips, writes, _) = paid(by_hand.cost());
    assert_eq!(paid(first), (trips + 4, writes + 2.0, 0));
    assert_eq!(first.read_units, by_hand.cost().read_units + 6.0);

    // A message that comes again is one read.
    let again = BriefMessage::Due(DueBrief {
        tenant_id: TenantId::parse(&admin.tenant_id).unwrap(),
        date: parse_date("2026-02-20").unwrap(),
        named: false,
    });
    world.deps().brief_queue.as_ref().unwrap().send(&again).await.unwrap();
    let (handled, cost) = counted(world.work_off_briefs(noon())).await;
    assert_eq!((handled, paid(cost), cost.items_read), (1, (1, 0.0, 0), 1));
}
