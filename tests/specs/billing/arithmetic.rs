//! `GET /v1/billing/usage`: every number exact, printed as it would be written by hand (gateway.md 12.2, 12.4).

use bespin_tests::{Actor, World};
use serde_json::{Value, json};

use crate::{echo, operate, read};

/// The text of the member `credits`.
async fn credits(admin: &Actor, query: &str) -> String {
    read(admin, &format!("/v1/billing/usage{query}")).await["credits"].to_string()
}

async fn price(world: &World, event: &str, weight: &str, list_price: &str) {
    let body: Value = serde_json::from_str(&format!(
        r#"{{"credits_per_unit": {weight}, "list_price_per_credit": {list_price}}}"#
    ))
    .unwrap();
    operate(world, "PUT", &format!("/v1/admin/metered-events/{event}"), body).await;
}

#[tokio::test]
async fn odd_weights_and_prices_add_up_to_the_last_digit() {
    let world = World::open().await;
    let admin = world.tenant().await;
    price(&world, "tool_invocation", "0.333333", "0.019999").await;
    price(&world, "daily_brief_generated", "5.2", "0.000001").await;
    price(&world, "kpi_definition_created", "0.2", "0").await;
    let kpi = admin.kpi("MRR").await;
    admin
        .points(&kpi, &[("2026-02-01", 1.0), ("2026-02-02", 2.0), ("2026-02-03", 3.0)])
        .send()
        .await
        .expect(200);
    for key in 0..3 {
        echo(&admin, key).send().await.expect(200);
    }
    admin.materialize("brief", "2026-02-01").send().await.expect(200);

    let usage = read(&admin, "/v1/billing/usage").await;

    assert_eq!((&usage["period_start"], &usage["period_end"]), (&json!("2026-02-01"), &json!("2026-03-01")));
    assert_eq!(
        usage["credits"].to_string(),
        // 3 * 0.333333 + 5.2 + 0.2 + 3 * 0.001; 0.999999 * 0.019999 + 5.2 * 0.000001 + 0.003 * 0.02
        r#"{"included":500,"used":6.402999,"remaining":493.597001,"overage_credits":0,"estimated_overage_cost":0,"estimated_list_cost":0.020064180001}"#
    );
    assert_eq!(
        usage["breakdown"].to_string(),
        concat!(
            r#"[{"event_key":"daily_brief_generated","unit_name":"brief","raw_units":1,"credits":5.2,"list_cost_estimate":0.0000052},"#,
            r#"{"event_key":"kpi_definition_created","unit_name":"kpi","raw_units":1,"credits":0.2,"list_cost_estimate":0},"#,
            r#"{"event_key":"kpi_points_ingested","unit_name":"row","raw_units":3,"credits":0.003,"list_cost_estimate":0.00006},"#,
            r#"{"event_key":"tool_invocation","unit_name":"call","raw_units":3,"credits":0.999999,"list_cost_estimate":0.019998980001}]"#,
        )
    );
}

#[tokio::test]
async fn a_change_of_weight_or_price_counts_for_what_comes_after_it() {
    let world = World::open().await;
    let admin = world.tenant().await;
    echo(&admin, "at 2").send().await.expect(200);
    price(&world, "tool_invocation", "0.000001", "1000").await;
    echo(&admin, "at a millionth").send().await.expect(200);

    let usage = read(&admin, "/v1/billing/usage").await;

    assert_eq!(usage["breakdown"][0]["credits"].to_string(), "2.000001");
    assert_eq!(usage["breakdown"][0]["list_cost_estimate"].to_string(), "0.041");
    let ledger = read(&admin, "/v1/billing/ledger").await;
    let charged = |entry: &Value| (entry["credits"].to_string(), entry["list_cost_estimate"].to_string());
    let mut charged: Vec<_> = ledger["items"].as_array().unwrap().iter().map(charged).collect();
    charged.sort();
    let pair = |credits: &str, cost: &str| (credits.to_owned(), cost.to_owned());
    assert_eq!(charged, [pair("0.000001", "0.001"), pair("2", "0.04")]);
}

#[tokio::test]
async fn overage_arises_only_where_the_plan_is_lowered_below_what_was_used() {
    let world = World::open().await;
    let admin = world.tenant().await;
    price(&world, "tool_invocation", "0.333333", "0.02").await;
    let plan =
        json!({"plan_id": "p", "name": "P", "included_credits": 3, "overage_price_per_credit": 0.0125});
    operate(&world, "POST", "/v1/admin/plans", plan).await;
    operate(&world, "PUT", "/v1/admin/plans/p/capabilities", json!({"capabilities": ["tools"]})).await;
    let path = format!("/v1/admin/tenants/{}/subscription", admin.tenant_id);
    operate(&world, "PUT", &path, json!({"plan_id": "p"})).await;
    for key in 0..7 {
        echo(&admin, key).send().await.expect(200);
    }
    let below = credits(&admin, "").await;

    operate(&world, "PUT", "/v1/admin/plans/p", json!({"included_credits": 2})).await;

    assert_eq!(
        below,
        r#"{"included":3,"used":2.333331,"remaining":0.666669,"overage_credits":0,"estimated_overage_cost":0,"estimated_list_cost":0.04666662}"#
    );
    assert_eq!(
        credits(&admin, "").await,
        r#"{"included":2,"used":2.333331,"remaining":0,"overage_credits":0.333331,"estimated_overage_cost":0.0041666375,"estimated_list_cost":0.04666662}"#
    );
    assert_eq!(echo(&admin, "more").send().await.detail(429)["used_credits"].to_string(), "2.333331");
    // A past month is shown by the figures of the present plan.
    let later =
        admin.get("/v1/billing/usage?period_start=2026-02-01").at("2026-04-01T00:00:00Z").send().await;
    assert_eq!(later.expect(200)["credits"]["overage_credits"].to_string(), "0.333331");
    let april = admin.get("/v1/billing/usage").at("2026-04-01T00:00:00Z").send().await.expect(200);
    assert_eq!((&april["credits"]["used"], &april["breakdown"]), (&json!(0), &json!([])));
}

#[tokio::test]
async fn a_period_is_matched_by_its_first_day_and_what_is_no_day_is_named() {
    let world = World::open().await;
    let admin = world.tenant().await;
    echo(&admin, "one").send().await.expect(200);

    let middle = read(&admin, "/v1/billing/usage?period_start=2026-02-10").await;

    assert_eq!(
        (&middle["period_start"], &middle["period_end"]),
        (&json!("2026-02-10"), &json!("2026-03-01"))
    );
    assert_eq!((&middle["credits"]["used"], &middle["breakdown"]), (&json!(0), &json!([])));
    for path in ["/v1/billing/usage", "/v1/billing/ledger"] {
        for start in ["banana", "", "2026-02-30", "9999-12-01", "2026-02", "20260201"] {
            let faults = admin.get(&format!("{path}?period_start={start}")).send().await.faults();
            assert_eq!(faults, ["value_error query.period_start"], "{path} {start}");
        }
    }
}
