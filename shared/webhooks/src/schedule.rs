//! When a failed delivery is tried again, and for how long its endpoint is left alone.

use bespin_primitives::{Random, Timestamp};

/// After the first failure, the second, and so on.
const DELAYS_SECONDS: [u64; 7] = [5, 60, 300, 1_800, 7_200, 18_000, 36_000];

/// How often a delivery is tried before it counts as failed. A replay begins anew.
pub const MAX_ATTEMPTS: u32 = 8;

const _: () = assert!(DELAYS_SECONDS.len() + 1 == MAX_ATTEMPTS as usize);

/// How long a delivery is tried, from its first failure to its last attempt.
pub(crate) const TRIED_FOR_SECONDS: i64 = 63_365;

/// For how long an endpoint is left alone that failed once, twice, and so on in a row. No longer than a hop of the queue:
/// one attempt a quarter of an hour holds nobody up, and what was sent meanwhile comes soon after the endpoint works again,
/// or after the one delivery that it does not take.
const PAUSES_SECONDS: [u64; 4] = [5, 60, 300, 900];

/// The longest that an endpoint may ask us to wait.
const MAX_RETRY_AFTER_SECONDS: u64 = 86_400;

/// The longest that a queue holds a message back.
const HOP_SECONDS: u32 = 900;

/// What waited for the same thing comes back spread over so long: what was not tried yet, and then what was.
const SPREAD_MILLIS: u64 = 8_000;

/// When a delivery that failed so many times, the last at `ended`, is tried again; `None` when it was tried often
/// enough. Up to a tenth later than planned, so that what failed together does not come back together.
pub(crate) fn next_attempt(
    failures: u32,
    retry_after_seconds: Option<u64>,
    ended: Timestamp,
    random: &dyn Random,
) -> Option<Timestamp> {
    let millis = millis(&DELAYS_SECONDS, failures, retry_after_seconds);
    (failures < MAX_ATTEMPTS).then(|| ended.plus_millis(millis + random.below(millis / 10)))
}

/// Until when an endpoint is left alone that failed so many times in a row, the last at `ended`.
pub(crate) fn pause_until(failures: u32, retry_after_seconds: Option<u64>, ended: Timestamp) -> Timestamp {
    ended.plus_millis(millis(&PAUSES_SECONDS, failures, retry_after_seconds))
}

/// What is due after so many failures, later where the endpoint asked for it.
fn millis(seconds: &[u64], failures: u32, retry_after_seconds: Option<u64>) -> u64 {
    let last = seconds.len() - 1;
    let index = usize::try_from(failures.saturating_sub(1)).unwrap_or(last).min(last);
    let asked = retry_after_seconds.unwrap_or(0).min(MAX_RETRY_AFTER_SECONDS);
    seconds[index].max(asked) * 1_000
}

/// When a delivery is looked at again that had to wait until an instant, not at once with all the others. Those that were
/// not tried yet come first: one that is never taken must not keep them waiting by failing again and again.
pub(crate) fn behind(until: Timestamp, was_tried: bool, random: &dyn Random) -> Timestamp {
    let later = if was_tried { SPREAD_MILLIS } else { 0 };
    until.plus_millis(later + random.below(SPREAD_MILLIS))
}

/// How long the queue holds a message for something that is due at `due_at`: all the time, or a hop of a quarter of an
/// hour, after which it is asked again.
pub(crate) fn hop_seconds(now: Timestamp, due_at: Timestamp) -> u32 {
    let left = due_at.micros().saturating_sub(now.micros());
    let seconds = left.max(0).saturating_add(999_999) / 1_000_000;
    u32::try_from(seconds).unwrap_or(HOP_SECONDS).min(HOP_SECONDS)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use bespin_primitives::SeededRandom;
    use proptest::prelude::*;

    use super::*;

    fn noon() -> Timestamp {
        Timestamp::parse_rfc3339("2026-02-10T12:00:00Z").unwrap()
    }

    fn seconds_after(from: Timestamp, to: Timestamp) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "days in microseconds are far below 2^53")]
        let micros = (to.micros() - from.micros()) as f64;
        micros / 1e6
    }

    #[test]
    fn delays_grow_over_hours_and_end_after_eight_attempts() {
        let random = SeededRandom::new(1);
        let mut total = 0.0;
        for (failures, planned) in (1..).zip([5.0, 60.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0]) {
            let waits = seconds_after(noon(), next_attempt(failures, None, noon(), &random).unwrap());
            assert!((planned..planned * 1.1).contains(&waits), "{failures}: {waits}");
            total += planned;
        }
        assert_eq!(total, f64::from(u32::try_from(TRIED_FOR_SECONDS).unwrap()));
        assert_eq!(next_attempt(8, None, noon(), &random), None);
    }

    #[test]
    fn an_endpoint_may_ask_for_more_time_and_not_for_more_than_a_day() {
        let random = SeededRandom::new(1);
        let waits = |failures, asked| {
            seconds_after(noon(), next_attempt(failures, Some(asked), noon(), &random).unwrap())
        };
        assert!((120.0..132.0).contains(&waits(1, 120)));
        assert!((300.0..330.0).contains(&waits(3, 120)), "less than planned changes nothing");
        assert!((86_400.0..95_040.0).contains(&waits(1, u64::MAX)));
    }

    #[test]
    fn ten_hours_are_hops_of_a_quarter_of_an_hour() {
        let due_at = noon().plus_seconds(36_000);
        let (mut now, mut hops) = (noon(), 0);
        while now < due_at {
            now = now.plus_seconds(hop_seconds(now, due_at).into());
            hops += 1;
        }
        assert_eq!((hops, now), (40, due_at));
        assert_eq!(hop_seconds(noon(), noon().plus_millis(1)), 1, "never early");
        assert_eq!(hop_seconds(due_at, noon()), 0);
    }

    #[test]
    fn an_endpoint_is_left_alone_for_a_quarter_of_an_hour_at_most_unless_it_asks_for_more() {
        let pauses = |failures, asked| seconds_after(noon(), pause_until(failures, asked, noon()));
        let planned: Vec<f64> = (1..=6).map(|failures| pauses(failures, None)).collect();

        assert_eq!(planned, [5.0, 60.0, 300.0, 900.0, 900.0, 900.0]);
        assert_eq!((pauses(1, Some(3_600)), pauses(4, Some(3_600))), (3_600.0, 3_600.0));
        assert_eq!(pauses(u32::MAX, Some(u64::MAX)), 86_400.0);
    }

    proptest! {
        /// However much waited for the same instant, it comes back spread, never early, and new ones first.
        #[test]
        fn what_was_not_tried_yet_comes_before_what_was(seed: u64) {
            let random = SeededRandom::new(seed);
            let (fresh, tried) = (behind(noon(), false, &random), behind(noon(), true, &random));
            prop_assert!(noon() <= fresh && fresh < tried && tried < noon().plus_seconds(16));
        }
    }
}
