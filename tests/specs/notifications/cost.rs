//! What runs and outboxes ask of the store, counted by the store itself (I6, I7).

use bespin_entitlements::DailyLimits;
use bespin_tests::{Cost, World};
use serde_json::json;

use crate::words::{DATE, OUTBOX, PREFS, counts, members, outbox, run, without_limits};

/// Round trips, write units and cancelled transactions: what a caller pays and waits for.
fn paid(cost: Cost) -> (u32, f64, u32) {
    (cost.round_trips, cost.write_units, cost.cancelled)
}

#[tokio::test]
async fn a_run_costs_the_same_whatever_was_notified_before() {
    let world = World::open().await;
    let admin = world.tenant().await;
    without_limits(&world, &admin).await;
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
    assert_eq!((first.items_read, first.read_units), (11, 7.0));
}

#[tokio::test]
async fn a_replay_is_one_read_and_a_run_that_only_ignores_writes_nothing_for_each() {
    let world = World::open().await;
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
    let world = World::open().await;
    let admin = world.tenant().await;
    world.set_daily_limits(&admin, DailyLimits { daily_brief_generated: 0, ..DailyLimits::default() }).await;
    for _ in 0..3 {
        let refused = run(&admin, "k", DATE).send().await;
        assert_eq!(refused.detail(429)["error"], "quota_exceeded");
        assert_eq!((refused.cost().write_units, refused.cost().cancelled), (0.0, 0));
    }
}

#[tokio::test]
async fn preferences_outbox_and_acknowledge_take_few_round_trips_whatever_the_history() {
    let world = World::open().await;
    let admin = world.tenant().await;
    without_limits(&world, &admin).await;
    let mut seen = Vec::new();
    for days in [1, 20] {
        for day in 1..=days {
            let date = format!("2026-01-{day:02}");
            run(&admin, &date, &date).send().await.expect(200);
        }
        let id = outbox(&admin).await[0]["id"].to_string();
        let ack = || admin.post(&format!("/v1/notifications/{id}/ack")).send();
        let list = admin.get(&format!("{OUTBOX}?limit=1")).send().await.cost();
        let of_date = admin.get(&format!("{OUTBOX}?date=2026-01-01")).send().await.cost();
        let put = admin.request("PUT", PREFS).json(&json!({})).send().await.cost();
        let get = admin.get(PREFS).send().await.cost();
        let (first, again) = (ack().await.cost(), ack().await.cost());
        seen.push([list, of_date, put, get, first, again]);
    }

    let trips = seen[0].map(|cost| cost.round_trips);
    assert_eq!(trips, [2, 3, 1, 1, 3, 2], "list, of a date, save, read, acknowledge, again");
    assert_eq!(seen[0].map(|cost| cost.write_units), [0.0, 0.0, 4.0, 0.0, 2.0, 0.0]);
    assert_eq!(seen[1].map(|cost| cost.items_read), seen[0].map(|cost| cost.items_read));
    assert_eq!(seen[1].map(paid), seen[0].map(paid));
}
