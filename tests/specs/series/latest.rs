//! The latest point of a KPI (gateway.md 6.5).

use bespin_entitlements::{Capability, SubscriptionStatus};
use bespin_tests::{Actor, Reply, World};
use serde_json::json;

use crate::words::{HOUR, NOBODYS, include_credits, latest, numbered, send};

async fn get(actor: &Actor, kpi_id: &str) -> Reply {
    actor.get(&format!("/v1/kpis/{kpi_id}/latest")).send().await
}

#[tokio::test]
async fn the_latest_point_is_shown_with_its_kpi_and_its_time_as_written() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;
    let points = [("2026-01-30", 1.0), ("2026-01-31 01:00:00+01:00", 1250.0)];
    admin.points(&kpi, &points).send().await.expect(200);

    let reply = get(&admin.member().await, &kpi).await;

    assert_eq!(reply.expect(200), json!({"kpi_id": kpi, "ts": "2026-01-31 01:00:00+01:00", "value": 1250.0}));
}

#[tokio::test]
async fn latest_is_the_greatest_instant_not_the_last_insert_and_the_future_counts() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;

    for (ts, value, newest) in [
        ("2026-01-10", 1.0, "2026-01-10"),
        ("2026-01-05", 2.0, "2026-01-10"),
        ("2099-01-01", 3.0, "2099-01-01"),
        ("2026-01-31", 4.0, "2099-01-01"),
        ("2099-01-01T00:00:00.000001Z", 5.0, "2099-01-01T00:00:00.000001Z"),
    ] {
        admin.points(&kpi, &[(ts, value)]).send().await.expect(200);
        assert_eq!(latest(&admin, &kpi).await.0, newest, "after {ts}");
    }
    assert_eq!(latest(&admin, &kpi).await.1, 5.0);
}

#[tokio::test]
async fn a_kpi_that_is_not_there_and_one_without_points_are_two_kinds_of_404() {
    let world = World::open().await;
    let (admin, stranger) = (world.tenant().await, world.tenant().await);
    let empty = admin.kpi("MRR").await;
    let theirs = stranger.kpi("theirs").await;
    stranger.points(&theirs, &[("2026-01-01", 1.0)]).send().await.expect(200);

    assert_eq!(get(&admin, &empty).await.detail(404), format!("No data points found for KPI '{empty}'"));
    for id in [NOBODYS, "abc", &theirs, &empty.to_uppercase()] {
        assert_eq!(get(&admin, id).await.detail(404), format!("KPI '{id}' not found"));
    }
    assert_eq!(get(&admin, "%22%C3%A9").await.detail(404), "KPI '\"é' not found");
}

#[tokio::test]
async fn reading_needs_kpi_read_before_the_kpi_is_looked_up_and_costs_nothing() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;
    send(&admin, &kpi, numbered("2026-01-01", HOUR, 0..3)).await.expect(200);
    include_credits(&world, &admin, 0).await;

    assert_eq!(latest(&admin, &kpi).await.1, 2.0);
    world
        .set_plan(&admin, |plan| {
            plan.capabilities.remove(&Capability::KpiRead);
        })
        .await;
    assert_eq!(get(&admin, "abc").await.detail(403)["capability_key"], "kpi_read");
    world.set_status(&admin, SubscriptionStatus::Suspended).await;
    assert_eq!(get(&admin, &kpi).await.detail(403)["error"], "subscription_suspended");
    assert_eq!(world.assert_ledger_equals_counters(&admin, "2026-02").await, 2);
}
