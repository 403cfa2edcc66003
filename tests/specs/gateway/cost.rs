//! Specifications of cost: what a request asks of the store, counted by the store itself.
#![allow(
    clippy::float_cmp,
    reason = "units of capacity are multiples of a half, so floats hold them exactly"
)]

use std::sync::Arc;

use bespin_metering::{LedgerEntry, MeteredEvent, Posting, post};
use bespin_primitives::{EntryId, OsRandom, RequestId, Timestamp, parse_date};
use bespin_table::{Condition, Row, Transaction, keys};
use bespin_testing::StoppedClock;
use bespin_tests::{Actor, Cost, Request, World, noon};
use serde_json::json;

use crate::histories::open_on;

const LAST_OF_JANUARY: &str = "2026-01-31T12:00:00Z";

fn echo(actor: &Actor, key: &str) -> Request {
    actor.invoke(key, "echo", &json!({"text": "hi"}))
}

/// A tenant whose caller and catalogue the process remembers.
async fn warm_tenant(world: &World) -> Actor {
    let admin = world.tenant().await;
    echo(&admin, "warm").send().await.expect(200);
    admin
}

/// One call that was admitted wrote this much in one round trip, and read nothing.
fn one_write_of(write_units: f64) -> Cost {
    Cost { round_trips: 1, write_units, ..Cost::default() }
}

/// Posts what a past request would have posted.
async fn post_at(world: &World, admin: &Actor, event: MeteredEvent, units: u64, at: Timestamp) {
    let catalogue = world.deps().entitlements.catalogue().await.unwrap();
    let posting = Posting {
        charge: catalogue.events[event.key()].charge(event, units).unwrap(),
        request_id: RequestId::random(&*world.deps().random),
        tool_name: Some("echo".to_owned()),
        action: None,
        at,
    };
    let mut transaction = Transaction::new();
    post(&mut transaction, &admin.access().await, &posting, &[], &*world.deps().random);
    world.deps().table.commit(transaction).await.unwrap();
}

/// Puts as many entries into the ledger of the month as its past would have, many at once.
async fn enter_history(world: &World, admin: &Actor, entries: i64) {
    let access = admin.access().await;
    let model = world.ledger(admin, "2026-02").await.remove(0);
    for hundred in 0..entries / 100 {
        let mut transaction = Transaction::new();
        for second in 0..100 {
            let id = EntryId::random(&*world.deps().random);
            let created_at = noon().plus_seconds(-100 * hundred - second);
            let entry = LedgerEntry { id, created_at, ..model.clone() };
            transaction
                .put(entry.at(keys::ledger_entry(access.tenant_id(), created_at, id)), Condition::absent());
        }
        world.deps().table.commit(transaction).await.unwrap();
    }
}

#[tokio::test]
async fn a_metered_call_of_a_warm_caller_is_one_round_trip_of_six_write_units() {
    let world = World::open().await;
    let admin = warm_tenant(&world).await;

    let reply = echo(&admin, "new").send().await;

    reply.expect(200);
    assert_eq!(reply.cost(), one_write_of(6.0), "two for each item of a transaction");
}

#[tokio::test]
async fn a_metered_call_costs_the_same_at_the_end_of_a_busy_month() {
    let world = World::open().await;
    let admin = warm_tenant(&world).await;
    world
        .set_plan(&admin, |plan| {
            plan.included_credits = 100_000_000;
            plan.caps.clear();
        })
        .await;
    for day in parse_date("2026-01-01").unwrap().iter_days().take(31) {
        for event in MeteredEvent::ALL {
            // On the last day there is room below the daily limit.
            let units = if day.to_string() == "2026-01-31" { 1 } else { 9_999 };
            post_at(&world, &admin, event, units, Timestamp::midnight(day).unwrap()).await;
        }
    }
    echo(&admin, "warm again").at(LAST_OF_JANUARY).send().await.expect(200);

    let reply = echo(&admin, "new").at(LAST_OF_JANUARY).send().await;

    reply.expect(200);
    assert_eq!(reply.cost(), one_write_of(6.0), "a month of counters is still within a kilobyte");
    world.assert_ledger_equals_counters(&admin, "2026-01").await;
}

#[tokio::test]
async fn a_metered_call_costs_the_same_with_a_long_history() {
    let world = World::open().await;
    let admin = warm_tenant(&world).await;
    world.set_plan(&admin, |plan| plan.included_credits = 1_000_000).await;
    let before = echo(&admin, "before").send().await;
    let before = (before.status, echo(&admin, "before too").send().await.cost());
    enter_history(&world, &admin, 1_000).await;
    echo(&admin, "warm again").send().await.expect(200);

    let after = echo(&admin, "after").send().await;

    assert_eq!((after.status, after.cost()), before);
    assert_eq!(world.ledger(&admin, "2026-02").await.len(), 1_005);
}

#[tokio::test]
async fn a_replay_of_a_key_the_process_remembers_is_one_read() {
    let world = World::open().await;
    let admin = warm_tenant(&world).await;
    echo(&admin, "key").send().await.expect(200);

    let reply = echo(&admin, "key").send().await;

    reply.expect(200);
    assert_eq!(reply.cost(), Cost { round_trips: 1, read_units: 1.0, items_read: 1, ..Cost::default() });
}

#[tokio::test]
async fn a_replay_in_a_cold_process_reads_caller_and_catalogue_and_is_told_by_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let world = open_on(folder.path(), 1).await;
    let admin = world.tenant().await;
    let first = echo(&admin, "key").send().await;
    let (tenant_id, user_id, api_key) =
        (admin.tenant_id.clone(), admin.user_id.clone(), admin.api_key.clone());
    drop((admin, world));
    let world = open_on(folder.path(), 2).await;
    let admin = world.actor(&tenant_id, &user_id, &api_key);
    world.deps().entitlements.forget_catalogue();

    let cold = echo(&admin, "key").send().await;

    assert_eq!(cold.text, first.text);
    let cost = cold.cost();
    // The transaction is tried, and cancelled by the record in its way, which the refusal brings along.
    assert_eq!((cost.round_trips, cost.write_units, cost.cancelled), (3, 0.0, 1));
    // From then on the process knows the key.
    let warm = echo(&admin, "key").send().await.cost();
    assert_eq!((warm.round_trips, warm.write_units, warm.cancelled), (1, 0.0, 0));
}

/// A tenant whose limit is reached, in a process whose clock stands still.
async fn exhausted_tenant() -> (World, StoppedClock, Actor) {
    let clock = StoppedClock::at(noon());
    let world = World::open_at(World::settings(), Arc::new(clock.clone()), Arc::new(OsRandom)).await;
    let admin = warm_tenant(&world).await;
    world.set_daily_tool_limit(&admin, 1).await;
    world.set_plan(&admin, |_| ()).await;
    (world, clock, admin)
}

const NOTHING: Cost = Cost { round_trips: 0, read_units: 0.0, write_units: 0.0, items_read: 0, cancelled: 0 };

#[tokio::test]
async fn the_first_refusal_is_the_transactions_and_its_repeat_costs_nothing_for_a_second() {
    let (_world, clock, admin) = exhausted_tenant().await;
    let first = echo(&admin, "refused").send().await;
    let told = first.detail(429);

    for _ in 0..3 {
        let again = echo(&admin, "refused").send().await;
        assert_eq!((again.detail(429), again.cost()), (told.clone(), NOTHING));
    }
    clock.advance_seconds(1);
    let later = echo(&admin, "refused").send().await;

    // The caller and the catalogue were forgotten with the change of the limit. The transaction was tried, which
    // the store bills though it writes nothing.
    let first = first.cost();
    assert_eq!((first.round_trips, first.write_units, first.cancelled), (3, 0.0, 1));
    assert_eq!(later.detail(429), told);
    let Cost { round_trips, read_units, write_units, cancelled, .. } = later.cost();
    assert_eq!((round_trips, write_units, cancelled), (1, 0.0, 0));
    assert!(read_units <= 2.0, "{read_units} for the counters and the key");
}

#[tokio::test]
async fn under_another_key_a_repeated_refusal_is_the_read_of_that_key() {
    let (_world, _clock, admin) = exhausted_tenant().await;
    echo(&admin, "refused").send().await.detail(429);

    for (tool, key) in [("echo", "another"), ("kpi_summary", "a third"), ("nope", "a fourth")] {
        let once = admin.invoke(key, tool, &json!({})).send().await;
        let twice = admin.invoke(key, tool, &json!({})).send().await;

        assert_eq!(once.detail(429), twice.detail(429));
        let one_read = Cost { round_trips: 1, read_units: 1.0, ..NOTHING };
        assert_eq!((once.cost(), twice.cost()), (one_read, NOTHING), "{tool}");
    }
}

/// Refusing from memory must never hide what a key was answered with before.
#[tokio::test]
async fn a_replay_is_given_while_everything_else_is_refused_from_memory() {
    let (_world, _clock, admin) = exhausted_tenant().await;
    echo(&admin, "refused").send().await.detail(429);

    let replay = echo(&admin, "warm").send().await;
    let conflict = admin.invoke("warm", "echo", &json!({"text": "ho"})).send().await;

    assert_eq!(replay.expect(200)["result"], json!({"echo": {"text": "hi"}}));
    assert_eq!(conflict.json()["error"], "idempotency_conflict");
}

#[tokio::test]
async fn a_change_of_limits_plan_or_day_is_seen_through_a_remembered_refusal() {
    let (world, _clock, admin) = exhausted_tenant().await;
    let refused = async |key: &str| echo(&admin, key).send().await.detail(429);
    refused("k").await;
    refused("k").await;

    assert_eq!(echo(&admin, "k").at("2026-02-11T00:00:00Z").send().await.status, 200, "the next day");
    refused("l").await;
    world.set_daily_tool_limit(&admin, 2).await;
    assert_eq!(echo(&admin, "l").send().await.status, 200, "a higher limit");
    refused("m").await;
    world.set_daily_tool_limit(&admin, 9).await;
    world.set_plan(&admin, |plan| plan.included_credits = 6).await;
    assert_eq!(refused("m").await["limit_credits"], 6, "another limit refuses now");
    refused("m").await;
    world.set_plan(&admin, |plan| plan.included_credits = 8).await;
    assert_eq!(echo(&admin, "m").send().await.status, 200, "more credits");
    world.assert_ledger_equals_counters(&admin, "2026-02").await;
}

#[tokio::test]
async fn a_caller_whose_limit_was_raised_pays_one_more_read_once() {
    let (world, _clock, admin) = exhausted_tenant().await;
    echo(&admin, "refused").send().await.detail(429);
    world.set_daily_tool_limit(&admin, 9).await;
    admin.get("/v1/kpis").send().await.expect(200);

    let admitted = echo(&admin, "refused").send().await.cost();
    let next = echo(&admin, "next").send().await.cost();

    assert_eq!((admitted.round_trips, admitted.write_units), (2, 6.0));
    assert_eq!(next, one_write_of(6.0));
}

#[tokio::test]
async fn a_definition_that_was_refused_is_refused_again_for_nothing_with_a_key_or_without() {
    let clock = StoppedClock::at(noon());
    let world = World::open_at(World::settings(), Arc::new(clock.clone()), Arc::new(OsRandom)).await;
    let admin = warm_tenant(&world).await;
    world.set_plan(&admin, |plan| plan.included_credits = 2).await;
    let create = || admin.post("/v1/kpis").json(&json!({"name": "MRR"}));
    create().key("key").send().await.detail(429);

    for again in [create().key("key"), create()] {
        let again = again.send().await;
        again.detail(429);
        assert_eq!(again.cost(), NOTHING);
    }
    world.set_plan(&admin, |_| ()).await;
    let after_a_raise = create().key("key").send().await;
    after_a_raise.expect(201);
    assert_eq!(create().key("key").send().await.text, after_a_raise.text);
}

#[tokio::test]
async fn a_used_key_with_another_body_writes_nothing() {
    let world = World::open().await;
    let admin = warm_tenant(&world).await;
    echo(&admin, "key").send().await.expect(200);

    let reply = admin.invoke("key", "echo", &json!({"text": "ho"})).send().await;

    reply.detail(409);
    assert_eq!(reply.cost(), Cost { round_trips: 1, read_units: 1.0, items_read: 1, ..Cost::default() });
}

#[tokio::test]
async fn what_is_refused_before_the_store_is_asked_costs_nothing() {
    let world = World::open().await;
    let admin = warm_tenant(&world).await;
    let member = admin.member().await;
    echo(&member, "warm").send().await.detail(403);
    for (refused, status) in [
        (admin.post("/v1/tools/invoke").key("key").body("{"), 422),
        (admin.post("/v1/tools/invoke").body("{}"), 400),
        (echo(&admin, "key").without("x-api-key"), 400),
        (echo(&admin, "key").header("x-api-key", "not a key"), 401),
        (echo(&member, "key"), 403),
    ] {
        let reply = refused.send().await;

        assert_eq!((reply.status, reply.cost()), (status, Cost::default()), "{}", reply.text);
    }
}

#[tokio::test]
async fn an_unknown_tool_writes_nothing() {
    let world = World::open().await;
    let admin = warm_tenant(&world).await;

    let reply = admin.invoke("key", "nope", &json!({})).send().await;

    reply.detail(404);
    let cost = reply.cost();
    assert_eq!((cost.round_trips, cost.write_units), (1, 0.0));
}

#[tokio::test]
async fn a_summary_reads_no_more_with_a_long_series() {
    let world = World::open().await;
    let admin = warm_tenant(&world).await;
    let kpi = admin.kpi("MRR").await;
    let points: Vec<String> =
        (0..9_000).map(|n| Timestamp::MIN.plus_seconds(n * 86_400).to_string()).collect();
    let batch: Vec<(&str, f64)> = points.iter().map(|ts| (ts.as_str(), 1.0)).collect();
    admin.points(&kpi, &batch[8_990..]).send().await.expect(200);
    let ask = |key: &str| admin.invoke(key, "kpi_summary", &json!({"kpi_id": kpi})).send();
    let short = ask("short").await.cost();
    admin.points(&kpi, &batch).send().await.expect(200);

    let long = ask("long").await.cost();

    assert!(long.round_trips <= short.round_trips + 1, "{short:?} {long:?}");
    assert!(long.items_read <= short.items_read + 1, "{short:?} {long:?}");
    assert_eq!(long.write_units, short.write_units);
}

#[tokio::test]
async fn a_brief_costs_what_its_kpis_cost_and_an_existing_one_next_to_nothing() {
    let world = World::open().await;
    let admin = warm_tenant(&world).await;
    let send = |key: &'static str| admin.materialize(key, "2026-02-01").send();

    let new = send("new").await.cost();
    let existing = send("existing").await.cost();
    let replay = send("existing").await.cost();

    // Without KPIs: the look, the list of KPIs, the transaction of brief, record, entry and counters.
    assert_eq!((new.round_trips, new.write_units), (3, 8.0));
    assert_eq!((existing.round_trips, existing.write_units), (2, 2.0), "its record only");
    assert_eq!((replay.round_trips, replay.write_units), (1, 0.0));
}

#[tokio::test]
async fn a_definition_is_one_round_trip() {
    let world = World::open().await;
    let admin = warm_tenant(&world).await;

    let reply = admin.post("/v1/kpis").json(&json!({"name": "MRR"})).send().await;

    reply.expect(201);
    assert_eq!(reply.cost(), one_write_of(8.0), "definition, its place in the list, entry, counters");
}

#[tokio::test]
async fn a_thousand_points_are_a_few_round_trips_and_far_less_than_a_write_for_each() {
    let world = World::open().await;
    let admin = warm_tenant(&world).await;
    let kpi = admin.kpi("MRR").await;
    let points: Vec<String> = (0..1_000).map(|n| noon().plus_seconds(n * 60).to_string()).collect();
    let batch: Vec<(&str, f64)> = points.iter().map(|ts| (ts.as_str(), 1.5)).collect();

    let reply = admin.points(&kpi, &batch).send().await;

    assert_eq!(reply.expect(200)["inserted"], 1_000);
    let cost = reply.cost();
    assert!(cost.round_trips <= 3 && cost.write_units < 100.0, "{cost:?}");
}
