//! Specifications of notifications and of the job that makes them (gateway.md 8, 9).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
