//! Why a delivery is not tried again.

use bespin_primitives::{Fault, FaultKind};
use bespin_table::TableError;

/// Why a delivery is not tried again.
#[derive(Debug, thiserror::Error)]
pub enum PaymentError {
    /// There is no such delivery, or it is another tenant's.
    #[error("Delivery '{delivery_id}' not found")]
    NotFound {
        /// The id that was asked for.
        delivery_id: String,
    },
    /// The store gave no answer.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl Fault for PaymentError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::NotFound { .. } => FaultKind::Missing,
            Self::Table(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "delivery_not_found",
            Self::Table(error) => error.code(),
        }
    }

    fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::NotFound { .. } => None,
            Self::Table(error) => error.retry_after_seconds(),
        }
    }
}
