//! Whatever comes in whatever order: a KPI behaves like a sorted map in which the first value of an instant stays.

use std::collections::BTreeMap;

use bespin_tests::World;
use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};

use crate::words::{HOUR, brief, counts, since};

/// A quarter of an hour after the beginning of 2026, how it is written, and a value.
type Given = (i64, u8, i32);

/// Dense enough that instants repeat, and over several days, so that windows begin and end among them.
fn any_batches() -> impl Strategy<Value = Vec<Vec<Given>>> {
    let dense = (0..20_i64, 0..5_u8, -4..5_i32);
    let wide = (0..700_i64, 0..5_u8, -4..5_i32);
    vec(vec(prop_oneof![dense, wide], 1..12), 1..5)
}

fn spelled(quarter: i64, spelling: u8) -> String {
    let seconds = quarter * (HOUR / 4);
    let utc = since("2026-01-01", seconds);
    match spelling {
        0 => utc,
        1 => utc.replace('Z', ""),
        2 => utc.replace('T', " ").replace('Z', ".0000+00:00"),
        3 => since("2026-01-01", seconds + 2 * HOUR).replace('Z', "+02:00"),
        _ => since("2026-01-01", seconds - 5 * HOUR).replace('Z', "-05"),
    }
}

/// The change from the first to the last of the points of `model` that lie in the window up to `until`.
fn change(model: &BTreeMap<i64, (String, f64)>, until: i64, window_days: i64) -> Option<Value> {
    let (last, latest) = model.range(..=until).next_back()?;
    let (_, start) = model.range(last - window_days * 96..=*last).next()?;
    let point = |(ts, value): &(String, f64)| json!({"ts": ts, "value": value});
    let delta = latest.1 - start.1;
    let percent = (start.1 != 0.0).then(|| delta / start.1 * 100.0);
    Some(json!({"latest": point(latest), "start": point(start), "delta_abs": delta, "delta_pct": percent}))
}

/// Whether all members of the change stand in `found` with the same values.
fn agrees(found: &Value, change: &Value) -> bool {
    let number = |value: &Value| value.as_f64();
    let point = |a: &Value, b: &Value| a["ts"] == b["ts"] && number(&a["value"]) == number(&b["value"]);
    point(&found["latest"], &change["latest"])
        && point(&found["start"], &change["start"])
        && number(&found["delta_abs"]) == number(&change["delta_abs"])
        && number(&found["delta_pct"]) == number(&change["delta_pct"])
}

async fn a_kpi_is_a_sorted_map(batches: &[Vec<Given>], window_days: i64, date: u8) {
    let world = World::open().await;
    let admin = world.tenant().await;
    let kpi = admin.kpi("MRR").await;
    let mut model = BTreeMap::new();

    for batch in batches {
        let mut inserted = 0;
        let mut points = Vec::new();
        for (quarter, spelling, value) in batch {
            let point = (spelled(*quarter, *spelling), f64::from(*value));
            points.push(point.clone());
            inserted += u64::from(!model.contains_key(quarter));
            model.entry(*quarter).or_insert(point);
        }
        let points: Vec<(&str, f64)> = points.iter().map(|(ts, value)| (ts.as_str(), *value)).collect();
        let reply = admin.points(&kpi, &points).send().await;
        assert_eq!(counts(&reply), (inserted, batch.len() as u64 - inserted));
    }

    let payload = json!({"kpi_id": kpi, "window_days": window_days});
    let summary = admin.invoke("s", "kpi_summary", &payload).send().await.expect(200)["result"].take();
    let expected = change(&model, i64::MAX, window_days).unwrap();
    assert!(agrees(&summary, &expected), "{summary} {expected}");
    let latest = admin.get(&format!("/v1/kpis/{kpi}/latest")).send().await.expect(200);
    assert_eq!(latest["ts"], expected["latest"]["ts"]);
    assert_eq!(latest["value"].as_f64(), expected["latest"]["value"].as_f64());

    let order = json!({"date": format!("2026-01-{date:02}"), "window_days": window_days});
    let made = brief(&admin, "b", order).await["content"].take();
    match change(&model, i64::from(date) * 96 - 1, window_days) {
        Some(expected) => assert!(agrees(&made["highlights"][0], &expected), "{made} {expected}"),
        None => assert_eq!(made["summary"]["kpis_considered"], 0),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_batches_into_one_kpi_are_a_sorted_map_where_the_first_value_stays(
        batches in any_batches(),
        window_days in 1..6_i64,
        date in 1..10_u8,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(a_kpi_is_a_sorted_map(&batches, window_days, date));
    }
}
