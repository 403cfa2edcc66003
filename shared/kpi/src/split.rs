//! How large leaves grow, and where one that grew too large is cut.
//!
//! Two ways of cutting, because points come in two ways. A series that only grows at its end never touches a
//! leaf again once it is behind, so the left piece is filled to the brim: cutting in halves would leave
//! every leaf half empty for ever. Anywhere else points may still come on either side, so the pieces
//! are made even: filling the left one there would leave a piece of a point or two on the right, and the next
//! point before it another such piece, down to one item for each point.

use crate::Leaf;
use crate::leaf::{HEADER_BYTES, packed_len};

/// No encoded leaf is larger, whatever happens: below the bound of 100 KB for an item, with room for the
/// item's keys and other attributes.
pub const MAX_LEAF_BYTES: usize = 96 * 1024;
/// What a leaf is filled to, unless a call touches very much: four write units, one read unit.
pub const MIN_TARGET_BYTES: usize = 4 * 1024;
/// What a leaf is filled to at most.
pub const MAX_TARGET_BYTES: usize = 64 * 1024;
/// Up to how many leaves the bytes of one call are spread: well inside one transaction of 100 items.
const LEAVES_PER_CALL: usize = 40;

/// How large leaves should become in a call that touches so many encoded bytes: its own points and those of
/// the leaves they fall into.
///
/// What a call touches it has to write again anyway, so the size of leaves costs nothing here; their number
/// does. It stays at about 40, beyond one for each leaf that was touched, while a call touches less than
/// 2.6 MB. The touched leaves count, too: otherwise a handful of points that fall into many large leaves
/// would burst all of them into small ones at once.
pub fn leaf_target(touched_bytes: usize) -> usize {
    (touched_bytes / LEAVES_PER_CALL).clamp(MIN_TARGET_BYTES, MAX_TARGET_BYTES)
}

/// Cuts a leaf that grew at the end of its series, once it is larger than `target`: left pieces full, the
/// rest right. The first `kept` points, which were there before, stay together: a leaf made by a large call
/// may be larger than the target of this one and is better left alone.
pub(crate) fn fill(leaf: Leaf, kept: usize, target: usize) -> Vec<Leaf> {
    let mut starts = Vec::new();
    let mut bytes = HEADER_BYTES;
    for (index, (len, point)) in leaf.packed_lens().zip(leaf.points()).enumerate() {
        bytes += len;
        if index > 0 && index >= kept && bytes > target {
            starts.push(index);
            bytes = HEADER_BYTES + packed_len(None, point);
        }
    }
    leaf.cut(&starts)
}

/// Cuts a leaf that grew elsewhere, once it is larger than twice `target`, into even pieces of at most about
/// `target`. Twice, so that no piece is smaller than about two thirds of the target, and each can take many
/// more points before it is cut again.
pub(crate) fn level(leaf: Leaf, target: usize) -> Vec<Leaf> {
    let bytes = leaf.encoded_len();
    if bytes <= (2 * target).min(MAX_LEAF_BYTES) {
        return vec![leaf];
    }
    let share = bytes.div_ceil(bytes.div_ceil(target));
    let mut starts = Vec::new();
    let mut before = 0;
    for (index, len) in leaf.packed_lens().enumerate() {
        // Measured from the first point, not from the last cut, so that no remainder piles up at the end.
        if index > 0 && before >= share * (starts.len() + 1) {
            starts.push(index);
        }
        before += len;
    }
    leaf.cut(&starts)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use bespin_primitives::Timestamp;

    use super::*;
    use crate::Point;

    /// So many points, a second apart: 12 bytes each, and 18 for the first with the version.
    fn a_leaf_of(points: i64) -> Leaf {
        let mut leaf = Leaf::default();
        leaf.insert((0..points).map(|second| {
            let at = Timestamp::from_micros((1_800_000_000 + second) * 1_000_000).unwrap();
            Point::parse(&format!("{}Z", &at.to_string()[..19]), 1.0).unwrap()
        }));
        leaf
    }

    fn lens(pieces: &[Leaf]) -> Vec<usize> {
        pieces.iter().map(Leaf::len).collect()
    }

    #[test]
    fn leaves_are_small_unless_a_call_touches_much() {
        assert_eq!(leaf_target(0), 4096);
        assert_eq!(leaf_target(40 * 4096 + 39), 4096);
        assert_eq!(leaf_target(400_000), 10_000);
        assert_eq!(leaf_target(usize::MAX), 65_536);
    }

    #[test]
    fn at_the_end_of_a_series_left_pieces_are_full_and_the_rest_stands_right() {
        // 340 points take 18 + 339 * 12 = 4,086 bytes; one more is too many.
        assert_eq!(lens(&fill(a_leaf_of(340), 0, 4096)), [340]);
        assert_eq!(lens(&fill(a_leaf_of(341), 0, 4096)), [340, 1]);
        assert_eq!(lens(&fill(a_leaf_of(1000), 340, 4096)), [340, 340, 320]);
    }

    #[test]
    fn a_leaf_that_was_larger_before_is_not_cut_by_what_is_appended() {
        assert_eq!(lens(&fill(a_leaf_of(5001), 5000, 4096)), [5000, 1]);
    }

    #[test]
    fn elsewhere_a_leaf_grows_to_twice_the_target_and_is_then_cut_evenly() {
        assert_eq!(lens(&level(a_leaf_of(682), 4096)), [682]);
        assert_eq!(lens(&level(a_leaf_of(683), 4096)), [228, 228, 227]);
    }

    #[test]
    fn no_leaf_outgrows_the_largest_size_whatever_the_target() {
        let pieces = level(a_leaf_of(8200), MAX_TARGET_BYTES);

        assert_eq!(lens(&pieces), [4100, 4100]);
        assert!(pieces.iter().all(|piece| piece.encoded_len() <= MAX_LEAF_BYTES));
    }
}
