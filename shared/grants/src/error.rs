//! Why something is not granted.

use bespin_primitives::{Fault, FaultKind};
use bespin_recording::IdempotencyConflict;
use bespin_table::TableError;

use crate::store::MAX_LIVE_GRANTS;

/// Why something is not granted. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// The user has as many grants that hold as it may.
    #[error("A user has at most {MAX_LIVE_GRANTS} credits that hold at the same time")]
    TooMany,
    /// The idempotency key was used with another body.
    #[error(transparent)]
    OtherBody(#[from] IdempotencyConflict),
    /// The store gave no answer.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl Fault for GrantError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::TooMany => FaultKind::Conflict,
            Self::OtherBody(error) => error.kind(),
            Self::Table(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::TooMany => "too_many_credits",
            Self::OtherBody(error) => error.code(),
            Self::Table(error) => error.code(),
        }
    }

    fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::Table(error) => error.retry_after_seconds(),
            _ => None,
        }
    }
}
