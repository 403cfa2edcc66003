//! A brief that is due: made by the same job as the endpoint's, in the name of whoever set the schedule, under a key that
//! stands for its date. So a message that comes again finds what the first one did.

use bespin_access::Action;
use bespin_briefs::BriefOrder;
use bespin_edge::Deps;
use bespin_entitlements::{Capability, Standing};
use bespin_jobs::{DueBrief, JobOrder};
use bespin_primitives::{Date, RequestId, Timestamp};
use bespin_recording::{Claim, Fingerprint};
use bespin_schedule::{LastBrief, Outcome, Schedule};
use serde_json::json;

use crate::RunnerError;

/// What stands for the endpoint in the key. No request has it, so no client can take the key of a date.
const ENDPOINT: &str = "schedule";

/// Makes the brief, unless that is done or the schedule was switched off meanwhile, and notes what became of it.
pub(crate) async fn make(deps: &Deps, message: &DueBrief, now: Timestamp) -> Result<(), RunnerError> {
    let DueBrief { tenant_id, date, named } = *message;
    let Some(schedule) = deps.schedules.find(tenant_id).await? else { return Ok(()) };
    let is_done = !named && schedule.done_through.is_some_and(|done| done >= date);
    if is_done || !schedule.order.enabled {
        return Ok(());
    }
    let outcome = match run(deps, &schedule, date, now).await {
        Ok(run_id) => Outcome::Made { run_id },
        Err(error) if error.is_final() => {
            let (reason, message) = (error.fault().code(), error.to_string());
            tracing::info!(%tenant_id, %date, reason, message, "a daily brief is skipped");
            Outcome::Skipped { reason: reason.to_owned(), message }
        }
        Err(error) => return Err(error),
    };
    deps.schedules.note(tenant_id, &LastBrief { date, at: now, outcome }).await?;
    Ok(())
}

/// Runs the job to where the endpoint would answer; the id of its run. What is left of a large tenant is in the queue then.
async fn run(deps: &Deps, schedule: &Schedule, date: Date, now: Timestamp) -> Result<String, RunnerError> {
    let access = deps.access.on_order(schedule.tenant_id, schedule.set_by, Action::RunJobs).await?;
    let catalogue = deps.entitlements.catalogue().await?;
    let standing = Standing::entitled(&access, &catalogue, Capability::Briefs, now)?;
    Standing::entitled(&access, &catalogue, Capability::Notifications, now)?;
    // The date alone: a message that comes again after the schedule was changed means the same brief.
    let fingerprint = Fingerprint::of(&json!({"date": date.to_string()}));
    let claim = Claim::new(&access, ENDPOINT, &date.to_string(), fingerprint);
    let run_id = claim.id();
    let order = JobOrder {
        claim,
        brief: BriefOrder { date, window_days: schedule.order.window_days, top_n: schedule.order.top_n },
        request_id: RequestId::random(&*deps.random),
        now,
    };
    deps.daily_brief.run(&access, &standing, &order).await?;
    Ok(run_id)
}
