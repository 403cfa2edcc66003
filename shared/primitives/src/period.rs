//! Calendar dates and billing periods.

use std::fmt;

use chrono::{Datelike, NaiveDate};

/// A calendar date, printed `YYYY-MM-DD`. Dates of the product are UTC dates of years 1 to 9999.
pub type Date = NaiveDate;

/// Reads a real date written `YYYY-MM-DD`, year 0001 to 9999; nothing else.
pub fn parse_date(text: &str) -> Option<Date> {
    let bytes = text.as_bytes();
    let shaped = bytes.len() == 10
        && bytes
            .iter()
            .enumerate()
            .all(|(i, b)| if i == 4 || i == 7 { *b == b'-' } else { b.is_ascii_digit() });
    let date = shaped.then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()).flatten()?;
    (date.year() >= 1).then_some(date)
}

/// A billing period: the calendar month `[first of month, first of next month)` in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BillingPeriod {
    first: Date,
}

impl BillingPeriod {
    /// The month a date falls in.
    pub fn containing(date: Date) -> Self {
        Self { first: date.with_day(1).unwrap_or(date) }
    }

    /// Whether its end is a date of the product; that of December 9999 is not.
    pub fn has_end(&self) -> bool {
        self.end().year() <= 9999
    }

    /// The month before.
    #[must_use]
    pub fn previous(self) -> Self {
        Self::containing(self.first.pred_opt().unwrap_or(self.first))
    }

    /// The month after.
    #[must_use]
    pub fn next(self) -> Self {
        Self::containing(self.end())
    }

    /// The first day, inclusive.
    pub fn start(self) -> Date {
        self.first
    }

    /// The first day of the next month: the exclusive end.
    pub fn end(self) -> Date {
        self.first.checked_add_months(chrono::Months::new(1)).unwrap_or(NaiveDate::MAX)
    }
}

/// `2026-02`.
impl fmt::Display for BillingPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.first.year(), self.first.month())
    }
}

impl fmt::Debug for BillingPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_real_dates_in_the_one_spelling_are_dates() {
        for real in ["2026-01-31", "2028-02-29", "0001-01-01", "9999-12-31"] {
            assert_eq!(parse_date(real).unwrap().to_string(), real);
        }
        for not in [
            "banana",
            "",
            "2026-02-30",
            "2027-02-29",
            "2026-1-31",
            "2026-01-31T00:00:00Z",
            "0000-01-01",
            "+2026-1-1",
            "２０２６-01-01",
            "2026/01/31",
        ] {
            assert_eq!(parse_date(not), None, "{not}");
        }
    }

    #[test]
    fn a_period_runs_from_the_first_of_its_month_to_the_first_of_the_next() {
        let december = BillingPeriod::containing(parse_date("2026-12-31").unwrap());

        assert_eq!(december.to_string(), "2026-12");
        assert_eq!(december.next().to_string(), "2027-01");
        assert_eq!(december.next().previous(), december);
        assert_eq!(
            (december.start().to_string(), december.end().to_string()),
            ("2026-12-01".into(), "2027-01-01".into())
        );
    }
}
