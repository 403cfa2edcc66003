//! When a failed delivery is tried again, and for how long its endpoint is left alone meanwhile.

use bespin_primitives::{Random, Timestamp};

/// After the first failure, the second, and so on: 17 hours and 36 minutes in all.
const DELAYS_SECONDS: [u64; 7] = [5, 60, 300, 1_800, 7_200, 18_000, 36_000];

/// How often a delivery is tried before it counts as failed. A replay begins anew.
pub const MAX_ATTEMPTS: u32 = 8;

const _: () = assert!(DELAYS_SECONDS.len() + 1 == MAX_ATTEMPTS as usize);

/// The longest that an endpoint may ask us to wait.
const MAX_RETRY_AFTER_SECONDS: u64 = 86_400;

/// The longest that a queue holds a message back.
const HOP_SECONDS: u32 = 900;

/// What every other delivery waits for beyond an attempt that is under way: its ten seconds, and writing them down.
const BEHIND_PROBE_MILLIS: u64 = 15_000;

/// When a delivery that failed so many times, the last at `ended`, is tried again; `None` when it was tried often
/// enough. Up to a tenth later than planned, so that what failed together does not come back together.
pub(crate) fn next_attempt(
    failures: u32,
    retry_after_seconds: Option<u64>,
    ended: Timestamp,
    random: &dyn Random,
) -> Option<Timestamp> {
    (failures < MAX_ATTEMPTS).then(|| {
        let millis = pause_millis(failures, retry_after_seconds);
        ended.plus_millis(millis + random.below(millis / 10))
    })
}

/// Until when an endpoint is left alone that failed so many times in a row, the last at `ended`. Never longer than the
/// delivery waits that found it out, so that this one is the first to try again.
pub(crate) fn pause_until(failures: u32, retry_after_seconds: Option<u64>, ended: Timestamp) -> Timestamp {
    ended.plus_millis(pause_millis(failures, retry_after_seconds))
}

fn pause_millis(failures: u32, retry_after_seconds: Option<u64>) -> u64 {
    let last = DELAYS_SECONDS.len() - 1;
    let index = usize::try_from(failures.saturating_sub(1)).unwrap_or(last).min(last);
    let asked = retry_after_seconds.unwrap_or(0).min(MAX_RETRY_AFTER_SECONDS);
    DELAYS_SECONDS[index].max(asked) * 1_000
}

/// When a delivery is looked at again that met a paused endpoint: behind the one that probes it, even if that one is as
/// late as it may be, and not all at once.
pub(crate) fn behind_pause(now: Timestamp, paused_until: Timestamp, random: &dyn Random) -> Timestamp {
    let left = u64::try_from(paused_until.micros().saturating_sub(now.micros()) / 1_000).unwrap_or(0);
    now.plus_millis(left + left / 10 + BEHIND_PROBE_MILLIS + random.below(BEHIND_PROBE_MILLIS))
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
    #![allow(clippy::unwrap_used)]
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
        assert!((total / 3_600.0) > 17.0);
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

    proptest! {
        /// Whoever found the endpoint failing tries it again before all others, whatever was drawn.
        #[test]
        fn the_prober_comes_first(failures in 1u32..8, asked in proptest::option::of(0u64..200_000), seed: u64, late in 0u64..5_000) {
            let random = SeededRandom::new(seed);
            let prober = next_attempt(failures, asked, noon(), &random).unwrap();
            let paused_until = pause_until(failures, asked, noon());
            let other = behind_pause(noon().plus_millis(late), paused_until, &random);

            prop_assert!(paused_until <= prober);
            prop_assert!(prober.plus_millis(10_000) < other, "{} {}", prober, other);
        }
    }
}
