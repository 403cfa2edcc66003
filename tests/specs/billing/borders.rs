//! Days and months that turn under load, and changes in the middle of a period (gateway.md 11, 12.1).

use bespin_tests::{Actor, Reply, World};
use serde_json::{Value, json};

use crate::{at_once, echo, operate, put_limits, read};

/// Instants close around a midnight, half before it and half after.
fn around(before: &str, after: &str) -> Vec<String> {
    let micros = ["999990", "999999", "500000", "999998"];
    let last = micros.map(|micros| format!("{before}T23:59:59.{micros}Z"));
    let first = ["000000", "000001", "500000", "000010"].map(|micros| format!("{after}T00:00:00.{micros}Z"));
    last.into_iter().zip(first).flat_map(|(last, first)| [last, first]).collect()
}

async fn units_of(admin: &Actor, day: &str) -> u64 {
    let usage = read(admin, &format!("/v1/usage/daily?date={day}")).await;
    usage["usage"][1]["units"].as_u64().unwrap()
}

fn admitted<'r>(replies: impl Iterator<Item = &'r Reply>) -> u64 {
    let statuses = replies.map(|reply| reply.status);
    statuses
        .filter(|status| {
            assert!([200, 429].contains(status), "{status}");
            *status == 200
        })
        .count() as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_day_turns_under_load_each_unit_counts_for_the_day_of_its_call() {
    for (before, after) in [
        ("2026-02-10", "2026-02-11"),
        ("2026-02-28", "2026-03-01"),
        ("2028-02-28", "2028-02-29"),
        ("2028-02-29", "2028-03-01"),
        ("2026-12-31", "2027-01-01"),
        ("2026-03-31", "2026-04-01"),
    ] {
        let world = World::open().await;
        let admin = world.tenant().await;
        put_limits(&admin, [100, 9, 10, 500]).send().await.expect(200);
        let instants: Vec<String> = around(before, after).into_iter().cycle().take(32).collect();
        let calls = instants.iter().enumerate().map(|(key, now)| echo(&admin, key).at(now));

        let replies = at_once(calls).await;

        for (day, sent) in [(before, 16), (after, 16)] {
            let of_day = instants.iter().zip(&replies).filter(|(now, _)| now.starts_with(day));
            let of_day: Vec<&Reply> = of_day.map(|(_, reply)| reply).collect();
            assert_eq!(of_day.len(), sent);
            assert_eq!(admitted(of_day.into_iter()), 9, "{day}");
            assert_eq!(units_of(&admin, day).await, 9, "{day}");
        }
        let mut months = vec![&before[..7], &after[..7]];
        months.dedup();
        let mut entries = 0;
        for month in months {
            entries += world.assert_ledger_equals_counters(&admin, month).await;
        }
        assert_eq!(entries, 18, "{before}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_month_turns_under_load_each_month_has_its_own_credits() {
    for (before, after) in
        [("2026-01-31", "2026-02-01"), ("2028-02-29", "2028-03-01"), ("2026-12-31", "2027-01-01")]
    {
        let world = World::open().await;
        let admin = world.tenant().await;
        world.set_plan(&admin, |plan| plan.included_credits = 10).await;
        let instants: Vec<String> = around(before, after).into_iter().cycle().take(24).collect();
        let replies = at_once(instants.iter().enumerate().map(|(key, now)| echo(&admin, key).at(now))).await;

        assert_eq!(admitted(replies.iter()), 10, "five calls of two credits in each month");
        for day in [before, after] {
            let month = &day[..7];
            let usage = read(&admin, &format!("/v1/billing/usage?period_start={month}-01")).await;
            assert_eq!(usage["credits"]["used"], 10, "{month}");
            assert_eq!(world.assert_ledger_equals_counters(&admin, month).await, 5, "{month}");
        }
    }
}

#[tokio::test]
async fn a_tenant_that_starts_on_the_eve_of_a_month_has_a_day_of_that_month_and_then_the_next() {
    for (start, period, next) in [
        ("2026-01-30T23:59:59Z", ["2026-01-01", "2026-02-01"], "2026-02-01T00:00:00Z"),
        ("2026-01-31T23:59:59Z", ["2026-01-01", "2026-02-01"], "2026-02-01T00:00:00Z"),
        ("2028-02-29T23:59:59Z", ["2028-02-01", "2028-03-01"], "2028-03-01T00:00:00Z"),
        ("2026-12-31T23:59:59Z", ["2026-12-01", "2027-01-01"], "2027-01-01T00:00:00Z"),
    ] {
        let world = World::open().await;
        let signed_up = world.sign_up().at(start).send().await.expect(201);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let admin = world.actor(
            &text(&signed_up["tenant_id"]),
            &text(&signed_up["admin"]["user_id"]),
            &text(&signed_up["api_key"]),
        );
        let plan = admin.get("/v1/billing/plan").at(start).send().await.expect(200);
        assert_eq!([&plan["period_start"], &plan["period_end"]], period.each_ref());
        echo(&admin, "first").at(start).send().await.expect(200);

        echo(&admin, "second").at(next).send().await.expect(200);

        for month in [&period[0][..7], &period[1][..7]] {
            assert_eq!(world.assert_ledger_equals_counters(&admin, month).await, 1, "{start}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_weight_and_cap_change_in_the_middle_of_a_period_and_under_load() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let subscription = format!("/v1/admin/tenants/{}/subscription", admin.tenant_id);
    let plan = json!({"plan_id": "p", "name": "P", "included_credits": 40, "overage_price_per_credit": 0.02});
    operate(&world, "POST", "/v1/admin/plans", plan).await;
    operate(&world, "PUT", "/v1/admin/plans/p/capabilities", json!({"capabilities": ["tools"]})).await;
    let weight = |weight: f64| {
        operate(
            &world,
            "PUT",
            "/v1/admin/metered-events/tool_invocation",
            json!({"credits_per_unit": weight}),
        )
    };
    let caps = |units: u64| {
        let caps = json!({"caps": [{"event_key": "tool_invocation", "cap_raw_units": units}]});
        operate(&world, "PUT", "/v1/admin/plans/p/caps", caps)
    };
    let mut sent = 0;
    let mut burst = async |calls: u64| {
        let keys = sent..sent + calls;
        sent += calls;
        admitted(at_once(keys.map(|key| echo(&admin, key))).await.iter())
    };
    assert_eq!(burst(4).await, 4, "on the starter plan, 8 credits");
    operate(&world, "PUT", &subscription, json!({"plan_id": "p"})).await;
    caps(9).await;
    assert_eq!(burst(16).await, 5, "what was used counts against the new plan's cap: 18 credits");
    weight(0.333333).await;
    caps(12).await;
    assert_eq!(burst(16).await, 3, "at the new weight: 18.999999 credits");
    operate(&world, "PUT", "/v1/admin/plans/p", json!({"included_credits": 19})).await;
    caps(100).await;
    assert_eq!(burst(8).await, 0, "less than a third of a credit is left");
    operate(&world, "PUT", "/v1/admin/plans/p", json!({"included_credits": 20})).await;
    assert_eq!(burst(8).await, 3);
    operate(&world, "PUT", "/v1/admin/plans/p", json!({"included_credits": 1})).await;
    assert_eq!(burst(4).await, 0, "lowered below what was used");

    let usage = read(&admin, "/v1/billing/usage").await;
    assert_eq!(usage["credits"]["used"].to_string(), "19.999998");
    assert_eq!(usage["credits"]["overage_credits"].to_string(), "18.999998");
    assert_eq!(world.assert_ledger_equals_counters(&admin, "2026-02").await, 15);
}
