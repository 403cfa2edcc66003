use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use dynoxide::storage_backend::Clock;

/// Where a store reads the time: milliseconds since 1970-01-01T00:00Z.
///
/// Tests give it a function over a number they move, so that visibility timeouts, delays and expiry are
/// tested without waiting.
#[derive(Clone)]
pub struct MillisClock(Arc<dyn Fn() -> i64 + Send + Sync>);

impl MillisClock {
    /// Reads the time from `now`, which may not go backwards.
    pub fn new(now: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The machine's clock.
    pub fn system() -> Self {
        Self::new(|| {
            #[expect(
                clippy::disallowed_methods,
                reason = "the one place of this crate that asks the machine"
            )]
            let now = SystemTime::now();
            let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
            i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
        })
    }

    pub(crate) fn now(&self) -> i64 {
        (self.0)()
    }
}

impl fmt::Debug for MillisClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MillisClock").finish_non_exhaustive()
    }
}

impl Clock for MillisClock {
    fn now_unix_secs(&self) -> u64 {
        u64::try_from(self.now() / 1000).unwrap_or_default()
    }

    #[expect(clippy::cast_precision_loss, reason = "milliseconds of this age fit 53 bits")]
    fn now_unix_secs_f64(&self) -> f64 {
        self.now() as f64 / 1000.0
    }
}
