//! Why a job did not come to its end. What it had done stays done; the same key goes on from there.

use bespin_entitlements::EntitlementError;
use bespin_primitives::{Fault, FaultKind};
use bespin_queue::QueueError;
use bespin_recording::RecordError;
use bespin_table::TableError;
use serde_json::{Map, Value};

/// Why a job did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// A limit refused the brief, the key was used with another body, or the store gave no answer.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The rest could not be handed to the queue.
    #[error("the rest of the job could not be handed over, please repeat")]
    Queue(#[from] QueueError),
}

impl From<TableError> for JobError {
    fn from(error: TableError) -> Self {
        Self::Record(error.into())
    }
}

impl From<EntitlementError> for JobError {
    fn from(error: EntitlementError) -> Self {
        Self::Record(error.into())
    }
}

impl Fault for JobError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Record(error) => error.kind(),
            Self::Queue(_) => FaultKind::Unavailable,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Record(error) => error.code(),
            Self::Queue(_) => "queue_unavailable",
        }
    }

    fn detail(&self) -> Option<Map<String, Value>> {
        match self {
            Self::Record(error) => error.detail(),
            Self::Queue(_) => None,
        }
    }

    fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::Record(error) => error.retry_after_seconds(),
            Self::Queue(_) => Some(1),
        }
    }
}
