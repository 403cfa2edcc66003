//! How often a caller may ask: token buckets in the memory of one process.
//!
//! They shed load and slow down guessing; they are no quota. Each running Lambda counts for itself, so a
//! fleet lets through a multiple. What must hold exactly is a limit in the table.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

use bespin_primitives::Timestamp;

use crate::problem::Problem;

/// The most callers remembered at a time.
const MAX_KEYS: usize = 10_000;

const MICROS_PER_SECOND: u64 = 1_000_000;

/// Lets each key ask `burst` times at once and `per_second` times a second in the long run.
#[derive(Debug)]
pub struct RateLimiter(Buckets);

impl RateLimiter {
    /// No key has asked yet.
    pub fn new(per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        Self(Buckets::new(burst, MICROS_PER_SECOND / u64::from(per_second.get())))
    }

    /// Takes one token of `key`: 429 `rate_limited` with `Retry-After` when it has none.
    pub fn admit(&self, key: impl Hash, now: Timestamp) -> Result<(), Problem> {
        let key = self.0.hash(key);
        self.0.with(key, now, |bucket| {
            let wait = bucket.wait_micros();
            bucket.take();
            wait.map_or(Ok(()), |wait| Err(refusal(wait)))
        })
    }
}

/// Lets each key fail so many times; then it must wait, and may fail once more each time a failure has grown
/// old. Successes cost nothing. For wrong API keys and foreign user ids (gateway.md 2).
#[derive(Debug)]
pub struct FailureLimiter(Buckets);

impl FailureLimiter {
    /// Each key may fail `failures` times within `window_seconds`, evenly renewed.
    pub fn new(failures: NonZeroU32, window_seconds: NonZeroU32) -> Self {
        let window_micros = u64::from(window_seconds.get()) * MICROS_PER_SECOND;
        Self(Buckets::new(failures, window_micros / u64::from(failures.get())))
    }

    /// 429 `rate_limited` with `Retry-After` when `key` has failed too often; call it before trying.
    pub fn check(&self, key: impl Hash, now: Timestamp) -> Result<(), Problem> {
        let key = self.0.hash(key);
        self.0.with(key, now, |bucket| bucket.wait_micros().map_or(Ok(()), |wait| Err(refusal(wait))))
    }

    /// Notes that `key` has failed.
    pub fn count_failure(&self, key: impl Hash, now: Timestamp) {
        let key = self.0.hash(key);
        self.0.with(key, now, Bucket::take);
    }
}

fn refusal(wait_micros: u64) -> Problem {
    Problem::rate_limited(wait_micros.div_ceil(MICROS_PER_SECOND))
}

/// Buckets by a hash of their key, so that a key may be a secret. At most [`MAX_KEYS`]: when the younger half
/// is full it becomes the elder, and the elder, whose keys were idle all that time, is dropped.
#[derive(Debug)]
struct Buckets {
    capacity_micros: u64,
    token_micros: u64,
    hasher: RandomState,
    generations: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    younger: HashMap<u64, Stored>,
    elder: HashMap<u64, Stored>,
}

/// What a bucket holds, measured in the time it takes to fill: exact, and never a float.
#[derive(Debug, Clone, Copy)]
struct Stored {
    filled_micros: u64,
    at: Timestamp,
}

/// A bucket filled up to the present.
struct Bucket {
    filled_micros: u64,
    token_micros: u64,
}

impl Buckets {
    fn new(tokens: NonZeroU32, token_micros: u64) -> Self {
        let token_micros = token_micros.max(1);
        Self {
            capacity_micros: token_micros.saturating_mul(u64::from(tokens.get())),
            token_micros,
            hasher: RandomState::new(),
            generations: Mutex::default(),
        }
    }

    fn hash(&self, key: impl Hash) -> u64 {
        self.hasher.hash_one(key)
    }

    fn with<T>(&self, key: u64, now: Timestamp, act: impl FnOnce(&mut Bucket) -> T) -> T {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let stored = generations.find(key);
        let filled_micros = stored.map_or(self.capacity_micros, |stored| {
            // A clock set back fills nothing and blocks nobody.
            let elapsed = u64::try_from(now.micros() - stored.at.micros()).unwrap_or(0);
            stored.filled_micros.saturating_add(elapsed).min(self.capacity_micros)
        });
        let mut bucket = Bucket { filled_micros, token_micros: self.token_micros };
        let outcome = act(&mut bucket);
        generations.keep(key, Stored { filled_micros: bucket.filled_micros, at: now });
        outcome
    }
}

impl Generations {
    fn find(&self, key: u64) -> Option<Stored> {
        self.younger.get(&key).or_else(|| self.elder.get(&key)).copied()
    }

    fn keep(&mut self, key: u64, stored: Stored) {
        if self.younger.len() >= MAX_KEYS / 2 && !self.younger.contains_key(&key) {
            self.elder = std::mem::take(&mut self.younger);
        }
        self.younger.insert(key, stored);
    }
}

impl Bucket {
    /// How long until there is a token; `None` when there is one.
    fn wait_micros(&self) -> Option<u64> {
        self.token_micros.checked_sub(self.filled_micros).filter(|wait| *wait > 0)
    }

    /// Takes a token, where there is one.
    fn take(&mut self) {
        self.filled_micros = self.filled_micros.checked_sub(self.token_micros).unwrap_or(self.filled_micros);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use axum::response::IntoResponse;
    use http::header;
    use proptest::prelude::*;

    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros).unwrap()
    }

    fn number(n: u32) -> NonZeroU32 {
        NonZeroU32::new(n).unwrap()
    }

    #[test]
    fn a_burst_passes_and_then_one_for_each_part_of_a_second() {
        let limiter = RateLimiter::new(number(2), number(3));

        let passed = (0..10).filter(|_| limiter.admit("tenant", at(0)).is_ok()).count();

        assert_eq!(passed, 3);
        assert!(limiter.admit("tenant", at(499_999)).is_err());
        assert!(limiter.admit("tenant", at(500_000)).is_ok());
        assert!(limiter.admit("tenant", at(500_000)).is_err());
        assert!(limiter.admit("another tenant", at(500_000)).is_ok());
    }

    #[test]
    fn a_refusal_says_when_to_come_back() {
        let limiter = FailureLimiter::new(number(2), number(60));
        limiter.count_failure("address", at(0));
        assert!(limiter.check("address", at(0)).is_ok());
        limiter.count_failure("address", at(0));

        let refusal = limiter.check("address", at(10_000_000)).unwrap_err();

        assert_eq!(refusal.to_json(None)["detail"]["error"], "rate_limited");
        assert_eq!(refusal.into_response().headers()[header::RETRY_AFTER], "20");
        assert!(limiter.check("address", at(30_000_000)).is_ok());
    }

    #[test]
    fn a_clock_set_back_neither_fills_nor_blocks() {
        let limiter = RateLimiter::new(number(1), number(1));
        assert!(limiter.admit("tenant", at(1_000_000_000)).is_ok());

        assert!(limiter.admit("tenant", at(0)).is_err());
        assert!(limiter.admit("tenant", at(1_000_000)).is_ok());
    }

    #[test]
    fn a_flood_of_keys_does_not_grow_the_memory() {
        let limiter = RateLimiter::new(number(1), number(1));

        (0..50_000).for_each(|key: i64| limiter.admit(key, at(key)).unwrap());

        let generations = limiter.0.generations.lock().unwrap();
        assert!(generations.younger.len() + generations.elder.len() <= MAX_KEYS);
    }

    proptest! {
        #[test]
        fn no_second_lets_through_more_than_the_burst_and_the_rate(
            per_second in 1u32..50, burst in 1u32..50, gaps in prop::collection::vec(0i64..100_000, 1..200)
        ) {
            let limiter = RateLimiter::new(number(per_second), number(burst));
            let mut now = 0;
            let mut passed = 0u32;
            for gap in gaps {
                now += gap;
                passed += u32::from(limiter.admit("tenant", at(now)).is_ok());
            }
            // A token takes a whole number of microseconds, so at most one more than the quotient.
            let token_micros = 1_000_000 / i64::from(per_second);
            prop_assert!(i64::from(passed) <= i64::from(burst) + now / token_micros);
        }
    }
}
