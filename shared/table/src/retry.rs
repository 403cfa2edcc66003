//! When a call is made again.

use std::time::Duration;

use bespin_primitives::Random;

use crate::{TableError, error::CallFailure};

/// How often and how long apart a call is repeated.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// Calls in all, the first included.
    pub attempts: u32,
    /// The longest wait before the first repetition; doubled for each further one.
    pub first_wait: Duration,
    /// The longest wait before any repetition.
    pub longest_wait: Duration,
}

impl Default for RetryPolicy {
    /// Twelve calls in at most about four seconds: well inside a Lambda's time and the ten minutes for which
    /// the store remembers a transaction's token.
    fn default() -> Self {
        Self { attempts: 12, first_wait: Duration::from_millis(10), longest_wait: Duration::from_millis(500) }
    }
}

impl RetryPolicy {
    /// The tries of one call. `random` draws the waits.
    pub(crate) fn tries(self, random: &dyn Random) -> Tries<'_> {
        Tries { policy: self, random, left: self.attempts, longest: self.first_wait }
    }
}

/// How often a call was made, and how long the next wait may be.
#[derive(Debug)]
pub(crate) struct Tries<'r> {
    policy: RetryPolicy,
    random: &'r dyn Random,
    left: u32,
    longest: Duration,
}

impl Tries<'_> {
    /// Waits before the same call is made again, or gives up: at once when its failure lasts, otherwise after the
    /// last try. Waits are drawn from the whole interval ("full jitter"), so that writers who collided once do
    /// not collide again in step.
    pub(crate) async fn again(&mut self, failure: CallFailure) -> Result<(), TableError> {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 || matches!(failure, CallFailure::Lasting(_) | CallFailure::Unreachable(_)) {
            return Err(failure.into_error());
        }
        tracing::debug!(?failure, "the store is called again");
        let micros = u64::try_from(self.longest.as_micros()).unwrap_or(u64::MAX);
        tokio::time::sleep(Duration::from_micros(self.random.below(micros))).await;
        self.longest = self.policy.longest_wait.min(self.longest * 2);
        Ok(())
    }
}
