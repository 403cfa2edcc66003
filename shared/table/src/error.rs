//! What can go wrong between us and the store.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use bespin_primitives::{Fault, FaultKind};

use crate::CorruptItem;

/// Why the store gave no answer. No variant says anything about the data: a refused condition is an answer.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// Other writers were faster every time. Nothing was written.
    #[error("too many changes at once, please repeat")]
    Contended,
    /// The store throttled us or could not be reached, every time.
    #[error("the store is not available, please repeat")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store refused the request itself: our mistake.
    #[error("internal error")]
    Rejected(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An item is not what we wrote.
    #[error("internal error")]
    Corrupt(#[from] CorruptItem),
}

impl Fault for TableError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Contended => FaultKind::Busy,
            Self::Unavailable(_) => FaultKind::Unavailable,
            Self::Rejected(_) | Self::Corrupt(_) => FaultKind::Broken,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Contended => "contended",
            Self::Unavailable(_) => "store_unavailable",
            Self::Rejected(_) | Self::Corrupt(_) => "internal_error",
        }
    }

    fn retry_after_seconds(&self) -> Option<u64> {
        matches!(self, Self::Contended | Self::Unavailable(_)).then_some(1)
    }
}

/// Why one call failed, and so whether the same call may succeed.
#[derive(Debug)]
pub(crate) enum CallFailure {
    /// Another writer holds one of the items for a moment.
    Conflict,
    /// Throttled, unreachable, or answered by a server fault. A write may have happened.
    Passing(Box<dyn std::error::Error + Send + Sync>),
    /// Nobody is there to answer. The same call will fail again.
    Unreachable(Box<dyn std::error::Error + Send + Sync>),
    /// The same call will fail again.
    Lasting(Box<dyn std::error::Error + Send + Sync>),
}

impl CallFailure {
    pub(crate) fn of<E, R>(error: SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        const PASSING: [&str; 6] = [
            "ProvisionedThroughputExceededException",
            "ThrottlingException",
            "RequestLimitExceeded",
            "InternalServerError",
            "ServiceUnavailable",
            "TransactionInProgressException",
        ];
        match &error {
            SdkError::ConstructionFailure(_) => Self::Lasting(error.into()),
            SdkError::DispatchFailure(failure) if !failure.is_io() && !failure.is_timeout() => {
                Self::Unreachable(error.into())
            }
            SdkError::ServiceError(service) => match service.err().code() {
                Some("TransactionConflictException") => Self::Conflict,
                Some(code) if PASSING.contains(&code) => Self::Passing(error.into()),
                // A fault without a code we know came from something in between.
                None => Self::Passing(error.into()),
                Some(_) => Self::Lasting(error.into()),
            },
            // Sent or not, answered or not: unknown. Repeating is safe, since writes carry a token.
            _ => Self::Passing(error.into()),
        }
    }

    pub(crate) fn into_error(self) -> TableError {
        match self {
            Self::Conflict => TableError::Contended,
            Self::Passing(source) | Self::Unreachable(source) => TableError::Unavailable(source),
            Self::Lasting(source) => TableError::Rejected(source),
        }
    }
}
