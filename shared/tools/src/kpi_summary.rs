//! `kpi_summary`: how one KPI moved in the days before its newest point (gateway.md 5.3).

use bespin_access::TenantAccess;
use bespin_kpi::{Change, KpiError, Kpis};
use bespin_primitives::KpiId;
use serde_json::{Map, Value, json};

const DEFAULT_WINDOW_DAYS: u64 = 7;

/// What the payload asks for.
#[derive(Debug, PartialEq, Eq)]
struct Question {
    kpi_id: String,
    window_days: u64,
}

pub(crate) async fn run(
    access: &TenantAccess,
    kpis: &Kpis,
    payload: &Map<String, Value>,
) -> Result<Value, KpiError> {
    let question = match Question::parse(payload) {
        Ok(question) => question,
        Err(sentence) => return Ok(json!({"error": sentence})),
    };
    match answer(access, kpis, &question).await {
        Ok(change) => Ok(json!({
            "kpi_id": question.kpi_id,
            "latest": change.latest(),
            "start": change.start(),
            "delta_abs": change.delta_abs(),
            "delta_pct": change.delta_pct(),
        })),
        Err(error @ KpiError::Table(_)) => Err(error),
        Err(error) => Ok(json!({"error": error.to_string()})),
    }
}

async fn answer(access: &TenantAccess, kpis: &Kpis, question: &Question) -> Result<Change, KpiError> {
    let kpi_id = question.kpi_id.clone();
    let Some(id) = KpiId::parse(&kpi_id) else { return Err(KpiError::NotFound { kpi_id }) };
    let (kpi, head) = kpis.find(access, id).await?.ok_or(KpiError::NotFound { kpi_id: kpi_id.clone() })?;
    let Some(head) = head else { return Err(KpiError::NoPoints { kpi_id }) };
    let change = kpis.latest_change(access, kpi, head, question.window_days).await?;
    change.map(|(_, change)| change).ok_or(KpiError::NoPoints { kpi_id })
}

impl Question {
    fn parse(payload: &Map<String, Value>) -> Result<Self, &'static str> {
        let kpi_id = payload.get("kpi_id").and_then(id_text).ok_or("Missing required field: kpi_id")?;
        let window_days = match payload.get("window_days") {
            None => Some(DEFAULT_WINDOW_DAYS),
            Some(days) => positive_integer(days),
        };
        Ok(Self { kpi_id, window_days: window_days.ok_or("window_days must be a positive integer")? })
    }
}

/// The id as text; `None` for what says nothing: null, false, zero, and everything empty.
fn id_text(value: &Value) -> Option<String> {
    let says_something = match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
    };
    says_something.then(|| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// A whole number of at least 1, written as one; `true` counts as 1. More than the calendar holds is as good as
/// all of it.
fn positive_integer(value: &Value) -> Option<u64> {
    match value {
        Value::Bool(true) => Some(1),
        Value::Number(number) => {
            let text = number.to_string();
            let whole = text.bytes().all(|b| b.is_ascii_digit());
            let days = whole.then(|| text.parse().unwrap_or(u64::MAX))?;
            (days >= 1).then_some(days)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parse(payload: &str) -> Result<Question, &'static str> {
        Question::parse(serde_json::from_str::<Value>(payload).unwrap().as_object().unwrap())
    }

    #[test]
    fn a_kpi_id_that_says_nothing_is_missing() {
        for payload in [
            "{}",
            r#"{"kpi_id":null}"#,
            r#"{"kpi_id":""}"#,
            r#"{"kpi_id":0}"#,
            r#"{"kpi_id":false}"#,
            r#"{"kpi_id":0.0}"#,
            r#"{"kpi_id":[]}"#,
        ] {
            assert_eq!(parse(payload), Err("Missing required field: kpi_id"), "{payload}");
        }
    }

    #[test]
    fn the_missing_id_is_told_before_the_bad_window() {
        assert_eq!(parse(r#"{"window_days":0}"#), Err("Missing required field: kpi_id"));
    }

    #[test]
    fn only_whole_positive_numbers_are_windows() {
        for window in ["0", "-1", "7.5", "7.0", "\"7\"", "null", "false", "[]", "1e3"] {
            let payload = format!(r#"{{"kpi_id":"k","window_days":{window}}}"#);
            assert_eq!(parse(&payload), Err("window_days must be a positive integer"), "{payload}");
        }
        for (window, days) in
            [("1", 1), ("true", 1), ("10000000", 10_000_000), ("99999999999999999999999", u64::MAX)]
        {
            assert_eq!(
                parse(&format!(r#"{{"kpi_id":"k","window_days":{window}}}"#)).unwrap().window_days,
                days
            );
        }
        assert_eq!(parse(r#"{"kpi_id":"k"}"#).unwrap().window_days, 7);
    }

    #[test]
    fn an_id_of_another_type_is_looked_for_as_it_is_written() {
        assert_eq!(parse(r#"{"kpi_id":["a",1]}"#).unwrap().kpi_id, r#"["a",1]"#);
        assert_eq!(parse(r#"{"kpi_id":5}"#).unwrap().kpi_id, "5");
    }
}
