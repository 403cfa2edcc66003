//! Why someone is not let in.

use bespin_primitives::{Fault, FaultKind};
use bespin_table::TableError;

use crate::{Action, Role};

/// Why a caller is refused, in the contract's words (gateway.md 2).
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// No such tenant, or not its key: one answer for both, so that neither can be found out.
    #[error("Invalid tenant ID or API key")]
    InvalidCredentials,
    /// No such user.
    #[error("User not found")]
    UnknownUser,
    /// The user acts in another tenant.
    #[error("User does not belong to this tenant")]
    ForeignUser,
    /// The role may not do this.
    #[error("Role '{}' is not authorized to {}", role.name(), action.words())]
    RoleNotAuthorised {
        /// The caller's role.
        role: Role,
        /// What it asked for.
        action: Action,
    },
    /// The store gave no answer.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl Fault for AccessError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::InvalidCredentials => FaultKind::Unauthenticated,
            Self::UnknownUser | Self::ForeignUser | Self::RoleNotAuthorised { .. } => FaultKind::Forbidden,
            Self::Table(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::InvalidCredentials => "invalid_credentials",
            Self::UnknownUser => "user_not_found",
            Self::ForeignUser => "user_of_another_tenant",
            Self::RoleNotAuthorised { .. } => "role_not_authorized",
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
