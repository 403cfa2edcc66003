//! Specifications of the control plane: policies, credits, payments, reports (control-plane.md 2 to 4, 8 to 12). Cases of
//! its section 14 are named by their numbers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(
    clippy::float_cmp,
    reason = "units of capacity are multiples of a half, so floats hold them exactly"
)]
#![allow(clippy::unreadable_literal, reason = "numbers stand as they are sent")]

mod control {
    mod access;
    mod cost;
    mod credits;
    mod deaths;
    mod deliveries;
    mod limiter;
    mod policies;
    mod reports;
    mod stripe;
    mod words;
}
