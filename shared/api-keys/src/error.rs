//! Why a change of API keys was not made. Nothing was written.

use bespin_primitives::{Fault, FaultKind};
use bespin_recording::{IdempotencyConflict, ReplayError};
use bespin_table::TableError;

use crate::MAX_KEYS;

/// Why a change of API keys was not made.
#[derive(Debug, thiserror::Error)]
pub enum ApiKeyError {
    /// There is no such tenant; only the operator can ask for one.
    #[error("Tenant '{tenant_id}' not found")]
    TenantNotFound {
        /// The id that was asked for.
        tenant_id: String,
    },
    /// The tenant has no such key, or no longer.
    #[error("API key '{key_id}' not found")]
    NotFound {
        /// The id that was asked for.
        key_id: String,
    },
    /// The tenant has no such user.
    #[error("User '{user_id}' not found")]
    UserNotFound {
        /// The id that was asked for.
        user_id: String,
    },
    /// The tenant has as many good keys as it may.
    #[error("A tenant has at most {MAX_KEYS} API keys; revoke one first")]
    TooMany,
    /// Without this key the tenant would soon have none, and its admins no way back in.
    #[error("This is the only API key without an end; create another one first")]
    LastKey,
    /// The idempotency key was used with another body.
    #[error(transparent)]
    OtherBody(#[from] IdempotencyConflict),
    /// The store gave no answer.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl From<ReplayError> for ApiKeyError {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::OtherBody(error) => error.into(),
            ReplayError::Table(error) => error.into(),
        }
    }
}

impl Fault for ApiKeyError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::TenantNotFound { .. } | Self::NotFound { .. } | Self::UserNotFound { .. } => {
                FaultKind::Missing
            }
            Self::TooMany | Self::LastKey => FaultKind::Conflict,
            Self::OtherBody(error) => error.kind(),
            Self::Table(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::TenantNotFound { .. } => "tenant_not_found",
            Self::NotFound { .. } => "api_key_not_found",
            Self::UserNotFound { .. } => "user_not_found",
            Self::TooMany => "too_many_api_keys",
            Self::LastKey => "last_api_key",
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
