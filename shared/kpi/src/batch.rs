//! The points of one call.

use bespin_primitives::Timestamp;

use crate::Point;

/// The points of one call, in the order of time, one for an instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    points: Vec<Point>,
    given: u64,
}

impl Batch {
    /// The points of a call, in the order in which they were given: of one instant the first stays.
    pub fn of(mut points: Vec<Point>) -> Self {
        let given = u64::try_from(points.len()).unwrap_or(u64::MAX);
        // Stable, so of equal instants the one given first stands first and survives.
        points.sort_by_key(Point::at);
        points.dedup_by_key(|point| point.at());
        Self { points, given }
    }

    /// How many points were given, repeated instants included.
    pub fn given(&self) -> u64 {
        self.given
    }

    /// The distinct points, oldest first.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// The points from `start` up to `end`, which is exclusive; `None` means no end.
    pub(crate) fn between(&self, start: Timestamp, end: Option<Timestamp>) -> &[Point] {
        let position = |at| self.points.partition_point(|point| point.at() < at);
        let end = end.map_or(self.points.len(), position);
        &self.points[position(start).min(end)..end]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn of_one_instant_the_first_in_the_order_of_the_call_stays_and_all_are_counted() {
        let point = |text, value| Point::parse(text, value).unwrap();

        let batch = Batch::of(vec![
            point("2026-02-02", 1.0),
            point("2026-02-01T00:00:00Z", 2.0),
            point("2026-02-02T00:00:00Z", 3.0),
            point("2026-02-01", 4.0),
        ]);

        assert_eq!(batch.given(), 4);
        assert_eq!(batch.points(), [point("2026-02-01T00:00:00Z", 2.0), point("2026-02-02", 1.0)]);
    }
}
