//! `POST /v1/jobs/daily-brief`: the brief of a date, made if there is none, and its notifications (gateway.md 9); and
//! `GET /v1/jobs/daily-brief/{run_id}`, which tells how far a run is.

use axum::{extract::State, http::StatusCode};
use bespin_access::Action;
use bespin_edge::Deps;
use bespin_entitlements::{Capability, Standing};
use bespin_jobs::JobOrder;
use bespin_primitives::FaultKind;
use bespin_recording::Claim;
use bespin_web::{Answer, Call, Problem};

use crate::request::Request;

pub(crate) const PATH: &str = "/v1/jobs/daily-brief";

pub(crate) async fn run(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    let key = call.idempotency_key()?;
    let caller = deps.identify(&call).await?;
    let request = Request::parse(&body)?;
    let access = caller.authorise(Action::RunJobs)?;
    let catalogue = deps.entitlements.catalogue().await?;
    let standing = Standing::entitled(&access, &catalogue, Capability::Briefs, call.now)?;
    Standing::entitled(&access, &catalogue, Capability::Notifications, call.now)?;
    let order = JobOrder {
        claim: Claim::new(&access, PATH, key.as_str(), request.fingerprint()),
        brief: request.order(call.now),
        request_id: call.request_id,
        now: call.now,
    };
    let progress = deps.daily_brief.run(&access, &standing, &order).await?;
    Ok(Answer::json_text(StatusCode::OK, progress.answer()))
}

pub(crate) async fn show(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let access = deps.identify(&call).await?.authorise(Action::RunJobs)?;
    let run_id = call.path("run_id");
    match deps.notifications.find_run(&access, run_id, call.now).await? {
        Some(run) => Ok(Answer::ok(&run.report())),
        None => Err(Problem::new(FaultKind::Missing, "run_not_found", format!("Run '{run_id}' not found"))),
    }
}
