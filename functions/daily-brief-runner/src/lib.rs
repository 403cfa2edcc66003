//! Works off the queue of briefs: what the scheduler found due (`due.rs`), and what a request left of a large tenant's
//! brief (`rest.rs`), by the same code as the endpoint (gateway.md 9).
//!
//! Messages may come twice, late, or at the same time: a brief of a date is made once, a step of a run is done by one.
//! What can never succeed (the tenant has no quota or was suspended, whoever ordered it is no admin any more) is
//! taken off the queue with its reason. What the store did not answer comes again, and in the end goes to the dead
//! letters.

mod due;
mod rest;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use bespin_access::AccessError;
use bespin_edge::Deps;
use bespin_entitlements::EntitlementError;
use bespin_jobs::{BriefMessage, JobError};
use bespin_primitives::{Fault, FaultKind, Timestamp};
use bespin_queue::{Queue, handle_batch};
use bespin_table::TableError;

/// Why a brief did not get on.
#[derive(Debug, thiserror::Error)]
enum RunnerError {
    /// Whoever ordered it could not be looked up, or may not order it any more.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The tenant's plan does not let it.
    #[error(transparent)]
    Entitlement(#[from] EntitlementError),
    /// The job did not come to its end.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The store gave no answer.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl RunnerError {
    fn fault(&self) -> &dyn Fault {
        match self {
            Self::Access(error) => error,
            Self::Entitlement(error) => error,
            Self::Job(error) => error,
            Self::Table(error) => error,
        }
    }

    /// Whether the same message will fail the same way, until somebody changes something.
    fn is_final(&self) -> bool {
        !matches!(self.fault().kind(), FaultKind::Busy | FaultKind::Unavailable | FaultKind::Broken)
    }
}

/// Works off a batch; the messages that failed come again, and no others.
pub async fn handle(deps: &Deps, event: SqsEvent, now: Timestamp) -> SqsBatchResponse {
    let dead_letters = deps.brief_queue.as_ref().map(Queue::dead_letters);
    handle_batch(event, dead_letters.as_ref(), async |message: BriefMessage| match message {
        BriefMessage::Due(brief) => due::make(deps, &brief, now).await,
        BriefMessage::Rest(run) => rest::work_off(deps, &run, now).await,
    })
    .await
}
