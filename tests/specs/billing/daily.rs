//! `GET /v1/usage/daily` (gateway.md 11).

use bespin_tests::{Actor, World};
use serde_json::{Value, json};

use crate::{echo, put_limits, read};

async fn units(admin: &Actor, query: &str) -> Value {
    let day = read(admin, &format!("/v1/usage/daily{query}")).await;
    let units = day["usage"].as_array().unwrap().iter().map(|activity| activity["units"].clone());
    units.collect()
}

#[tokio::test]
async fn a_day_shows_the_four_activities_in_the_order_of_the_contract_beside_the_limits() {
    let world = World::open().await;
    let admin = world.tenant().await;
    for key in 0..3 {
        echo(&admin, key).send().await.expect(200);
    }
    admin.materialize("brief", "2026-02-01").send().await.expect(200);
    admin.kpi("not counted by day").await;

    let today = read(&admin, "/v1/usage/daily").await;

    let activity = |key: &str, units: u64| json!({"activity_type": key, "units": units});
    assert_eq!(
        today,
        json!({
            "date": "2026-02-10", "limits": read(&admin, "/v1/limits").await,
            "usage": [
                activity("assistant_query", 0), activity("tool_invocation", 3),
                activity("daily_brief_generated", 1), activity("notification_enqueued", 0),
            ],
        })
    );
}

#[tokio::test]
async fn another_day_shows_its_own_counters_and_the_limits_of_now() {
    let world = World::open().await;
    let admin = world.tenant().await;
    for (key, now) in [
        ("a", "2026-01-31T23:59:59.999999Z"),
        ("b", "2026-02-01T00:00:00Z"),
        ("c", "2026-02-10T12:00:00Z"),
        ("d", "2026-02-10T12:00:00Z"),
    ] {
        echo(&admin, key).at(now).send().await.expect(200);
    }
    put_limits(&admin, [1, 2, 3, 4]).send().await.expect(200);

    for (query, tools) in [
        ("", 2),
        ("?date=2026-02-10", 2),
        ("?date=2026-02-01", 1),
        ("?date=2026-01-31", 1),
        ("?date=2026-02-02", 0),
        ("?date=0001-01-01", 0),
        ("?date=9999-12-31", 0),
    ] {
        assert_eq!(units(&admin, query).await, json!([0, tools, 0, 0]), "{query}");
        let limits = &read(&admin, &format!("/v1/usage/daily{query}")).await["limits"];
        assert_eq!(limits["tool_invocation_daily_limit"], 2, "{query}");
    }
}

#[tokio::test]
async fn what_is_no_date_is_named() {
    let world = World::open().await;
    let admin = world.tenant().await;

    for date in ["banana", "", "2026-02-30", "2027-02-29", "2026-2-1", "2026-02-01T00:00:00Z", "0000-01-01"] {
        let faults = admin.get(&format!("/v1/usage/daily?date={date}")).send().await.faults();
        assert_eq!(faults.len(), 1, "{date}");
        assert!(faults[0].ends_with(" query.date"), "{date}: {faults:?}");
    }
}
