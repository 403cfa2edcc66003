//! Reports (control-plane.md 11; cases G1 to G3, G6).

use bespin_tests::World;
use serde_json::{Value, json};

use super::words::{at, cp, get, revenue, set_quota, top_up};

const NOW: &str = "2026-02-10T12:00:00Z";

/// A credit that ends so long after [`NOW`].
async fn ending(admin: &bespin_tests::Actor, user: &str, created: &str, days: Value) {
    top_up(admin, created, json!({"user_id": user, "expires_in_days": days})).await;
}

#[tokio::test]
async fn g1_credits_that_end_soon_are_told_with_whole_days_left() {
    let world = World::open().await;
    let admin = world.tenant().await;
    ending(&admin, "six days and 23 hours", "2026-02-10T11:00:00Z", json!(7)).await;
    ending(&admin, "seven days", NOW, json!(7)).await;
    ending(&admin, "thirty minutes", "2026-02-09T12:30:00Z", json!(1)).await;
    ending(&admin, "never", NOW, json!(null)).await;
    ending(&admin, "just over", "2026-02-09T12:00:00Z", json!(1)).await;

    let report = get(&admin, NOW, "/reports/expiring-soon?days=7").await;

    let rows: Vec<_> = report["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["user_id"].as_str().unwrap().to_owned(), row["days_remaining"].as_i64().unwrap()))
        .collect();
    assert_eq!(rows, [("thirty minutes".to_owned(), 0), ("six days and 23 hours".to_owned(), 6)]);
    let over = get(&admin, NOW, "/reports/expired").await;
    assert_eq!((&over["count"], &over["rows"][0]["user_id"]), (&json!(1), &json!("just over")));
}

#[tokio::test]
async fn g2_revenue_is_what_was_paid_expired_included_and_not_paid_back() {
    let world = World::open().await;
    let admin = world.tenant().await;
    assert_eq!(
        (&revenue(&admin, NOW).await["purchase_count"], &revenue(&admin, NOW).await["total_revenue"]),
        (&json!(0), &Value::Null)
    );
    top_up(&admin, NOW, json!({"user_id": "active", "purchase_amount_usd": 10.00})).await;
    top_up(
        &admin,
        "2026-01-01T00:00:00Z",
        json!({
            "user_id": "expired", "purchase_amount_usd": 30.00, "expires_in_days": 1,
        }),
    )
    .await;
    top_up(&admin, "2026-01-30T00:00:00Z", json!({"user_id": "refunded", "purchase_amount_usd": 100})).await;
    top_up(&admin, NOW, json!({"user_id": "free"})).await;
    admin.request("DELETE", &cp("/replenishments/refunded/*")).at(NOW).send().await.expect(200);
    admin.request("DELETE", &cp("/replenishments/refunded/*")).at(NOW).send().await.expect(200);

    let all = revenue(&admin, NOW).await;
    let by_month = get(&admin, NOW, "/reports/revenue?group_by=month").await;
    let of_january = get(&admin, NOW, "/reports/revenue?from=2026-01&to=2026-01-31").await;

    assert_eq!(all["purchase_count"], 2);
    assert_eq!((&all["total_revenue"], &all["avg_purchase"]), (&json!(40), &json!(20)));
    let months: Vec<_> = by_month["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["month"].clone(), row["paid_total"].clone(), row["refund_total"].clone()))
        .collect();
    assert_eq!(
        months,
        [(json!("2026-01"), json!(130), json!(0)), (json!("2026-02"), json!(10), json!(-100)),]
    );
    assert_eq!(of_january["rows"][0]["total_revenue"], 130);
    assert_eq!(get(&admin, NOW, "/reports/revenue?from=2026-03").await["rows"][0]["purchase_count"], 0);
    assert_eq!(get(&admin, NOW, "/reports/revenue?from=2026-03&to=2026-01&group_by=month").await["count"], 0);
    let senseless = admin.get(&cp("/reports/revenue?from=spring&group_by=day")).send().await;
    assert_eq!(senseless.faults(), ["value_error query.from", "string_pattern_mismatch query.group_by"]);
}

#[tokio::test]
async fn g3_active_credits_are_sorted_by_their_ends_those_without_one_last() {
    let world = World::open().await;
    let admin = world.tenant().await;
    ending(&admin, "never", NOW, json!(null)).await;
    ending(&admin, "A", NOW, json!(5)).await;
    ending(&admin, "B", NOW, json!(3)).await;

    let report = get(&admin, NOW, "/reports/active-credits").await;

    let users: Vec<_> = report["rows"].as_array().unwrap().iter().map(|row| row["user_id"].clone()).collect();
    assert_eq!(users, ["B", "A", "never"]);
    assert_eq!(at(report["rows"][0]["expires_at"].as_str().unwrap()), at("2026-02-13T12:00:00Z"));
}

#[tokio::test]
async fn policies_are_reported_in_order_of_their_names() {
    let world = World::open().await;
    let admin = world.tenant().await;
    for (kind, bundle) in [("paid", "b"), ("free", "b"), ("paid", "a")] {
        set_quota(&admin, NOW, json!({"user_type": kind, "bundle_id": bundle, "requests_per_day": 0})).await;
        let budget = json!({"bundle_id": bundle, "provider": kind, "usd_per_day": 0});
        admin.post(&cp("/policies/budget")).json(&budget).send().await.expect(201);
    }

    let quotas = get(&admin, NOW, "/reports/quota-policies").await;
    let budgets = get(&admin, NOW, "/reports/budget-policies").await;

    let of = |report: &Value, one: &str, other: &str| -> Vec<String> {
        let rows = report["rows"].as_array().unwrap();
        rows.iter()
            .map(|row| format!("{}/{}", row[one].as_str().unwrap(), row[other].as_str().unwrap()))
            .collect()
    };
    assert_eq!(of(&quotas, "user_type", "bundle_id"), ["free/b", "paid/a", "paid/b"]);
    assert_eq!(of(&budgets, "bundle_id", "provider"), ["a/paid", "b/free", "b/paid"]);
}

#[tokio::test]
async fn g6_a_limit_is_from_1_to_1000() {
    let world = World::open().await;
    let admin = world.tenant().await;
    for list in [
        "/replenishments/users",
        "/replenishments",
        "/replenishments/user/maria",
        "/policies/quota",
        "/policies/budget",
        "/reports/active-credits",
        "/reports/expiring-soon",
        "/reports/expired",
        "/reports/quota-policies",
        "/reports/budget-policies",
        "/webhooks/deliveries",
    ] {
        for (limit, fault) in
            [("0", "greater_than_equal"), ("-1", "greater_than_equal"), ("5000", "less_than_equal")]
        {
            let reply = admin.get(&cp(&format!("{list}?limit={limit}"))).send().await;
            assert_eq!(reply.faults(), [format!("{fault} query.limit")], "{list} {limit}");
        }
        for limit in [1, 1000] {
            get(&admin, NOW, &format!("{list}?limit={limit}")).await;
        }
    }
}
