//! A brief as tables for people.

use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use serde_json::Value;

/// A whole brief, from its `content`.
pub(crate) fn brief(content: &Value) -> String {
    format!(
        "Daily brief of {}, against {} days before\n{}\n\nHighlights: the {} that moved most\n{}\n{}\nAlerts: down by 10 % or more\n{}\n",
        text(&content["date"]),
        text(&content["window_days"]),
        summary(&content["summary"]),
        text(&content["top_n"]),
        highlights(&content["highlights"]),
        note(&content["highlights"]),
        alerts(&content["alerts"]),
    )
}

fn summary(summary: &Value) -> Table {
    let mut table = table(&["KPIs", "up", "down", "flat"], 0);
    table
        .add_row(["kpis_considered", "kpis_up", "kpis_down", "kpis_flat"].map(|count| text(&summary[count])));
    table
}

fn highlights(highlights: &Value) -> Table {
    let mut table = table(&["KPI", "unit", "from", "value", "to", "value", "change", "percent"], 3);
    for highlight in highlights.as_array().into_iter().flatten() {
        let point = |name: &str| [date(&highlight[name]["ts"]), amount(&highlight[name]["value"])];
        let ([from, start], [to, latest]) = (point("start"), point("latest"));
        table.add_row([
            text(&highlight["name"]),
            text(&highlight["unit"]),
            from,
            start,
            to,
            latest,
            amount(&highlight["delta_abs"]),
            percent(&highlight["delta_pct"]),
        ]);
    }
    table
}

/// What a reader may stumble over: -787 jobs that became 18 are a change of -102 percent.
fn note(highlights: &Value) -> &'static str {
    let negative = |highlight: &Value| highlight["start"]["value"].as_f64().is_some_and(|start| start < 0.0);
    if highlights.as_array().into_iter().flatten().any(negative) {
        "(Percent is of the first value: where that is negative, a rise has a minus.)\n"
    } else {
        ""
    }
}

fn alerts(alerts: &Value) -> Table {
    let mut table = table(&["KPI", "severity", "percent"], 2);
    for alert in alerts.as_array().into_iter().flatten() {
        table.add_row([text(&alert["name"]), text(&alert["severity"]), percent(&alert["delta_pct"])]);
    }
    if table.is_empty() {
        table.add_row(["none", "", ""]);
    }
    table
}

/// An empty table. From the column `numbers_from` on it holds figures, which stand to the right.
fn table(header: &[&str], numbers_from: usize) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_header(header);
    for column in table.column_iter_mut().skip(numbers_from) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// A figure for people: `1,234.5`.
pub(crate) fn number(value: f64) -> String {
    let plain = format!("{value:.2}");
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{grouped}{point}{fraction}")
}

fn amount(value: &Value) -> String {
    value.as_f64().map_or_else(String::new, number)
}

/// `null` is a change from zero, which has no percentage.
fn percent(value: &Value) -> String {
    value.as_f64().map_or_else(|| "from zero".to_owned(), |percent| format!("{percent:+.1} %"))
}

fn date(ts: &Value) -> String {
    text(ts).chars().take(10).collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn figures_are_grouped_and_short() {
        let given = [0.0, 12.8, -999.999, 135_450.0, -1_234_567.891];

        assert_eq!(given.map(number), ["0", "12.8", "-1,000", "135,450", "-1,234,567.89"]);
    }

    #[test]
    fn a_brief_without_kpis_has_empty_tables() {
        let counts = json!({"kpis_considered": 0, "kpis_up": 0, "kpis_down": 0, "kpis_flat": 0});
        let content = json!({"date": "2026-01-31", "window_days": 7, "top_n": 3, "summary": counts,
                             "highlights": [], "alerts": []});

        let printed = brief(&content);

        assert!(printed.starts_with("Daily brief of 2026-01-31, against 7 days before"), "{printed}");
        assert!(printed.contains("none"), "{printed}");
    }

    #[test]
    fn a_rise_from_zero_has_no_percentage() {
        assert_eq!(percent(&Value::Null), "from zero");
        assert_eq!(percent(&json!(-10.04)), "-10.0 %");
    }
}
