//! KPI definitions and their points.
//!
//! This crate owns what a KPI is, what its points are, how they lie packed in leaves, and how much a KPI
//! moved. It leaves to `briefs` the ranking of many KPIs against each other, and to `tools` and
//! `conversations` how one KPI is asked for.
//!
//! What is always true of the data:
//!
//! - A point is an instant, the text that named it, and a finite value. Two spellings of one instant are one
//!   point, and the first value given for an instant is the one that stays (gateway.md 6.2, 6.3).
//! - The series of a KPI is a sequence of [`Leaf`]s. The first has the key [`Timestamp::MIN`]; a leaf with
//!   the key `K` covers the instants from `K` up to the key of the next. So one descending read of one item
//!   finds any point, however long the history.
//! - No leaf is larger than [`MAX_LEAF_BYTES`], and every leaf but the last is at least half of
//!   [`MIN_TARGET_BYTES`] full, in whatever order the points came. [`plan`] sees to both.
//!
//! [`Timestamp::MIN`]: bespin_primitives::Timestamp::MIN

mod batch;
mod change;
mod definition;
mod error;
mod instant;
mod journal;
mod leaf;
mod point;
mod rows;
mod series;
mod spelling;
mod split;
mod store;
mod writes;

pub use batch::Batch;
pub use change::{Change, window_start};
pub use definition::Kpi;
pub use error::KpiError;
pub use instant::{InstantError, parse_instant};
pub use leaf::{CorruptLeaf, Inserted, Leaf};
pub use point::{Point, PointError, PointTime};
pub use rows::SeriesHead;
pub use series::{IngestPlan, LeafWrite, StoredLeaf, Uncovered, plan};
pub use split::{MAX_LEAF_BYTES, MAX_TARGET_BYTES, MIN_TARGET_BYTES, leaf_target};
pub use store::{KpiListing, Kpis};
pub use writes::Written;
