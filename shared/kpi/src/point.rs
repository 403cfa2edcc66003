//! One value of a KPI at one instant.

use std::borrow::Cow;

use bespin_primitives::Timestamp;
use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::spelling::Spelling;
use crate::{InstantError, parse_instant};

/// A value at an instant. The value is finite, and the text means the instant, always.
///
/// As JSON `{"ts": "2026-01-31T00:00:00Z", "value": 1250.0}`, with the time as the client wrote it.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    at: Timestamp,
    spelling: Spelling,
    value: f64,
}

/// Why a time and a value are not a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PointError {
    /// The fault lies in the time.
    #[error(transparent)]
    Time(#[from] InstantError),
    /// The value is infinite or not a number. One such value would spoil every later answer about its KPI.
    #[error("must be a finite number")]
    NotFinite,
}

/// An instant, and how the client wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointTime {
    at: Timestamp,
    spelling: Spelling,
}

impl PointTime {
    /// Reads a time as a client writes it; see [`parse_instant`].
    pub fn parse(text: &str) -> Result<Self, InstantError> {
        Ok(Self { at: parse_instant(text)?, spelling: Spelling::of(text) })
    }
}

impl Point {
    /// The point of a time as the client wrote it ([`parse_instant`]) and a value, which must be finite.
    pub fn parse(text: &str, value: f64) -> Result<Self, PointError> {
        Self::new(PointTime::parse(text)?, value).ok_or(PointError::NotFinite)
    }

    /// The point of a time and a value; `None` when the value is not finite.
    pub fn new(time: PointTime, value: f64) -> Option<Self> {
        Self::of_parts(time.at, time.spelling, value)
    }

    /// The point of parts that belong together; `None` when the value is not finite.
    pub(crate) fn of_parts(at: Timestamp, spelling: Spelling, value: f64) -> Option<Self> {
        value.is_finite().then_some(Self { at, spelling, value })
    }

    /// The instant: what identifies the point within its KPI.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// The time as the client wrote it, 10 to 64 characters.
    pub fn text(&self) -> Cow<'_, str> {
        self.spelling.text(self.at)
    }

    /// The value, in the unit of the KPI; finite.
    pub fn value(&self) -> f64 {
        self.value
    }

    pub(crate) fn spelling(&self) -> &Spelling {
        &self.spelling
    }
}

impl Serialize for Point {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut point = serializer.serialize_struct("Point", 2)?;
        point.serialize_field("ts", &self.text())?;
        point.serialize_field("value", &self.value)?;
        point.end()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn a_point_shows_its_time_as_written_and_its_value_as_a_decimal() {
        for (text, value, json) in [
            ("2026-01-31T00:00:00Z", 90.0, r#"{"ts":"2026-01-31T00:00:00Z","value":90.0}"#),
            ("2026-01-31 02:00+02", -0.125, r#"{"ts":"2026-01-31 02:00+02","value":-0.125}"#),
            ("2026-01-31", 1e-7, r#"{"ts":"2026-01-31","value":1e-7}"#),
        ] {
            assert_eq!(serde_json::to_string(&Point::parse(text, value).unwrap()).unwrap(), json);
        }
    }

    #[test]
    fn a_value_that_json_cannot_say_is_refused() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Point::parse("2026-01-31", value), Err(PointError::NotFinite));
        }
    }

    #[test]
    fn a_bad_time_is_named_before_a_bad_value() {
        let error = Point::parse("yesterday", f64::NAN).unwrap_err();

        assert_eq!(error, PointError::Time(InstantError::Malformed));
        assert_eq!(error.to_string(), "must be an ISO 8601 date or date-time");
    }
}
