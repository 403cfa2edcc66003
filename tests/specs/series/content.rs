//! What a brief says (gateway.md 7.2).

use bespin_tests::{Actor, World};
use serde_json::{Value, json};

use crate::words::{brief, names};

/// A KPI that went from one value to another in the week up to 31 January 2026.
async fn moved(actor: &Actor, name: &str, start: f64, latest: f64) -> String {
    let kpi = actor.kpi(name).await;
    let points = [("2026-01-24T00:00:00Z", start), ("2026-01-31T00:00:00Z", latest)];
    actor.points(&kpi, &points).send().await.expect(200);
    kpi
}

/// What the brief of 31 January 2026 says, with so many highlights.
async fn content(actor: &Actor, top_n: u32) -> Value {
    brief(actor, "k", json!({"date": "2026-01-31", "top_n": top_n})).await["content"].take()
}

fn summary(up: u32, down: u32, flat: u32) -> Value {
    json!({"kpis_considered": up + down + flat, "kpis_up": up, "kpis_down": down, "kpis_flat": flat})
}

#[tokio::test]
async fn the_example_of_the_contract_comes_out_as_it_stands_there() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let churn = moved(&admin, "Churn", 100.0, 90.0).await;
    moved(&admin, "MRR", 1000.0, 1001.0).await;

    let content = content(&admin, 3).await;

    assert_eq!(content["summary"], summary(1, 1, 0));
    let latest = json!({"ts": "2026-01-31T00:00:00Z", "value": 90.0});
    let start = json!({"ts": "2026-01-24T00:00:00Z", "value": 100.0});
    assert_eq!(
        content["highlights"][0],
        json!({
            "kpi_id": churn, "name": "Churn", "unit": null, "latest": latest, "start": start,
            "delta_abs": -10.0, "delta_pct": -10.0,
        })
    );
    assert_eq!(
        content["alerts"],
        json!([{
            "kpi_id": churn, "name": "Churn", "severity": "high", "reason": "delta_pct_below_threshold",
            "delta_pct": -10.0,
        }])
    );
}

#[tokio::test]
async fn a_brief_and_the_tool_see_the_same_change() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = moved(&admin, "MRR", 3.0, 4.0).await;

    let content = content(&admin, 1).await;
    let payload = json!({"kpi_id": kpi, "window_days": 7});
    let summary = admin.invoke("s", "kpi_summary", &payload).send().await.expect(200)["result"].take();

    for member in ["latest", "start", "delta_abs", "delta_pct"] {
        assert_eq!(content["highlights"][0][member], summary[member], "{member}");
    }
    assert_eq!(summary["delta_pct"].as_f64(), Some(1.0 / 3.0 * 100.0), "not rounded");
}

#[tokio::test]
async fn the_unit_stands_in_the_highlight() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let body = json!({"name": "MRR", "unit": "GBP"});
    let kpi = admin.post("/v1/kpis").json(&body).send().await.expect(201)["kpi_id"].take();
    admin.points(kpi.as_str().unwrap(), &[("2026-01-31", 1.0)]).send().await.expect(200);

    assert_eq!(content(&admin, 1).await["highlights"][0]["unit"], "GBP");
}

#[tokio::test]
async fn points_count_up_to_the_last_microsecond_of_the_date() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let inside = admin.kpi("inside").await;
    let after = admin.kpi("after").await;
    let local = admin.kpi("local").await;
    let points = [
        ("2026-01-31T00:00:00Z", 1.0),
        ("2026-01-31T23:59:59.999999Z", 2.0),
        ("2026-02-01T00:00:00Z", 3.0),
        ("2026-03-01T00:00:00Z", 4.0),
    ];
    admin.points(&inside, &points).send().await.expect(200);
    admin.points(&after, &[("2026-02-01T00:00:00Z", 1.0)]).send().await.expect(200);
    admin
        .points(&local, &[("2026-02-01T00:30:00+01:00", 1.0), ("2026-01-31T23:30:00-01:00", 9.0)])
        .send()
        .await
        .expect(200);

    let content = content(&admin, 9).await;

    assert_eq!(content["summary"], summary(1, 0, 1), "a KPI with later points only is not considered");
    assert_eq!(names(&content["highlights"]), ["inside", "local"]);
    assert_eq!(
        content["highlights"][0]["latest"],
        json!({"ts": "2026-01-31T23:59:59.999999Z", "value": 2.0})
    );
    assert_eq!(content["highlights"][1]["latest"]["ts"], "2026-02-01T00:30:00+01:00");
}

#[tokio::test]
async fn the_window_begins_inclusive_to_the_microsecond_and_hangs_on_the_latest_point() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let at = admin.kpi("at").await;
    let before = admin.kpi("before").await;
    // Seven days before the latest point, which lies three days before the date.
    let points = [("2026-01-21T10:00:00.5Z", 1.0), ("2026-01-22", 2.0), ("2026-01-28T10:00:00.5Z", 4.0)];
    admin.points(&at, &points).send().await.expect(200);
    let points = [("2026-01-21T10:00:00.499999Z", 1.0), ("2026-01-22", 2.0), ("2026-01-28T10:00:00.5Z", 4.0)];
    admin.points(&before, &points).send().await.expect(200);

    let content = content(&admin, 9).await;

    assert_eq!(content["highlights"][0]["name"], "at");
    assert_eq!(content["highlights"][0]["start"], json!({"ts": "2026-01-21T10:00:00.5Z", "value": 1.0}));
    assert_eq!(content["highlights"][1]["start"], json!({"ts": "2026-01-22", "value": 2.0}));
}

#[tokio::test]
async fn each_kpi_has_a_window_of_its_own_however_long_ago() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let old = admin.kpi("old").await;
    let points = [("1999-01-01", 7.0), ("2001-02-02", 1.0), ("2001-02-03", 2.0)];
    admin.points(&old, &points).send().await.expect(200);

    let made = brief(&admin, "a", json!({"date": "2026-01-31", "window_days": 365})).await;

    assert_eq!(made["content"]["highlights"][0]["start"]["ts"], "2001-02-02");
    assert_eq!(made["content"]["highlights"][0]["latest"]["ts"], "2001-02-03");
}

#[tokio::test]
async fn a_window_that_begins_before_time_begins_at_the_first_point() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("antique").await;
    admin.points(&kpi, &[("0001-01-01", 1.0), ("0001-01-05", 3.0)]).send().await.expect(200);

    let made = brief(&admin, "a", json!({"date": "0001-01-31", "window_days": 365})).await;

    assert_eq!(made["content"]["highlights"][0]["delta_pct"].as_f64(), Some(200.0));
}

#[tokio::test]
async fn a_fall_by_exactly_a_tenth_alerts_and_anything_less_does_not() {
    let world = World::open().await;
    let admin = world.tenant().await;
    moved(&admin, "exactly", 100.0, 90.0).await;
    moved(&admin, "less", 100.0, 90.000_001).await;
    moved(&admin, "more", 100.0, 89.999_999).await;
    moved(&admin, "rise", 100.0, 190.0).await;

    let content = content(&admin, 1).await;

    assert_eq!(names(&content["alerts"]), ["exactly", "more"]);
    assert_eq!(content["alerts"][0]["delta_pct"].as_f64(), Some(-10.0));
    assert_eq!(names(&content["highlights"]), ["rise"], "alerts are not limited by top_n");
}

#[tokio::test]
async fn highlights_are_by_size_of_either_sign_and_alerts_by_name() {
    let world = World::open().await;
    let admin = world.tenant().await;
    moved(&admin, "d", 100.0, 80.0).await;
    moved(&admin, "a", 100.0, 101.0).await;
    moved(&admin, "c", 100.0, 10.0).await;
    moved(&admin, "b", 100.0, 150.0).await;

    let content = content(&admin, 3).await;

    assert_eq!(names(&content["highlights"]), ["c", "b", "d"]);
    assert_eq!(names(&content["alerts"]), ["c", "d"]);
    assert_eq!(content["summary"], summary(2, 2, 0), "of all KPIs, not of the highlights");
}

#[tokio::test]
async fn ties_stand_by_name_in_code_points_then_by_id() {
    let world = World::open().await;
    let admin = world.tenant().await;
    for name in ["é", "b", "Z", "a", "\u{10000}", "\u{FFFD}", "a", " ", "a"] {
        moved(&admin, name, 2.0, 1.0).await;
    }

    let content = content(&admin, 100).await;

    assert_eq!(names(&content["highlights"]), [" ", "Z", "a", "a", "a", "b", "é", "\u{FFFD}", "\u{10000}"]);
    let ids = |list: &str| -> Vec<String> {
        content[list].as_array().unwrap().iter().map(|entry| entry["kpi_id"].to_string()).collect()
    };
    assert!(ids("highlights")[2..5].is_sorted());
    assert_eq!(ids("alerts"), ids("highlights"));
}

#[tokio::test]
async fn from_zero_there_is_no_percentage_and_it_ranks_as_none() {
    let world = World::open().await;
    let admin = world.tenant().await;
    moved(&admin, "up from zero", 0.0, 1e9).await;
    moved(&admin, "down from zero", 0.0, -1e9).await;
    moved(&admin, "zero", 0.0, 0.0).await;
    moved(&admin, "a little", 100.0, 100.5).await;
    moved(&admin, "even", 5.0, 5.0).await;

    let content = content(&admin, 9).await;

    assert_eq!(content["summary"], summary(2, 1, 2));
    assert_eq!(names(&content["highlights"]), ["a little", "down from zero", "even", "up from zero", "zero"]);
    assert_eq!(content["highlights"][1]["delta_pct"], Value::Null);
    assert_eq!(content["highlights"][3]["delta_abs"].as_f64(), Some(1e9));
    assert_eq!(content["highlights"][2]["delta_pct"].as_f64(), Some(0.0));
    assert_eq!(content["alerts"], json!([]));
}

#[tokio::test]
async fn a_single_point_is_flat_and_shown_if_there_is_room() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let single = admin.kpi("single").await;
    admin.points(&single, &[("2026-01-31", 7.0)]).send().await.expect(200);
    let outside = admin.kpi("outside").await;
    admin.points(&outside, &[("2025-01-01", 1.0), ("2026-01-31", 7.0)]).send().await.expect(200);
    moved(&admin, "up", 5.0, 6.0).await;

    let content = content(&admin, 2).await;

    assert_eq!(content["summary"], summary(1, 0, 2));
    assert_eq!(names(&content["highlights"]), ["up", "outside"]);
    let flat = &content["highlights"][1];
    assert_eq!(flat["start"], flat["latest"]);
    assert_eq!((flat["delta_abs"].as_f64(), flat["delta_pct"].as_f64()), (Some(0.0), Some(0.0)));
}

#[tokio::test]
async fn a_negative_start_turns_the_sign_of_the_percentage() {
    let world = World::open().await;
    let admin = world.tenant().await;
    moved(&admin, "debt", -100.0, -50.0).await;

    let content = content(&admin, 1).await;

    assert_eq!(content["summary"], summary(1, 0, 0));
    assert_eq!(content["highlights"][0]["delta_pct"].as_f64(), Some(-50.0));
    assert_eq!(names(&content["alerts"]), ["debt"]);
}

#[tokio::test]
async fn changes_beyond_the_range_of_numbers_spoil_no_brief() {
    let world = World::open().await;
    let admin = world.tenant().await;
    moved(&admin, "tiny", 5e-324, 1.0).await;
    moved(&admin, "huge", f64::MIN, f64::MAX).await;

    let content = content(&admin, 2).await;

    assert_eq!(content["summary"], summary(2, 0, 0));
    assert!(
        content["highlights"].as_array().unwrap().iter().all(|one| one["delta_abs"].is_number()),
        "{content}"
    );
}

#[tokio::test]
async fn kpis_without_points_and_kpis_of_others_are_not_considered() {
    let world = World::open().await;
    let (admin, stranger) = (world.tenant().await, world.tenant().await);
    admin.kpi("empty").await;
    moved(&stranger, "theirs", 100.0, 1.0).await;

    let content = content(&admin, 3).await;

    assert_eq!(content["summary"], summary(0, 0, 0));
    assert_eq!((&content["highlights"], &content["alerts"]), (&json!([]), &json!([])));
}
