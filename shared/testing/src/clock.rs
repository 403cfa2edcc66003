//! A clock that stands still.

use std::sync::{Arc, Mutex};

use bespin_primitives::{Clock, Timestamp};

/// A clock that shows one instant until it is set to another. Clones are the same clock.
#[derive(Debug, Clone)]
pub struct StoppedClock(Arc<Mutex<Timestamp>>);

impl StoppedClock {
    /// A clock that shows `now`.
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(now)))
    }

    /// Sets the clock.
    pub fn set(&self, now: Timestamp) {
        *self.0.lock().unwrap() = now;
    }

    /// Sets the clock forward, or back when negative.
    pub fn advance_seconds(&self, seconds: i64) {
        let mut now = self.0.lock().unwrap();
        *now = now.plus_seconds(seconds);
    }
}

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}
