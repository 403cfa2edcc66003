//! The words that these specifications share.

use std::fmt::Write;

use bespin_metering::{LedgerEntry, MeteredEvent};
use bespin_primitives::Timestamp;
use bespin_tests::{Actor, Reply, World};
use serde_json::{Value, json};

pub(crate) const HOUR: i64 = 3_600;
pub(crate) const DAY: i64 = 24 * HOUR;

/// The canonical text of the instant so many seconds after midnight of `date`.
pub(crate) fn since(date: &str, seconds: i64) -> String {
    let midnight = Timestamp::parse_rfc3339(&format!("{date}T00:00:00Z")).unwrap();
    format!("{}Z", &midnight.plus_seconds(seconds).to_string()[..19])
}

/// A body of points, each the seconds after midnight of `date` and its value. Text, because a test that sends many
/// would spend its time on building values.
pub(crate) fn body(date: &str, points: impl IntoIterator<Item = (i64, f64)>) -> String {
    let mut body = String::from(r#"{"points":["#);
    for (number, (seconds, value)) in points.into_iter().enumerate() {
        let comma = if number == 0 { "" } else { "," };
        write!(body, r#"{comma}{{"ts":"{}","value":{value}}}"#, since(date, seconds)).unwrap();
    }
    body + "]}"
}

/// Points of these numbers, `step` seconds from one to the next, each with its number as value.
pub(crate) fn numbered(date: &str, step: i64, numbers: impl IntoIterator<Item = u32>) -> String {
    body(date, numbers.into_iter().map(|number| (i64::from(number) * step, f64::from(number))))
}

/// Sends a body of points.
pub(crate) async fn send(actor: &Actor, kpi_id: &str, body: String) -> Reply {
    let path = format!("/v1/kpis/{kpi_id}/points:bulk");
    actor.post(&path).header("content-type", "application/json").body(body).send().await
}

/// What an ingest says it inserted and ignored; nothing else may stand there.
#[track_caller]
pub(crate) fn counts(reply: &Reply) -> (u64, u64) {
    let answer = reply.expect(200);
    let count = |name: &str| answer[name].as_u64().unwrap();
    assert_eq!(answer.as_object().unwrap().len(), 2, "{answer}");
    (count("inserted"), count("ignored"))
}

/// The latest point: its time as text, and its value.
pub(crate) async fn latest(actor: &Actor, kpi_id: &str) -> (String, f64) {
    let latest = actor.get(&format!("/v1/kpis/{kpi_id}/latest")).send().await.expect(200);
    assert_eq!(latest["kpi_id"], kpi_id);
    (latest["ts"].as_str().unwrap().to_owned(), latest["value"].as_f64().unwrap())
}

/// Where the window up to the latest point starts, as the tool sees it: its time, and its value. A key of its own
/// for each call.
pub(crate) async fn start(actor: &Actor, key: &str, kpi_id: &str, window_days: u64) -> (String, f64) {
    let payload = json!({"kpi_id": kpi_id, "window_days": window_days});
    let result = actor.invoke(key, "kpi_summary", &payload).send().await.expect(200)["result"].take();
    (result["start"]["ts"].as_str().unwrap().to_owned(), result["start"]["value"].as_f64().unwrap())
}

/// The brief that this order makes.
pub(crate) async fn brief(actor: &Actor, key: &str, order: Value) -> Value {
    actor.post("/v1/briefs/materialize").key(key).json(&order).send().await.expect(200)
}

/// The names in a list of highlights or alerts.
pub(crate) fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()).collect()
}

/// The entries of February 2026 about one event, newest first.
pub(crate) async fn entries(world: &World, actor: &Actor, event: MeteredEvent) -> Vec<LedgerEntry> {
    let mut entries = world.ledger(actor, "2026-02").await;
    entries.retain(|entry| entry.event == event);
    entries
}

/// Sets how many credits the tenant has in a month.
pub(crate) async fn include_credits(world: &World, actor: &Actor, credits: u64) {
    world.set_plan(actor, |plan| plan.included_credits = credits).await;
}

/// An id that is well-formed and nobody's.
pub(crate) const NOBODYS: &str = "00000000-0000-4000-8000-000000000000";
