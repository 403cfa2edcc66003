//! Reading the time of a point, in any of the spellings of ISO 8601 that clients use.

use bespin_primitives::Timestamp;
use chrono::NaiveDate;

/// The most characters a time may have (gateway.md 6.2).
const MAX_CHARACTERS: usize = 64;
const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// Why a text is not the time of a point. Each is a sentence that goes with the name of the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InstantError {
    /// More than 64 characters.
    #[error("must have at most 64 characters")]
    TooLong,
    /// Some other shape than a date or a date-time.
    #[error("must be an ISO 8601 date or date-time")]
    Malformed,
    /// 30 February, month 13.
    #[error("must be a real calendar date")]
    NoSuchDate,
    /// 24:00, minute 60, or a leap second: UTC as counted here has none.
    #[error("must have a time of day from 00:00:00 to 23:59:59")]
    NoSuchTime,
    /// An offset of a day or more, or of 60 minutes or more past the hour.
    #[error("must have a zone offset between -23:59 and +23:59")]
    NoSuchOffset,
    /// Before year 1 or after year 9999, once in UTC.
    #[error("must lie in the years 0001 to 9999 in UTC")]
    OutOfYears,
}

/// Reads an ISO 8601 date or date-time in the extended format (gateway.md 6.3): `2026-01-31`,
/// `2026-01-31T10:20`, `2026-01-31 10:20:30,5+0200`.
///
/// A date means its first instant, a time without zone is UTC, and whatever is finer than a microsecond is
/// cut off. Between date and time stands `T`, `t` or one space; the zone is `Z`, `z`, `±hh:mm`, `±hhmm` or
/// `±hh`.
pub fn parse_instant(text: &str) -> Result<Timestamp, InstantError> {
    // No text has more characters than bytes.
    if text.len() > MAX_CHARACTERS && text.chars().nth(MAX_CHARACTERS).is_some() {
        return Err(InstantError::TooLong);
    }
    let mut rest = Scanner(text.as_bytes());
    let date = rest.date()?;
    let (time_of_day, offset_seconds) = if rest.is_at_end() {
        (TimeOfDay::default(), 0)
    } else {
        rest.one_of(b"Tt ").ok_or(InstantError::Malformed)?;
        (rest.time_of_day()?, rest.offset_seconds()?)
    };
    if !rest.is_at_end() {
        return Err(InstantError::Malformed);
    }
    let days = date.signed_duration_since(NaiveDate::default()).num_days();
    let seconds = days * SECONDS_PER_DAY + time_of_day.seconds - offset_seconds;
    Timestamp::from_micros(seconds * MICROS_PER_SECOND + time_of_day.micros).ok_or(InstantError::OutOfYears)
}

#[derive(Default)]
struct TimeOfDay {
    /// Since midnight, 0 to 86,399.
    seconds: i64,
    /// Since that second, 0 to 999,999.
    micros: i64,
}

/// The bytes not read yet.
struct Scanner<'a>(&'a [u8]);

impl Scanner<'_> {
    fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the next byte if it is one of these.
    fn one_of(&mut self, accepted: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        accepted.contains(first).then(|| self.0 = rest)?;
        Some(*first)
    }

    /// Takes the next byte if it is a decimal digit.
    fn digit(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        first.is_ascii_digit().then(|| self.0 = rest)?;
        Some(*first)
    }

    /// Takes exactly so many decimal digits.
    fn number(&mut self, digits: usize) -> Result<u32, InstantError> {
        (0..digits).try_fold(0, |number, _| {
            let digit = self.digit().ok_or(InstantError::Malformed)?;
            Ok(number * 10 + u32::from(digit - b'0'))
        })
    }

    fn date(&mut self) -> Result<NaiveDate, InstantError> {
        let year = self.number(4)?;
        self.one_of(b"-").ok_or(InstantError::Malformed)?;
        let month = self.number(2)?;
        self.one_of(b"-").ok_or(InstantError::Malformed)?;
        let day = self.number(2)?;
        // Year 0 stays for now, because an offset can lift its last hours into year 1.
        let year = i32::try_from(year).map_err(|_| InstantError::NoSuchDate)?;
        NaiveDate::from_ymd_opt(year, month, day).ok_or(InstantError::NoSuchDate)
    }

    fn time_of_day(&mut self) -> Result<TimeOfDay, InstantError> {
        let hours = self.number(2)?;
        self.one_of(b":").ok_or(InstantError::Malformed)?;
        let minutes = self.number(2)?;
        let (seconds, micros) = match self.one_of(b":") {
            Some(_) => (self.number(2)?, self.fraction_micros()?),
            None => (0, 0),
        };
        if hours > 23 || minutes > 59 || seconds > 59 {
            return Err(InstantError::NoSuchTime);
        }
        Ok(TimeOfDay { seconds: i64::from(hours * 3600 + minutes * 60 + seconds), micros })
    }

    /// The fraction of a second behind `.` or `,`, if there is one: any digits, of which six count.
    fn fraction_micros(&mut self) -> Result<i64, InstantError> {
        if self.one_of(b".,").is_none() {
            return Ok(0);
        }
        let mut micros = i64::from(self.number(1)?) * 100_000;
        let mut place = 10_000;
        while let Some(digit) = self.digit() {
            micros += i64::from(digit - b'0') * place;
            place /= 10;
        }
        Ok(micros)
    }

    /// How far local time is ahead of UTC.
    fn offset_seconds(&mut self) -> Result<i64, InstantError> {
        let ahead = match self.one_of(b"Zz+-") {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return Ok(0),
        };
        let hours = self.number(2)?;
        let has_minutes = self.one_of(b":").is_some() || !self.is_at_end();
        let minutes = if has_minutes { self.number(2)? } else { 0 };
        if hours > 23 || minutes > 59 {
            return Err(InstantError::NoSuchOffset);
        }
        Ok(ahead * i64::from(hours * 3600 + minutes * 60))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    fn utc(text: &str) -> String {
        parse_instant(text).unwrap_or_else(|error| panic!("{text}: {error}")).to_string()
    }

    #[test]
    fn a_date_means_its_first_instant_and_no_zone_means_utc() {
        for text in ["2026-01-31", "2026-01-31T00:00", "2026-01-31 00:00:00", "2026-01-31t00:00:00.0z"] {
            assert_eq!(utc(text), "2026-01-31T00:00:00.000000Z", "{text}");
        }
    }

    #[test]
    fn every_spelling_of_the_zone_is_understood() {
        for text in [
            "2026-01-31T10:20:30Z",
            "2026-01-31T12:20:30+02:00",
            "2026-01-31T12:20:30+0200",
            "2026-01-31T12:20:30+02",
            "2026-01-31T04:50:30-05:30",
            "2026-01-31 10:20:30-00:00",
            "2026-02-01T10:19:30+23:59",
        ] {
            assert_eq!(utc(text), "2026-01-31T10:20:30.000000Z", "{text}");
        }
        assert_eq!(utc("2026-01-31T10:20+01"), "2026-01-31T09:20:00.000000Z");
    }

    #[test]
    fn fractions_are_cut_to_microseconds_and_never_rounded() {
        assert_eq!(utc("2026-01-31T10:20:30.5Z"), "2026-01-31T10:20:30.500000Z");
        assert_eq!(utc("2026-01-31T10:20:30,000001+01:00"), "2026-01-31T09:20:30.000001Z");
        assert_eq!(utc("2026-01-31T23:59:59.9999999999999Z"), "2026-01-31T23:59:59.999999Z");
        assert_eq!(utc("1969-12-31T23:59:59.9999999Z"), "1969-12-31T23:59:59.999999Z");
    }

    #[test]
    fn years_run_from_0001_to_9999_in_utc() {
        assert_eq!(parse_instant("0001-01-01"), Ok(Timestamp::MIN));
        assert_eq!(parse_instant("9999-12-31T23:59:59.999999999Z"), Ok(Timestamp::MAX));
        assert_eq!(parse_instant("0000-12-31T23:00:00-01:00"), Ok(Timestamp::MIN));
        for text in ["0000-12-31", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"] {
            assert_eq!(parse_instant(text), Err(InstantError::OutOfYears), "{text}");
        }
    }

    #[test]
    fn only_real_dates_times_and_offsets_are_taken() {
        for text in ["2026-02-30", "2027-02-29", "2026-13-01", "2026-00-10", "2026-01-00T00:00:00Z"] {
            assert_eq!(parse_instant(text), Err(InstantError::NoSuchDate), "{text}");
        }
        for text in ["2026-01-31T24:00", "2026-01-31T24:00:00Z", "2026-01-31T10:60", "2016-12-31T23:59:60Z"] {
            assert_eq!(parse_instant(text), Err(InstantError::NoSuchTime), "{text}");
        }
        for text in ["2026-01-31T10:20+24:00", "2026-01-31T10:20-01:60", "2026-01-31T10:20+9900"] {
            assert_eq!(parse_instant(text), Err(InstantError::NoSuchOffset), "{text}");
        }
        assert!(parse_instant("2028-02-29").is_ok());
    }

    #[test]
    fn other_shapes_are_refused() {
        for text in [
            "",
            " ",
            "banana",
            "2026",
            "2026-01",
            "2026-1-31",
            "+2026-01-31",
            "-026-01-31",
            "20260131",
            "20260131T102030Z",
            "2026-01-31Z",
            "2026-01-31T",
            "2026-01-31T10",
            "2026-01-31T1020",
            "2026-01-31  10:20",
            "2026-01-31T10:20:30.",
            "2026-01-31T10:20:30.Z",
            "2026-01-31T10:20.5",
            "2026-01-31T10:20:30+2",
            "2026-01-31T10:20:30+02:",
            "2026-01-31T10:20:30+02:0",
            "2026-01-31T10:20:30Z ",
            "2026-01-31T10:20:30ZZ",
            " 2026-01-31",
            "2026/01/31",
            "2026-W05-6",
            "2026-031",
            "1769817600",
            "２０２６-01-31",
            "2026-01-31T10:20:30\u{2212}02:00",
        ] {
            assert_eq!(parse_instant(text), Err(InstantError::Malformed), "{text}");
        }
    }

    #[test]
    fn sixty_four_characters_are_enough() {
        let longest = format!("2026-01-31T10:20:30.{}Z", "1".repeat(43));

        assert_eq!(longest.len(), 64);
        assert_eq!(utc(&longest), "2026-01-31T10:20:30.111111Z");
        assert_eq!(parse_instant(&longest.replace('Z', "1Z")), Err(InstantError::TooLong));
        assert_eq!(parse_instant(&"ß".repeat(64)), Err(InstantError::Malformed));
        assert_eq!(
            parse_instant(&"ß".repeat(65)).unwrap_err().to_string(),
            "must have at most 64 characters"
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>(), nearly in "[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][-+0-9:.,Zz]{0,50}") {
            let _ = parse_instant(&text);
            let _ = parse_instant(&nearly);
        }

        #[test]
        fn the_spellings_of_one_instant_are_equal(
            seconds in -62_135_500_000i64..253_402_200_000,
            micros in 0u32..1_000_000,
            offset_minutes in -1439i64..=1439,
        ) {
            let at = Timestamp::from_micros(seconds * 1_000_000 + i64::from(micros)).unwrap();
            let local = at.plus_seconds(offset_minutes * 60).to_string();
            let (date, time) = (&local[..10], &local[11..26]);
            let sign = if offset_minutes < 0 { '-' } else { '+' };
            let (hours, minutes) = (offset_minutes.abs() / 60, offset_minutes.abs() % 60);

            for spelling in [
                at.to_string(),
                at.to_string().to_lowercase(),
                at.to_string().replace('Z', ""),
                format!("{date}T{time}{sign}{hours:02}:{minutes:02}"),
                format!("{date} {}999{sign}{hours:02}{minutes:02}", time.replace('.', ",")),
            ] {
                prop_assert_eq!(parse_instant(&spelling), Ok(at), "{}", spelling);
            }
        }
    }
}
