//! Why something was not recorded.

use bespin_entitlements::EntitlementError;
use bespin_primitives::{Fault, FaultKind};
use bespin_table::{Refusals, TableError};

/// A key that was used with another body (gateway.md 4).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Idempotency key '{key}' was already used with a different request body")]
pub struct IdempotencyConflict {
    /// The client's key.
    pub key: String,
}

impl Fault for IdempotencyConflict {
    fn kind(&self) -> FaultKind {
        FaultKind::Conflict
    }

    fn code(&self) -> &'static str {
        "idempotency_conflict"
    }
}

/// Why a recording was not committed. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The key was used with another body.
    #[error(transparent)]
    OtherBody(#[from] IdempotencyConflict),
    /// A limit refused, or the entitlement is missing.
    #[error(transparent)]
    Entitlement(#[from] EntitlementError),
    /// A condition of the change itself was false; whoever made the change knows what that means.
    #[error("the object was changed by somebody else, please repeat")]
    ChangeRefused(Refusals),
    /// The store gave no answer.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl Fault for RecordError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::OtherBody(error) => error.kind(),
            Self::Entitlement(error) => error.kind(),
            Self::ChangeRefused(_) => FaultKind::Busy,
            Self::Table(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::OtherBody(error) => error.code(),
            Self::Entitlement(error) => error.code(),
            Self::ChangeRefused(_) => "contended",
            Self::Table(error) => error.code(),
        }
    }

    fn detail(&self) -> Option<serde_json::Map<String, serde_json::Value>> {
        match self {
            Self::Entitlement(error) => error.detail(),
            _ => None,
        }
    }

    fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::Entitlement(error) => error.retry_after_seconds(),
            Self::ChangeRefused(_) => Some(1),
            Self::Table(error) => error.retry_after_seconds(),
            Self::OtherBody(_) => None,
        }
    }
}
