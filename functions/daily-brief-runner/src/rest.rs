//! The rest of a large tenant's brief: each message is a run, taken up from where it stands and driven for a bounded number
//! of steps; what is left then is sent on as a new message, so that a large tenant does not hold up the others.

use bespin_access::Action;
use bespin_edge::Deps;
use bespin_jobs::BriefRun;
use bespin_primitives::Timestamp;

use crate::RunnerError;

/// How many steps one message is good for: about 6,000 users, which is a few seconds.
const STEPS_A_MESSAGE: usize = 200;

/// Goes on with a run. Where that can never succeed the run stays as it is, and a later one picks up who was not
/// notified.
pub(crate) async fn work_off(deps: &Deps, message: &BriefRun, now: Timestamp) -> Result<(), RunnerError> {
    let BriefRun { tenant_id, user_id, run_id } = message;
    match resume(deps, message, now).await {
        Err(error) if error.is_final() => {
            let reason = error.fault().code();
            tracing::warn!(%tenant_id, %user_id, run_id, reason, %error, "the rest of a daily brief is given up");
            Ok(())
        }
        outcome => outcome,
    }
}

async fn resume(deps: &Deps, message: &BriefRun, now: Timestamp) -> Result<(), RunnerError> {
    let access = deps.access.on_order(message.tenant_id, message.user_id, Action::RunJobs).await?;
    deps.daily_brief.resume(&access, &message.run_id, now, Some(STEPS_A_MESSAGE)).await?;
    Ok(())
}
