//! What tests of the shared crates stand on: a clock that stands still, and the embedded store, which opens in
//! about a millisecond. Whole requests are tested in `tests/`, with its `World`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod clock;
mod store;

pub use clock::StoppedClock;
pub use store::{Store, at, credentials};
