//! What the work of one request costs, counted from what the store itself reports.

use std::cell::RefCell;
use std::future::Future;

/// Everything one piece of work asked of the store.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Cost {
    /// Calls sent to the store, retries included.
    pub round_trips: u32,
    /// Read capacity units the store reported (multiples of 0.5).
    pub read_units: f64,
    /// Write capacity units the store reported. A cancelled transaction reports none.
    pub write_units: f64,
    /// Items the store returned.
    pub items_read: u64,
    /// Transactions the store cancelled: they wrote nothing, yet the service bills the attempt.
    pub cancelled: u32,
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, more: Self) {
        self.round_trips += more.round_trips;
        self.read_units += more.read_units;
        self.write_units += more.write_units;
        self.items_read += more.items_read;
        self.cancelled += more.cancelled;
    }
}

tokio::task_local! {
    static COUNTED: RefCell<Cost>;
}

/// Runs `work` and tells what it cost. Work handed to another task is not seen: a request does its reads
/// and writes in its own task.
pub async fn counted<F: Future>(work: F) -> (F::Output, Cost) {
    COUNTED
        .scope(RefCell::new(Cost::default()), async {
            let output = work.await;
            (output, COUNTED.with(|cost| *cost.borrow()))
        })
        .await
}

/// Adds to what the running work costs; nothing where nobody counts.
pub(crate) fn add(more: Cost) {
    let _ = COUNTED.try_with(|cost| *cost.borrow_mut() += more);
}
