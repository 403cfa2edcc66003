//! What runs over several concepts: the daily-brief job, which makes the brief of a date if there is none and notifies
//! the tenant's users (gateway.md 9).
//!
//! This crate owns the order of the steps. It leaves to `briefs` what a brief says and to `notifications` who hears of
//! it. The endpoint and whatever else runs the job (a scheduler, a queue) use the same code.
//!
//! What is always true: the transaction that makes the brief begins the run, so no brief is made whose run is lost; a
//! run is done once for its key, whoever drives it and however often it dies.

mod daily_brief;
mod draft;
mod error;
mod message;
mod notice;

pub use daily_brief::{DailyBrief, INLINE_STEPS, JobOrder, Progress};
pub use draft::NewBrief;
pub use error::JobError;
pub use message::{BriefMessage, BriefRun, DueBrief};
