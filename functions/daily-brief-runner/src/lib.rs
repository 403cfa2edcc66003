//! Works off what a request left of a large tenant's daily brief (gateway.md 9): each message is a run, taken up from
//! where it stands and driven for a bounded number of steps; what is left then is sent on as a new message, so that a
//! large tenant does not hold up the others.
//!
//! Messages may come twice, late, or at the same time: a step of a run is done by one. What can never succeed (the
//! tenant was suspended, whoever began the run is no admin any more) is logged and taken off the queue; the run stays as
//! it is, and a later one picks up who was not notified. What the store did not answer comes again, and after the
//! queue's `maxReceiveCount` goes to the dead letters.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use bespin_access::{AccessError, Action};
use bespin_edge::Deps;
use bespin_jobs::{BriefRun, JobError};
use bespin_primitives::{Fault, FaultKind, Timestamp};
use bespin_queue::handle_batch;

/// How many steps one message is good for: about 6,000 users, which is a few seconds.
const STEPS_A_MESSAGE: usize = 200;

/// Why a message comes again.
#[derive(Debug, thiserror::Error)]
enum RunnerError {
    /// It names no possible tenant or user.
    #[error("the message is not one of ours")]
    NotOurs,
    /// Whoever began the run could not be looked up.
    #[error("{0}")]
    Access(AccessError),
    /// The run did not get on.
    #[error("{0}")]
    Job(JobError),
}

/// Works off a batch; the messages that failed come again, and no others.
pub async fn handle(deps: &Deps, event: SqsEvent, now: Timestamp) -> SqsBatchResponse {
    handle_batch(event, |message: BriefRun| work_off(deps, message, now)).await
}

async fn work_off(deps: &Deps, message: BriefRun, now: Timestamp) -> Result<(), RunnerError> {
    let (tenant_id, user_id) = message.ids().ok_or(RunnerError::NotOurs)?;
    let access = match deps.access.on_order(tenant_id, user_id, Action::RunJobs).await {
        Ok(access) => access,
        Err(error) if is_final(&error) => {
            give_up(&message, &error);
            return Ok(());
        }
        Err(error) => return Err(RunnerError::Access(error)),
    };
    match deps.daily_brief.resume(&access, &message.run_id, now, Some(STEPS_A_MESSAGE)).await {
        Ok(_) => Ok(()),
        Err(error) if is_final(&error) => {
            give_up(&message, &error);
            Ok(())
        }
        Err(error) => Err(RunnerError::Job(error)),
    }
}

/// Whether the same message will fail the same way, until somebody changes something.
fn is_final(error: &impl Fault) -> bool {
    matches!(error.kind(), FaultKind::Unauthenticated | FaultKind::Forbidden | FaultKind::Conflict)
}

fn give_up(message: &BriefRun, error: &(impl Fault + std::fmt::Display)) {
    let (tenant_id, run_id, reason) = (&message.tenant_id, &message.run_id, error.code());
    tracing::warn!(tenant_id, run_id, reason, %error, "the rest of a daily brief is given up");
}
