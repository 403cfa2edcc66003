//! Texts: as they are, of a few spellings, or parsed into something else.

use std::fmt;
use std::ops::RangeBounds;

use bespin_primitives::{Date, parse_date};
use serde_json::Value;

use super::{Input, Read, counted, length_bounds};
use crate::describe::Shape;
use crate::field_fault::Faults;

/// See [`text`].
#[derive(Debug, Clone, Copy)]
pub struct Text {
    min: usize,
    max: usize,
}

/// A string of so many code points, as it is: nothing is trimmed. `string_type`, `string_too_short`,
/// `string_too_long`.
pub fn text(length: impl RangeBounds<usize>) -> Text {
    let (min, max) = length_bounds(&length);
    Text { min, max }
}

impl Read for Text {
    type Value = String;

    fn read(&self, input: &Input<'_>, faults: &mut Faults) -> Option<String> {
        let text = input.text(faults)?;
        let length = text.chars().count();
        let fault = if length < self.min {
            let msg = format!("String should have at least {}", counted(self.min, "character"));
            input.fault("string_too_short", msg).with_bound("min_length", self.min)
        } else if length > self.max {
            let msg = format!("String should have at most {}", counted(self.max, "character"));
            input.fault("string_too_long", msg).with_bound("max_length", self.max)
        } else {
            return Some(text.to_owned());
        };
        faults.push(fault);
        None
    }

    fn shape(&self) -> Shape {
        Shape::text_of(self.min, self.max)
    }

    fn sent(value: &String) -> Option<Value> {
        Some(value.as_str().into())
    }
}

const CODE_PATTERN: &str = "^[A-Za-z0-9_.:-]*$";

/// See [`code`].
#[derive(Debug, Clone, Copy)]
pub struct Code {
    text: Text,
}

/// A string of so many letters, digits and `_ . : -`, so that it can stand in a path. `string_type`,
/// `string_too_short`, `string_too_long`, `string_pattern_mismatch`.
pub fn code(length: impl RangeBounds<usize>) -> Code {
    Code { text: text(length) }
}

impl Read for Code {
    type Value = String;

    fn read(&self, input: &Input<'_>, faults: &mut Faults) -> Option<String> {
        let code = self.text.read(input, faults)?;
        let safe = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
        if code.chars().all(safe) {
            return Some(code);
        }
        let msg = format!("String should match pattern '{CODE_PATTERN}'");
        faults.push(input.fault("string_pattern_mismatch", msg).with_bound("pattern", CODE_PATTERN));
        None
    }

    fn shape(&self) -> Shape {
        self.text.shape().with("pattern", CODE_PATTERN.into()).like("code")
    }
}

/// See [`one_of`].
#[derive(Debug, Clone, Copy)]
pub struct OneOf<'a> {
    spellings: &'a [&'static str],
}

/// One of a few spellings, exactly; gives the spelling. `string_type`, `string_pattern_mismatch`.
pub fn one_of<'a>(spellings: &'a [&'static str]) -> OneOf<'a> {
    OneOf { spellings }
}

impl Read for OneOf<'_> {
    type Value = &'static str;

    fn read(&self, input: &Input<'_>, faults: &mut Faults) -> Option<&'static str> {
        let text = input.text(faults)?;
        let spelling = self.spellings.iter().copied().find(|spelling| *spelling == text);
        if spelling.is_none() {
            let pattern = format!("^({})$", self.spellings.join("|"));
            let msg = format!("String should match pattern '{pattern}'");
            faults.push(input.fault("string_pattern_mismatch", msg).with_bound("pattern", pattern));
        }
        spelling
    }

    fn shape(&self) -> Shape {
        Shape::one_of(self.spellings)
    }

    fn sent(value: &&'static str) -> Option<Value> {
        Some((*value).into())
    }
}

/// See [`parsed`].
#[derive(Debug, Clone, Copy)]
pub struct Parsed<F> {
    parse: F,
}

/// A string that `parse` turns into something, or refuses with a sentence. `string_type`, `value_error`.
pub fn parsed<T, E: fmt::Display, F: Fn(&str) -> Result<T, E>>(parse: F) -> Parsed<F> {
    Parsed { parse }
}

impl<T, E: fmt::Display, F: Fn(&str) -> Result<T, E>> Read for Parsed<F> {
    type Value = T;

    fn read(&self, input: &Input<'_>, faults: &mut Faults) -> Option<T> {
        let text = input.text(faults)?;
        (self.parse)(text)
            .map_err(|reason| {
                let fault = input.fault("value_error", format_args!("Value error, {reason}"));
                faults.push(fault.with_bound("reason", Value::from(reason.to_string())));
            })
            .ok()
    }

    fn shape(&self) -> Shape {
        Shape::text()
    }
}

/// See [`date`].
#[derive(Debug, Clone, Copy)]
pub struct DateText;

/// A real date written `YYYY-MM-DD`, years 0001 to 9999. `string_type`, `value_error`.
pub fn date() -> DateText {
    DateText
}

impl Read for DateText {
    type Value = Date;

    fn read(&self, input: &Input<'_>, faults: &mut Faults) -> Option<Date> {
        parsed(|text| parse_date(text).ok_or("not a real date of the form YYYY-MM-DD")).read(input, faults)
    }

    fn shape(&self) -> Shape {
        Shape::date()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use serde_json::json;

    use super::super::tests::read;
    use super::*;

    #[test]
    fn lengths_count_code_points_and_nothing_is_trimmed() {
        assert_eq!(read(&text(1..=2), &json!("  ")), Ok("  ".into()));
        assert_eq!(read(&text(1..=2), &json!("😀é")), Ok("😀é".into()));
        assert_eq!(read(&text(1..=2), &json!("abc")), Err("string_too_long"));
        assert_eq!(read(&text(1..=2), &json!("")), Err("string_too_short"));
        assert_eq!(read(&text(..=0), &json!("")), Ok(String::new()));
        assert_eq!(read(&text(36..37), &json!("short")), Err("string_too_short"));
    }

    #[test]
    fn only_strings_are_strings() {
        for other in [json!(7), json!(true), json!(null), json!([]), json!({})] {
            assert_eq!(read(&text(..), &other), Err("string_type"), "{other}");
            assert_eq!(read(&one_of(&["admin"]), &other), Err("string_type"), "{other}");
            assert_eq!(read(&date(), &other), Err("string_type"), "{other}");
        }
    }

    #[test]
    fn a_code_can_stand_in_a_path() {
        assert_eq!(read(&code(1..=100), &json!("of-ACME_2.v1:x")), Ok("of-ACME_2.v1:x".into()));
        for not in ["a/b", "a b", "é", "a\n", "%2F", "~"] {
            assert_eq!(read(&code(1..=100), &json!(not)), Err("string_pattern_mismatch"), "{not}");
        }
        assert_eq!(read(&code(1..=100), &json!("")), Err("string_too_short"));
        assert_eq!(read(&code(1..=2), &json!("a/b")), Err("string_too_long"));
    }

    #[test]
    fn a_role_is_one_of_its_spellings() {
        assert_eq!(read(&one_of(&["admin", "member"]), &json!("member")), Ok("member"));
        assert_eq!(read(&one_of(&["admin", "member"]), &json!("Member")), Err("string_pattern_mismatch"));
        assert_eq!(read(&one_of(&["admin", "member"]), &json!("")), Err("string_pattern_mismatch"));
    }

    #[test]
    fn only_real_dates_are_dates() {
        assert_eq!(read(&date(), &json!("2028-02-29")).unwrap().to_string(), "2028-02-29");
        for not in ["banana", "", "2026-02-30", "2026-1-1", "2026-01-31T00:00:00Z"] {
            assert_eq!(read(&date(), &json!(not)), Err("value_error"), "{not}");
        }
    }
}
