#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;

use bespin_primitives::{Random, SeededRandom};
use proptest::prelude::*;

use super::*;
use crate::{MAX_LEAF_BYTES, MIN_TARGET_BYTES};

/// A store of one series in memory: what the plan expects of the real one, and nothing else.
#[derive(Debug, Clone, Default)]
struct Series {
    leaves: BTreeMap<Timestamp, (u64, Vec<u8>)>,
}

impl Series {
    fn read(&self, key: Timestamp) -> StoredLeaf<u64> {
        let (version, bytes) = &self.leaves[&key];
        StoredLeaf { key, version: *version, leaf: Leaf::decode(bytes).unwrap() }
    }

    fn leaves(&self) -> Vec<StoredLeaf<u64>> {
        self.leaves.keys().map(|key| self.read(*key)).collect()
    }

    fn end(&self) -> Option<Timestamp> {
        let (key, _) = self.leaves.last_key_value()?;
        self.read(*key).leaf.last().map(Point::at)
    }

    fn plan(&self, points: Vec<Point>) -> IngestPlan<u64> {
        let batch = Batch::of(points);
        let mut keys: Vec<Timestamp> = batch
            .points()
            .iter()
            .filter_map(|point| self.leaves.range(..=point.at()).next_back().map(|(key, _)| *key))
            .collect();
        keys.dedup();
        plan(&batch, keys.into_iter().map(|key| self.read(key)).collect(), self.end()).unwrap()
    }

    /// All or nothing, and whether it was all.
    fn write(&mut self, plan: IngestPlan<u64>) -> bool {
        let holds = plan.writes().iter().all(|write| match write {
            LeafWrite::Replace { key, version, .. } => {
                self.leaves.get(key).is_some_and(|stored| stored.0 == *version)
            }
            LeafWrite::Create { key, .. } => !self.leaves.contains_key(key),
        });
        for write in plan.into_writes().into_iter().filter(|_| holds) {
            match write {
                LeafWrite::Replace { key, version, leaf } => {
                    self.leaves.insert(key, (version + 1, leaf.encode()))
                }
                LeafWrite::Create { key, leaf } => self.leaves.insert(key, (1, leaf.encode())),
            };
        }
        holds
    }

    fn ingest(&mut self, points: Vec<Point>) -> (u64, u64) {
        let plan = self.plan(points);
        let counts = (plan.inserted(), plan.ignored());
        assert!(self.write(plan));
        counts
    }

    fn points(&self) -> Vec<Point> {
        self.leaves().iter().flat_map(|stored| stored.leaf.points()).cloned().collect()
    }

    fn assert_sound(&self) {
        let leaves = self.leaves();
        assert_eq!(leaves.first().map(|stored| stored.key), (!leaves.is_empty()).then_some(Timestamp::MIN));
        for stored in &leaves {
            assert!(!stored.leaf.is_empty());
            assert!(stored.key <= stored.leaf.first().unwrap().at());
            assert!(stored.leaf.encoded_len() <= MAX_LEAF_BYTES);
        }
        for pair in leaves.windows(2) {
            assert!(pair[0].leaf.last().unwrap().at() < pair[1].key);
            assert_eq!(pair[1].key, pair[1].leaf.first().unwrap().at());
            assert!(
                pair[0].leaf.encoded_len() >= MIN_TARGET_BYTES / 2,
                "only the last leaf may be nearly empty"
            );
        }
        assert!(self.points().is_sorted_by(|a, b| a.at() < b.at()));
    }

    /// How full the leaves are on average, the last one aside, in percent of the smallest target.
    fn fill_percent(&self) -> usize {
        let leaves = self.leaves();
        let (_, full) = leaves.split_last().unwrap();
        let bytes: usize = full.iter().map(|stored| stored.leaf.encoded_len()).sum();
        bytes * 100 / (full.len() * MIN_TARGET_BYTES)
    }
}

/// A point so many seconds after midnight of 1 January 2026.
fn second(second: u32) -> Point {
    spelled(second, 0, f64::from(second))
}

/// A point in one of several spellings, the last as long as a time can be, so that leaves fill up soon.
fn spelled(second: u32, spelling: u8, value: f64) -> Point {
    let at = Timestamp::parse_rfc3339("2026-01-01T00:00:00Z").unwrap().plus_seconds(i64::from(second));
    let full = at.to_string();
    let text = match spelling {
        0 => format!("{}Z", &full[..19]),
        1 => full,
        2 => format!("{}+05:00", &at.plus_seconds(5 * 3600).to_string()[..19]),
        _ => full.replace('Z', &"0".repeat(38)),
    };
    Point::parse(&text, value).unwrap()
}

/// Some points of a call: a stretch of regular ones, up or down.
fn a_run() -> impl Strategy<Value = Vec<Point>> {
    (0u32..20_000, 1u32..60, 1u32..300, 0u8..4, any::<bool>(), -1e6..1e6f64).prop_map(
        |(start, step, count, spelling, descending, value)| {
            let mut run: Vec<Point> =
                (0..count).map(|i| spelled(start + i * step, spelling, value + f64::from(i))).collect();
            if descending {
                run.reverse();
            }
            run
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn packed_points_equal_a_plain_map_in_which_the_first_value_stays(
        calls in prop::collection::vec(prop::collection::vec(a_run(), 1..4), 1..10)
    ) {
        let mut series = Series::default();
        let mut expected: BTreeMap<Timestamp, Point> = BTreeMap::new();
        for call in calls {
            let points = call.concat();
            let given = points.len() as u64;
            let before = expected.len() as u64;
            let newest = points.iter().map(Point::at).filter(|at| !expected.contains_key(at)).max();
            for point in &points {
                expected.entry(point.at()).or_insert_with(|| point.clone());
            }

            let plan = series.plan(points);

            prop_assert_eq!(plan.inserted(), expected.len() as u64 - before);
            prop_assert_eq!(plan.inserted() + plan.ignored(), given);
            prop_assert_eq!(plan.newest().map(Point::at), newest);
            prop_assert!(series.write(plan));
            series.assert_sound();
        }
        prop_assert_eq!(series.points(), expected.into_values().collect::<Vec<_>>());
    }

    #[test]
    fn single_points_in_any_order_never_leave_tiny_leaves_behind(
        seconds in prop::collection::vec(0u32..5_000, 1..150)
    ) {
        let mut series = Series::default();
        for second in &seconds {
            series.ingest(vec![spelled(*second, 3, 1.0)]);
        }
        series.assert_sound();
    }

    #[test]
    fn giving_the_same_call_again_writes_nothing(call in a_run()) {
        let mut series = Series::default();
        series.ingest(call.clone());

        let again = series.plan(call.clone());

        prop_assert_eq!((again.inserted(), again.ignored()), (0, call.len() as u64));
        prop_assert_eq!(again.newest(), None);
        prop_assert!(again.writes().is_empty());
    }

    #[test]
    fn of_two_plans_over_one_leaf_only_one_succeeds(
        stored in 0u32..700,
        one in prop::collection::vec(0u32..1_000, 1..400),
        other in prop::collection::vec(0u32..1_000, 1..400),
    ) {
        let mut series = Series::default();
        series.ingest((0..stored).map(second).collect());
        let one: Vec<Point> = one.into_iter().map(second).collect();
        let other: Vec<Point> = other.into_iter().map(second).collect();
        let (first, late) = (series.plan(one), series.plan(other.clone()));
        let keys = |plan: &IngestPlan<u64>| -> Vec<Timestamp> {
            let known = |write: &LeafWrite<u64>| match write {
                LeafWrite::Replace { key, .. } | LeafWrite::Create { key, .. } => Some(*key)
                    .filter(|key| *key == Timestamp::MIN || series.leaves.contains_key(key)),
            };
            plan.writes().iter().filter_map(known).collect()
        };
        let share_a_leaf = keys(&first).iter().any(|key| keys(&late).contains(key));

        prop_assert!(series.write(first));
        prop_assert_eq!(series.write(late), !share_a_leaf);
        series.ingest(other);
        series.assert_sound();
    }
}

#[test]
fn a_call_counts_what_is_new_and_what_is_not() {
    let mut series = Series::default();

    assert_eq!(series.ingest(vec![second(10), second(20), second(10)]), (2, 1));
    assert_eq!(series.ingest(vec![second(20), spelled(10, 2, 7.0)]), (0, 2));
    assert_eq!(series.ingest(vec![second(30), second(20), second(5)]), (2, 1));
    assert_eq!(series.points(), [second(5), second(10), second(20), second(30)]);
}

#[test]
fn nothing_given_plans_nothing() {
    let plan = Series::default().plan(Vec::new());

    assert_eq!((plan.inserted(), plan.ignored(), plan.newest(), plan.writes().len()), (0, 0, None, 0));
}

#[test]
fn a_point_before_all_leaves_that_were_found_is_an_error_and_not_a_misplaced_point() {
    let found = StoredLeaf { key: second(10).at(), version: 1, leaf: Leaf::default() };

    let refused = plan(&Batch::of(vec![second(9), second(11)]), vec![found], None);

    assert_eq!(refused.unwrap_err(), Uncovered { at: second(9).at() });
}

#[test]
fn leaves_that_get_nothing_are_not_written() {
    let mut series = Series::default();
    series.ingest((0..1_000).map(second).collect());
    let batch = Batch::of(vec![second(2_000)]);

    let plan = plan(&batch, series.leaves(), series.end()).unwrap();

    assert!(series.leaves.len() > 2);
    assert_eq!(plan.writes().len(), 1);
}

#[test]
fn the_leaf_that_gives_a_stretch_of_time_away_is_written_too() {
    let mut series = Series::default();
    series.ingest((0..340).map(second).collect());

    let plan = series.plan(vec![second(340)]);

    let [LeafWrite::Replace { key: left, leaf: full, .. }, LeafWrite::Create { key: right, leaf }] =
        plan.writes()
    else {
        panic!("a replaced leaf and a new one, not {:?}", plan.writes());
    };
    assert_eq!((*left, full.len()), (Timestamp::MIN, 340));
    assert_eq!((*right, leaf.points()), (second(340).at(), [second(340)].as_slice()));
}

#[test]
fn points_that_come_at_the_end_fill_leaves_over_ninety_percent() {
    for per_call in [1, 7] {
        let mut series = Series::default();
        for start in (0..5_000).step_by(per_call as usize) {
            series.ingest((start..start + per_call).map(second).collect());
        }
        series.assert_sound();
        assert!(series.fill_percent() > 90, "{} %", series.fill_percent());
    }
}

#[test]
fn points_that_come_in_descending_order_one_by_one_fill_leaves_over_a_quarter() {
    let mut series = Series::default();
    for start in (0..5_000).rev() {
        series.ingest(vec![second(start)]);
    }

    series.assert_sound();
    assert!(series.fill_percent() > 25, "{} %", series.fill_percent());
}

#[test]
fn points_that_come_in_descending_order_into_a_gap_fill_leaves_over_a_quarter() {
    let mut series = Series::default();
    series.ingest((0..340).map(second).collect());
    series.ingest(vec![second(100_000)]);
    for start in (1_000..4_000).rev() {
        series.ingest(vec![second(start)]);
    }

    series.assert_sound();
    assert!(series.fill_percent() > 25, "{} %", series.fill_percent());
}

#[test]
fn points_that_come_in_random_order_one_by_one_fill_leaves_over_a_quarter() {
    let random = SeededRandom::new(20_260_101);
    let mut series = Series::default();
    for _ in 0..5_000 {
        series.ingest(vec![second(u32::try_from(random.below(1_000_000)).unwrap())]);
    }

    series.assert_sound();
    assert!(series.fill_percent() > 25, "{} %", series.fill_percent());
}

#[test]
fn a_point_a_second_for_a_day_and_more_makes_few_leaves_of_bounded_size() {
    let mut series = Series::default();

    let plan = series.plan((0..100_000).map(second).collect());

    assert!(plan.writes().len() <= 41, "{} writes", plan.writes().len());
    assert!(series.write(plan));
    series.assert_sound();
    assert!(series.leaves.values().all(|(_, bytes)| bytes.len() < 100_000));
    assert_eq!(series.ingest((99_999..100_001).map(second).collect()), (1, 1));
    series.assert_sound();
}

#[test]
fn a_thousand_points_a_call_touch_a_handful_of_leaves_each_time() {
    let mut series = Series::default();
    for start in (0..20_000).step_by(1_000) {
        let plan = series.plan((start..start + 1_000).map(second).collect());

        assert!(plan.writes().len() <= 5, "{} writes", plan.writes().len());
        assert!(series.write(plan));
    }
    series.assert_sound();
}

#[test]
fn a_point_for_each_of_many_large_leaves_does_not_burst_them() {
    let mut series = Series::default();
    series.ingest((0..150_000).map(|i| second(2 * i)).collect());
    let leaves = series.leaves.len();

    let plan = series.plan((0..150).map(|i| second(2_000 * i + 1)).collect());

    assert_eq!(plan.inserted(), 150);
    assert!(plan.writes().len() <= leaves + 1, "{} writes for {leaves} leaves", plan.writes().len());
    assert!(series.write(plan));
    series.assert_sound();
}
