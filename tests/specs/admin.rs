//! What the operator of the platform may see and change, and how the admin API hides from everybody else
//! (gateway.md 13).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::unreadable_literal, reason = "numbers stand as they are sent")]

mod admin {
    mod audit;
    mod events;
    mod hidden;
    mod plans;
    mod subscriptions;
    mod tenants;
}
