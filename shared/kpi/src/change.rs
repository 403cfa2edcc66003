//! How far a KPI moved between two of its points.

use bespin_primitives::Timestamp;
use serde::Serialize;

use crate::Point;

/// The move from the first point of a window to the last one before its end (gateway.md 5.3).
///
/// As JSON `{"latest", "start", "delta_abs", "delta_pct"}`, always valid: both deltas are finite.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    latest: Point,
    start: Point,
    delta_abs: f64,
    delta_pct: Option<f64>,
}

impl Change {
    /// The change from `start` to `latest`, which may be one and the same point: then nothing moved.
    ///
    /// The percentage is taken of the start as it is, signed: from -100 to -50 the value rises by 50 and the
    /// percentage is -50. Clients of the contract see this formula, so it stays (gateway.md 5.3).
    pub fn between(start: Point, latest: Point) -> Self {
        let delta = latest.value() - start.value();
        // Adding zero makes a negative zero, which 0 / -5 gives, read as plain `0.0`.
        let percent = delta / start.value() * 100.0 + 0.0;
        // No percentage of nothing; and a tiny start or a huge move can leave the range of a float, which
        // JSON cannot say.
        let delta_pct = (start.value() != 0.0 && percent.is_finite()).then_some(percent);
        // Two finite values can lie further apart than the largest float. The largest float then is the
        // nearest number that can be said, and it keeps the sign, by which moves are counted up or down.
        let delta_abs = delta.clamp(f64::MIN, f64::MAX);
        Self { latest, start, delta_abs, delta_pct }
    }

    /// The newest point.
    pub fn latest(&self) -> &Point {
        &self.latest
    }

    /// The oldest point of the window.
    pub fn start(&self) -> &Point {
        &self.start
    }

    /// `latest - start`, in the unit of the KPI; finite.
    pub fn delta_abs(&self) -> f64 {
        self.delta_abs
    }

    /// The change in percent of the start, not rounded; `None` when the start is 0 or the result not finite.
    pub fn delta_pct(&self) -> Option<f64> {
        self.delta_pct
    }
}

/// The earliest instant of a window, inclusive: so many days of 24 hours before the latest point. It stops at
/// [`Timestamp::MIN`]. The window hangs on the latest point, not on the present (gateway.md 5.3).
pub fn window_start(latest: Timestamp, window_days: u64) -> Timestamp {
    latest.minus_days(window_days)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    fn change(start: f64, latest: f64) -> Change {
        Change::between(
            Point::parse("2026-01-24T00:00:00Z", start).unwrap(),
            Point::parse("2026-01-31T00:00:00Z", latest).unwrap(),
        )
    }

    fn deltas(start: f64, latest: f64) -> (f64, Option<f64>) {
        let change = change(start, latest);
        (change.delta_abs(), change.delta_pct())
    }

    #[test]
    fn a_change_reads_as_in_the_contract() {
        assert_eq!(
            serde_json::to_string(&change(1000.0, 1250.0)).unwrap(),
            concat!(
                r#"{"latest":{"ts":"2026-01-31T00:00:00Z","value":1250.0},"#,
                r#""start":{"ts":"2026-01-24T00:00:00Z","value":1000.0},"delta_abs":250.0,"delta_pct":25.0}"#
            )
        );
    }

    #[test]
    fn a_fall_by_a_tenth_is_exactly_minus_ten_percent() {
        assert_eq!(deltas(100.0, 90.0), (-10.0, Some(-10.0)));
    }

    #[test]
    fn percentages_are_not_rounded() {
        assert_eq!(deltas(3.0, 4.0), (1.0, Some(1.0 / 3.0 * 100.0)));
    }

    #[test]
    fn from_nothing_there_is_no_percentage() {
        assert_eq!(deltas(0.0, 5.0), (5.0, None));
        assert_eq!(deltas(-0.0, 5.0), (5.0, None));
        assert_eq!(deltas(0.0, 0.0), (0.0, None));
    }

    #[test]
    fn a_negative_start_turns_the_sign_of_the_percentage() {
        assert_eq!(deltas(-100.0, -50.0), (50.0, Some(-50.0)));
    }

    #[test]
    fn one_point_alone_did_not_move() {
        assert_eq!(deltas(7.0, 7.0), (0.0, Some(0.0)));
        assert!(
            serde_json::to_string(&change(-7.0, -7.0))
                .unwrap()
                .ends_with(r#""delta_abs":0.0,"delta_pct":0.0}"#)
        );
    }

    #[test]
    fn what_leaves_the_range_of_floats_is_null_or_the_largest_float() {
        assert_eq!(deltas(5e-324, 1.0), (1.0, None));
        assert_eq!(deltas(f64::MIN, f64::MAX), (f64::MAX, None));
        assert_eq!(deltas(f64::MAX, f64::MIN), (f64::MIN, None));
    }

    #[test]
    fn a_window_is_so_many_days_long_and_stops_at_the_first_instant() {
        let latest = Timestamp::parse_rfc3339("2026-01-31T10:00:00Z").unwrap();

        assert_eq!(window_start(latest, 7).to_string(), "2026-01-24T10:00:00.000000Z");
        assert_eq!(window_start(latest, 10_000_000), Timestamp::MIN);
        assert_eq!(window_start(latest, u64::MAX), Timestamp::MIN);
    }

    proptest! {
        #[test]
        fn every_change_is_valid_json(start in any::<i64>(), latest in any::<u64>()) {
            let finite = |bits| Some(f64::from_bits(bits)).filter(|value| value.is_finite()).unwrap_or_default();
            let change = change(finite(start.cast_unsigned()), finite(latest));
            let json: serde_json::Value = serde_json::from_str(&serde_json::to_string(&change).unwrap()).unwrap();

            prop_assert!(change.delta_abs().is_finite());
            prop_assert!(json["delta_abs"].is_number());
            prop_assert!(json["delta_pct"].is_number() || json["delta_pct"].is_null());
        }

        #[test]
        fn the_formulas_are_those_of_the_contract(start in -1e9..1e9f64, latest in -1e9..1e9f64) {
            prop_assume!(start != 0.0);

            prop_assert_eq!(deltas(start, latest), (latest - start, Some((latest - start) / start * 100.0)));
        }
    }
}
