//! Calls whose points lie all over a long series, in more of its parts than one transaction holds.

use bespin_metering::MeteredEvent;
use bespin_tests::{Actor, Reply, World};
use futures::future::join_all;
use serde_json::json;

use crate::words::{HOUR, brief, counts, entries, include_credits, latest, numbered, send, start};

const FROM: &str = "2000-01-01";
/// The length of the series, in quarters of an hour. Even quarters are there from the beginning.
const QUARTERS: u32 = 80_000;

/// A KPI with a point each half hour of more than two years.
async fn long_series(actor: &Actor) -> String {
    let kpi = actor.kpi("long").await;
    for first in (0..QUARTERS).step_by(20_000) {
        let even = (first..first + 20_000).step_by(2);
        let reply = send(actor, &kpi, numbered(FROM, HOUR / 4, even)).await;
        assert_eq!(counts(&reply), (10_000, 0));
    }
    kpi
}

/// Every fourth of the odd quarters, all over the series.
fn scattered(first: u32) -> String {
    numbered(FROM, HOUR / 4, (first..QUARTERS).step_by(8))
}

#[tokio::test]
async fn ten_thousand_points_all_over_a_long_series_are_one_call() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = long_series(&admin).await;

    let wide = send(&admin, &kpi, scattered(7)).await;
    println!("{:?}", wide.cost());

    assert_eq!(counts(&wide), (10_000, 0));
    assert_eq!(latest(&admin, &kpi).await.1, 79_999.0);
    // The last quarter of the 500th day, and the one 365 days before, are both of the wide call.
    let made = brief(&admin, "a", json!({"date": "2001-05-15", "window_days": 365})).await;
    let highlight = &made["content"]["highlights"][0];
    assert_eq!(highlight["latest"]["value"].as_f64(), Some(f64::from(501 * 96 - 1)));
    assert_eq!(highlight["start"]["value"].as_f64(), Some(f64::from((501 - 365) * 96 - 1)));
    assert_eq!(start(&admin, "b", &kpi, 10).await.1, f64::from(79_999 - 10 * 96));
    assert_eq!(counts(&send(&admin, &kpi, scattered(7)).await), (0, 10_000), "all of it is there");
}

/// The same points, with their times in the longest spelling there is.
pub(crate) fn spelled_out(body: &str) -> String {
    body.replace("Z\"", &format!(".{}Z\"", "0".repeat(43)))
}

/// How many points [`thin_series`] has: even quarters of an hour.
const THIN: u32 = 6_000;

/// A KPI whose points are written as long as can be, so that few of them fill a part of the series, and 6,000 lie in
/// more parts than one transaction holds.
async fn thin_series(actor: &Actor) -> String {
    let kpi = actor.kpi("thin").await;
    for first in (0..2 * THIN).step_by(4_000) {
        let even = numbered(FROM, HOUR / 4, (first..first + 4_000).step_by(2));
        assert_eq!(counts(&send(actor, &kpi, spelled_out(&even)).await), (2_000, 0));
    }
    kpi
}

/// 300 odd quarters all over a thin series: another 300 for each `number` below 20.
fn sprinkled(number: u32) -> String {
    numbered(FROM, HOUR / 4, (2 * number + 1..2 * THIN).step_by(40))
}

#[tokio::test]
async fn a_wide_call_counts_what_is_new_and_charges_it_once() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = thin_series(&admin).await;
    assert_eq!(counts(&send(&admin, &kpi, sprinkled(0)).await), (300, 0));

    let half_known = (1..2 * THIN).step_by(40).map(|quarter| quarter + quarter / 40 % 2 * 2);
    let reply = send(&admin, &kpi, numbered(FROM, HOUR / 4, half_known)).await;

    assert_eq!(counts(&reply), (150, 150));
    world.assert_ledger_equals_counters(&admin, "2026-02").await;
    let entries = entries(&world, &admin, MeteredEvent::KpiPointsIngested).await;
    let mut units: Vec<u64> = entries.iter().map(|entry| entry.raw_units).collect();
    units.sort_unstable();
    assert_eq!(units, [150, 300, 2_000, 2_000, 2_000]);
}

#[tokio::test]
async fn a_wide_call_that_is_refused_stores_nothing() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = thin_series(&admin).await;
    // 6.5 credits are used, and the points would take 0.6 more.
    include_credits(&world, &admin, 7).await;
    let both = numbered(FROM, HOUR / 4, (1..2 * THIN).step_by(20));

    let refused = send(&admin, &kpi, both.clone()).await;

    assert_eq!(refused.detail(429)["requested_raw_units"], 600);
    assert_eq!(refused.cost().write_units, 0.0);
    include_credits(&world, &admin, 8).await;
    assert_eq!(counts(&send(&admin, &kpi, both).await), (600, 0));
    world.assert_ledger_equals_counters(&admin, "2026-02").await;
}

#[tokio::test(start_paused = true)]
async fn a_wide_call_that_dies_at_any_moment_is_there_whole_or_not_at_all() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = thin_series(&admin).await;
    let before = world.faults().total_calls();
    assert_eq!(counts(&send(&admin, &kpi, sprinkled(0)).await), (300, 0));
    let calls = world.faults().total_calls() - before;
    assert!(calls > 5, "it takes more than one transaction: {calls} calls");

    let mut outcomes = [0, 0];
    for life in 1..=4 {
        let survived = calls * life / 5;
        let body = sprinkled(u32::try_from(life).unwrap());
        world.faults().stop_after(survived);
        let died = send(&admin, &kpi, body.clone()).await;
        world.faults().clear();

        // Once the call is promised and charged its answer is good, whoever finishes it.
        let promised = died.status == 200;
        assert!(promised || died.status >= 500, "{}", died.text);
        let again = counts(&send(&admin, &kpi, body).await);
        assert_eq!(again, if promised { (0, 300) } else { (300, 0) }, "after {survived} calls");
        outcomes[usize::from(promised)] += 1;
        world.assert_ledger_equals_counters(&admin, "2026-02").await;
    }
    assert!(outcomes.iter().all(|lives| *lives > 0), "died before the promise and after it: {outcomes:?}");
    let points = world.usage(&admin, "2026-02").await.of_event(MeteredEvent::KpiPointsIngested).unwrap().0;
    assert_eq!(points, u64::from(THIN) + 5 * 300);
}

#[tokio::test(start_paused = true)]
async fn a_brief_that_comes_first_after_a_death_reads_the_whole_call() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = thin_series(&admin).await;
    let before = world.faults().total_calls();
    send(&admin, &kpi, sprinkled(0)).await.expect(200);
    let calls = world.faults().total_calls() - before;

    world.faults().stop_after(calls * 2 / 3);
    let died = send(&admin, &kpi, sprinkled(3)).await;
    world.faults().clear();
    let made = brief(&admin, "k", json!({"date": "2000-04-02", "window_days": 5})).await;

    assert_eq!(counts(&died), (300, 0), "promised before it died");
    // The last quarter of the 92nd day and the one five days before are of the call that died.
    let highlight = &made["content"]["highlights"][0];
    assert_eq!(highlight["latest"]["value"].as_f64(), Some(f64::from(93 * 96 - 1)));
    assert_eq!(highlight["start"]["value"].as_f64(), Some(f64::from((93 - 5) * 96 - 1)));
    assert_eq!(counts(&send(&admin, &kpi, sprinkled(3)).await), (0, 300));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simultaneous_wide_calls_add_up_to_the_distinct_points() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = thin_series(&admin).await;

    let callers = [0, 1, 0].map(|number| {
        let (admin, kpi) = (admin.clone(), kpi.clone());
        tokio::spawn(async move { send(&admin, &kpi, sprinkled(number)).await })
    });
    let replies: Vec<Reply> = join_all(callers).await.into_iter().map(Result::unwrap).collect();

    let mut all: Vec<_> = replies.iter().map(counts).collect();
    all.sort_unstable();
    assert_eq!(all, [(0, 300), (300, 0), (300, 0)]);
    for number in 0..2 {
        assert_eq!(counts(&send(&admin, &kpi, sprinkled(number)).await), (0, 300));
    }
    world.assert_ledger_equals_counters(&admin, "2026-02").await;
}
