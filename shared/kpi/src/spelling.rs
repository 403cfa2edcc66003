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
    /// The shortest description of `text`, which was read as an instant. Equal texts always get the same one.
    pub(crate) fn of(text: &str) -> Self {
        // What was read is right where these are: all else are the digits of the instant. It is asked of every point, so
        // the text is not written anew to be compared.
        let bytes = text.as_bytes();
        let is = |at: usize, byte: u8| bytes.get(at) == Some(&byte);
        let in_seconds = is(10, b'T') && is(16, b':');
        match text.len() {
            10 => Self::Date,
            19 if in_seconds => Self::Unzoned,
            20 if in_seconds && is(19, b'Z') => Self::Seconds,
            25 if in_seconds && text.ends_with("+00:00") => Self::Offset,
            27 if in_seconds && is(19, b'.') && is(26, b'Z') => Self::Micros,
            _ => Self::Verbatim(text.into()),
        }
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

    use proptest::prelude::*;

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

            assert_eq!(Spelling::of(text), spelling);
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

            assert_eq!(Spelling::of(text), Spelling::Verbatim(text.into()));
            assert_eq!(Spelling::of(text).text(at), text);
        }
    }

    proptest! {
        /// Whatever is read as an instant comes back as it was written.
        #[test]
        fn a_text_that_means_an_instant_comes_back_verbatim(
            text in "202[0-9]-0[1-9]-(0[1-9]|1[0-9]|2[0-8])([Tt ](1[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.,][0-9]{1,7})?)?(Z|z|[+-]0[0-3](:?[03]0)?)?)?",
        ) {
            let at = parse_instant(&text).unwrap();
            let spelling = Spelling::of(&text);

            prop_assert_eq!(spelling.text(at), text);
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
