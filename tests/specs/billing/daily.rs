//! `GET /v1/usage/daily` (gateway.md 11).

use bespin_metering::MeteredEvent;
use bespin_tests::{Actor, World};

use crate::{echo, happen, limits_text, put_limits};

const DEFAULTS: [u64; 4] = [100, 100, 10, 500];

/// What the day's usage says, to the letter.
fn usage_text(
    tenant_id: &str,
    date: &str,
    limits: [u64; 4],
    [query, tool, brief, notification]: [u64; 4],
) -> String {
    let limits = limits_text(tenant_id, limits);
    format!(
        r#"{{"date":"{date}","limits":{limits},"usage":[{{"activity_type":"assistant_query","units":{query}}},{{"activity_type":"tool_invocation","units":{tool}}},{{"activity_type":"daily_brief_generated","units":{brief}}},{{"activity_type":"notification_enqueued","units":{notification}}}]}}"#
    )
}

async fn usage_of(actor: &Actor, query: &str) -> String {
    let reply = actor.get(&format!("/v1/usage/daily{query}")).send().await;
    reply.expect(200);
    reply.text
}

#[tokio::test]
async fn the_four_activities_stand_in_the_order_of_the_table_whatever_happened() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let member = admin.member().await;
    let nothing = usage_text(&admin.tenant_id, "2026-02-10", DEFAULTS, [0; 4]);
    assert_eq!(usage_of(&admin, "").await, nothing);

    for (units, event) in (1..).zip(MeteredEvent::ALL) {
        happen(&world, &admin, event, units, "2026-02-10T23:59:59.999999Z").await;
    }

    // Units of the two events without a daily limit are not counted by day.
    let expected = usage_text(&admin.tenant_id, "2026-02-10", DEFAULTS, [1, 2, 3, 4]);
    assert_eq!(usage_of(&admin, "").await, expected, "today is the default");
    assert_eq!(usage_of(&member, "?date=2026-02-10").await, expected, "any role, counters of all users");
    assert_eq!(usage_of(&admin, "?date=2026-02-09&date=2026-02-10").await, expected, "the last one wins");
    let other = world.tenant().await;
    assert_eq!(usage_of(&other, "").await, usage_text(&other.tenant_id, "2026-02-10", DEFAULTS, [0; 4]));
}

#[tokio::test]
async fn other_days_show_their_own_counters_beside_the_limits_of_now() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let days = [
        ("2025-12-31", "2025-12-31T23:59:59.999999Z", 1),
        ("2026-01-01", "2026-01-01T00:00:00Z", 2),
        ("2026-01-31", "2026-02-01T00:59:59+01:00", 3),
        ("2026-02-01", "2026-02-01T00:00:00Z", 4),
        ("2028-02-29", "2028-02-29T12:00:00Z", 5),
    ];
    for (date, now, calls) in days {
        for call in 0..calls {
            echo(&admin, format!("{date} {call}")).at(now).send().await.expect(200);
        }
    }

    put_limits(&admin, [0, 1, 2, 3]).send().await.expect(200);

    let unused = ["0001-01-01", "2026-01-30", "2026-02-02", "2028-02-28", "2028-03-01", "9999-12-31"];
    for (date, calls) in
        days.map(|(date, _, calls)| (date, calls)).into_iter().chain(unused.map(|date| (date, 0)))
    {
        let expected = usage_text(&admin.tenant_id, date, [0, 1, 2, 3], [0, calls, 0, 0]);
        assert_eq!(usage_of(&admin, &format!("?date={date}")).await, expected);
    }
}

#[tokio::test]
async fn what_is_no_date_is_refused_at_its_place() {
    let world = World::open().await;
    let admin = world.tenant().await;
    for date in [
        "",
        "banana",
        "2026-02-30",
        "2027-02-29",
        "2026-13-01",
        "2026-00-10",
        "0000-01-01",
        "2026-2-1",
        "20260210",
        "10-02-2026",
        "2026-02-10T00:00:00Z",
        "%202026-02-10",
        "2026-02-10%00",
        "-2026-02-10",
        "12026-02-10",
        "%EF%BC%92026-02-10",
    ] {
        let refused = admin.get(&format!("/v1/usage/daily?date={date}")).send().await;

        assert_eq!(refused.faults(), ["value_error query.date"], "{date:?}");
        assert_eq!(refused.detail(422)[0]["loc"], serde_json::json!(["query", "date"]));
    }
}
