//! Specifications of notifications and of the job that makes them (gateway.md 8, 9).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(
    clippy::float_cmp,
    reason = "units of capacity are multiples of a half, so floats hold them exactly"
)]

#[path = "notifications/acknowledge.rs"]
mod acknowledge;
#[path = "notifications/background.rs"]
mod background;
#[path = "notifications/cost.rs"]
mod cost;
#[path = "notifications/deaths.rs"]
mod deaths;
#[path = "notifications/job.rs"]
mod job;
#[path = "notifications/large.rs"]
mod large;
#[path = "notifications/mornings.rs"]
mod mornings;
#[path = "notifications/outbox.rs"]
mod outbox;
#[path = "notifications/prefs.rs"]
mod prefs;
#[path = "notifications/quota.rs"]
mod quota;
#[path = "notifications/races.rs"]
mod races;
#[path = "notifications/schedule.rs"]
mod schedule;
#[path = "notifications/webhooks.rs"]
mod webhooks;
#[path = "notifications/words.rs"]
mod words;
