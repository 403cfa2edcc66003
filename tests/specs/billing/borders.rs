//! Days and months turn, plans, weights and limits change, and all the while others call: each unit counts for its own
//! day and month, once, and no limit is passed (gateway.md 11, 12.1, 12.2).

use bespin_metering::MeteredEvent;
use bespin_tests::{Actor, Reply, Request, World};
use serde_json::{Value, json};

use crate::{at_once, echo, operate, pages, put_limits, read, weigh};

const TOOL: MeteredEvent = MeteredEvent::ToolInvocation;

/// The last instant of one day and the first of the next.
const BORDERS: [(&str, &str); 5] = [
    ("2026-02-10T23:59:59.999999Z", "2026-02-11T00:00:00Z"),
    ("2026-02-28T23:59:59.999999Z", "2026-03-01T00:00:00Z"),
    ("2028-02-28T23:59:59.999999Z", "2028-02-29T00:00:00Z"),
    ("2028-02-29T23:59:59.999999Z", "2028-03-01T00:00:00Z"),
    ("2026-12-31T23:59:59.999999Z", "2027-01-01T00:00:00Z"),
];

/// So many calls at each of these instants, in turn.
fn calls(actor: &Actor, instants: &[&str], each: usize) -> Vec<Request> {
    let turns = instants.iter().cycle().take(instants.len() * each);
    turns.enumerate().map(|(key, now)| echo(actor, key).at(now)).collect()
}

/// How many of the replies to such calls at the instant in this place were admitted; the others were refused by a
/// limit.
fn admitted(replies: &[Reply], place: usize, instants: usize) -> usize {
    let of_instant = replies.iter().skip(place).step_by(instants);
    of_instant
        .inspect(|reply| assert!([200, 429].contains(&reply.status), "{}", reply.text))
        .filter(|reply| reply.status == 200)
        .count()
}

/// The tool calls that the day's usage tells of.
async fn units_of_day(actor: &Actor, instant: &str) -> Value {
    read(actor, &format!("/v1/usage/daily?date={}", &instant[..10])).await["usage"][1]["units"].clone()
}

/// The tool calls and credits that the month's usage tells of.
async fn units_and_credits(actor: &Actor, instant: &str) -> (Value, Value) {
    let usage = read(actor, &format!("/v1/billing/usage?period_start={}-01", &instant[..7])).await;
    (usage["breakdown"][0]["raw_units"].clone(), usage["credits"]["used"].clone())
}

/// Somebody who signs up at this instant and is included so many credits.
async fn tenant_since(world: &World, now: &str, credits: u64) -> Actor {
    let made = world.sign_up().at(now).send().await.expect(201);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let actor =
        world.actor(&text(&made["tenant_id"]), &text(&made["admin"]["user_id"]), &text(&made["api_key"]));
    world.set_plan(&actor, |plan| plan.included_credits = credits).await;
    actor
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_around_midnight_count_for_their_own_day_whose_limit_holds() {
    let world = World::open().await;
    for (before, after) in BORDERS {
        let admin = world.tenant().await;
        put_limits(&admin, [0, 6, 0, 0]).send().await.expect(200);

        let replies = at_once(calls(&admin, &[before, after], 12)).await;

        for (place, instant) in [before, after].into_iter().enumerate() {
            assert_eq!(admitted(&replies, place, 2), 6, "{instant}");
            assert_eq!(units_of_day(&admin, instant).await, 6, "{instant}");
            let refused = echo(&admin, "later").at(instant).send().await.detail(429);
            assert_eq!((&refused["limit"], &refused["current"]), (&json!(6), &json!(6)), "{instant}");
        }
        let months = [&before[..7], &after[..7]];
        let entries = if months[0] == months[1] { 12 } else { 6 };
        for month in months {
            assert_eq!(world.assert_ledger_equals_counters(&admin, month).await, entries, "{month}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_around_the_end_of_a_month_use_the_credits_of_their_own_month() {
    let world = World::open().await;
    for (before, after) in BORDERS {
        let admin = world.tenant().await;
        // One credit is left over: less than a call costs.
        world.set_plan(&admin, |plan| plan.included_credits = 11).await;

        let replies = at_once(calls(&admin, &[before, after], 10)).await;

        let both = admitted(&replies, 0, 2) + admitted(&replies, 1, 2);
        let months = if before[..7] == after[..7] { vec![before] } else { vec![before, after] };
        assert_eq!(both, 5 * months.len(), "{before}");
        for instant in months {
            assert_eq!(units_and_credits(&admin, instant).await, (json!(5), json!(10)), "{instant}");
            let refused = echo(&admin, "later").at(instant).send().await.detail(429);
            assert_eq!(refused["period_start"], format!("{}-01", &instant[..7]));
            assert_eq!((&refused["limit_credits"], &refused["used_credits"]), (&json!(11), &json!(10)));
            assert_eq!(world.assert_ledger_equals_counters(&admin, &instant[..7]).await, 5);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_limit_in_the_way_no_unit_of_four_days_is_lost_or_counted_twice() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let days = [
        "2026-02-27T23:59:59Z",
        "2026-02-28T00:00:00Z",
        "2026-02-28T23:59:59.999999Z",
        "2026-03-01T00:00:00Z",
    ];

    let replies = at_once(calls(&admin, &days, 15)).await;

    assert!(replies.iter().all(|reply| reply.status == 200));
    for (day, units) in [(days[0], 15), (days[1], 30), (days[3], 15)] {
        assert_eq!(units_of_day(&admin, day).await, units, "{day}");
    }
    for (day, units) in [(days[0], 45), (days[3], 15)] {
        assert_eq!(units_and_credits(&admin, day).await, (json!(units), json!(2 * units)), "{day}");
        assert_eq!(world.assert_ledger_equals_counters(&admin, &day[..7]).await, units);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_weight_that_changes_while_others_call_is_charged_from_then_on_and_never_in_between() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let (burst, ()) = tokio::join!(
        at_once((0..40).map(|key| echo(&admin, key))),
        weigh(&world, TOOL, "3.000001", "0.333333")
    );
    assert!(burst.iter().all(|reply| reply.status == 200));

    echo(&admin, "after").at("2026-02-10T12:00:01Z").send().await.expect(200);

    let ledger = pages(&admin, "&limit=1000").await.concat();
    let pair = |entry: &Value| (entry["credits"].to_string(), entry["list_cost_estimate"].to_string());
    let [old, new] = [("2", "0.04"), ("3.000001", "0.999999333333")];
    let [old, new] = [old, new].map(|(credits, cost)| (credits.to_owned(), cost.to_owned()));
    assert_eq!(pair(&ledger[0]), new);
    assert!(ledger.iter().all(|entry| [&old, &new].contains(&&pair(entry))), "weight and price go together");
    let dearer = ledger.iter().filter(|entry| pair(entry) == new).count();
    let micros = 2_000_000 * (41 - dearer) + 3_000_001 * dearer;
    let used = world.usage(&admin, "2026-02").await.credits().unwrap();
    assert_eq!(used.micros(), u64::try_from(micros).unwrap());
    assert_eq!(world.assert_ledger_equals_counters(&admin, "2026-02").await, 41);
}

/// Lowers one of the three limits to ten calls.
fn limit_to_ten(world: &World, admin: &Actor, what: &str) -> Request {
    let plan = format!("/v1/admin/plans/of-{}", admin.tenant_id);
    let caps = r#"{"caps":[{"event_key":"tool_invocation","cap_raw_units":10}]}"#;
    match what {
        "credits" => world.operator("PUT", &plan).body(r#"{"included_credits":20}"#),
        "cap" => world.operator("PUT", &format!("{plan}/caps")).body(caps),
        _ => put_limits(admin, [0, 10, 0, 0]),
    }
}

/// What was used before stays; from the answer on nothing passes the new limit.
#[tokio::test(flavor = "multi_thread")]
async fn a_limit_lowered_while_others_call_holds_from_its_answer_on() {
    let world = World::open().await;
    for what in ["credits", "cap", "day"] {
        let admin = world.tenant().await;
        world.set_plan(&admin, |_| ()).await;
        let before = at_once((0..5).map(|key| echo(&admin, format!("before {key}")))).await;
        assert!(before.iter().all(|reply| reply.status == 200));

        let (burst, lowered) = tokio::join!(
            at_once((0..24).map(|key| echo(&admin, key))),
            limit_to_ten(&world, &admin, what).send()
        );
        lowered.expect(200);
        let by_then = 5 + admitted(&burst, 0, 1);
        let later = at_once((0..24).map(|key| echo(&admin, format!("later {key}")))).await;

        let all = by_then + admitted(&later, 0, 1);
        assert_eq!(all, by_then.max(10), "{what}");
        assert_eq!(units_of_day(&admin, "2026-02-10").await, all, "{what}");
        assert_eq!(units_and_credits(&admin, "2026-02-10").await, (json!(all), json!(2 * all)), "{what}");
        assert_eq!(world.assert_ledger_equals_counters(&admin, "2026-02").await, all, "{what}");
    }
}

#[tokio::test]
async fn who_signs_up_on_the_last_evening_has_the_whole_of_that_month_and_of_the_next() {
    let world = World::open().await;
    for (evening, morning, month, next_month) in [
        ("2026-01-31T23:59:59.999999Z", "2026-02-01T00:00:00Z", "2026-01-01", "2026-02-01"),
        ("2028-02-29T23:59:59.999999Z", "2028-03-01T00:00:00Z", "2028-02-01", "2028-03-01"),
        ("2026-12-31T23:59:59.999999Z", "2027-01-01T00:00:00Z", "2026-12-01", "2027-01-01"),
    ] {
        let admin = tenant_since(&world, evening, 4).await;

        for (now, start) in [(evening, month), (morning, next_month)] {
            for call in ["one", "two"] {
                echo(&admin, format!("{now} {call}")).at(now).send().await.expect(200);
            }
            assert_eq!(echo(&admin, "three").at(now).send().await.detail(429)["period_start"], start);
            let plan = admin.get("/v1/billing/plan").at(now).send().await.expect(200);
            assert_eq!(plan["period_start"], start);
            let usage = admin.get("/v1/billing/usage").at(now).send().await.expect(200);
            assert_eq!((&usage["period_start"], &usage["credits"]["remaining"]), (&json!(start), &json!(0)));
        }
        assert_eq!(
            units_and_credits(&admin, month).await,
            (json!(2), json!(4)),
            "the old month stays as it was"
        );
    }
}

#[tokio::test]
async fn the_leap_day_is_the_last_of_its_month_and_waits_end_with_it() {
    let world = World::open().await;
    let admin = tenant_since(&world, "2028-02-28T12:00:00Z", 2).await;
    operate(&world, "PUT", &format!("/v1/admin/plans/of-{}", admin.tenant_id), r#"{"name":"Leap"}"#).await;
    echo(&admin, "used").at("2028-02-28T23:00:00Z").send().await.expect(200);

    for (now, retry_after) in [
        ("2028-02-28T23:00:00Z", (25 * 3600).to_string()),
        ("2028-02-29T00:00:00Z", (24 * 3600).to_string()),
        ("2028-02-29T23:59:59.999999Z", "1".to_owned()),
    ] {
        let refused = echo(&admin, "new").at(now).send().await;
        assert_eq!(refused.detail(429)["resets_at"], "2028-03-01T00:00:00.000000Z", "{now}");
        assert_eq!(refused.header("retry-after"), Some(retry_after.as_str()), "{now}");
    }
    echo(&admin, "new").at("2028-03-01T00:00:00Z").send().await.expect(200);
}
