//! What an ingest does to the leaves of a series. Pure: the caller reads leaves and writes what the plan
//! says.
//!
//! The plan is safe under concurrency if the caller makes every write of it conditional, all in one
//! transaction: a [`LeafWrite::Replace`] on the version the leaf was read with (and gives it a new one), a
//! [`LeafWrite::Create`] on the key being free. A plan that takes a stretch of time away from a leaf always
//! replaces this leaf as well, even where its points stay the same. So while the version of a leaf is what it
//! was, the leaf still covers what it covered, and of two plans over one leaf only one succeeds.

#[cfg(test)]
mod tests;

use bespin_primitives::{RawUnits, Timestamp};

use crate::{Batch, Inserted, Leaf, Point, leaf_target, split};

/// A leaf as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredLeaf<V> {
    /// The first instant it covers; the key of the next leaf is where it ends. In every leaf but the first of
    /// a series this is the instant of its first point, so the newest point at or before an instant is always
    /// in the one leaf that covers it.
    pub key: Timestamp,
    /// What a write of it has to be conditional on. Carried through, never looked at.
    pub version: V,
    /// Its points.
    pub leaf: Leaf,
}

/// One item to write.
#[derive(Debug, Clone, PartialEq)]
pub enum LeafWrite<V> {
    /// Give the leaf of this key new points, if it is still the one that was read.
    Replace {
        /// The key, unchanged.
        key: Timestamp,
        /// The version that was read.
        version: V,
        /// All its points.
        leaf: Leaf,
    },
    /// Add a leaf, if there is none of this key.
    Create {
        /// The instant of its first point, or [`Timestamp::MIN`] for the first leaf of a series.
        key: Timestamp,
        /// All its points.
        leaf: Leaf,
    },
}

/// What one call does to a series.
#[derive(Debug, Clone, PartialEq)]
pub struct IngestPlan<V> {
    given: u64,
    inserted: u64,
    newest: Option<Point>,
    writes: Vec<LeafWrite<V>>,
}

/// A point before all the leaves that were found: the first leaf of the series is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no leaf covers {at}")]
pub struct Uncovered {
    /// The instant of the point.
    pub at: Timestamp,
}

impl<V> IngestPlan<V> {
    /// How many points are new: what is metered (gateway.md 6.2).
    pub fn inserted(&self) -> RawUnits {
        self.inserted
    }

    /// How many of the given points are there already, or came twice in the call.
    pub fn ignored(&self) -> u64 {
        self.given - self.inserted
    }

    /// The newest of the new points: the head of the series, if it is newer than the head was.
    pub fn newest(&self) -> Option<&Point> {
        self.newest.as_ref()
    }

    /// What is to be written, by ascending key; nothing when no point is new.
    pub fn writes(&self) -> &[LeafWrite<V>] {
        &self.writes
    }

    /// The writes themselves.
    pub fn into_writes(self) -> Vec<LeafWrite<V>> {
        self.writes
    }
}

/// Plans the ingest of `batch` into a series.
///
/// `found` holds, in any order, each stored leaf that covers a point of the batch; leaves that cover none may
/// be among them and stay as they are. No leaves at all means that the series is empty. `series_end` is the
/// instant of the newest stored point. It only decides how leaves are cut, so a stale one costs some room and
/// nothing else.
pub fn plan<V>(
    batch: &Batch,
    found: Vec<StoredLeaf<V>>,
    series_end: Option<Timestamp>,
) -> Result<IngestPlan<V>, Uncovered> {
    let grown = grow(batch, found)?;
    let target = leaf_target(grown.iter().map(|grown| grown.leaf.encoded_len()).sum());
    let mut plan = IngestPlan { given: batch.given(), inserted: 0, newest: None, writes: Vec::new() };
    for mut grown in grown {
        plan.inserted += u64::try_from(grown.inserted.count).unwrap_or(u64::MAX);
        // Leaves come in the order of time, and each of these inserted something.
        plan.newest = grown.inserted.newest.take();
        plan.writes.extend(grown.writes(target, series_end));
    }
    Ok(plan)
}

/// A leaf with its share of the batch merged in.
struct Grown<V> {
    key: Timestamp,
    /// `None` for the first leaf of an empty series.
    version: Option<V>,
    /// How many points it had.
    kept: usize,
    /// The instant of the last point it had.
    end: Option<Timestamp>,
    leaf: Leaf,
    inserted: Inserted,
}

/// Merges each point of the batch into the leaf that covers it. Leaves that get nothing new are left out.
fn grow<V>(batch: &Batch, found: Vec<StoredLeaf<V>>) -> Result<Vec<Grown<V>>, Uncovered> {
    let mut slots: Vec<(Timestamp, Option<V>, Leaf)> =
        found.into_iter().map(|stored| (stored.key, Some(stored.version), stored.leaf)).collect();
    if slots.is_empty() {
        slots.push((Timestamp::MIN, None, Leaf::default()));
    }
    slots.sort_by_key(|(key, ..)| *key);
    let keys: Vec<Timestamp> = slots.iter().map(|(key, ..)| *key).collect();
    if let (Some(first), Some(key)) = (batch.points().first(), keys.first())
        && first.at() < *key
    {
        return Err(Uncovered { at: first.at() });
    }
    let ends = keys.into_iter().skip(1).map(Some).chain([None]);
    let grown = slots.into_iter().zip(ends).map(|((key, version, mut leaf), end_of_range)| {
        let (kept, end) = (leaf.len(), leaf.last().map(Point::at));
        let inserted = leaf.insert(batch.between(key, end_of_range).iter().cloned());
        Grown { key, version, kept, end, leaf, inserted }
    });
    Ok(grown.filter(|grown| grown.inserted.count > 0).collect())
}

impl<V> Grown<V> {
    fn writes(self, target: usize, series_end: Option<Timestamp>) -> impl Iterator<Item = LeafWrite<V>> {
        // Later than all of the leaf is not enough: a leaf in the middle can be appended to, too, and cutting
        // it as if it were the last would make a leaf of each point that comes in descending order.
        let at_the_end = self.inserted.oldest > self.end.max(series_end);
        let pieces = if at_the_end {
            split::fill(self.leaf, self.kept, target)
        } else {
            split::level(self.leaf, target)
        };
        // The left piece keeps the key, because the stretch before its first point remains its own.
        let (mut key, mut version) = (Some(self.key), self.version);
        pieces.into_iter().filter_map(move |leaf| {
            let key = key.take().or_else(|| leaf.first().map(Point::at))?;
            Some(match version.take() {
                Some(version) => LeafWrite::Replace { key, version, leaf },
                None => LeafWrite::Create { key, leaf },
            })
        })
    }
}
