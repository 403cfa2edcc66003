//! Why a policy is not set.

use bespin_primitives::{Fault, FaultKind};
use bespin_table::TableError;

use crate::store::{MAX_POLICIES, MAX_PROVIDERS};

/// Why a policy is not set. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The project has as many of this kind as it may, those that do not hold any more included.
    #[error("A project has at most {MAX_POLICIES} {kind} policies")]
    TooMany {
        /// `quota` or `budget`.
        kind: &'static str,
    },
    /// The bundle has budgets for as many providers as it may.
    #[error("A bundle has budgets for at most {MAX_PROVIDERS} providers")]
    TooManyProviders,
    /// The store gave no answer.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl Fault for PolicyError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::TooMany { .. } | Self::TooManyProviders => FaultKind::Conflict,
            Self::Table(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::TooMany { .. } => "too_many_policies",
            Self::TooManyProviders => "too_many_providers",
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
