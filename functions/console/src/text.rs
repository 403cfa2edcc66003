//! How values are written for people.

use bespin_primitives::Timestamp;
use serde_json::Value;

/// The longest text of a cell, in characters; what goes on is left out.
const MAX_CELL: usize = 100;

/// `2026-02-10 12:00:00`, in UTC.
pub(crate) fn instant(at: Timestamp) -> String {
    let text = at.to_string();
    text.get(..19).unwrap_or(&text).replace('T', " ")
}

/// The value of a cell; `None` for null.
pub(crate) fn cell(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(shortened(text)),
        other => Some(shortened(&other.to_string())),
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_CELL) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A measured value: with thousands apart, and at most two decimal places where it is not small.
pub(crate) fn figure(value: f64) -> String {
    let size = value.abs();
    if size >= 1e15 || (size > 0.0 && size < 0.005) {
        return format!("{value:e}");
    }
    let text = format!("{size:.2}");
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    let decimals = decimals.trim_end_matches('0');
    let sign = if value < 0.0 { "-" } else { "" };
    let point = if decimals.is_empty() { "" } else { "." };
    format!("{sign}{}{point}{decimals}", grouped(whole))
}

/// Digits in groups of three.
fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (number, digit) in digits.chars().enumerate() {
        if number > 0 && (digits.len() - number).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A whole number.
pub(crate) fn count(number: u64) -> String {
    grouped(&number.to_string())
}

/// An amount of credits or dollars, whose JSON is its exact decimal.
pub(crate) fn amount(amount: impl std::fmt::Display) -> String {
    let text = amount.to_string();
    match text.split_once('.') {
        Some((whole, decimals)) => format!("{}.{decimals}", grouped(whole)),
        None => grouped(&text),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn a_figure_is_short_and_its_thousands_are_apart() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (1_234_567.891, "1,234,567.89"),
            (-1_250.5, "-1,250.5"),
            (999.999, "1,000"),
            (0.004, "4e-3"),
            (1e300, "1e300"),
        ] {
            assert_eq!(figure(value), text);
        }
    }

    #[test]
    fn a_cell_shows_a_hundred_characters_at_most() {
        assert_eq!(cell(&Value::Null), None);
        assert_eq!(cell(&json!("null")).unwrap(), "null");
        assert_eq!(cell(&json!({"a": 1})).unwrap(), r#"{"a":1}"#);
        assert_eq!(cell(&json!("é".repeat(100))).unwrap(), "é".repeat(100));
        assert_eq!(cell(&json!("é".repeat(101))).unwrap(), format!("{}…", "é".repeat(100)));
    }
}
