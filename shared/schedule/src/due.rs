//! The rule of local days: at which instant the brief of a date is due.

use bespin_primitives::{Date, Timestamp};
use chrono::{DateTime, Days, MappedLocalTime, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// The last hour of a day.
pub const MAX_HOUR: u8 = 23;

/// The longest time that clocks of any zone ever skipped: Samoa left out a whole day, and so did Kwajalein.
const LONGEST_GAP_MINUTES: i64 = 26 * 60;

/// How many local dates back the latest due one can be: yesterday, or the day before where the zone left out yesterday.
const DAYS_BACK: u64 = 2;

/// An hour of the day in a time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueTime {
    hour: u8,
    zone: Tz,
}

/// A name that is no time zone's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time zone of the IANA database, such as Europe/Berlin or UTC")]
pub struct UnknownZone;

impl DueTime {
    /// 7 o'clock UTC.
    pub const USUAL: Self = Self { hour: 7, zone: Tz::UTC };

    /// An hour, 0 to [`MAX_HOUR`], of the zone.
    pub fn new(hour: u8, zone: Tz) -> Self {
        Self { hour: hour.min(MAX_HOUR), zone }
    }

    /// The same zone at another hour, 0 to [`MAX_HOUR`].
    #[must_use]
    pub fn at_hour(self, hour: u8) -> Self {
        Self::new(hour, self.zone)
    }

    /// Reads the name of a zone, in the spelling of the IANA database.
    pub fn parse_zone(name: &str) -> Result<Tz, UnknownZone> {
        name.parse().map_err(|_| UnknownZone)
    }

    /// The hour.
    pub fn hour(self) -> u8 {
        self.hour
    }

    /// The zone's name in the IANA database.
    pub fn zone_name(self) -> &'static str {
        self.zone.name()
    }

    /// The instant at which the brief of `date` is due: the first at which clocks show the hour or, where they skip
    /// it, any later time. `None` for a date that the zone left out as a whole, and beyond what an instant can be.
    pub fn on(self, date: Date) -> Option<Timestamp> {
        let local_midnight = self.first_at_or_after(date.and_time(NaiveTime::MIN))?;
        let exists = local_midnight.with_timezone(&self.zone).date_naive() == date;
        let at = date.and_hms_opt(u32::from(self.hour), 0, 0).filter(|_| exists)?;
        self.first_at_or_after(at).and_then(Timestamp::from_datetime)
    }

    /// The latest date whose brief is due at `now`.
    pub fn latest(self, now: Timestamp) -> Option<Date> {
        let today = self.local_date(now)?;
        let dates = (0..=DAYS_BACK).filter_map(|back| today.checked_sub_days(Days::new(back)));
        dates.into_iter().find(|date| self.on(*date).is_some_and(|due| due <= now))
    }

    /// When the next brief after that of `date` is due.
    pub fn after(self, date: Date) -> Option<Timestamp> {
        let dates = (1..=DAYS_BACK).filter_map(|on| date.checked_add_days(Days::new(on)));
        dates.into_iter().find_map(|date| self.on(date))
    }

    fn local_date(self, now: Timestamp) -> Option<Date> {
        let now = DateTime::<Utc>::from_timestamp_micros(now.micros())?;
        Some(now.with_timezone(&self.zone).date_naive())
    }

    /// The first instant at which clocks of the zone show `local`, or the first after it where they skip it. Clocks are
    /// set by whole minutes since there are time zones by law, so a search by the minute finds the end of a gap.
    fn first_at_or_after(self, local: NaiveDateTime) -> Option<DateTime<Utc>> {
        (0..=LONGEST_GAP_MINUTES).find_map(|minutes| {
            let local = local.checked_add_signed(TimeDelta::minutes(minutes))?;
            match self.zone.from_local_datetime(&local) {
                MappedLocalTime::Single(at) => Some(at.with_timezone(&Utc)),
                // Clocks show the hour twice: the first time counts.
                MappedLocalTime::Ambiguous(first, _) => Some(first.with_timezone(&Utc)),
                MappedLocalTime::None => None,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use bespin_primitives::parse_date;
    use chrono_tz::TZ_VARIANTS;
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    fn date(text: &str) -> Date {
        parse_date(text).unwrap()
    }

    fn due(hour: u8, zone: &str) -> DueTime {
        DueTime::new(hour, DueTime::parse_zone(zone).unwrap())
    }

    /// From the first zone that ends a day to the first that begins one, by whole, half and quarter hours.
    #[test]
    fn seven_o_clock_is_an_instant_of_its_own_in_each_zone() {
        for (zone, winter, summer) in [
            ("Etc/GMT+12", "2026-01-15T19:00:00Z", "2026-07-15T19:00:00Z"),
            ("Pacific/Pago_Pago", "2026-01-15T18:00:00Z", "2026-07-15T18:00:00Z"),
            ("Pacific/Honolulu", "2026-01-15T17:00:00Z", "2026-07-15T17:00:00Z"),
            ("Pacific/Marquesas", "2026-01-15T16:30:00Z", "2026-07-15T16:30:00Z"),
            ("America/Anchorage", "2026-01-15T16:00:00Z", "2026-07-15T15:00:00Z"),
            ("America/Los_Angeles", "2026-01-15T15:00:00Z", "2026-07-15T14:00:00Z"),
            ("America/Denver", "2026-01-15T14:00:00Z", "2026-07-15T13:00:00Z"),
            ("America/Chicago", "2026-01-15T13:00:00Z", "2026-07-15T12:00:00Z"),
            ("America/New_York", "2026-01-15T12:00:00Z", "2026-07-15T11:00:00Z"),
            ("America/Santiago", "2026-01-15T10:00:00Z", "2026-07-15T11:00:00Z"),
            ("America/St_Johns", "2026-01-15T10:30:00Z", "2026-07-15T09:30:00Z"),
            ("America/Sao_Paulo", "2026-01-15T10:00:00Z", "2026-07-15T10:00:00Z"),
            ("Atlantic/South_Georgia", "2026-01-15T09:00:00Z", "2026-07-15T09:00:00Z"),
            ("Atlantic/Azores", "2026-01-15T08:00:00Z", "2026-07-15T07:00:00Z"),
            ("UTC", "2026-01-15T07:00:00Z", "2026-07-15T07:00:00Z"),
            ("Europe/Berlin", "2026-01-15T06:00:00Z", "2026-07-15T05:00:00Z"),
            ("Africa/Johannesburg", "2026-01-15T05:00:00Z", "2026-07-15T05:00:00Z"),
            ("Europe/Moscow", "2026-01-15T04:00:00Z", "2026-07-15T04:00:00Z"),
            ("Asia/Tehran", "2026-01-15T03:30:00Z", "2026-07-15T03:30:00Z"),
            ("Asia/Dubai", "2026-01-15T03:00:00Z", "2026-07-15T03:00:00Z"),
            ("Asia/Kabul", "2026-01-15T02:30:00Z", "2026-07-15T02:30:00Z"),
            ("Asia/Karachi", "2026-01-15T02:00:00Z", "2026-07-15T02:00:00Z"),
            ("Asia/Kolkata", "2026-01-15T01:30:00Z", "2026-07-15T01:30:00Z"),
            ("Asia/Kathmandu", "2026-01-15T01:15:00Z", "2026-07-15T01:15:00Z"),
            ("Asia/Dhaka", "2026-01-15T01:00:00Z", "2026-07-15T01:00:00Z"),
            ("Asia/Yangon", "2026-01-15T00:30:00Z", "2026-07-15T00:30:00Z"),
            ("Asia/Bangkok", "2026-01-15T00:00:00Z", "2026-07-15T00:00:00Z"),
            ("Asia/Shanghai", "2026-01-14T23:00:00Z", "2026-07-14T23:00:00Z"),
            ("Australia/Eucla", "2026-01-14T22:15:00Z", "2026-07-14T22:15:00Z"),
            ("Asia/Tokyo", "2026-01-14T22:00:00Z", "2026-07-14T22:00:00Z"),
            ("Australia/Adelaide", "2026-01-14T20:30:00Z", "2026-07-14T21:30:00Z"),
            ("Australia/Sydney", "2026-01-14T20:00:00Z", "2026-07-14T21:00:00Z"),
            ("Australia/Lord_Howe", "2026-01-14T20:00:00Z", "2026-07-14T20:30:00Z"),
            ("Pacific/Auckland", "2026-01-14T18:00:00Z", "2026-07-14T19:00:00Z"),
            ("Pacific/Chatham", "2026-01-14T17:15:00Z", "2026-07-14T18:15:00Z"),
            ("Pacific/Kiritimati", "2026-01-14T17:00:00Z", "2026-07-14T17:00:00Z"),
        ] {
            let seven = due(7, zone);
            for (day, expected) in [("2026-01-15", winter), ("2026-07-15", summer)] {
                let (day, expected) = (date(day), at(expected));
                assert_eq!(seven.on(day), Some(expected), "{zone} {day}");
                assert_eq!(seven.latest(expected), Some(day), "{zone} {day}");
                assert_eq!(seven.latest(expected.plus_seconds(-1)), day.pred_opt(), "{zone} {day}");
            }
        }
    }

    #[test]
    fn an_hour_that_clocks_skip_is_due_when_they_go_on() {
        // Germany, 29 March 2026: 02:00 becomes 03:00.
        assert_eq!(due(2, "Europe/Berlin").on(date("2026-03-29")), Some(at("2026-03-29T01:00:00Z")));
        assert_eq!(due(3, "Europe/Berlin").on(date("2026-03-29")), Some(at("2026-03-29T01:00:00Z")));
        // Lebanon, 29 March 2026: the day begins at 01:00.
        assert_eq!(due(0, "Asia/Beirut").on(date("2026-03-29")), Some(at("2026-03-28T22:00:00Z")));
        // Greenland, 28 March 2026: 23:00 becomes midnight of the next day, and the brief is still that of the 28th.
        let nuuk = due(23, "America/Nuuk");
        assert_eq!(nuuk.on(date("2026-03-28")), Some(at("2026-03-29T01:00:00Z")));
        assert_eq!(nuuk.latest(at("2026-03-29T01:00:00Z")), Some(date("2026-03-28")));
    }

    #[test]
    fn an_hour_that_clocks_show_twice_is_due_the_first_time() {
        // Germany, 25 October 2026: 03:00 becomes 02:00 again.
        let two = due(2, "Europe/Berlin");
        assert_eq!(two.on(date("2026-10-25")), Some(at("2026-10-25T00:00:00Z")));
        assert_eq!(two.latest(at("2026-10-25T01:00:00Z")), Some(date("2026-10-25")), "the second time");
        assert_eq!(two.after(date("2026-10-25")), Some(at("2026-10-26T01:00:00Z")));
        // Cuba, 1 November 2026: 01:00 becomes 00:00 again.
        assert_eq!(due(0, "America/Havana").on(date("2026-11-01")), Some(at("2026-11-01T04:00:00Z")));
    }

    #[test]
    fn a_day_that_a_zone_left_out_has_no_brief() {
        // Samoa went to bed on 29 December 2011 and rose on the 31st.
        let apia = due(7, "Pacific/Apia");
        assert_eq!(apia.on(date("2011-12-30")), None);
        assert_eq!(apia.after(date("2011-12-29")), Some(at("2011-12-30T17:00:00Z")));
        assert_eq!(apia.latest(at("2011-12-30T16:59:59Z")), Some(date("2011-12-29")));
        assert_eq!(apia.latest(at("2011-12-30T17:00:00Z")), Some(date("2011-12-31")));
    }

    #[test]
    fn months_years_and_leap_days_are_days_like_any_other() {
        let seven = due(7, "Asia/Kolkata");
        for (day, next) in [
            ("2025-12-31", "2026-01-01T01:30:00Z"),
            ("2026-02-28", "2026-03-01T01:30:00Z"),
            ("2028-02-28", "2028-02-29T01:30:00Z"),
            ("2028-02-29", "2028-03-01T01:30:00Z"),
            ("2026-04-30", "2026-05-01T01:30:00Z"),
        ] {
            assert_eq!(seven.after(date(day)), Some(at(next)), "{day}");
        }
    }

    #[test]
    fn only_names_of_the_database_are_zones() {
        for name in ["", "berlin", "europe/berlin", "Europe/Berlin ", "+02:00", "Mars/Olympus_Mons"] {
            assert_eq!(DueTime::parse_zone(name), Err(UnknownZone), "{name}");
        }
    }

    /// Through fourteen months, at any hour: the briefs of a zone come one after another, one for each date.
    #[test]
    fn each_zone_is_due_once_a_local_day() {
        let first = date("2025-11-20");
        for (index, zone) in TZ_VARIANTS.iter().enumerate() {
            let due = DueTime::new(u8::try_from(index % 24).unwrap(), *zone);
            let mut before = (first, due.on(first).unwrap());
            for day in first.succ_opt().unwrap().iter_days().take(420) {
                let at = due.on(day).unwrap();
                let hours = (at.micros() - before.1.micros()) / 3_600_000_000;
                assert!((22..=26).contains(&hours), "{zone} {day}: {hours} hours");
                assert_eq!(due.latest(at), Some(day), "{zone}");
                assert_eq!(due.latest(at.plus_seconds(-1)), Some(before.0), "{zone}");
                before = (day, at);
            }
        }
    }

    proptest! {
        /// As time goes on, the latest due date never goes back; it is due, and the next one is not.
        #[test]
        fn the_latest_due_date_only_grows(zone in 0..TZ_VARIANTS.len(), hour in 0u8..24, day in 0i64..36_525, seconds in 0i64..200_000) {
            let due = DueTime::new(hour, TZ_VARIANTS[zone]);
            let now = at("1990-01-01T00:00:00Z").plus_seconds(day * 86_400);
            let (latest, later) = (due.latest(now).unwrap(), due.latest(now.plus_seconds(seconds)).unwrap());

            prop_assert!(latest <= later);
            prop_assert!(due.on(latest).unwrap() <= now);
            prop_assert!(due.after(latest).unwrap() > now);
        }

        #[test]
        fn no_instant_breaks_the_rule(micros in Timestamp::MIN.micros()..=Timestamp::MAX.micros(), zone in 0..TZ_VARIANTS.len(), hour in 0u8..24) {
            let due = DueTime::new(hour, TZ_VARIANTS[zone]);
            let now = Timestamp::from_micros(micros).unwrap();
            if let Some(latest) = due.latest(now) {
                prop_assert!(due.on(latest).unwrap() <= now);
            }
        }
    }
}
