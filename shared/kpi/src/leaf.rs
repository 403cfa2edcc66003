//! The packed points of one stored item.
//!
//! The binary form, version 1: one byte of version, then the points in the order of time, each as
//!
//! - the instant: for the first the microseconds after 1970, zig-zag; for each further one the microseconds
//!   after its predecessor, at least 1. Both as a variable-length integer (LEB128).
//! - the spelling: one byte. Below 128 it is the code of a spelling that follows from the instant; from 128
//!   on it is 128 + the length of the text, and the text follows.
//! - the value: the eight bytes of the float, little-endian.
//!
//! A point a second takes 12 bytes, a point a day 15, the worst possible point 82.

use bespin_primitives::Timestamp;

use crate::spelling::Spelling;
use crate::{Point, parse_instant};

const VERSION: u8 = 1;
/// Bytes of a leaf without points: the version.
pub(crate) const HEADER_BYTES: usize = 1;
/// Bytes of a point that are always there: code of the spelling, value.
const FIXED_BYTES: usize = 1 + 8;
/// From this code on a text follows.
const VERBATIM: u8 = 0x80;

/// The points of one stretch of a series: in the order of time, one for an instant.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Leaf {
    points: Vec<Point>,
}

/// What an insert changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Inserted {
    /// How many points are new.
    pub count: usize,
    /// The instant of the oldest new point.
    pub oldest: Option<Timestamp>,
    /// The newest new point.
    pub newest: Option<Point>,
}

/// Why bytes are not a leaf. Nobody but us writes them, so each of these is a damaged or foreign item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CorruptLeaf {
    /// Not a version this code reads.
    #[error("packed points of an unknown version")]
    Version,
    /// The bytes end inside a point.
    #[error("packed points end too early")]
    CutOff,
    /// An instant is not later than its predecessor, or outside of years 1 to 9999.
    #[error("packed points are not in the order of time")]
    Order,
    /// A spelling does not mean its instant.
    #[error("a packed point is spelled as another time")]
    Spelling,
    /// A value is not finite.
    #[error("a packed point has no finite value")]
    Value,
}

impl Leaf {
    /// Reads the binary form. Any bytes give a leaf with all its promises kept, or an error.
    pub fn decode(bytes: &[u8]) -> Result<Self, CorruptLeaf> {
        let mut rest = Reader(bytes);
        if rest.byte().ok() != Some(VERSION) {
            return Err(CorruptLeaf::Version);
        }
        let mut points = Vec::new();
        let mut previous = None;
        while !rest.0.is_empty() {
            let at = rest.instant_after(previous)?;
            points.push(Point::of_parts(at, rest.spelling_of(at)?, rest.value()?).ok_or(CorruptLeaf::Value)?);
            previous = Some(at);
        }
        Ok(Self { points })
    }

    /// The binary form.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.encoded_len());
        bytes.push(VERSION);
        let mut previous = None;
        for point in &self.points {
            push_varint(distance(previous, point.at()), &mut bytes);
            push_spelling(point.spelling(), &mut bytes);
            bytes.extend(point.value().to_le_bytes());
            previous = Some(point.at());
        }
        bytes
    }

    /// How many bytes [`Self::encode`] gives.
    pub fn encoded_len(&self) -> usize {
        HEADER_BYTES + self.packed_lens().sum::<usize>()
    }

    /// Merges points in, given in any order. The first value of an instant stays: one that is here before
    /// one that comes, and among those that come the one given first (gateway.md 6.2).
    pub fn insert(&mut self, points: impl IntoIterator<Item = Point>) -> Inserted {
        let mut new: Vec<Point> = points.into_iter().filter(|point| !self.contains(point.at())).collect();
        // Stable, so of equal instants the one given first stands first and survives.
        new.sort_by_key(Point::at);
        new.dedup_by_key(|point| point.at());
        let inserted =
            Inserted { count: new.len(), oldest: new.first().map(Point::at), newest: new.last().cloned() };
        self.points.append(&mut new);
        // Two sorted runs, which this sort merges in linear time; nothing to do when all were appended.
        self.points.sort_by_key(Point::at);
        inserted
    }

    /// How many points.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Whether there are no points.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// All points, oldest first.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// The oldest point.
    pub fn first(&self) -> Option<&Point> {
        self.points.first()
    }

    /// The newest point.
    pub fn last(&self) -> Option<&Point> {
        self.points.last()
    }

    /// The newest point at `at` or earlier.
    pub fn at_or_before(&self, at: Timestamp) -> Option<&Point> {
        self.points[..self.points.partition_point(|point| point.at() <= at)].last()
    }

    /// The oldest point at `at` or later.
    pub fn at_or_after(&self, at: Timestamp) -> Option<&Point> {
        self.points[self.points.partition_point(|point| point.at() < at)..].first()
    }

    fn contains(&self, at: Timestamp) -> bool {
        self.points.binary_search_by_key(&at, Point::at).is_ok()
    }

    /// The bytes each point takes where it stands.
    pub(crate) fn packed_lens(&self) -> impl Iterator<Item = usize> {
        let mut previous = None;
        self.points.iter().map(move |point| packed_len(previous.replace(point.at()), point))
    }

    /// Cuts before the points of these positions, which ascend: one piece more than there are cuts.
    pub(crate) fn cut(mut self, starts: &[usize]) -> Vec<Self> {
        let mut pieces: Vec<Self> =
            starts.iter().rev().map(|start| Self { points: self.points.split_off(*start) }).collect();
        pieces.push(self);
        pieces.reverse();
        pieces
    }
}

/// The bytes a point takes behind its predecessor, or as the first of a leaf.
pub(crate) fn packed_len(previous: Option<Timestamp>, point: &Point) -> usize {
    let text_len = match point.spelling() {
        Spelling::Verbatim(text) => text.len(),
        _ => 0,
    };
    varint_len(distance(previous, point.at())) + FIXED_BYTES + text_len
}

/// The number that stands for an instant: its distance from the predecessor, or where it lies around 1970.
fn distance(previous: Option<Timestamp>, at: Timestamp) -> u64 {
    match previous {
        Some(previous) => at.micros().abs_diff(previous.micros()),
        None => zig_zag(at.micros()),
    }
}

/// Small numbers of either sign become small numbers without one: 0, -1, 1, -2 become 0, 1, 2, 3.
fn zig_zag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

fn un_zig_zag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

fn varint_len(number: u64) -> usize {
    // Seven bits a byte, and a byte for zero.
    (u64::BITS - (number | 1).leading_zeros()).div_ceil(7) as usize
}

fn push_varint(mut number: u64, bytes: &mut Vec<u8>) {
    while number >= 0x80 {
        bytes.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push((number & 0x7F) as u8);
}

fn push_spelling(spelling: &Spelling, bytes: &mut Vec<u8>) {
    match spelling {
        Spelling::Seconds => bytes.push(0),
        Spelling::Date => bytes.push(1),
        Spelling::Micros => bytes.push(2),
        Spelling::Offset => bytes.push(3),
        Spelling::Unzoned => bytes.push(4),
        Spelling::Verbatim(text) => {
            // A time has at most 64 characters, all of them ASCII, so the length fits beside the mark.
            bytes.push(VERBATIM | u8::try_from(text.len()).unwrap_or(u8::MAX));
            bytes.extend(text.as_bytes());
        }
    }
}

/// The bytes not read yet.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Result<u8, CorruptLeaf> {
        let (first, rest) = self.0.split_first().ok_or(CorruptLeaf::CutOff)?;
        self.0 = rest;
        Ok(*first)
    }

    fn bytes(&mut self, count: usize) -> Result<&'a [u8], CorruptLeaf> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(CorruptLeaf::CutOff)?;
        self.0 = rest;
        Ok(taken)
    }

    fn varint(&mut self) -> Result<u64, CorruptLeaf> {
        let mut number = 0;
        // Instants of ten thousand years take nine bytes; whatever is longer is none.
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(CorruptLeaf::Order)
    }

    fn instant_after(&mut self, previous: Option<Timestamp>) -> Result<Timestamp, CorruptLeaf> {
        let number = self.varint()?;
        let micros = match previous {
            Some(previous) => previous.micros().checked_add_unsigned(number),
            None => Some(un_zig_zag(number)),
        };
        let at = micros.and_then(Timestamp::from_micros).ok_or(CorruptLeaf::Order)?;
        if Some(at) > previous { Ok(at) } else { Err(CorruptLeaf::Order) }
    }

    fn spelling_of(&mut self, at: Timestamp) -> Result<Spelling, CorruptLeaf> {
        let spelling = match self.byte()? {
            0 => Spelling::Seconds,
            1 => Spelling::Date,
            2 => Spelling::Micros,
            3 => Spelling::Offset,
            4 => Spelling::Unzoned,
            code if code >= VERBATIM => {
                let text = self.bytes(usize::from(code - VERBATIM))?;
                let text = std::str::from_utf8(text).map_err(|_| CorruptLeaf::Spelling)?;
                if parse_instant(text) != Ok(at) {
                    return Err(CorruptLeaf::Spelling);
                }
                Spelling::of(text)
            }
            _ => return Err(CorruptLeaf::Spelling),
        };
        if spelling.can_say(at) { Ok(spelling) } else { Err(CorruptLeaf::Spelling) }
    }

    fn value(&mut self) -> Result<f64, CorruptLeaf> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(CorruptLeaf::CutOff)?;
        self.0 = rest;
        Ok(f64::from_le_bytes(*bytes))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    fn point(text: &str, value: f64) -> Point {
        Point::parse(text, value).unwrap()
    }

    fn leaf(points: impl IntoIterator<Item = Point>) -> Leaf {
        let mut leaf = Leaf::default();
        leaf.insert(points);
        leaf
    }

    fn at(text: &str) -> Timestamp {
        parse_instant(text).unwrap()
    }

    #[test]
    fn a_point_takes_twelve_bytes_a_second_after_the_last_and_fifteen_a_day_after() {
        let bytes = |text| packed_len(Some(at("2026-01-31T00:00:00Z")), &point(text, 1.5));

        assert_eq!(bytes("2026-01-31T00:00:01Z"), 12);
        assert_eq!(bytes("2026-02-01T00:00:00Z"), 15);
        assert_eq!(bytes("2026-02-01"), 15);
    }

    /// Points anywhere in time, in every kind of spelling.
    fn any_point() -> impl Strategy<Value = Point> {
        let micros = Timestamp::MIN.micros()..=Timestamp::MAX.micros();
        let instant = prop_oneof![
            micros.clone(),
            micros.clone().prop_map(|micros| micros - micros.rem_euclid(1_000_000)),
            micros.prop_map(|micros| micros - micros.rem_euclid(86_400_000_000)),
        ];
        (instant, 0usize..7, any::<f64>().prop_filter("finite", |value| value.is_finite())).prop_map(
            |(micros, spelling, value)| {
                let full = Timestamp::from_micros(micros).unwrap().to_string();
                let text = match spelling {
                    0 => format!("{}Z", &full[..19]),
                    1 => full[..10].to_owned(),
                    2 => full,
                    3 => format!("{}+00:00", &full[..19]),
                    4 => full[..19].to_owned(),
                    5 => full.replace(['T', 'Z'], " ").trim_end().to_owned(),
                    _ => full.replace('Z', &"0".repeat(38)),
                };
                point(&text, value)
            },
        )
    }

    #[test]
    fn regular_points_pack_into_a_dozen_bytes_each() {
        let leaf =
            leaf((0..60).map(|second| point(&format!("2026-01-31T00:00:{second:02}Z"), f64::from(second))));

        assert_eq!(leaf.encode().len(), 1 + 8 + 9 + 59 * 12);
        assert_eq!(leaf.encoded_len(), leaf.encode().len());
    }

    #[test]
    fn the_binary_form_is_what_it_always_was() {
        let leaf = leaf([point("1970-01-01T00:00:00Z", 1.0), point("1970-01-01 00:00:01", -2.5)]);
        let mut bytes = vec![1, 0, 0, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F, 0xC0, 0x84, 0x3D, 0x93];
        bytes.extend(b"1970-01-01 00:00:01");
        bytes.extend((-2.5f64).to_le_bytes());

        assert_eq!(leaf.encode(), bytes);
        assert_eq!(Leaf::decode(&bytes), Ok(leaf));
    }

    #[test]
    fn the_worst_possible_point_takes_no_more_than_stated() {
        let text = format!("9999-12-31T23:59:59.999999{}Z", "9".repeat(37));

        assert_eq!(packed_len(None, &point(&text, 0.0)), 9 + 1 + 64 + 8);
        assert_eq!(packed_len(Some(Timestamp::MIN), &point(&text, 0.0)), 9 + 1 + 64 + 8);
    }

    #[test]
    fn the_first_value_of_an_instant_stays_whatever_its_spelling() {
        let mut leaf = leaf([point("2026-01-31T00:00:00Z", 1.0)]);

        let inserted = leaf.insert([
            point("2026-01-31", 2.0),
            point("2026-02-01T00:00:00Z", 3.0),
            point("2026-01-30T00:00:00Z", 4.0),
            point("2026-02-01T01:00:00+01:00", 5.0),
        ]);

        assert_eq!(inserted.count, 2);
        assert_eq!(inserted.oldest, Some(at("2026-01-30")));
        assert_eq!(inserted.newest, Some(point("2026-02-01T00:00:00Z", 3.0)));
        assert_eq!(
            leaf.points(),
            [
                point("2026-01-30T00:00:00Z", 4.0),
                point("2026-01-31T00:00:00Z", 1.0),
                point("2026-02-01T00:00:00Z", 3.0)
            ]
        );
    }

    #[test]
    fn neighbours_are_found_on_both_sides_of_an_instant() {
        let leaf = leaf([point("2026-01-10", 1.0), point("2026-01-20", 2.0)]);
        let value = |point: Option<&Point>| point.map(|point| point.value().to_string());

        for (text, before, after) in [
            ("2026-01-09", None, Some("1")),
            ("2026-01-10", Some("1"), Some("1")),
            ("2026-01-11", Some("1"), Some("2")),
            ("2026-01-20", Some("2"), Some("2")),
            ("2026-01-21", Some("2"), None),
        ] {
            assert_eq!(value(leaf.at_or_before(at(text))).as_deref(), before, "{text}");
            assert_eq!(value(leaf.at_or_after(at(text))).as_deref(), after, "{text}");
        }
    }

    #[test]
    fn damage_is_named() {
        let value = 1.0f64.to_le_bytes();
        let one =
            |instant: &[u8], spelling: &[u8], value: [u8; 8]| [&[1], instant, spelling, &value].concat();

        assert_eq!(Leaf::decode(&[]), Err(CorruptLeaf::Version));
        assert_eq!(Leaf::decode(&[2]), Err(CorruptLeaf::Version));
        assert_eq!(Leaf::decode(&[1]), Ok(Leaf::default()));
        assert_eq!(Leaf::decode(&one(&[0], &[0], value)[..9]), Err(CorruptLeaf::CutOff));
        assert_eq!(Leaf::decode(&one(&[0xFF; 9], &[0], value)), Err(CorruptLeaf::Order));
        assert_eq!(
            Leaf::decode(&[one(&[0], &[0], value), one(&[0], &[0], value)[1..].to_vec()].concat()),
            Err(CorruptLeaf::Order)
        );
        assert_eq!(Leaf::decode(&one(&[2], &[1], value)), Err(CorruptLeaf::Spelling));
        assert_eq!(Leaf::decode(&one(&[0], &[5], value)), Err(CorruptLeaf::Spelling));
        assert_eq!(Leaf::decode(&one(&[0], b"\x8a1970-01-02", value)), Err(CorruptLeaf::Spelling));
        assert_eq!(Leaf::decode(&one(&[0], b"\x82\xff\xff", value)), Err(CorruptLeaf::Spelling));
        assert_eq!(Leaf::decode(&one(&[0], &[0], f64::NAN.to_le_bytes())), Err(CorruptLeaf::Value));
    }

    proptest! {
        #[test]
        fn what_is_packed_unpacks_the_same(points in prop::collection::vec(any_point(), 0..60)) {
            let leaf = leaf(points);
            let bytes = leaf.encode();

            prop_assert_eq!(bytes.len(), leaf.encoded_len());
            prop_assert_eq!(Leaf::decode(&bytes), Ok(leaf));
        }

        #[test]
        fn numbers_of_any_size_survive_packing(number in any::<i64>()) {
            let mut bytes = Vec::new();
            push_varint(zig_zag(number) >> 1, &mut bytes);

            prop_assert_eq!(un_zig_zag(zig_zag(number)), number);
            prop_assert_eq!(varint_len(zig_zag(number) >> 1), bytes.len());
            prop_assert_eq!(Reader(&bytes).varint(), Ok(zig_zag(number) >> 1));
        }

        #[test]
        fn no_bytes_make_unpacking_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Leaf::decode(&bytes);
            bytes.insert(0, VERSION);
            let _ = Leaf::decode(&bytes);
        }

        #[test]
        fn damaged_bytes_unpack_to_a_sound_leaf_or_not_at_all(
            points in prop::collection::vec(any_point(), 1..20),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            end in any::<prop::sample::Index>(),
        ) {
            let mut bytes = leaf(points).encode();
            for (place, byte) in damage {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            bytes.truncate(end.index(bytes.len()).max(bytes.len() / 2));

            if let Ok(leaf) = Leaf::decode(&bytes) {
                prop_assert!(leaf.points().is_sorted_by(|a, b| a.at() < b.at()));
                for point in leaf.points() {
                    prop_assert!(point.value().is_finite());
                    prop_assert_eq!(parse_instant(&point.text()), Ok(point.at()));
                }
                prop_assert_eq!(Leaf::decode(&leaf.encode()), Ok(leaf));
            }
        }

        #[test]
        fn inserting_one_by_one_equals_inserting_at_once(points in prop::collection::vec(any_point(), 0..40)) {
            let mut one_by_one = Leaf::default();
            let count: usize = points.iter().map(|point| one_by_one.insert([point.clone()]).count).sum();

            prop_assert_eq!(count, one_by_one.len());
            prop_assert_eq!(one_by_one, leaf(points));
        }
    }
}
