//! Calls whose points lie all over a long series, in more of its parts than one transaction holds.

use bespin_metering::MeteredEvent;
use bespin_tests::{Actor, Reply, World};
use futures::future::join_all;

use crate::words::{HOUR, brief, counts, include_credits, latest, names, numbered, send, start};

const FROM: &str = "2000-01-01";
/// The length of the series, in quarters of an hour. Even quarters are there from the beginning.
const QUARTERS: u32 = 200_000;

/// A KPI with a point each half hour of more than five years.
async fn long_series(actor: &Actor) -> String {
    let kpi = actor.kpi("long").await;
    for first in (0..QUARTERS).step_by(20_000) {
        let even = (first..first + 20_000).step_by(2);
        let reply = send(actor, &kpi, numbered(FROM, HOUR / 4, even)).await;
        assert_eq!(counts(&reply), (10_000, 0));
    }
    kpi
}

/// Odd quarters all over the series.
fn scattered(first: u32) -> String {
    numbered(FROM, HOUR / 4, (first..QUARTERS).step_by(20))
}

#[tokio::test]
async fn ten_thousand_points_all_over_a_long_series_are_one_call() {
    let world = World::open().await;
    let admin = world.tenant().await;
    include_credits(&world, &admin, 10_000).await;
    let kpi = long_series(&admin).await;

    let refused_at = world.usage(&admin, "2026-02").await.credits().unwrap().micros() / 1_000_000 + 5;
    include_credits(&world, &admin, refused_at).await;
    let refused = send(&admin, &kpi, scattered(1)).await;
    assert_eq!(refused.detail(429)["requested_raw_units"], 10_000);
    include_credits(&world, &admin, 10_000).await;
    assert_eq!(start(&admin, "before", &kpi, 1000).await.1, 103_998.0, "nothing of it is there");

    let wide = send(&admin, &kpi, scattered(1)).await;
    assert_eq!(counts(&wide), (10_000, 0));

    // The first reads after it, before anything else touches the series.
    assert_eq!(latest(&admin, &kpi).await.1, 199_998.0);
    let made = brief(&admin, "a", serde_json::json!({"date": "2002-06-30", "window_days": 365})).await;
    assert_eq!(names(&made["content"]["highlights"]), ["long"]);
    // A day has 96 quarters, and the brief ends at 911 days; its window starts at an even quarter.
    assert_eq!(made["content"]["highlights"][0]["latest"]["value"], f64::from(912 * 96 - 2));
    assert_eq!(made["content"]["highlights"][0]["start"]["value"], f64::from((912 - 365) * 96 - 2));

    assert_eq!(counts(&send(&admin, &kpi, scattered(1)).await), (0, 10_000), "all of it is there");
    let other = numbered(FROM, HOUR / 4, (1..QUARTERS).step_by(20).map(|odd| odd + odd % 40 / 20 * 2));
    assert_eq!(counts(&send(&admin, &kpi, other).await), (5_000, 5_000));
    world.assert_ledger_equals_counters(&admin, "2026-02").await;
    let points = world.usage(&admin, "2026-02").await.of_event(MeteredEvent::KpiPointsIngested).unwrap().0;
    assert_eq!(points, 115_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simultaneous_wide_calls_add_up_to_the_distinct_points() {
    let world = World::open().await;
    let admin = world.tenant().await;
    include_credits(&world, &admin, 10_000).await;
    let kpi = long_series(&admin).await;

    let callers = [1, 3, 1, 3].map(|first| {
        let (admin, kpi) = (admin.clone(), kpi.clone());
        tokio::spawn(async move { send(&admin, &kpi, scattered(first)).await })
    });
    let replies: Vec<Reply> = join_all(callers).await.into_iter().map(Result::unwrap).collect();

    let mut all: Vec<_> = replies.iter().map(counts).collect();
    all.sort_unstable();
    assert_eq!(all, [(0, 10_000), (0, 10_000), (10_000, 0), (10_000, 0)]);
    for first in [1, 3] {
        assert_eq!(counts(&send(&admin, &kpi, scattered(first)).await), (0, 10_000));
    }
    world.assert_ledger_equals_counters(&admin, "2026-02").await;
}
