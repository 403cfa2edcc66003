//! What the specifications are written with: a [`World`] is the whole product in memory, an [`Actor`] is somebody
//! in it who sends requests, a [`Reply`] is what came back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod actor;
mod contract;
mod reply;
mod request;
mod world;

pub use actor::Actor;
pub use bespin_table::Cost;
pub use reply::Reply;
pub use request::Request;
pub use world::{CONSOLE_KEY, STRIPE_SECRET, World, noon};

/// The present of a request that says nothing else: a Tuesday in the middle of a month.
pub const NOON: &str = "2026-02-10T12:00:00Z";
