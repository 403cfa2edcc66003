//! Who may do what, and how the gateway answers whom it does not let in (gateway.md 1, 2, 3, 4, 16, 17).
//!
//! `routes` holds the one list of all routes. What is true of every route is tried on every route of that list; a
//! new route is a new line in it, and a test fails until it is there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod access {
    mod anything;
    mod api_keys;
    mod authentication;
    mod control_routes;
    mod cors;
    mod document;
    mod envelope;
    mod optional_keys;
    mod order_of_checks;
    mod outages;
    mod rate_limits;
    mod roles;
    mod routes;
    mod sign_up;
    mod subscriptions;
    mod users;
    mod validation;
    mod walls;
    mod warm_callers;
}
