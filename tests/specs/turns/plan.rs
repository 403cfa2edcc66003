//! What turns hold of their tenant's plan: the credits, caps and daily limits that guard tool calls and chats.

use std::pin::Pin;

use bespin_entitlements::DailyLimits;
use bespin_metering::{Counter, MeteredEvent};
use bespin_primitives::Credits;
use bespin_tests::Reply;
use futures::future::join_all;
use serde_json::{Value, json};

use super::words::{MONTH, NOON, begin, begun, call, credits, settle, with_credits};

#[tokio::test]
async fn what_a_turn_holds_no_tool_call_and_no_other_turn_gets_and_what_it_used_is_in_the_ledger() {
    let (world, admin) = with_credits(10).await;
    let turn = begun(&admin, "turn", json!({"assistant_query": 4, "tool_invocation": 3})).await;
    assert_eq!(credits(&admin, NOON).await, [0, 7, 3]);
    assert_eq!(world.ledger(&admin, MONTH).await.len(), 0, "nothing was used yet");

    let detail = begin(&admin, "other", &json!({"assistant_query": 4}), 120, "free").send().await.detail(429);
    let told = ["error", "denied_by", "used_credits", "requested_credits", "limit_credits"];
    assert_eq!(
        told.map(|name| detail[name].clone()),
        [json!("quota_exceeded"), json!("plan"), json!(7), json!(4), json!(10)]
    );
    for _ in 0..3 {
        call(&admin).send().await.expect(200);
    }
    assert_eq!(call(&admin).send().await.detail(429)["used_credits"], 10);

    let used = json!({"assistant_query": 5, "tool_invocation": 1});
    let settled = settle(&admin, &turn, &used).at("2026-02-10T12:01:00Z").send().await.expect(200);
    assert_eq!(settled["settled"]["overshoot"]["units"], json!({"assistant_query": 1}));
    assert_eq!(settle(&admin, &turn, &used).at(NOON).send().await.expect(200), settled);
    assert_eq!(credits(&admin, NOON).await, [9, 0, 1]);
    let entries = world.ledger(&admin, MONTH).await;
    let mut of_turn: Vec<_> = entries
        .iter()
        .filter(|entry| entry.subject.as_deref() == Some(&turn))
        .map(|entry| (entry.event.key(), entry.raw_units, entry.tool_name.as_deref()))
        .collect();
    of_turn.sort_unstable();
    assert_eq!(of_turn, [("assistant_query", 5, Some("turn")), ("tool_invocation", 1, Some("turn"))]);
    assert_eq!(world.assert_ledger_equals_counters(&admin, MONTH).await, 5);
    call(&admin).send().await.expect(200);
    assert_eq!(call(&admin).send().await.status, 429);
}

#[tokio::test]
async fn what_is_given_up_is_free_and_what_is_prolonged_is_not() {
    let (world, admin) = with_credits(1).await;
    let units = json!({"tool_invocation": 1});
    let turn = begun(&admin, "turn", units.clone()).await;
    let later = "2026-02-10T12:01:59Z";
    admin.post(&format!("/v1/turns/{turn}/heartbeat")).at(later).send().await.expect(200);

    assert_eq!(call(&admin).at("2026-02-10T12:03:00Z").send().await.status, 429, "12:02 is over");
    admin.post(&format!("/v1/turns/{turn}/cancel")).at("2026-02-10T12:03:00Z").send().await.expect(200);

    call(&admin).at("2026-02-10T12:03:00Z").send().await.expect(200);
    assert_eq!(credits(&admin, "2026-02-10T12:03:00Z").await, [1, 0, 0]);
    assert_eq!(settle(&admin, &turn, &units).send().await.json()["error"], "turn_cancelled");
    assert_eq!(world.assert_ledger_equals_counters(&admin, MONTH).await, 1);
}

#[tokio::test]
async fn a_hold_ends_by_its_own_time_for_tool_calls_turns_and_whoever_looks() {
    for (at_expiry, used) in [("free", 0), ("charge", 2)] {
        let last = "2026-02-10T12:01:59.999999Z";
        let over = "2026-02-10T12:02:00Z";
        let open = async || {
            let (world, admin) = with_credits(2).await;
            begin(&admin, "turn", &json!({"tool_invocation": 2}), 120, at_expiry).send().await.expect(201);
            (world, admin)
        };
        let status = if at_expiry == "free" { 200 } else { 429 };

        let (world, admin) = open().await;
        assert_eq!(call(&admin).at(last).send().await.status, 429, "{at_expiry}");
        assert_eq!(call(&admin).at(over).send().await.status, status, "{at_expiry}");
        world.assert_ledger_equals_counters(&admin, MONTH).await;

        let (_, admin) = open().await;
        let units = json!({"tool_invocation": 1});
        assert_eq!(begin(&admin, "a", &units, 1, "free").at(last).send().await.status, 429, "{at_expiry}");
        let status = if status == 200 { 201 } else { status };
        assert_eq!(begin(&admin, "b", &units, 1, "free").at(over).send().await.status, status, "{at_expiry}");

        let (_, admin) = open().await;
        let ledger = async |now| {
            let ledger = admin.get("/v1/billing/ledger").at(now).send().await.expect(200);
            ledger["items"].as_array().unwrap().len() as u64
        };
        assert_eq!((ledger(last).await, ledger(over).await), (0, used / 2), "{at_expiry}");

        let (world, admin) = open().await;
        assert_eq!(credits(&admin, last).await, [0, 2, 0], "{at_expiry}");
        assert_eq!(credits(&admin, over).await, [used, 0, 2 - used], "{at_expiry}");
        let entries = world.ledger(&admin, MONTH).await;
        let times: Vec<String> = entries.iter().map(|entry| entry.created_at.to_string()).collect();
        assert!(times.iter().all(|at| at == "2026-02-10T12:00:00.000000Z"), "{at_expiry}: {times:?}");
        assert_eq!(entries.iter().map(|entry| entry.raw_units).sum::<u64>(), used, "{at_expiry}");
    }
}

#[tokio::test]
async fn a_settlement_after_the_expiry_adds_what_was_not_posted_then() {
    // What is posted at the expiry, what the turn used, what the ledger says in the end.
    for (at_expiry, used, in_all) in [("free", 1, 1), ("free", 3, 3), ("charge", 1, 2), ("charge", 3, 3)] {
        for noticed in [false, true] {
            let (world, admin) = with_credits(2).await;
            let units = json!({"tool_invocation": 2});
            let turn = begin(&admin, "turn", &units, 120, at_expiry).send().await.expect(201);
            let id = turn["turn_id"].as_str().unwrap();
            if noticed {
                credits(&admin, "2026-02-10T12:05:00Z").await;
            }
            let settle = || settle(&admin, id, &json!({"tool_invocation": used})).at("2026-02-10T12:10:00Z");

            let settled = settle().send().await.expect(200);
            let again = settle().send().await.expect(200);

            let case = format!("{at_expiry}, used {used}, noticed: {noticed}");
            assert_eq!((&settled, &settled["settled"]["late"]), (&again, &json!(true)), "{case}");
            assert_eq!(credits(&admin, "2026-02-10T12:10:00Z").await[..2], [in_all, 0], "{case}");
            world.assert_ledger_equals_counters(&admin, MONTH).await;
        }
    }
}

#[tokio::test]
async fn what_a_turn_uses_counts_on_the_day_and_in_the_month_in_which_it_began() {
    let new = "2026-03-01T00:00:30Z";
    for settled in [true, false] {
        let (world, admin) = with_credits(2).await;
        let units = json!({"tool_invocation": 2});
        let turn = begin(&admin, "turn", &units, 120, "charge").at("2026-02-28T23:59:00Z");
        let turn = turn.send().await.expect(201);
        assert_eq!(call(&admin).at("2026-02-28T23:59:59Z").send().await.status, 429);
        for _ in 0..2 {
            call(&admin).at(new).send().await.expect(200);
        }
        assert_eq!(call(&admin).at(new).send().await.status, 429, "the new month is full by itself");

        if settled {
            settle(&admin, turn["turn_id"].as_str().unwrap(), &units).at(new).send().await.expect(200);
        } else {
            assert_eq!(credits(&admin, "2026-03-01T00:02:00Z").await, [2, 0, 0]);
            let old = "/v1/billing/usage?period_start=2026-02-01";
            let old = admin.get(old).at("2026-03-01T00:02:00Z").send().await.expect(200);
            assert_eq!(old["credits"]["used"], 2, "the expired turn");
        }

        for month in [MONTH, "2026-03"] {
            let usage = world.usage(&admin, month).await;
            assert_eq!(
                (usage.counted(Counter::Credits).unwrap(), usage.is_held()),
                (2_000_000, false),
                "{month}"
            );
        }
        assert_eq!(world.assert_ledger_equals_counters(&admin, MONTH).await, 1);
    }
}

#[tokio::test]
async fn what_was_held_is_paid_at_the_weight_of_the_beginning_and_what_goes_beyond_at_that_of_now() {
    let (world, admin) = with_credits(10).await;
    let turn = begun(&admin, "turn", json!({"tool_invocation": 3})).await;
    world
        .change_event(MeteredEvent::ToolInvocation, |event| event.credits_per_unit = Credits::whole(5))
        .await;
    assert_eq!(credits(&admin, NOON).await, [0, 3, 7]);

    settle(&admin, &turn, &json!({"tool_invocation": 4})).send().await.expect(200);

    assert_eq!(credits(&admin, NOON).await, [3 + 5, 0, 2]);
    let entries = world.ledger(&admin, MONTH).await;
    assert_eq!((entries.len(), entries[0].raw_units, entries[0].credits), (1, 4, Credits::whole(8)));
    world.assert_ledger_equals_counters(&admin, MONTH).await;
}

#[tokio::test]
async fn caps_daily_limits_and_capabilities_hold_for_units_of_turns_as_for_calls() {
    let (world, admin) = with_credits(100).await;
    let refused = async |units: Value| begin(&admin, "key", &units, 120, "free").send().await;
    world.set_daily_limits(&admin, DailyLimits { tool_invocation: 3, ..DailyLimits::default() }).await;
    let detail = refused(json!({"tool_invocation": 4})).await.detail(429);
    assert_eq!(
        (&detail["window"], &detail["limit"], &detail["requested"]),
        (&json!("day"), &json!(3), &json!(4))
    );
    let cap = |units: u64| bespin_primitives::Micros::new(units * 1_000_000);
    world
        .set_plan(&admin, |plan| {
            plan.caps.insert("tool_invocation".to_owned(), cap(2));
        })
        .await;
    assert_eq!(refused(json!({"tool_invocation": 3})).await.detail(429)["cap_raw_units"], 2);
    world.set_plan(&admin, |plan| plan.capabilities.clear()).await;
    let forbidden = refused(json!({"tool_invocation": 1})).await.detail(403);
    assert_eq!(forbidden["capability_key"], "tools");
    world.change_event(MeteredEvent::AssistantQuery, |event| event.active = false).await;
    world.set_plan(&admin, |_| ()).await;
    assert_eq!(refused(json!({"assistant_query": 1})).await.json()["error"], "unknown_event_type");
    begin(&admin, "key", &json!({"assistant_query": 0}), 120, "free").send().await.expect(201);
}

#[tokio::test]
async fn units_of_turns_need_the_capability_that_the_event_needs_elsewhere() {
    let (world, admin) = with_credits(100).await;
    world.set_plan(&admin, |plan| plan.capabilities.clear()).await;
    let kpi = "00000000-0000-4000-8000-000000000000";
    let points = json!({"points": [{"ts": "2026-02-01", "value": 1}]});
    let elsewhere = [
        ("assistant_query", admin.post("/v1/cofounder/chat").key("k").json(&json!({"message": "help"}))),
        ("tool_invocation", call(&admin)),
        ("daily_brief_generated", admin.materialize("k", "2026-02-01")),
        ("kpi_definition_created", admin.post("/v1/kpis").json(&json!({"name": "MRR"}))),
        ("kpi_points_ingested", admin.post(&format!("/v1/kpis/{kpi}/points:bulk")).json(&points)),
    ];
    for (event, request) in elsewhere {
        let turn = begin(&admin, event, &json!({event: 1}), 120, "free").send().await.detail(403);
        assert_eq!(turn, request.send().await.detail(403), "{event}");
    }
    let turn = begin(&admin, "n", &json!({"notification_enqueued": 1}), 120, "free").send().await;
    assert_eq!(turn.detail(403)["capability_key"], "notifications");
}

#[tokio::test]
async fn the_daily_brief_job_notifies_whom_a_turn_that_is_over_left_no_room_for() {
    let limits = DailyLimits { notification_enqueued: 1, ..DailyLimits::default() };
    for (now, inserted) in [("2026-02-10T12:01:59Z", 0), ("2026-02-10T12:02:00Z", 1)] {
        let (world, admin) = with_credits(100).await;
        world.set_daily_limits(&admin, limits).await;
        begin(&admin, "turn", &json!({"notification_enqueued": 1}), 120, "free").send().await.expect(201);

        let job = admin.post("/v1/jobs/daily-brief").key("job").json(&json!({"date": "2026-02-10"}));
        let done = job.at(now).send().await.expect(200);

        let told = (&done["notifications_inserted"], &done["notifications_suppressed_due_to_quota"]);
        assert_eq!(told, (&json!(inserted), &json!(1 - inserted)), "{now}");
    }
}

#[tokio::test]
async fn of_many_turns_and_calls_at_once_for_the_last_credits_as_many_pass_as_fit() {
    let (world, admin) = with_credits(20).await;
    let turns = (0..16).map(|number| {
        let request = begin(&admin, &format!("key {number}"), &json!({"assistant_query": 2}), 120, "free");
        Box::pin(request.send()) as Pin<Box<dyn Future<Output = Reply>>>
    });
    let calls = (0..16).map(|_| Box::pin(call(&admin).send()) as Pin<Box<dyn Future<Output = Reply>>>);

    let replies = join_all(turns.chain(calls)).await;

    let passed = |status| replies.iter().filter(|reply| reply.status == status).count() as u64;
    let (turns, calls) = (passed(201), passed(200));
    assert_eq!(turns + calls + passed(429), 32);
    assert_eq!(credits(&admin, NOON).await, [calls, 2 * turns, 20 - calls - 2 * turns]);
    assert!(20 - calls - 2 * turns < 2, "{turns} turns, {calls} calls: room for a turn was left");
    world.assert_ledger_equals_counters(&admin, MONTH).await;
}

#[tokio::test]
async fn of_many_who_look_at_turns_that_are_over_one_writes_down_what_became_of_them() {
    let (world, admin) = with_credits(20).await;
    for (key, at_expiry) in [("a", "charge"), ("b", "free"), ("c", "charge")] {
        begin(&admin, key, &json!({"tool_invocation": 2}), 120, at_expiry).send().await.expect(201);
    }
    let paths = ["/v1/billing/usage", "/v1/billing/ledger", "/v1/usage/daily"];

    let looks = (0..24).map(|look| admin.get(paths[look % 3]).at("2026-02-10T12:02:00Z").send());
    let replies = join_all(looks).await;

    for reply in replies.iter().filter(|reply| reply.json()["credits"].is_object()) {
        assert_eq!(reply.json()["credits"]["used"], 4, "{}", reply.text);
    }
    assert_eq!(credits(&admin, NOON).await, [4, 0, 16]);
    assert_eq!(world.assert_ledger_equals_counters(&admin, MONTH).await, 2);
}

mod cost {
    use super::*;

    /// Round trips, read units and write units that one call took more than the other.
    fn more(one: &Reply, other: &Reply) -> (u32, f64, f64) {
        let (one, other) = (one.cost(), other.cost());
        (
            one.round_trips - other.round_trips,
            one.read_units - other.read_units,
            one.write_units - other.write_units,
        )
    }

    #[tokio::test]
    async fn a_turn_with_units_costs_a_read_and_four_write_units_more_and_as_many_round_trips() {
        let (world, admin) = with_credits(20).await;
        begin(&admin, "warm", &json!({"tool_invocation": 1}), 120, "free").send().await.expect(201);
        let plain = begin(&admin, "plain", &json!({}), 120, "free").send().await;
        let held = begin(&admin, "held", &json!({"tool_invocation": 2}), 120, "free").send().await;
        assert_eq!((plain.status, held.status), (201, 201));
        assert_eq!(more(&held, &plain), (0, 1.0, 4.0));
        let id = held.json()["turn_id"].as_str().unwrap().to_owned();

        let plain = plain.json()["turn_id"].as_str().unwrap().to_owned();

        let plain = settle(&admin, &plain, &json!({})).send().await;
        let settled = settle(&admin, &id, &json!({"tool_invocation": 1})).send().await;

        assert_eq!((plain.status, settled.status, plain.cost().round_trips), (200, 200, 3));
        assert_eq!(more(&settled, &plain), (0, 1.0, 6.0));
        let usage = world.usage(&admin, MONTH).await;
        let of = |counter| (usage.counted(counter).unwrap(), usage.held(counter).unwrap());
        assert_eq!(of(Counter::Credits), (1_000_000, 1_000_000), "the warm one still holds one");
    }
}
