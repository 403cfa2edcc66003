//! Why something about a webhook was not done. Nothing was written.

use bespin_primitives::{Fault, FaultKind};
use bespin_queue::QueueError;
use bespin_recording::{IdempotencyConflict, ReplayError};
use bespin_table::{CorruptItem, TableError};

use crate::MAX_SECRETS;

/// Why something about a webhook was not done.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The tenant has no endpoint.
    #[error("No webhook is registered")]
    NotFound,
    /// The endpoint has no such secret, or no longer.
    #[error("Secret '{secret_id}' not found")]
    SecretNotFound {
        /// The id that was asked for.
        secret_id: String,
    },
    /// The tenant has no such delivery, or no longer.
    #[error("Delivery '{delivery_id}' not found")]
    DeliveryNotFound {
        /// The id that was asked for.
        delivery_id: String,
    },
    /// The endpoint has as many good secrets as it may.
    #[error("A webhook has at most {MAX_SECRETS} secrets; remove one first, or wait until one ends")]
    TooManySecrets,
    /// Without this secret nothing could be signed soon.
    #[error("This is the only secret without an end; add another one first")]
    LastSecret,
    /// Nothing is delivered to a disabled endpoint.
    #[error("The webhook is disabled; enable it first")]
    Disabled,
    /// An attempt of the delivery is under way.
    #[error("Delivery '{delivery_id}' is being tried at this moment")]
    UnderWay {
        /// The delivery.
        delivery_id: String,
    },
    /// The idempotency key was used with another body.
    #[error(transparent)]
    OtherBody(#[from] IdempotencyConflict),
    /// The queue gave no answer.
    #[error("the queue is not available, please repeat")]
    Queue(#[from] QueueError),
    /// The store gave no answer.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl From<CorruptItem> for WebhookError {
    fn from(error: CorruptItem) -> Self {
        Self::Table(error.into())
    }
}

impl From<ReplayError> for WebhookError {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::OtherBody(error) => error.into(),
            ReplayError::Table(error) => error.into(),
        }
    }
}

impl Fault for WebhookError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::NotFound | Self::SecretNotFound { .. } | Self::DeliveryNotFound { .. } => {
                FaultKind::Missing
            }
            Self::TooManySecrets | Self::LastSecret | Self::Disabled | Self::UnderWay { .. } => {
                FaultKind::Conflict
            }
            Self::OtherBody(error) => error.kind(),
            Self::Queue(_) => FaultKind::Unavailable,
            Self::Table(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "webhook_not_found",
            Self::SecretNotFound { .. } => "webhook_secret_not_found",
            Self::DeliveryNotFound { .. } => "delivery_not_found",
            Self::TooManySecrets => "too_many_webhook_secrets",
            Self::LastSecret => "last_webhook_secret",
            Self::Disabled => "webhook_disabled",
            Self::UnderWay { .. } => "delivery_under_way",
            Self::OtherBody(error) => error.code(),
            Self::Queue(_) => "queue_unavailable",
            Self::Table(error) => error.code(),
        }
    }

    fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::UnderWay { .. } | Self::Queue(_) => Some(10),
            Self::Table(error) => error.retry_after_seconds(),
            _ => None,
        }
    }
}
