//! Builders, a clock that stands still, and the embedded store
