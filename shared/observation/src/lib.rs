//! What the operator sees of all tenants: rows of every kind, newest first, in bounded pages.
//!
//! This crate owns the order in which rows of many tenants are shown, and the place at which a page ends. It leaves to
//! each concept how its rows are read.
//!
//! What is always true: nothing is written; nothing is seen without a [`ConsoleAccess`](bespin_access::ConsoleAccess);
//! no row shows a secret or anything that opens one; a page asks the store a bounded number of times, whatever there is
//! (a page may therefore hold fewer rows than asked for, even none, and still lead on); no item of the table is met twice
//! or left out from page to page, however many are written meanwhile.

mod kind;
mod level;
mod observation;
mod place;
mod row;
mod walk;

pub use kind::Kind;
pub use observation::{Count, Observation, Page, Stores};
pub use place::Place;
