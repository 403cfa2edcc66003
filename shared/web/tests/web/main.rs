//! The rules every route shares, through HTTP, on a small gateway (gateway.md 1, 4, 17).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod cors;
mod envelope;
mod headers;
mod limits;
mod log;
mod meta;
mod small_gateway;
mod validation;
