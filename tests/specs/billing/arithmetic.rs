//! `GET /v1/billing/usage`: every number is the exact sum or product, printed as the shortest decimal (gateway.md 12.2,
//! 12.4). Compared is the text, because reading it as floats would hide the noise that is looked for.

use bespin_metering::MeteredEvent;
use bespin_tests::{Actor, World};
use serde_json::json;

use crate::{echo, exact, happen, operate, pages, read, total, weigh};

const TOOL: MeteredEvent = MeteredEvent::ToolInvocation;

/// Everything but period and plan: the members `credits` and `breakdown`, to the letter.
async fn figures(actor: &Actor, query: &str) -> String {
    let reply = actor.get(&format!("/v1/billing/usage{query}")).send().await;
    reply.expect(200);
    let (_, figures) = reply.text.split_once(r#","credits":"#).unwrap();
    format!(r#"{{"credits":{figures}"#)
}

/// What is used of an allowance by tool calls alone, without overage.
fn by_calls(included: u64, calls: u64, used: &str, remaining: &str, cost: &str) -> String {
    format!(
        r#"{{"credits":{{"included":{included},"used":{used},"remaining":{remaining},"overage_credits":0,"estimated_overage_cost":0,"estimated_list_cost":{cost}}},"breakdown":[{{"event_key":"tool_invocation","unit_name":"call","raw_units":{calls},"credits":{used},"list_cost_estimate":{cost}}}]}}"#
    )
}

const UNUSED: &str = r#"{"credits":{"included":500,"used":0,"remaining":500,"overage_credits":0,"estimated_overage_cost":0,"estimated_list_cost":0},"breakdown":[]}"#;

#[tokio::test]
async fn without_usage_all_remains_and_nothing_is_broken_down() {
    let world = World::open().await;
    let admin = world.tenant().await;

    let reply = admin.member().await.get("/v1/billing/usage").send().await;

    let plan = read(&admin, "/v1/billing/plan").await["plan"].clone();
    let figures = UNUSED.strip_prefix('{').unwrap();
    let expected =
        format!(r#"{{"period_start":"2026-02-01","period_end":"2026-03-01","plan":{plan},{figures}"#);
    assert_eq!((reply.status, reply.text), (200, expected));
}

#[tokio::test]
async fn three_calls_at_odd_weights_and_prices_leave_no_rounding_noise() {
    let world = World::open().await;
    let included = 18_446_744_073_709_u64;
    for (credits, price, used, remaining, cost) in [
        ("0.001", "0.02", "0.003", "18446744073708.997", "0.00006"),
        ("0.2", "0.019999", "0.6", "18446744073708.4", "0.0119994"),
        ("5.2", "0.333333", "15.6", "18446744073693.4", "5.1999948"),
        ("0.333333", "0.000001", "0.999999", "18446744073708.000001", "0.000000999999"),
        ("0.1", "0.07", "0.3", "18446744073708.7", "0.021"),
        ("1.1", "3", "3.3", "18446744073705.7", "9.9"),
        ("0.000001", "0.000001", "0.000003", "18446744073708.999997", "0.000000000003"),
        ("0", "0.02", "0", "18446744073709", "0"),
        ("2", "0", "6", "18446744073703", "0"),
        ("1000000000", "1000000", "3000000000", "18443744073709", "3000000000000000"),
        (
            "999999999.999999",
            "999999.999999",
            "2999999999.999997",
            "18443744073709.000003",
            "2999999999996997.000000000003",
        ),
    ] {
        let admin = world.tenant().await;
        world.set_plan(&admin, |plan| plan.included_credits = included).await;
        weigh(&world, TOOL, credits, price).await;
        for key in 0..3 {
            echo(&admin, key).send().await.expect(200);
        }

        assert_eq!(
            figures(&admin, "").await,
            by_calls(included, 3, used, remaining, cost),
            "{credits} {price}"
        );
        let ledger = read(&admin, "/v1/billing/ledger").await["items"].as_array().unwrap().clone();
        assert_eq!(ledger[0]["credits"].to_string(), credits);
        assert_eq!(total(&ledger, "list_cost_estimate"), exact(&serde_json::from_str(cost).unwrap()));
    }
}

#[tokio::test]
async fn every_event_that_happened_has_a_line_by_its_key_and_the_rest_is_their_sum() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;
    admin
        .points(&kpi, &[("2026-02-01", 1.0), ("2026-02-02", 2.0), ("2026-02-03", 3.0)])
        .send()
        .await
        .expect(200);
    admin.materialize("brief", "2026-02-01").send().await.expect(200);
    echo(&admin, "tool").send().await.expect(200);
    happen(&world, &admin, MeteredEvent::NotificationEnqueued, 3, "2026-02-10T12:00:00Z").await;
    // Neither whether it is billed nor whether it may still happen matters to what happened.
    operate(
        &world,
        "PUT",
        "/v1/admin/metered-events/tool_invocation",
        r#"{"billable":false,"unit_name":"run"}"#,
    )
    .await;
    operate(&world, "PUT", "/v1/admin/metered-events/daily_brief_generated", r#"{"active":false}"#).await;

    let expected = concat!(
        r#"{"credits":{"included":500,"used":8.103,"remaining":491.897,"overage_credits":0,"estimated_overage_cost":0,"estimated_list_cost":0.16206},"breakdown":["#,
        r#"{"event_key":"daily_brief_generated","unit_name":"brief","raw_units":1,"credits":5,"list_cost_estimate":0.1},"#,
        r#"{"event_key":"kpi_definition_created","unit_name":"kpi","raw_units":1,"credits":0.5,"list_cost_estimate":0.01},"#,
        r#"{"event_key":"kpi_points_ingested","unit_name":"row","raw_units":3,"credits":0.003,"list_cost_estimate":0.00006},"#,
        r#"{"event_key":"notification_enqueued","unit_name":"notification","raw_units":3,"credits":0.6,"list_cost_estimate":0.012},"#,
        r#"{"event_key":"tool_invocation","unit_name":"run","raw_units":1,"credits":2,"list_cost_estimate":0.04}]}"#,
    );
    assert_eq!(figures(&admin, "").await, expected);
}

#[tokio::test]
async fn weights_and_prices_that_change_all_the_time_are_those_of_each_moment() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let (mut micros, mut picos) = (0, 0);
    for call in 1..=20_u64 {
        // Digits all over, in millionths.
        let (weight, price) = (call * 7_654_321 % 999_983, call * 1_234_567 % 999_979);
        weigh(&world, TOOL, &format!("0.{weight:06}"), &format!("0.{price:06}")).await;
        echo(&admin, call).send().await.expect(200);
        micros += u128::from(weight);
        picos += u128::from(weight * price);
    }

    let usage = read(&admin, "/v1/billing/usage").await;

    assert_eq!(exact(&usage["credits"]["used"]), micros * 1_000_000);
    assert_eq!(exact(&usage["credits"]["remaining"]), (500_000_000 - micros) * 1_000_000);
    assert_eq!(exact(&usage["credits"]["estimated_list_cost"]), picos);
    let lines = usage["breakdown"].as_array().unwrap();
    assert_eq!((total(lines, "credits"), total(lines, "list_cost_estimate")), (micros * 1_000_000, picos));
    let ledger = pages(&admin, "&limit=7").await.concat();
    assert_eq!(
        (total(&ledger, "credits"), total(&ledger, "list_cost_estimate")),
        (micros * 1_000_000, picos)
    );
}

#[tokio::test]
async fn an_allowance_lowered_below_what_was_used_makes_overage_and_a_raised_one_ends_it() {
    let world = World::open().await;
    let admin = world.tenant().await;
    weigh(&world, TOOL, "2.444444", "0.02").await;
    for key in 0..3 {
        echo(&admin, key).send().await.expect(200);
    }
    let after = async |included: u64, price: &str| {
        let body = format!(r#"{{"included_credits":{included},"overage_price_per_credit":{price}}}"#);
        operate(&world, "PUT", "/v1/admin/plans/starter", &body).await;
        let figures = figures(&admin, "").await;
        figures.split_once(r#","estimated_list_cost":0.14666664}"#).unwrap().0.to_owned()
    };

    for (included, price, remaining, overage, cost) in [
        (8, "0.015001", "0.666668", "0", "0"),
        (7, "0.015001", "0", "0.333332", "0.005000313332"),
        (7, "0", "0", "0.333332", "0"),
        (0, "0.000001", "0", "7.333332", "0.000007333332"),
        (0, "1000000", "0", "7.333332", "7333332"),
    ] {
        let expected = format!(
            r#"{{"credits":{{"included":{included},"used":7.333332,"remaining":{remaining},"overage_credits":{overage},"estimated_overage_cost":{cost}"#
        );
        assert_eq!(after(included, price).await, expected);
    }
    let refused = echo(&admin, "new").send().await.detail(429);
    assert_eq!(
        (&refused["limit_credits"], refused["used_credits"].to_string()),
        (&json!(0), "7.333332".to_owned())
    );
    after(10, "0.02").await;
    echo(&admin, "new").send().await.expect(200);
}

#[tokio::test]
async fn a_past_period_is_shown_by_the_figures_of_the_present_plan() {
    let world = World::open().await;
    let admin = world.tenant().await;
    for (key, now) in
        ["2026-01-01T00:00:00Z", "2026-01-31T23:59:59.999999Z", "2026-02-01T00:00:00Z"].iter().enumerate()
    {
        echo(&admin, key).at(now).send().await.expect(200);
    }

    let path = format!("/v1/admin/tenants/{}/subscription", admin.tenant_id);
    operate(&world, "PUT", &path, r#"{"plan_id":"growth"}"#).await;

    for (start, end, calls, used, remaining, cost) in [
        ("2026-01-01", "2026-02-01", 2, "4", "1996", "0.08"),
        ("2026-02-01", "2026-03-01", 1, "2", "1998", "0.04"),
    ] {
        let query = format!("?period_start={start}");
        let usage = read(&admin, &format!("/v1/billing/usage{query}")).await;
        assert_eq!((&usage["period_start"], &usage["period_end"]), (&json!(start), &json!(end)));
        assert_eq!(usage["plan"]["plan_id"], "growth");
        assert_eq!(figures(&admin, &query).await, by_calls(2_000, calls, used, remaining, cost));
    }
}

/// A period is matched by its first day.
#[tokio::test]
async fn another_day_than_the_first_starts_a_period_in_which_nothing_was_used() {
    let world = World::open().await;
    let admin = world.tenant().await;
    echo(&admin, "key").send().await.expect(200);
    for (start, end) in [
        ("2026-02-10", "2026-03-01"),
        ("2026-02-28", "2026-03-01"),
        ("2026-12-31", "2027-01-01"),
        ("2028-02-29", "2028-03-01"),
        ("9999-11-30", "9999-12-01"),
        ("0001-01-02", "0001-02-01"),
    ] {
        let query = format!("?period_start={start}");

        let usage = read(&admin, &format!("/v1/billing/usage{query}")).await;

        assert_eq!((&usage["period_start"], &usage["period_end"]), (&json!(start), &json!(end)));
        assert_eq!(figures(&admin, &query).await, UNUSED, "{start}");
    }
}

#[tokio::test]
async fn what_starts_no_period_that_could_be_shown_is_refused_at_its_place() {
    let world = World::open().await;
    let admin = world.tenant().await;
    for start in [
        "",
        "banana",
        "2026-02-30",
        "2027-02-29",
        "2026-13-01",
        "9999-12-01",
        "9999-12-31",
        "0000-01-01",
        "2026-2-1",
        "2026-02",
        "20260201",
        "2026-02-01T00:00:00Z",
        "%202026-02-01",
        "10000-01-01",
    ] {
        for page in ["usage", "ledger"] {
            let refused = admin.get(&format!("/v1/billing/{page}?period_start={start}")).send().await;

            assert_eq!(refused.faults(), ["value_error query.period_start"], "{page} {start:?}");
            assert_eq!(refused.detail(422)[0]["loc"], json!(["query", "period_start"]));
        }
    }
}
