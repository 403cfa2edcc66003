//! Instants, and where they come from.

use std::fmt;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};

use crate::{BillingPeriod, Date};

/// An instant in UTC to the microsecond, from year 1 to year 9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    micros: i64,
}

/// Microseconds from 0001-01-01 to 1970-01-01, so that a sortable text never needs a sign.
const EPOCH_SINCE_YEAR_1: i64 = 62_135_596_800_000_000;

impl Timestamp {
    /// 0001-01-01T00:00:00Z, the earliest instant there is.
    pub const MIN: Self = Self { micros: -EPOCH_SINCE_YEAR_1 };
    /// 9999-12-31T23:59:59.999999Z, the latest.
    pub const MAX: Self = Self { micros: 253_402_300_799_999_999 };

    /// The instant so many microseconds after 1970; `None` outside of years 1 to 9999.
    pub fn from_micros(micros: i64) -> Option<Self> {
        let at = Self { micros };
        (Self::MIN <= at && at <= Self::MAX).then_some(at)
    }

    /// The instant of a date-time, cut to whole microseconds; `None` outside of years 1 to 9999.
    pub fn from_datetime(at: DateTime<Utc>) -> Option<Self> {
        Self::from_micros(at.timestamp_micros())
    }

    /// The instant so many whole seconds after 1970; `None` outside of years 1 to 9999.
    pub fn from_epoch_seconds(seconds: i64) -> Option<Self> {
        seconds.checked_mul(1_000_000).and_then(Self::from_micros)
    }

    /// Midnight UTC at the start of `date`; `None` outside of years 1 to 9999.
    pub fn midnight(date: Date) -> Option<Self> {
        Self::from_datetime(date.and_time(chrono::NaiveTime::MIN).and_utc())
    }

    /// An RFC 3339 date-time with its offset.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text).ok().and_then(|at| Self::from_datetime(at.with_timezone(&Utc)))
    }

    /// A date as HTTP headers write it: `Wed, 21 Oct 2015 07:28:00 GMT`.
    pub fn parse_http_date(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc2822(text).ok().and_then(|at| Self::from_datetime(at.with_timezone(&Utc)))
    }

    /// Microseconds after 1970-01-01T00:00:00Z.
    pub fn micros(self) -> i64 {
        self.micros
    }

    /// Whole seconds after 1970-01-01T00:00:00Z, rounded down: the unit of an item's `expires_at`.
    pub fn epoch_seconds(self) -> i64 {
        self.micros.div_euclid(1_000_000)
    }

    /// Whether what was learnt at this instant is still believed at `now`, for so many seconds. A clock set back must
    /// not make anything live longer.
    pub fn is_fresh_at(self, now: Self, seconds: i64) -> bool {
        self <= now && now < self.plus_seconds(seconds)
    }

    /// Eighteen digits that sort as text the way instants sort in time.
    pub fn sortable(self) -> String {
        format!("{:018}", self.micros + EPOCH_SINCE_YEAR_1)
    }

    /// Reads what [`Self::sortable`] printed; `None` for anything else.
    pub fn from_sortable(text: &str) -> Option<Self> {
        let digits = text.len() == 18 && text.bytes().all(|byte| byte.is_ascii_digit());
        let since_year_1: i64 = digits.then(|| text.parse().ok()).flatten()?;
        Self::from_micros(since_year_1 - EPOCH_SINCE_YEAR_1)
    }

    /// The UTC date this instant falls on.
    pub fn date(self) -> Date {
        self.datetime().date_naive()
    }

    /// The calendar month (UTC) this instant falls in.
    pub fn period(self) -> BillingPeriod {
        BillingPeriod::containing(self.date())
    }

    /// Later by so many seconds, or earlier when negative; stops at [`Self::MIN`] and [`Self::MAX`].
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        let micros = self.micros.saturating_add(seconds.saturating_mul(1_000_000));
        Self { micros }.clamp(Self::MIN, Self::MAX)
    }

    /// Later by so many milliseconds; stops at [`Self::MAX`].
    #[must_use]
    pub fn plus_millis(self, millis: u64) -> Self {
        let micros = i64::try_from(millis).unwrap_or(i64::MAX).saturating_mul(1_000);
        Self { micros: self.micros.saturating_add(micros) }.clamp(Self::MIN, Self::MAX)
    }

    /// Earlier by so many days of 24 hours; stops at [`Self::MIN`].
    #[must_use]
    pub fn minus_days(self, days: u64) -> Self {
        self.plus_seconds(i64::try_from(days).unwrap_or(i64::MAX).saturating_mul(-86_400))
    }

    /// The next midnight UTC, strictly later than this instant; [`Self::MAX`] on the last day of year 9999.
    #[must_use]
    pub fn next_midnight(self) -> Self {
        self.date().succ_opt().and_then(Self::midnight).unwrap_or(Self::MAX)
    }

    fn datetime(self) -> DateTime<Utc> {
        // Years 1 to 9999 lie well inside what chrono represents, so the default is never taken.
        DateTime::from_timestamp_micros(self.micros).unwrap_or_default()
    }
}

/// `2026-02-01T10:20:30.123456Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.datetime().to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Where the present comes from. Rules about time take an instant; only the edge of a process holds a clock.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "the one place that asks the wall clock")]
        let now = Utc::now();
        Timestamp::from_datetime(now).unwrap_or(Timestamp::MAX)
    }
}

impl From<NaiveDate> for BillingPeriod {
    fn from(date: NaiveDate) -> Self {
        Self::containing(date)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn spellings_of_one_instant_are_equal() {
        assert_eq!(at("2026-02-01T10:00:00+02:00"), at("2026-02-01T08:00:00.000000Z"));
        assert_eq!(at("2026-02-01T08:00:00Z").to_string(), "2026-02-01T08:00:00.000000Z");
        let as_http_writes_it = Timestamp::parse_http_date("Sun, 01 Feb 2026 08:00:00 GMT");
        assert_eq!(as_http_writes_it, Some(at("2026-02-01T08:00:00Z")));
        assert_eq!(Timestamp::parse_http_date("soon"), None);
    }

    #[test]
    fn the_day_ends_at_the_next_midnight_and_midnight_belongs_to_the_new_day() {
        let last = at("2028-02-29T23:59:59.999999Z");
        let midnight = at("2028-03-01T00:00:00Z");

        assert_eq!(last.next_midnight(), midnight);
        assert_eq!(midnight.date().to_string(), "2028-03-01");
        assert_eq!(midnight.next_midnight(), at("2028-03-02T00:00:00Z"));
    }

    #[test]
    fn time_stops_at_its_ends_instead_of_overflowing() {
        assert_eq!(at("2026-02-01T08:00:00Z").minus_days(u64::MAX), Timestamp::MIN);
        assert_eq!(Timestamp::MAX.plus_seconds(i64::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::MAX.next_midnight(), Timestamp::MAX);
        assert_eq!(Timestamp::MIN.sortable(), "000000000000000000");
    }

    proptest! {
        #[test]
        fn sortable_text_sorts_like_time(a in Timestamp::MIN.micros..Timestamp::MAX.micros, b in Timestamp::MIN.micros..Timestamp::MAX.micros) {
            let (a, b) = (Timestamp { micros: a }, Timestamp { micros: b });
            prop_assert_eq!(a.cmp(&b), a.sortable().cmp(&b.sortable()));
            prop_assert_eq!(Timestamp::from_sortable(&a.sortable()), Some(a));
        }
    }
}
