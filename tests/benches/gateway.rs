//! `make bench`: what calls cost in units of the store, and how long they take on the embedded one, in memory.
//!
//! The first part is counted and the same on every machine; tests assert it. The second is measured: compare it
//! only with itself on one machine.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::cell::Cell;

use bespin_entitlements::DailyLimits;
use bespin_tests::{Actor, Reply, World};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// A tenant that no limit stops.
async fn unlimited() -> Actor {
    let world = World::open().await;
    let actor = world.tenant().await;
    world
        .set_plan(&actor, |plan| {
            plan.included_credits = u64::MAX / 1_000_000;
            plan.caps.clear();
        })
        .await;
    let most = u64::MAX;
    let limits = DailyLimits {
        assistant_query: most,
        tool_invocation: most,
        daily_brief_generated: most,
        notification_enqueued: most,
    };
    world.set_daily_limits(&actor, limits).await;
    actor
}

/// So many daily points, the last on 2026-01-31.
fn daily(count: u64) -> Value {
    let start = bespin_tests::noon().minus_days(count + 10);
    let day = |number: u64| start.plus_seconds(i64::try_from(number).unwrap() * 86_400).date().to_string();
    let points: Vec<Value> = (0..count).map(|number| json!({"ts": day(number), "value": number})).collect();
    json!({"points": points})
}

/// So many points a minute apart, from the `first` minute after noon on.
fn minutes(first: u64, count: u64) -> Value {
    let minute =
        |number: u64| bespin_tests::noon().plus_seconds(i64::try_from(number * 60).unwrap()).to_string();
    let points: Vec<Value> =
        (first..first + count).map(|number| json!({"ts": minute(number), "value": number})).collect();
    json!({"points": points})
}

async fn with_kpis(actor: &Actor, kpis: usize, points: u64) {
    let body = daily(points);
    for number in 0..kpis {
        let kpi = actor.kpi(&format!("KPI {number:02}")).await;
        actor.post(&format!("/v1/kpis/{kpi}/points:bulk")).json(&body).send().await.expect(200);
    }
}

fn print_cost(what: &str, reply: &Reply) {
    assert!(reply.status < 500, "{}", reply.text);
    let cost = reply.cost();
    println!(
        "{what:<44}{:>12}{:>12}{:>13}{:>12}",
        cost.round_trips, cost.read_units, cost.write_units, cost.items_read
    );
}

fn counted(_: &mut Criterion) {
    Runtime::new().unwrap().block_on(async {
        println!(
            "\n{:<44}{:>12}{:>12}{:>13}{:>12}",
            "call", "round trips", "read units", "write units", "items read"
        );
        let actor = unlimited().await;
        print_cost("echo, cold caller", &actor.invoke("0", "echo", &json!({})).send().await);
        print_cost("echo, warm caller", &actor.invoke("1", "echo", &json!({})).send().await);
        print_cost("echo, replayed", &actor.invoke("1", "echo", &json!({})).send().await);
        print_cost("KPI definition", &actor.post("/v1/kpis").json(&json!({"name": "MRR"})).send().await);
        let kpi = actor.kpi("Churn").await;
        let ingest = |points| actor.post(&format!("/v1/kpis/{kpi}/points:bulk")).json(&points).send();
        print_cost("1,000 daily points, new series", &ingest(daily(1_000)).await);
        print_cost("the same again, nothing new", &ingest(daily(1_000)).await);
        print_cost("one point more", &ingest(json!({"points": [{"ts": "2026-02-10", "value": 1}]})).await);
        print_cost("latest point", &actor.get(&format!("/v1/kpis/{kpi}/latest")).send().await);
        with_kpis(&actor, 26, 1_000).await;
        print_cost("brief of 28 KPIs", &actor.materialize("b", "2026-01-31").send().await);
        print_cost("brief, read", &actor.get("/v1/briefs/2026-01-31").send().await);

        let world = World::open().await;
        let limited = world.tenant().await;
        world.set_daily_tool_limit(&limited, 0).await;
        limited.get("/v1/kpis").send().await.expect(200);
        print_cost("echo, refused", &limited.invoke("0", "echo", &json!({})).send().await);
        println!();
    });
}

fn timed(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let actor = runtime.block_on(unlimited());
    let number = Cell::new(0u64);
    let fresh_key = || {
        number.set(number.get() + 1);
        format!("timed-{}", number.get())
    };
    let mut group = criterion.benchmark_group("gateway");
    group.sample_size(30);

    group.throughput(Throughput::Elements(1));
    group.bench_function("echo", |bench| {
        bench.to_async(&runtime).iter_batched(
            || actor.invoke(&fresh_key(), "echo", &json!({"text": "hi"})),
            |request| async { request.send().await.expect(200) },
            BatchSize::SmallInput,
        );
    });
    group.bench_function("echo, replayed", |bench| {
        bench.to_async(&runtime).iter(|| async {
            actor.invoke("timed-1", "echo", &json!({"text": "hi"})).send().await.expect(200)
        });
    });

    group.throughput(Throughput::Elements(1_000));
    let kpi = runtime.block_on(actor.kpi("appended to"));
    let call = Cell::new(0u64);
    group.bench_function("1,000 points, appended", |bench| {
        bench.to_async(&runtime).iter_batched(
            || {
                call.set(call.get() + 1);
                actor.post(&format!("/v1/kpis/{kpi}/points:bulk")).json(&minutes(call.get() * 1_000, 1_000))
            },
            |request| async { request.send().await.expect(200) },
            BatchSize::SmallInput,
        );
    });
    group.finish();

    let briefing = runtime.block_on(async {
        let actor = unlimited().await;
        with_kpis(&actor, 27, 1_000).await;
        actor
    });
    let mut group = criterion.benchmark_group("briefs");
    group.sample_size(20);
    group.bench_function("27 KPIs with 1,000 points", |bench| {
        bench.to_async(&runtime).iter_batched(
            || {
                let key = fresh_key();
                let days = i64::try_from(number.get()).unwrap();
                let date = bespin_tests::noon().plus_seconds(days * 86_400).date().to_string();
                briefing.materialize(&key, &date)
            },
            |request| async { request.send().await.expect(200) },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group!(benches, counted, timed);
criterion_main!(benches);
