//! Specifications of limits: when they refuse, and that none is passed, not by one unit (gateway.md 11 and 12). What
//! a refusal says to the letter is specified with the bill.

use std::collections::BTreeMap;

use bespin_embedded::Fault;
use bespin_entitlements::DailyLimits;
use bespin_metering::MeteredEvent;
use bespin_primitives::{Credits, Micros, PricePerCredit};
use bespin_table::{Condition, Transaction, keys};
use bespin_tests::{Actor, Reply, Request, World};
use serde_json::{Map, Value, json};

use crate::at_once;

const MONTH: &str = "2026-02";
const TOOL: MeteredEvent = MeteredEvent::ToolInvocation;
const FAULTS: [Fault; 4] = [Fault::Conflict, Fault::Throttled, Fault::ReplyLost, Fault::NotSent];

#[expect(clippy::needless_pass_by_value, reason = "a key is a number or a word, whichever reads better")]
fn echo(actor: &Actor, key: impl ToString) -> Request {
    actor.invoke(&key.to_string(), "echo", &json!({}))
}

fn cap(event: MeteredEvent, units: u64) -> BTreeMap<String, Micros> {
    BTreeMap::from([(event.key().to_owned(), Micros::new(units * 1_000_000))])
}

fn credits(text: &str) -> Credits {
    Credits::from_micros(Micros::parse(text).unwrap().get())
}

/// What a 429 says about a limit, without what ours adds. Also checks what ours adds, that the members stand at
/// the top level, too, and that the client hears when to come back.
#[track_caller]
fn refusal(reply: &Reply, window: &str, resets_at: &str, retry_after: u64) -> Value {
    let detail = reply.detail(429);
    let mut members: Map<String, Value> = detail.as_object().unwrap().clone();
    let body = reply.json();
    for (name, value) in &members {
        assert_eq!(&body[name], value, "{name} at the top level");
    }
    assert_eq!(body["status"], 429);
    assert_eq!(members.remove("scope"), Some(json!("tenant")));
    assert_eq!(members.remove("window"), Some(json!(window)));
    assert_eq!(members.remove("resets_at"), Some(json!(resets_at)));
    assert_eq!(reply.header("retry-after"), Some(retry_after.to_string().as_str()));
    Value::Object(members)
}

/// What a refusal by a daily limit at noon says.
#[track_caller]
fn of_the_day(reply: &Reply) -> Value {
    refusal(reply, "day", "2026-02-11T00:00:00.000000Z", 12 * 3600)
}

/// What a refusal by credits or a cap at noon says.
#[track_caller]
fn of_the_month(reply: &Reply) -> Value {
    refusal(reply, "billing_period", "2026-03-01T00:00:00.000000Z", 18 * 86_400 + 12 * 3600)
}

#[tokio::test]
async fn briefs_have_their_own_daily_limit_and_existing_ones_are_free() {
    let world = World::open().await;
    let admin = world.tenant().await;
    world.set_daily_limits(&admin, DailyLimits { daily_brief_generated: 1, ..DailyLimits::default() }).await;
    admin.materialize("one", "2026-02-01").send().await.expect(200);

    let refused = admin.materialize("two", "2026-02-02").send().await;

    assert_eq!(
        of_the_day(&refused),
        json!({
            "error": "quota_exceeded", "activity_type": "daily_brief_generated", "limit": 1, "current": 1,
            "requested": 1,
        })
    );
    admin.materialize("three", "2026-02-01").send().await.expect(200);
    echo(&admin, "tool").send().await.expect(200);
}

#[tokio::test]
async fn a_limit_refuses_points_as_a_whole() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;
    world.set_plan(&admin, |plan| plan.caps = cap(MeteredEvent::KpiPointsIngested, 2)).await;
    let three = [("2026-02-01", 1.0), ("2026-02-02", 2.0), ("2026-02-03", 3.0)];

    let refused = admin.points(&kpi, &three).send().await;

    assert_eq!(
        of_the_month(&refused),
        json!({
            "error": "quota_exceeded", "period_start": "2026-02-01", "event_key": "kpi_points_ingested",
            "limit_credits": 500, "used_credits": 0.5, "requested_credits": 0.003,
            "cap_raw_units": 2, "used_raw_units": 0, "requested_raw_units": 3,
        })
    );
    admin.get(&format!("/v1/kpis/{kpi}/latest")).send().await.detail(404);
    admin.points(&kpi, &three[..2]).send().await.expect(200);
    admin.points(&kpi, &three[..2]).send().await.expect(200);
}

#[tokio::test]
async fn of_a_fractional_cap_the_whole_units_count_and_it_is_shown_as_it_is() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let two_and_a_half = BTreeMap::from([(TOOL.key().to_owned(), Micros::new(2_500_000))]);
    world.set_plan(&admin, |plan| plan.caps = two_and_a_half).await;
    for key in 0..2 {
        echo(&admin, key).send().await.expect(200);
    }

    let refused = echo(&admin, 2).send().await.detail(429);

    assert_eq!((&refused["cap_raw_units"], &refused["used_raw_units"]), (&json!(2.5), &json!(2)));
}

#[tokio::test]
async fn credits_refuse_before_the_cap_and_the_cap_before_the_day() {
    let world = World::open().await;
    let admin = world.tenant().await;
    echo(&admin, "used").send().await.expect(200);
    world.set_daily_tool_limit(&admin, 1).await;

    world
        .set_plan(&admin, |plan| {
            plan.included_credits = 2;
            plan.caps = cap(TOOL, 1);
        })
        .await;
    for tool in ["echo", "kpi_summary", "nope"] {
        let by_credits = of_the_month(&admin.invoke("new", tool, &json!({})).send().await);
        assert_eq!((&by_credits["limit_credits"], &by_credits["cap_raw_units"]), (&json!(2), &Value::Null));
    }

    world.set_plan(&admin, |plan| plan.caps = cap(TOOL, 1)).await;
    for tool in ["echo", "kpi_summary", "nope"] {
        let by_cap = of_the_month(&admin.invoke("new", tool, &json!({})).send().await);
        assert_eq!(by_cap["cap_raw_units"], 1);
    }

    world.set_plan(&admin, |plan| plan.caps = cap(TOOL, 2)).await;
    for tool in ["echo", "kpi_summary", "nope"] {
        let by_day = of_the_day(&admin.invoke("new", tool, &json!({})).send().await);
        assert_eq!(by_day["limit"], 1);
    }
}

#[tokio::test]
async fn what_ends_exactly_at_a_limit_is_admitted() {
    let world = World::open().await;
    let admin = world.tenant().await;
    world.set_daily_tool_limit(&admin, 2).await;
    world
        .set_plan(&admin, |plan| {
            plan.included_credits = 4;
            plan.caps = cap(TOOL, 2);
        })
        .await;

    for key in 0..2 {
        echo(&admin, key).send().await.expect(200);
    }
    of_the_month(&echo(&admin, "new").send().await);
}

#[tokio::test]
async fn a_limit_of_zero_blocks() {
    let world = World::open().await;
    let (day, month, capped) = (world.tenant().await, world.tenant().await, world.tenant().await);
    world.set_daily_tool_limit(&day, 0).await;
    world.set_plan(&month, |plan| plan.included_credits = 0).await;
    world.set_plan(&capped, |plan| plan.caps = cap(TOOL, 0)).await;

    let by_day = of_the_day(&echo(&day, "key").send().await);
    assert_eq!(
        (&by_day["limit"], &by_day["current"], &by_day["requested"]),
        (&json!(0), &json!(0), &json!(1))
    );
    let by_credits = of_the_month(&echo(&month, "key").send().await);
    assert_eq!((&by_credits["limit_credits"], &by_credits["used_credits"]), (&json!(0), &json!(0)));
    let by_cap = of_the_month(&echo(&capped, "key").send().await);
    assert_eq!((&by_cap["cap_raw_units"], &by_cap["used_raw_units"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn without_credits_what_costs_nothing_still_goes() {
    let world = World::open().await;
    let admin = world.tenant().await;
    world.set_plan(&admin, |plan| plan.included_credits = 0).await;
    world.change_event(TOOL, |event| event.credits_per_unit = Credits::ZERO).await;

    echo(&admin, "key").send().await.expect(200);

    assert_eq!(world.assert_ledger_equals_counters(&admin, MONTH).await, 1);
}

#[tokio::test]
async fn a_lowered_limit_shows_the_real_usage() {
    let world = World::open().await;
    let admin = world.tenant().await;
    for key in 0..3 {
        echo(&admin, key).send().await.expect(200);
    }

    world.set_daily_tool_limit(&admin, 1).await;
    let by_day = of_the_day(&echo(&admin, "new").send().await);
    assert_eq!((&by_day["limit"], &by_day["current"]), (&json!(1), &json!(3)));

    world.set_plan(&admin, |plan| plan.caps = cap(TOOL, 2)).await;
    let by_cap = of_the_month(&echo(&admin, "new").send().await);
    assert_eq!((&by_cap["cap_raw_units"], &by_cap["used_raw_units"]), (&json!(2), &json!(3)));

    world.set_plan(&admin, |plan| plan.included_credits = 5).await;
    let by_credits = of_the_month(&echo(&admin, "new").send().await);
    assert_eq!((&by_credits["limit_credits"], &by_credits["used_credits"]), (&json!(5), &json!(6)));
}

#[tokio::test]
async fn a_raised_limit_shows_in_the_next_call() {
    let world = World::open().await;
    let admin = world.tenant().await;
    world.set_daily_tool_limit(&admin, 0).await;
    echo(&admin, "key").send().await.detail(429);

    world.set_daily_tool_limit(&admin, 1).await;

    echo(&admin, "key").send().await.expect(200);
}

#[tokio::test]
async fn one_tenant_does_not_use_up_anothers_limits() {
    let world = World::open().await;
    let (one, other) = (world.tenant().await, world.tenant().await);
    for tenant in [&one, &other] {
        world.set_daily_tool_limit(tenant, 1).await;
    }
    echo(&one, "key").send().await.expect(200);
    echo(&one, "new").send().await.detail(429);

    echo(&other, "key").send().await.expect(200);
}

#[tokio::test]
async fn users_of_a_tenant_share_its_limits() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let body = json!({"tenant_id": admin.tenant_id, "email": "second@example.com", "role": "admin"});
    let user = admin.post("/v1/users").json(&body).send().await.expect(201);
    let second = world.actor(&admin.tenant_id, user["user_id"].as_str().unwrap(), &admin.api_key);
    world.set_daily_tool_limit(&admin, 1).await;
    echo(&admin, "key").send().await.expect(200);

    assert_eq!(of_the_day(&echo(&second, "new").send().await)["current"], 1);
}

#[tokio::test]
async fn an_event_that_is_switched_off_or_unknown_cannot_happen() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;
    let calls = [
        (TOOL, echo(&admin, "tool")),
        (MeteredEvent::KpiDefinitionCreated, admin.post("/v1/kpis").json(&json!({"name": "Churn"}))),
        (MeteredEvent::KpiPointsIngested, admin.points(&kpi, &[("2026-02-01", 1.0)])),
        (MeteredEvent::DailyBriefGenerated, admin.materialize("brief", "2026-02-01")),
    ];
    for (event, call) in calls {
        let said = json!({"error": "unknown_event_type", "event_key": event.key()});
        world.change_event(event, |event| event.active = false).await;
        assert_eq!(call.clone().send().await.detail(400), said);

        let mut removal = Transaction::new();
        removal.delete(keys::metered_event(event.key()), Condition::present());
        world.deps().table.commit(removal).await.unwrap();
        world.deps().entitlements.forget_catalogue();
        assert_eq!(call.send().await.detail(400), said);
    }
    assert_eq!(world.assert_ledger_equals_counters(&admin, MONTH).await, 1);
}

/// 64 callers, of whom the limit admits exactly ten.
async fn ten_of_64(world: &World, admin: &Actor, refused: impl Fn(&Reply) -> Value) {
    let replies = at_once((0..64).map(|key| echo(admin, key))).await;

    world.faults().clear();
    let (admitted, others): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
    assert_eq!(admitted.len(), 10);
    for other in others {
        refused(other);
    }
    assert_eq!(world.assert_ledger_equals_counters(admin, MONTH).await, 10);
    refused(&echo(admin, "later").send().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_who_race_for_the_last_of_a_day_stop_exactly_at_the_limit() {
    for seed in [None, Some(1), Some(2), Some(3)] {
        let world = World::open().await;
        let admin = world.tenant().await;
        world.set_daily_tool_limit(&admin, 10).await;
        if let Some(seed) = seed {
            world.faults().random(seed, 200, &FAULTS);
        }

        ten_of_64(&world, &admin, |reply| {
            let said = of_the_day(reply);
            assert_eq!((&said["limit"], &said["current"]), (&json!(10), &json!(10)));
            said
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_who_race_for_the_last_credits_stop_exactly_at_the_limit() {
    for seed in [None, Some(1), Some(2), Some(3)] {
        let world = World::open().await;
        let admin = world.tenant().await;
        // One credit is left over: less than a call costs.
        world.set_plan(&admin, |plan| plan.included_credits = 21).await;
        if let Some(seed) = seed {
            world.faults().random(seed, 200, &FAULTS);
        }

        ten_of_64(&world, &admin, |reply| {
            let said = of_the_month(reply);
            assert_eq!((&said["used_credits"], &said["cap_raw_units"]), (&json!(20), &Value::Null));
            said
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_who_race_for_the_last_of_a_cap_stop_exactly_at_the_cap() {
    for seed in [None, Some(1), Some(2), Some(3)] {
        let world = World::open().await;
        let admin = world.tenant().await;
        world.set_plan(&admin, |plan| plan.caps = cap(TOOL, 10)).await;
        if let Some(seed) = seed {
            world.faults().random(seed, 200, &FAULTS);
        }

        ten_of_64(&world, &admin, |reply| {
            let said = of_the_month(reply);
            assert_eq!((&said["cap_raw_units"], &said["used_raw_units"]), (&json!(10), &json!(10)));
            said
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn different_events_that_race_for_the_last_credits_never_pass_them_together() {
    for seed in 0..4 {
        let world = World::open().await;
        let admin = world.tenant().await;
        let kpi = admin.kpi("MRR").await;
        world.set_plan(&admin, |plan| plan.included_credits = 20).await;
        world.faults().random(seed, 100, &FAULTS);
        let days: Vec<String> = (1..=28).map(|day| format!("2026-01-{day:02}")).collect();

        let calls = (0..28).flat_map(|n| {
            [
                echo(&admin, n),
                admin.post("/v1/kpis").json(&json!({"name": "More"})),
                admin.points(&kpi, &[(&days[n], 1.0), (&days[(n + 1) % 28], 2.0)]),
                admin.materialize(&format!("brief-{n}"), &days[n]),
            ]
        });
        let replies = at_once(calls).await;

        world.faults().clear();
        for reply in &replies {
            assert!(matches!(reply.status, 200 | 201 | 429), "{}", reply.text);
            assert!(reply.status != 429 || reply.json()["error"] == "quota_exceeded", "{}", reply.text);
        }
        world.assert_ledger_equals_counters(&admin, MONTH).await;
        let used = world.usage(&admin, MONTH).await.credits().unwrap();
        // What is left over is less than the cheapest call that was refused: half a credit for a definition.
        assert!(credits("19.5") < used && used <= credits("20"), "{used} with seed {seed}");
    }
}

#[tokio::test]
async fn the_day_turns_at_midnight_utc() {
    let world = World::open().await;
    let admin = world.tenant().await;
    world.set_daily_tool_limit(&admin, 1).await;
    echo(&admin, "one").at("2026-02-10T00:00:00Z").send().await.expect(200);

    let refused = echo(&admin, "two").at("2026-02-10T23:59:59.999999Z").send().await;
    assert_eq!(refusal(&refused, "day", "2026-02-11T00:00:00.000000Z", 1)["current"], 1);
    // The same instant in the words of another zone.
    echo(&admin, "two").at("2026-02-11T01:59:59.999999+02:00").send().await.detail(429);

    echo(&admin, "two").at("2026-02-11T00:00:00Z").send().await.expect(200);
    echo(&admin, "three").at("2026-03-10T00:00:00Z").send().await.expect(200);
    for (month, entries) in [("2026-02", 2), ("2026-03", 1)] {
        assert_eq!(world.assert_ledger_equals_counters(&admin, month).await, entries);
    }
}

#[tokio::test]
async fn credits_and_caps_start_again_on_the_first_of_the_month() {
    for (last, first, start, resets_at) in [
        ("2026-02-28T23:59:59.999999Z", "2026-03-01T00:00:00Z", "2026-02-01", "2026-03-01T00:00:00.000000Z"),
        ("2026-12-31T23:59:59.999999Z", "2027-01-01T00:00:00Z", "2026-12-01", "2027-01-01T00:00:00.000000Z"),
        ("2028-02-29T23:59:59.999999Z", "2028-03-01T00:00:00Z", "2028-02-01", "2028-03-01T00:00:00.000000Z"),
    ] {
        let world = World::open().await;
        let (by_credits, by_cap) = (world.tenant().await, world.tenant().await);
        world.set_plan(&by_credits, |plan| plan.included_credits = 2).await;
        world.set_plan(&by_cap, |plan| plan.caps = cap(TOOL, 1)).await;
        for tenant in [&by_credits, &by_cap] {
            echo(tenant, "one").at(last).send().await.expect(200);

            let refused = echo(tenant, "two").at(last).send().await;
            assert_eq!(refusal(&refused, "billing_period", resets_at, 1)["period_start"], start);

            echo(tenant, "two").at(first).send().await.expect(200);
            for month in [&last[..7], &first[..7]] {
                assert_eq!(world.assert_ledger_equals_counters(tenant, month).await, 1, "{month}");
            }
        }
    }
}

#[tokio::test]
async fn the_leap_day_is_a_day_of_its_own_in_february() {
    let world = World::open().await;
    let admin = world.tenant().await;
    world.set_daily_tool_limit(&admin, 1).await;
    world.set_plan(&admin, |plan| plan.included_credits = 4).await;

    echo(&admin, "28").at("2028-02-28T12:00:00Z").send().await.expect(200);
    echo(&admin, "29").at("2028-02-29T12:00:00Z").send().await.expect(200);
    let refused = echo(&admin, "more").at("2028-02-29T12:00:00Z").send().await;
    assert_eq!(
        refusal(&refused, "billing_period", "2028-03-01T00:00:00.000000Z", 12 * 3600)["used_credits"],
        4,
        "the credits of February are used up"
    );
    world.set_plan(&admin, |_| ()).await;
    let refused = echo(&admin, "more").at("2028-02-29T12:00:00Z").send().await;
    assert_eq!(refusal(&refused, "day", "2028-03-01T00:00:00.000000Z", 12 * 3600)["current"], 1);

    echo(&admin, "more").at("2028-03-01T00:00:00Z").send().await.expect(200);
    assert_eq!(world.assert_ledger_equals_counters(&admin, "2028-02").await, 2);
}

#[tokio::test]
async fn odd_weights_stay_exact_to_the_last_unit() {
    for (weight, included, calls) in [
        ("0.333333", 1, 3),
        ("0.333334", 1, 2),
        ("0.2", 1, 5),
        ("0.1", 1, 10),
        ("0.7", 7, 10),
        ("0.000001", 1, 12),
        ("1.1", 11, 10),
    ] {
        let world = World::open().await;
        let admin = world.tenant().await;
        world.set_plan(&admin, |plan| plan.included_credits = included).await;
        world
            .change_event(TOOL, |event| {
                event.credits_per_unit = credits(weight);
                event.list_price_per_credit = PricePerCredit::from_micros(15_001);
            })
            .await;
        for key in 0..calls {
            echo(&admin, key).send().await.expect(200);
        }
        let used = Credits::from_micros(credits(weight).micros() * calls);

        assert_eq!(world.assert_ledger_equals_counters(&admin, MONTH).await as u64, calls);
        assert_eq!(world.usage(&admin, MONTH).await.credits().unwrap(), used);
        let next = echo(&admin, "next").send().await;
        if weight == "0.000001" {
            next.expect(200);
        } else {
            // As written, without the noise of floats.
            let said = of_the_month(&next);
            assert_eq!(said["used_credits"].to_string(), used.to_string());
            assert_eq!(said["requested_credits"].to_string(), weight);
        }
    }
}

#[tokio::test]
async fn a_new_weight_counts_for_new_events_only() {
    let world = World::open().await;
    let admin = world.tenant().await;
    echo(&admin, "before").send().await.expect(200);

    world.change_event(TOOL, |event| event.credits_per_unit = credits("0.25")).await;
    echo(&admin, "after").send().await.expect(200);

    let mut charged: Vec<String> =
        world.ledger(&admin, MONTH).await.iter().map(|entry| entry.credits.to_string()).collect();
    charged.sort();
    assert_eq!(charged, ["0.25", "2"]);
    assert_eq!(world.usage(&admin, MONTH).await.credits().unwrap(), credits("2.25"));
    world.assert_ledger_equals_counters(&admin, MONTH).await;
}

#[tokio::test]
async fn a_change_of_plan_keeps_what_the_month_used() {
    let world = World::open().await;
    let admin = world.tenant().await;
    for key in 0..3 {
        echo(&admin, key).send().await.expect(200);
    }

    world.set_plan(&admin, |plan| plan.included_credits = 7).await;
    let refused = echo(&admin, "new").send().await;
    assert_eq!(of_the_month(&refused)["used_credits"], 6);

    world.set_plan(&admin, |plan| plan.included_credits = 8).await;
    echo(&admin, "new").send().await.expect(200);
    assert_eq!(world.assert_ledger_equals_counters(&admin, MONTH).await, 4);
}

#[tokio::test]
async fn the_capped_brief_of_the_starter_plan_is_counted_by_the_month() {
    let world = World::open().await;
    let admin = world.tenant().await;
    world.set_plan(&admin, |plan| plan.caps = cap(MeteredEvent::DailyBriefGenerated, 2)).await;
    for (number, day) in ["2026-02-03", "2026-02-04"].into_iter().enumerate() {
        let now = format!("{day}T12:00:00Z");
        admin.materialize(&number.to_string(), day).at(&now).send().await.expect(200);
    }

    let refused = admin.materialize("new", "2026-02-05").send().await;

    let said = of_the_month(&refused);
    assert_eq!((&said["cap_raw_units"], &said["used_raw_units"]), (&json!(2), &json!(2)));
    assert_eq!(
        (&said["event_key"], &said["requested_credits"]),
        (&json!("daily_brief_generated"), &json!(5))
    );
    admin.materialize("new", "2026-02-04").send().await.expect(200);
}
