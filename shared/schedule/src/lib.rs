//! When each tenant's daily brief is due, in the tenant's own time zone, and what became of the last one.
//!
//! This crate leaves to `jobs` how a brief is made and to the functions who asks when. A schedule is off until an admin
//! of the tenant switches it on, because a brief costs credits; what it makes is made in that admin's name.
//!
//! What is always true: a schedule never asks for a date again once one as late was dealt with, so each local day
//! has one brief, whatever the clocks of the zone do and however often the schedule is changed.

mod due;
mod schedule;
mod store;

pub use due::{DueTime, MAX_HOUR, UnknownZone};
pub use schedule::{LastBrief, Outcome, Schedule, ScheduleOrder};
pub use store::{PARTITIONS, Schedules};
