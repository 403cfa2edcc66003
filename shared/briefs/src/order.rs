//! What is asked of a brief.

use bespin_primitives::{Date, Timestamp};

/// An order for the brief of a date. The bounds are those of the contract (gateway.md 7.1), kept at the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BriefOrder {
    /// The last day whose points count, in UTC.
    pub date: Date,
    /// How far before its latest point each KPI's start lies at most, in days: 1 to 365.
    pub window_days: u32,
    /// How many highlights there are at most: 1 to 100.
    pub top_n: u32,
}

impl BriefOrder {
    /// The last instant whose points count: the last microsecond of the date (gateway.md 7.2).
    pub fn last_instant(&self) -> Timestamp {
        // After the last day of year 9999 there is no midnight, and the end of time is the end of the day.
        self.date
            .succ_opt()
            .and_then(Timestamp::midnight)
            .and_then(|midnight| Timestamp::from_micros(midnight.micros() - 1))
            .unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use bespin_primitives::parse_date;

    use super::*;

    #[test]
    fn points_count_up_to_the_last_microsecond_of_the_date() {
        for (date, last) in [
            ("2028-02-29", "2028-02-29T23:59:59.999999Z"),
            ("0001-01-01", "0001-01-01T23:59:59.999999Z"),
            ("9999-12-31", "9999-12-31T23:59:59.999999Z"),
        ] {
            let order = BriefOrder { date: parse_date(date).unwrap(), window_days: 7, top_n: 3 };

            assert_eq!(order.last_instant().to_string(), last);
        }
    }
}
