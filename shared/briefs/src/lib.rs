//! The daily brief: what moved, by how much, and what needs attention.
//!
//! This crate owns what a brief says and how its KPIs are ranked. It leaves to `kpi` what a change is and
//! which points there are, and to `notifications` who hears of the brief.
//!
//! What is always true: a tenant has at most one brief for a date, and it is never changed (gateway.md 7.1).
//! What a brief says depends on its order and the movements alone, not on the sequence in which they were
//! read: KPIs of equal rank stand by name, then by id.

mod content;
mod order;
mod ranking;
mod store;

pub use content::{Alert, AlertReason, Brief, Content, Highlight, Severity, Summary};
pub use order::BriefOrder;
pub use ranking::{ALERT_AT_PERCENT, Movement, content};
pub use store::{Briefs, StoredBrief};
