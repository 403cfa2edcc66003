//! What a time stamp means: an instant to order by, and a text to show (gateway.md 6.3).

use bespin_tests::World;
use serde_json::json;

use crate::words::{counts, latest, start};

#[tokio::test]
async fn the_spellings_of_one_instant_are_one_point() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;
    admin.points(&kpi, &[("2026-01-31T00:00:00Z", 1.0)]).send().await.expect(200);

    for spelling in [
        "2026-01-31",
        "2026-01-31T00:00",
        "2026-01-31T00:00:00",
        "2026-01-31 00:00:00Z",
        "2026-01-31t00:00:00z",
        "2026-01-31T00:00:00.000Z",
        "2026-01-31T00:00:00,000000000Z",
        "2026-01-31T00:00:00+00:00",
        "2026-01-31T00:00:00-00:00",
        "2026-01-31T02:00:00+02:00",
        "2026-01-31T05:30+0530",
        "2026-01-30T19:00:00-05",
        "2026-01-31T00:00:00.0000009Z",
    ] {
        assert_eq!(counts(&admin.points(&kpi, &[(spelling, 2.0)]).send().await), (0, 1), "{spelling}");
    }
    assert_eq!(latest(&admin, &kpi).await, ("2026-01-31T00:00:00Z".to_owned(), 1.0));
}

#[tokio::test]
async fn all_spellings_in_one_call_are_one_point_with_the_text_that_came_first() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;

    let points = [("2026-01-31 01:00+01:00", 1.0), ("2026-01-31", 2.0), ("2026-01-31T00:00:00Z", 3.0)];

    assert_eq!(counts(&admin.points(&kpi, &points).send().await), (1, 2));
    assert_eq!(latest(&admin, &kpi).await, ("2026-01-31 01:00+01:00".to_owned(), 1.0));
}

#[tokio::test]
async fn a_time_comes_back_as_it_was_written() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let longest = format!("2026-01-31T10:20:30.{}Z", "1".repeat(43));

    for text in [
        "2026-01-31",
        "2026-01-31T10:20",
        "2026-01-31T10:20:30",
        "2026-01-31T10:20:30Z",
        "2026-01-31T10:20:30z",
        "2026-01-31 10:20:30,5+0200",
        "2026-01-31T10:20:30.123456Z",
        "2026-01-31T10:20:30.120000Z",
        "2026-01-31T10:20:30+00:00",
        "2026-01-31T10:20:30-11:30",
        "0001-01-01",
        "9999-12-31T23:59:59.999999Z",
        "0000-12-31T23:30:00-01:00",
        "2024-02-29",
        longest.as_str(),
    ] {
        let kpi = admin.kpi(text).await;
        assert_eq!(counts(&admin.points(&kpi, &[(text, 1.0)]).send().await), (1, 0), "{text}");
        assert_eq!(latest(&admin, &kpi).await.0, text);
    }
}

#[tokio::test]
async fn points_are_in_the_order_of_time_not_of_text() {
    let world = World::open().await;
    let admin = world.tenant().await;

    // Each pair is in the order of time, and as text the other way round.
    for (earlier, later) in [
        ("2026-01-31T23:00:00+05:00", "2026-01-31T20:00:00Z"),
        ("2026-01-31T10:00:00Z", "2026-01-31T10:00:00.5Z"),
        ("2026-02-01", "2026-01-31T23:30:00-01:00"),
        ("2026-01-31T10:20Z", "2026-01-31T10:20:30Z"),
        ("2026-01-31T10:00:00Z", "2026-01-31 10:00:01Z"),
    ] {
        assert!(earlier > later, "{earlier} {later}");
        let kpi = admin.kpi("pair").await;
        let points = [(later, 2.0), (earlier, 1.0)];
        assert_eq!(counts(&admin.points(&kpi, &points).send().await), (2, 0));
        assert_eq!(latest(&admin, &kpi).await, (later.to_owned(), 2.0));
        assert_eq!(start(&admin, &kpi, &kpi, 1).await, (earlier.to_owned(), 1.0));
    }
}

#[tokio::test]
async fn instants_a_microsecond_apart_are_two_points_and_closer_ones_are_one() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;

    let points = [
        ("2026-01-31T00:00:00.000001Z", 1.0),
        ("2026-01-31T00:00:00.000002Z", 2.0),
        ("2026-01-31T00:00:00.0000029Z", 3.0),
    ];

    assert_eq!(counts(&admin.points(&kpi, &points).send().await), (2, 1));
    assert_eq!(latest(&admin, &kpi).await.1, 2.0);
}

#[tokio::test]
async fn what_is_no_real_date_or_date_time_is_a_422() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;

    let longer = format!("2026-01-31T10:20:30.{}Z", "1".repeat(44));
    let endless = "9".repeat(100_000);
    for ts in [
        "",
        " ",
        "banana",
        "2026",
        "2026-01",
        "20260131",
        "2026-1-31",
        "2026-02-30",
        "2025-02-29",
        "2026-13-01",
        "2026-00-10",
        "2026-01-31Z",
        "2026-01-31T",
        "2026-01-31T24:00:00Z",
        "2026-01-31T10:60:00Z",
        "2026-01-31T10:00:60Z",
        "2026-01-31T10:00:00+24:00",
        "2026-01-31T10:00:00 Z",
        " 2026-01-31",
        "2026-01-31\n",
        "2026/01/31",
        "31.01.2026",
        "1769817600",
        "2026-W05-6",
        "0000-12-31",
        "9999-12-31T23:59:59-00:01",
        "0001-01-01T00:00:00+00:01",
        "２０２６-01-31",
        &longer,
        &endless,
    ] {
        let reply = admin.points(&kpi, &[("2026-01-01", 1.0), (ts, 1.0)]).send().await;
        assert_eq!(reply.faults(), ["value_error body.points.1.ts"], "{ts}");
        assert!(reply.text.len() < 4096, "what was sent is not echoed at any length");
    }
    for ts in [json!(null), json!(20_260_131), json!(["2026-01-31"])] {
        let body = json!({"points": [{"ts": ts, "value": 1}]});
        let reply = admin.post(&format!("/v1/kpis/{kpi}/points:bulk")).json(&body).send().await;
        assert_eq!(reply.faults(), ["string_type body.points.0.ts"], "{ts}");
    }
    admin.get(&format!("/v1/kpis/{kpi}/latest")).send().await.detail(404);
}
