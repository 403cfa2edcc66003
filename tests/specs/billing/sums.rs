//! Ledger, counters, credits and breakdown are one number told in four places, whatever happened at the same time.

use std::collections::BTreeMap;

use bespin_embedded::Fault;
use bespin_metering::MeteredEvent;
use bespin_tests::{Actor, Reply, Request, World};
use serde_json::Value;

use crate::{at_once, echo, exact, pages, put_limits, read, total, weigh};

const MONTHS: [&str; 2] = ["2026-02", "2026-03"];
const INSTANTS: [&str; 4] =
    ["2026-02-10T12:00:00Z", "2026-02-28T23:59:59.999999Z", "2026-03-01T00:00:00Z", "2026-03-10T12:00:00Z"];

/// One of something, as the sums below have it.
const ONE: u128 = 1_000_000_000_000;

/// A tenant with little of everything, and events that cost digits all over.
async fn tenant(world: &World, credits: u64) -> (Actor, String) {
    for (event, credits, price) in [
        (MeteredEvent::ToolInvocation, "0.333333", "0.019999"),
        (MeteredEvent::DailyBriefGenerated, "5.2", "0.333333"),
        (MeteredEvent::KpiDefinitionCreated, "0.700001", "0.07"),
        (MeteredEvent::KpiPointsIngested, "0.001003", "1.000001"),
    ] {
        weigh(world, event, credits, price).await;
    }
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;
    world.set_plan(&admin, |plan| plan.included_credits = credits).await;
    put_limits(&admin, [0, 6, 3, 0]).send().await.expect(200);
    (admin, kpi)
}

/// Calls of all kinds at each of the four instants: new ones, repeated ones, some that are refused by a limit, some
/// that are nonsense.
fn burst(admin: &Actor, kpi: &str) -> Vec<Request> {
    let mut calls = Vec::new();
    for (place, now) in INSTANTS.iter().enumerate() {
        let at = |request: Request| request.at(now);
        calls.extend((0..9).map(|n| at(echo(admin, format!("{now} {}", n % 7)))));
        calls.extend((0..3).map(|n| {
            let body = serde_json::json!({"name": format!("{place} {n}")});
            at(admin.post("/v1/kpis").json(&body))
        }));
        // Each batch repeats points of the one before: these are ignored, and not charged.
        calls.extend((1..4).map(|day| {
            let dates = [day, day + 1].map(|day| format!("2026-01-{:02}", 7 * place + day));
            at(admin.points(kpi, &[(&dates[0], 1.5), (&dates[1], 2.5)]))
        }));
        calls.extend((0..4).map(|n| {
            at(admin.materialize(&format!("{now} {n}"), &format!("2026-0{}-0{}", place + 1, n / 2 + 1)))
        }));
        calls.push(at(admin.invoke(&format!("{now} unknown"), "nope", &serde_json::json!({}))));
        calls.push(at(admin.points(kpi, &[("banana", 1.0)])));
    }
    calls
}

/// Asserts that everything the API says of both months is one and the same sum, and gives the units of each event.
async fn assert_numbers_agree(world: &World, admin: &Actor, included: u128) -> BTreeMap<String, u128> {
    let mut units = BTreeMap::new();
    for month in MONTHS {
        let ledger = pages(admin, &format!("&limit=7&period_start={month}-01")).await.concat();
        let usage = read(admin, &format!("/v1/billing/usage?period_start={month}-01")).await;

        let (credits, lines) = (&usage["credits"], usage["breakdown"].as_array().unwrap());
        assert_eq!(exact(&credits["used"]), total(&ledger, "credits"), "{month}");
        assert_eq!(exact(&credits["used"]), total(lines, "credits"), "{month}");
        assert_eq!(
            exact(&credits["used"]) + exact(&credits["remaining"]),
            included * ONE,
            "{month}: no limit was passed"
        );
        assert_eq!(exact(&credits["estimated_list_cost"]), total(&ledger, "list_cost_estimate"), "{month}");
        assert_eq!(exact(&credits["estimated_list_cost"]), total(lines, "list_cost_estimate"), "{month}");
        for line in lines {
            let of_event: Vec<Value> =
                ledger.iter().filter(|entry| entry["event_key"] == line["event_key"]).cloned().collect();
            for (there, here) in [
                ("raw_units", "raw_units"),
                ("credits", "credits"),
                ("list_cost_estimate", "list_cost_estimate"),
            ] {
                assert_eq!(exact(&line[here]), total(&of_event, there), "{month} {line}");
            }
            let event = line["event_key"].as_str().unwrap().to_owned();
            *units.entry(event).or_default() += exact(&line["raw_units"]) / ONE;
        }
        assert_days_agree(admin, &ledger).await;
        assert_eq!(world.assert_ledger_equals_counters(admin, month).await, ledger.len());
    }
    units
}

/// Asserts that each day on which something happened counts what the ledger has of it.
async fn assert_days_agree(admin: &Actor, ledger: &[Value]) {
    for instant in INSTANTS {
        let day = &instant[..10];
        let of_day: Vec<&Value> =
            ledger.iter().filter(|entry| entry["created_at"].as_str().unwrap().starts_with(day)).collect();
        if of_day.is_empty() {
            continue;
        }
        for activity in read(admin, &format!("/v1/usage/daily?date={day}")).await["usage"].as_array().unwrap()
        {
            let entries = of_day.iter().filter(|entry| entry["event_key"] == activity["activity_type"]);
            let units: u128 = entries.map(|entry| exact(&entry["raw_units"])).sum();
            assert_eq!(exact(&activity["units"]), units, "{day} {activity}");
        }
    }
}

fn answered(replies: &[Reply], status: u16) -> usize {
    replies.iter().filter(|reply| reply.status == status).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_burst_of_everything_all_numbers_agree_to_the_micro_credit() {
    let world = World::open().await;
    let ((admin, kpi), bystander) = (tenant(&world, 40).await, world.tenant().await);

    let replies = at_once(burst(&admin, &kpi)).await;

    let units = assert_numbers_agree(&world, &admin, 40).await;
    // Seven keys and a limit of six at each of four instants; four new points and two new briefs likewise.
    let expected = [
        ("daily_brief_generated", 8),
        ("kpi_definition_created", 13),
        ("kpi_points_ingested", 16),
        ("tool_invocation", 24),
    ];
    assert_eq!(units, expected.map(|(event, units)| (event.to_owned(), units)).into());
    assert_eq!(answered(&replies, 422), 4);
    assert!(replies.iter().all(|reply| [200, 201, 404, 422, 429].contains(&reply.status)));
    assert_eq!(read(&bystander, "/v1/billing/usage").await["breakdown"], serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn when_credits_run_out_in_the_middle_of_it_they_still_do() {
    let world = World::open().await;
    let (admin, kpi) = tenant(&world, 25).await;
    // Four briefs in a month are 20.8 of them.
    put_limits(&admin, [0, 100, 100, 0]).send().await.expect(200);
    let more = (0..40).map(|n| echo(&admin, format!("more {n}")).at(INSTANTS[n % 4]));

    let replies = at_once(burst(&admin, &kpi).into_iter().chain(more)).await;

    assert_numbers_agree(&world, &admin, 25).await;
    let refused: Vec<Value> =
        replies.iter().filter(|reply| reply.status == 429).map(|reply| reply.detail(429)).collect();
    assert!(!refused.is_empty());
    for refusal in refused {
        assert_eq!(refusal["limit_credits"], 25, "{refusal}");
        assert!(
            exact(&refusal["used_credits"]) + exact(&refusal["requested_credits"]) > 25 * ONE,
            "{refusal}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_numbers_agree_while_the_store_falters() {
    let world = World::open().await;
    let (admin, kpi) = tenant(&world, 40).await;
    world.faults().random(7, 60, &[Fault::Conflict, Fault::Throttled, Fault::ReplyLost, Fault::NotSent]);

    let replies = at_once(burst(&admin, &kpi)).await;

    world.faults().clear();
    let units = assert_numbers_agree(&world, &admin, 40).await;
    assert!(answered(&replies, 200) > 0 && units["tool_invocation"] <= 24, "{units:?}");
}
