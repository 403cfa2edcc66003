//! Two public series, through the whole product, against a computation of its own straight from the files: by the
//! number of the row instead of by time, and in whole tenths instead of floats.

use std::cmp::Reverse;

use bespin_tests::{Actor, World};
use serde_json::{Value, json};

use crate::words::{brief, counts, names};

const EMPLOYMENT: &str = include_str!("../../data/us-employment.csv");
const WEATHER: &str = include_str!("../../data/seattle-weather.csv");

/// A column of a file: its name, and each row's date and tenths.
struct Column {
    name: String,
    rows: Vec<(String, i64)>,
}

/// `135450` and `5840.4` and `-0.5` as tenths.
fn tenths(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits: i64 = format!("{whole}{fraction}").parse().ok()?;
    (fraction.len() == 1).then_some(digits)
}

/// The columns that hold numbers, with dates as `YYYY-MM-DD`.
fn columns(file: &str) -> Vec<Column> {
    let mut lines = file.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let rows: Vec<_> = lines.collect();
    let column = |(index, name): (usize, &&str)| {
        let row = |row: &Vec<&str>| Some((row[0].replace('/', "-"), tenths(row[index])?));
        Some(Column { name: (*name).to_owned(), rows: rows.iter().map(row).collect::<Option<_>>()? })
    };
    header.iter().enumerate().skip(1).filter_map(column).collect()
}

/// Sends each column of a file as a KPI of its name, as a client would: read with the `csv` crate.
async fn load(actor: &Actor, file: &str) -> usize {
    let mut reader = csv::Reader::from_reader(file.as_bytes());
    let header = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
    let mut kpis = 0;
    for (index, name) in header.iter().enumerate().skip(1).filter(|(_, name)| *name != "weather") {
        let point = |row: &csv::StringRecord| json!({"ts": row[0].replace('/', "-"), "value": row[index].parse::<f64>().unwrap()});
        let points: Vec<Value> = rows.iter().map(point).collect();
        let kpi = actor.kpi(name).await;
        let path = format!("/v1/kpis/{kpi}/points:bulk");
        let reply = actor.post(&path).json(&json!({"points": points})).send().await;
        assert_eq!(counts(&reply), (rows.len() as u64, 0), "{name}");
        kpis += 1;
    }
    kpis
}

/// How a column moved, in tenths.
struct Moved<'a> {
    name: &'a str,
    start: &'a (String, i64),
    latest: &'a (String, i64),
}

impl Moved<'_> {
    fn delta(&self) -> i64 {
        self.latest.1 - self.start.1
    }

    /// The percentage of the start, rounded to billionths of a percent, for comparing sizes without floats.
    fn billionths(&self) -> Option<i128> {
        (self.start.1 != 0).then(|| i128::from(self.delta()) * 100_000_000_000 / i128::from(self.start.1))
    }
}

/// The change of a column in the 365 days up to the last row on `date` or before. Both files have no gaps and no 29
/// February in the years asked for, so 365 days are twelve rows of months, or 365 rows of days.
fn moved<'a>(column: &'a Column, date: &str) -> Option<Moved<'a>> {
    let last = column.rows.iter().rposition(|(day, _)| day.as_str() <= date)?;
    let back = if column.rows.len() == 120 { 12 } else { 365 };
    Some(Moved { name: &column.name, start: &column.rows[last - back], latest: &column.rows[last] })
}

/// Asserts that a brief of a year says what the columns say; gives the names of the alerts.
fn assert_says(content: &Value, columns: &[Column], date: &str, top_n: usize) -> Vec<String> {
    let mut all: Vec<Moved<'_>> = columns.iter().filter_map(|column| moved(column, date)).collect();
    all.sort_by_key(|moved| moved.name);

    let count = |sign: i64| all.iter().filter(|moved| moved.delta().signum() == sign).count();
    let summary = json!({"kpis_considered": all.len(), "kpis_up": count(1), "kpis_down": count(-1), "kpis_flat": count(0)});
    assert_eq!(content["summary"], summary);

    let fallen: Vec<&Moved<'_>> = all
        .iter()
        .filter(|moved| moved.billionths().is_some_and(|percent| percent <= -10_000_000_000))
        .collect();
    let alerted: Vec<&str> = fallen.iter().map(|moved| moved.name).collect();
    assert_eq!(names(&content["alerts"]), alerted);
    for (alert, moved) in content["alerts"].as_array().unwrap().iter().zip(&fallen) {
        assert_percent(&alert["delta_pct"], moved);
        assert_eq!(
            (&alert["severity"], &alert["reason"]),
            (&json!("high"), &json!("delta_pct_below_threshold"))
        );
    }

    let alerted = alerted.into_iter().map(str::to_owned).collect();
    all.sort_by_key(|moved| Reverse(moved.billionths().unwrap_or(0).abs()));
    let highlights = content["highlights"].as_array().unwrap();
    assert_eq!(highlights.len(), top_n);
    for (highlight, moved) in highlights.iter().zip(&all) {
        assert_eq!(highlight["name"], moved.name);
        assert_point(&highlight["latest"], moved.latest);
        assert_point(&highlight["start"], moved.start);
        assert_percent(&highlight["delta_pct"], moved);
        let delta = highlight["delta_abs"].as_f64().unwrap();
        assert!((delta * 10.0 - tenths_as_float(moved.delta())).abs() < 1e-6, "{highlight}");
    }
    alerted
}

#[track_caller]
fn assert_point(point: &Value, (day, tenths): &(String, i64)) {
    assert_eq!(point["ts"], *day);
    assert_eq!(point["value"].as_f64(), Some(tenths_as_float(*tenths) / 10.0));
}

#[track_caller]
fn assert_percent(percent: &Value, moved: &Moved<'_>) {
    let expected = moved.billionths().map(|billionths| tenths_as_float(billionths.try_into().unwrap()) / 1e9);
    match (percent.as_f64(), expected) {
        (Some(percent), Some(expected)) => assert!((percent - expected).abs() < 1e-6, "{percent} {expected}"),
        (percent, expected) => assert_eq!(percent, expected),
    }
}

#[expect(clippy::cast_precision_loss, reason = "the figures of both files are far below 2^53")]
fn tenths_as_float(tenths: i64) -> f64 {
    tenths as f64
}

#[tokio::test]
async fn briefs_of_us_employment_and_seattle_weather_say_what_the_files_say() {
    let world = World::open().await;
    let admin = world.tenant().await;
    world.set_plan(&admin, |plan| plan.included_credits = 1_000).await;
    let columns: Vec<Column> = columns(EMPLOYMENT).into_iter().chain(columns(WEATHER)).collect();

    assert_eq!(load(&admin, EMPLOYMENT).await, 23);
    assert_eq!(load(&admin, WEATHER).await, 4);
    assert_eq!(columns.len(), 27);
    let order = |date: &str| json!({"date": date, "window_days": 365, "top_n": 5});
    let of_2015 = brief(&admin, "2015", order("2015-12-31")).await["content"].take();
    let of_2010 = brief(&admin, "2010", order("2010-01-31")).await["content"].take();

    let alerts = assert_says(&of_2015, &columns, "2015-12-31", 5);
    assert_eq!(of_2015["summary"]["kpis_considered"], 27);
    println!("2015: {} {alerts:?} {:?}", of_2015["summary"], names(&of_2015["highlights"]));

    let alerts = assert_says(&of_2010, &columns, "2010-01-31", 5);
    println!("2010: {} {alerts:?} {:?}", of_2010["summary"], names(&of_2010["highlights"]));
    assert!(alerts.contains(&"construction".to_owned()), "{alerts:?}");
    assert!(alerts.contains(&"durable_goods".to_owned()), "{alerts:?}");
    assert_eq!(of_2010["summary"]["kpis_considered"], 23, "the weather begins in 2012");
    let weather = ["precipitation", "temp_max", "temp_min", "wind"];
    assert!(names(&of_2010["highlights"]).iter().all(|name| !weather.contains(name)), "{of_2010}");

    world.assert_ledger_equals_counters(&admin, "2026-02").await;
    let used = world.usage(&admin, "2026-02").await.credits().unwrap().micros();
    let points = 23 * 120 + 4 * 1461;
    assert_eq!(used, 27 * 500_000 + points * 1_000 + 2 * 5_000_000);
}

#[test]
fn the_files_are_what_their_description_says() {
    let (employment, weather) = (columns(EMPLOYMENT), columns(WEATHER));

    assert_eq!((employment.len(), weather.len()), (23, 4));
    assert!(employment.iter().all(|column| column.rows.len() == 120));
    assert!(weather.iter().all(|column| column.rows.len() == 1461));
    // No gaps, so that a row's number is its date.
    for (number, (month, _)) in employment[0].rows.iter().enumerate() {
        assert_eq!(*month, format!("{}-{:02}-01", 2006 + number / 12, number % 12 + 1));
    }
    assert_eq!(weather[0].rows[1460].0, "2015-12-31");
    assert_eq!(weather[0].rows[1460 - 365].0, "2014-12-31");
}
