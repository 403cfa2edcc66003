//! Why a KPI cannot be told of.

use bespin_primitives::{Fault, FaultKind};
use bespin_table::TableError;

/// Why a KPI cannot be told of, in the contract's words (gateway.md 6).
#[derive(Debug, thiserror::Error)]
pub enum KpiError {
    /// No such KPI in this tenant.
    #[error("KPI '{kpi_id}' not found")]
    NotFound {
        /// The id as asked for.
        kpi_id: String,
    },
    /// It has no points yet.
    #[error("No data points found for KPI '{kpi_id}'")]
    NoPoints {
        /// The id as asked for.
        kpi_id: String,
    },
    /// The store gave no answer.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl Fault for KpiError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::NotFound { .. } | Self::NoPoints { .. } => FaultKind::Missing,
            Self::Table(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "kpi_not_found",
            Self::NoPoints { .. } => "no_data_points",
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
