//! How a point's time was written. The spellings that follow from the instant are kept as one word instead
//! of a text, because nearly every point of nearly every client uses one of them.

use std::borrow::Cow;

use bespin_primitives::Timestamp;

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// The text of an instant, given the instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// `2026-01-31T10:20:30Z`
    Seconds,
    /// `2026-01-31`
    Date,
    /// `2026-01-31T10:20:30.123456Z`
    Micros,
    /// `2026-01-31T10:20:30+00:00`
    Offset,
    /// `2026-01-31T10:20:30`
    Unzoned,
    /// Any other text that means the instant.
    Verbatim(Box<str>),
}

impl Spelling {
    /// The shortest description of `text`, which means `at`. Equal texts always get the same one.
    pub(crate) fn of(text: &str, at: Timestamp) -> Self {
        // The derived spellings all differ in length, so at most one can be this text.
        let derived = match text.len() {
            20 => Self::Seconds,
            10 => Self::Date,
            27 => Self::Micros,
            25 => Self::Offset,
            19 => Self::Unzoned,
            _ => return Self::Verbatim(text.into()),
        };
        if derived.text(at) == text { derived } else { Self::Verbatim(text.into()) }
    }

    /// The text that was given.
    pub(crate) fn text(&self, at: Timestamp) -> Cow<'_, str> {
        // Always 27 ASCII characters, because years have four digits.
        let mut text = at.to_string();
        match self {
            Self::Seconds => text.replace_range(19.., "Z"),
            Self::Date => text.truncate(10),
            Self::Micros => {}
            Self::Offset => text.replace_range(19.., "+00:00"),
            Self::Unzoned => text.truncate(19),
            Self::Verbatim(text) => return Cow::Borrowed(text),
        }
        Cow::Owned(text)
    }

    /// Whether this spelling is fine enough to say `at`: a date says midnights only. A verbatim text is not
    /// looked at.
    pub(crate) fn can_say(&self, at: Timestamp) -> bool {
        match self {
            Self::Seconds | Self::Offset | Self::Unzoned => at.micros().rem_euclid(MICROS_PER_SECOND) == 0,
            Self::Date => at.micros().rem_euclid(MICROS_PER_DAY) == 0,
            Self::Micros | Self::Verbatim(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::parse_instant;

    #[test]
    fn the_usual_spellings_need_no_text_and_come_back_verbatim() {
        for (text, spelling) in [
            ("2026-01-31T10:20:30Z", Spelling::Seconds),
            ("2026-01-31", Spelling::Date),
            ("2026-01-31T10:20:30.123456Z", Spelling::Micros),
            ("2026-01-31T10:20:30+00:00", Spelling::Offset),
            ("2026-01-31T10:20:30", Spelling::Unzoned),
        ] {
            let at = parse_instant(text).unwrap();

            assert_eq!(Spelling::of(text, at), spelling);
            assert_eq!(spelling.text(at), text);
            assert!(spelling.can_say(at));
        }
    }

    #[test]
    fn texts_of_a_usual_length_in_another_form_are_kept_as_they_are() {
        for text in [
            "2026-01-31 10:20:30Z",
            "2026-01-31T10:20:30z",
            "2026-01-31T10:20:30,123456Z",
            "2026-01-31T10:20:30-00:00",
            "2026-01-31T10:20:30+02:00",
            "2026-01-31T10:20+01",
            "2026-01-31T10:20:30.1234567Z",
        ] {
            let at = parse_instant(text).unwrap();

            assert_eq!(Spelling::of(text, at), Spelling::Verbatim(text.into()));
            assert_eq!(Spelling::of(text, at).text(at), text);
        }
    }

    #[test]
    fn a_coarse_spelling_cannot_say_a_fine_instant() {
        let fine = parse_instant("2026-01-31T10:20:30.5Z").unwrap();

        assert!(Spelling::Micros.can_say(fine));
        for coarse in [Spelling::Seconds, Spelling::Offset, Spelling::Unzoned, Spelling::Date] {
            assert!(!coarse.can_say(fine), "{coarse:?}");
        }
    }
}
