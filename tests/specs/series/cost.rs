//! What series cost, by the answers' own account: points lie packed, many to an item, and no request grows with the
//! history.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client, Config,
    config::{BehaviorVersion, Region},
    types::AttributeValue,
};
use bespin_aws::Service;
use bespin_tests::{Actor, Cost, World};
use serde_json::json;

use crate::wide::spelled_out;
use crate::words::{DAY, HOUR, brief, counts, include_credits, latest, numbered, send};

type Row = HashMap<String, AttributeValue>;

/// Every item of the store whose partition belongs to a KPI.
async fn rows_of(world: &World, kpi_id: &str) -> Vec<Row> {
    let connection = world.embedded().connection();
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(connection.http_client())
        .region(Region::new(connection.region().to_owned()))
        .credentials_provider(connection.credentials())
        .endpoint_url(connection.endpoint(Service::DynamoDb).unwrap());
    let client = Client::from_conf(config.build());
    let pages = client.scan().table_name("bespin").into_paginator().items().send();
    let mut rows = pages.collect::<Result<Vec<Row>, _>>().await.unwrap();
    rows.retain(|row| row["pk"].as_s().unwrap().ends_with(kpi_id));
    rows
}

/// The size of an item as the store counts it: names and values. The product stores texts, numbers and bytes here.
fn size(row: &Row) -> usize {
    let value = |value: &AttributeValue| match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text.len(),
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        other => panic!("{other:?}"),
    };
    row.iter().map(|(name, held)| name.len() + value(held)).sum()
}

/// Lets the process read anew what it keeps in memory for some seconds, so that no measured request has to.
async fn warm(world: &World, actor: &Actor) {
    let tenant_id = actor.access().await.tenant_id();
    world.deps().access.forget(tenant_id);
    world.deps().entitlements.forget_catalogue();
    actor.get("/v1/kpis?limit=1").send().await.expect(200);
}

async fn measured(world: &World, actor: &Actor, kpi: &str, body: String, expected: (u64, u64)) -> Cost {
    warm(world, actor).await;
    let reply = send(actor, kpi, body).await;
    assert_eq!(counts(&reply), expected);
    println!("{expected:?}: {:?}", reply.cost());
    reply.cost()
}

#[tokio::test]
async fn a_thousand_points_take_three_round_trips_and_far_less_than_a_write_unit_each() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("daily").await;
    let from = "2010-01-01";

    let new = measured(&world, &admin, &kpi, numbered(from, DAY, 0..1000), (1000, 0)).await;
    let appended = measured(&world, &admin, &kpi, numbered(from, DAY, 1000..2000), (1000, 0)).await;
    let overlapping = measured(&world, &admin, &kpi, numbered(from, DAY, 1500..2500), (500, 500)).await;
    let known = measured(&world, &admin, &kpi, numbered(from, DAY, 500..1500), (0, 1000)).await;

    for cost in [new, appended, overlapping] {
        assert!(cost.round_trips <= 3, "{cost:?}");
        assert!(cost.write_units < 100.0, "{cost:?}");
        assert_eq!(cost.cancelled, 0);
    }
    assert!(known.round_trips <= 2, "{known:?}");
    assert_eq!(known.write_units, 0.0);
}

#[tokio::test]
async fn one_point_more_costs_the_same_whatever_the_history() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let (young, old) = (admin.kpi("young").await, admin.kpi("old").await);
    send(&admin, &young, numbered("2020-01-01", HOUR, 0..200)).await.expect(200);
    send(&admin, &old, numbered("2020-01-01", HOUR, 0..10_000)).await.expect(200);
    send(&admin, &old, numbered("2020-01-01", HOUR, 10_000..20_000)).await.expect(200);

    let one_more = |number: u32| numbered("2020-01-01", HOUR, [number]);
    let of_young = measured(&world, &admin, &young, one_more(200), (1, 0)).await;
    let of_old = measured(&world, &admin, &old, one_more(20_000), (1, 0)).await;

    assert_eq!((of_young.round_trips, of_old.round_trips), (3, 3));
    assert_eq!(of_young.items_read, of_old.items_read);
    for cost in [of_young, of_old] {
        assert!(cost.write_units <= 20.0, "{cost:?}");
    }
}

#[tokio::test]
async fn a_point_each_second_makes_no_item_above_100_kb_and_few_of_them() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("seconds").await;
    for first in [0, 10_000] {
        let cost =
            measured(&world, &admin, &kpi, numbered("2026-01-01", 1, first..first + 10_000), (10_000, 0))
                .await;
        assert!(cost.round_trips <= 3, "{cost:?}");
    }

    let sizes: Vec<usize> = rows_of(&world, &kpi).await.iter().map(size).collect();

    println!("{} items of {} to {:?} bytes", sizes.len(), sizes.iter().min().unwrap(), sizes.iter().max());
    assert!(sizes.iter().all(|size| *size < 100_000), "{sizes:?}");
    assert!(sizes.len() < 200, "{} items", sizes.len());
    assert!(sizes.iter().sum::<usize>() < 20_000 * 20, "packed, not wrapped");
    assert_eq!(latest(&admin, &kpi).await.1, 19_999.0);
}

#[tokio::test]
async fn the_longest_spellings_between_one_another_make_no_item_above_100_kb() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("long").await;

    // The last call touches more bytes than one transaction takes.
    for first in 0..4 {
        let body = spelled_out(&numbered("2026-01-01", 1, (first..40_000).step_by(4)));
        assert_eq!(counts(&send(&admin, &kpi, body).await), (10_000, 0));
    }

    let sizes: Vec<usize> = rows_of(&world, &kpi).await.iter().map(size).collect();
    println!("{} items of {:?} to {:?} bytes", sizes.len(), sizes.iter().min(), sizes.iter().max());
    assert!(sizes.iter().all(|size| *size < 100_000), "{sizes:?}");
    assert_eq!(latest(&admin, &kpi).await.1, 39_999.0);
    assert_eq!(counts(&send(&admin, &kpi, numbered("2026-01-01", 1, 20_000..20_999)).await), (0, 999));
}

#[tokio::test]
async fn points_that_come_backwards_one_by_one_do_not_become_an_item_each() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("backwards").await;
    send(&admin, &kpi, numbered("2026-01-01", 60, 1_050..2_000)).await.expect(200);
    for number in (1_000..1_050).rev() {
        send(&admin, &kpi, numbered("2026-01-01", 60, [number])).await.expect(200);
    }

    let rows = rows_of(&world, &kpi).await;

    assert!(rows.len() < 10, "{} items", rows.len());
}

/// A KPI with a point each hour up to the end of January 2026.
async fn hourly(actor: &Actor, points: u32) -> String {
    let kpi = actor.kpi(&points.to_string()).await;
    let last = 24 * (365 * 16 + 4 + 31);
    let numbers: Vec<u32> = (last - points..last).collect();
    for call in numbers.chunks(10_000) {
        send(actor, &kpi, numbered("2010-01-01", HOUR, call.iter().copied())).await.expect(200);
    }
    kpi
}

#[tokio::test]
async fn a_brief_reads_the_same_for_100_and_for_100_000_points() {
    let world = World::open().await;
    let (young, old) = (world.tenant().await, world.tenant().await);
    for tenant in [&young, &old] {
        include_credits(&world, tenant, 10_000).await;
    }
    hourly(&young, 100).await;
    hourly(&old, 100_000).await;

    let order = json!({"date": "2026-01-31", "window_days": 1});
    let make = |tenant: &Actor| tenant.post("/v1/briefs/materialize").key("k").json(&order).send();
    warm(&world, &young).await;
    let of_young = make(&young).await;
    warm(&world, &old).await;
    let of_old = make(&old).await;

    for reply in [&of_young, &of_old] {
        assert_eq!(reply.expect(200)["content"]["highlights"][0]["start"]["ts"], "2026-01-30T23:00:00Z");
    }
    println!("{:?} {:?}", of_young.cost(), of_old.cost());
    assert_eq!(of_young.cost().items_read, of_old.cost().items_read);
    assert_eq!(of_young.cost().round_trips, of_old.cost().round_trips);
    assert_eq!(of_young.cost().write_units, of_old.cost().write_units);
}

#[tokio::test]
async fn a_brief_reads_a_handful_of_items_for_each_kpi_whatever_window_and_history() {
    let world = World::open().await;
    let admin = world.tenant().await;
    include_credits(&world, &admin, 10_000).await;
    let kpis = 4;
    for number in 0..kpis {
        hourly(&admin, 2_500 * (number + 1)).await;
    }

    for (date, window_days) in
        [("2026-01-31", 1), ("2026-01-30", 30), ("2025-12-31", 365), ("2025-11-30", 364)]
    {
        let order = json!({"date": date, "window_days": window_days});
        warm(&world, &admin).await;
        let reply = admin.post("/v1/briefs/materialize").key(date).json(&order).send().await;
        reply.expect(200);
        println!("{window_days}: {:?}", reply.cost());
        // Definition, head, and at most three parts of the series; besides them the counters of the month and the
        // brief itself.
        assert!(reply.cost().items_read <= u64::from(kpis) * 5 + 2, "{:?}", reply.cost());
    }
}

#[tokio::test]
async fn latest_is_one_round_trip_whatever_the_history() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = hourly(&admin, 20_000).await;

    warm(&world, &admin).await;
    let reply = admin.get(&format!("/v1/kpis/{kpi}/latest")).send().await;

    reply.expect(200);
    assert_eq!((reply.cost().round_trips, reply.cost().items_read), (1, 2), "the definition and the head");
}

#[tokio::test]
async fn a_replayed_brief_and_an_existing_one_cost_the_same_whatever_the_number_of_kpis() {
    let world = World::open().await;
    let admin = world.tenant().await;
    for number in 0..30 {
        let kpi = admin.kpi(&number.to_string()).await;
        admin.points(&kpi, &[("2026-01-31", 1.0)]).send().await.expect(200);
    }
    let order = json!({"date": "2026-01-31"});
    brief(&admin, "a", order.clone()).await;
    warm(&world, &admin).await;

    let make = |key: &str| admin.post("/v1/briefs/materialize").key(key).json(&order).send();
    let (replayed, existing) = (make("a").await.cost(), make("b").await.cost());
    let read = admin.get("/v1/briefs/2026-01-31").send().await.cost();

    println!("replayed {replayed:?}\nexisting {existing:?}\nread {read:?}");
    assert_eq!((replayed.round_trips, replayed.write_units), (1, 0.0));
    assert!(existing.round_trips <= 2, "{existing:?}");
    assert_eq!((read.round_trips, read.items_read), (1, 1));
}

#[tokio::test]
async fn a_refused_ingest_writes_nothing_however_often() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;
    include_credits(&world, &admin, 0).await;

    for _ in 0..3 {
        let reply = send(&admin, &kpi, numbered("2026-01-01", HOUR, 0..100)).await;
        reply.detail(429);
        assert_eq!((reply.cost().write_units, reply.cost().cancelled), (0.0, 0));
    }
}
