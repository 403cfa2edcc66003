//! `POST /v1/briefs/materialize`: the one brief of a date (gateway.md 7.1).

use axum::{extract::State, http::StatusCode};
use bespin_access::{Action, TenantAccess};
use bespin_briefs::BriefOrder;
use bespin_edge::Deps;
use bespin_entitlements::{Admission, Capability, Standing, admit};
use bespin_jobs::NewBrief;
use bespin_metering::{MeteredEvent, Usage};
use bespin_recording::{Claim, RecordError, Recording};
use bespin_web::{Answer, Call, Problem};

use crate::request::Request;

pub(crate) const PATH: &str = "/v1/briefs/materialize";

pub(crate) async fn materialize(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    let key = call.idempotency_key()?;
    let caller = deps.identify(&call).await?;
    let request = Request::parse(&body)?;
    let access = caller.authorise(Action::MaterializeBrief)?;
    let catalogue = deps.entitlements.catalogue().await?;
    let standing = Standing::entitled(&access, &catalogue, Capability::Briefs, call.now)?;
    let claim = Claim::new(&access, PATH, key.as_str(), request.fingerprint());
    let brief = replayed_or_made(&deps, &call, &access, &standing, &claim, request.order(call.now)).await?;
    Ok(Answer::json_text(StatusCode::OK, brief))
}

/// What is known before a brief is made.
enum Found {
    /// The answer: a replay, or the brief there is.
    Answer(String),
    /// Neither. What the tenant used of late.
    Nothing(Usage),
}

/// Steps 9 to 11: a replay, the brief there is, or a new one.
async fn replayed_or_made(
    deps: &Deps,
    call: &Call,
    access: &TenantAccess,
    standing: &Standing<'_>,
    claim: &Claim,
    order: BriefOrder,
) -> Result<String, Problem> {
    let usage = match find(deps, call, access, claim, &order).await? {
        Found::Answer(answer) => return Ok(answer),
        Found::Nothing(usage) => usage,
    };
    let admission = standing.admission(MeteredEvent::DailyBriefGenerated, 1)?;
    let Err(refusal) = admit(&admission, &usage) else {
        return Ok(make(deps, call, access, &admission, claim, order).await?);
    };
    // The rows of a look are not of one instant: whoever made the brief just now may be who used up its quota.
    match find(deps, call, access, claim, &order).await? {
        Found::Answer(answer) => Ok(answer),
        Found::Nothing(_) => Err(refusal.into()),
    }
}

async fn find(
    deps: &Deps,
    call: &Call,
    access: &TenantAccess,
    claim: &Claim,
    order: &BriefOrder,
) -> Result<Found, RecordError> {
    let rows = [deps.briefs.row(access, order.date)];
    let looked = deps.recorder.look(access, Some(claim), call.now, rows).await?;
    if let Some(answer) = looked.replay {
        return Ok(Found::Answer(answer));
    }
    if let [Some(row)] = &looked.rows {
        let brief = deps.briefs.text(access, row).await?;
        return Ok(Found::Answer(record_existing(deps, call, access, claim, brief).await?));
    }
    Ok(Found::Nothing(looked.usage))
}

/// Generates and records the brief. Whoever loses the race for a date gets the winner's brief, free.
async fn make(
    deps: &Deps,
    call: &Call,
    access: &TenantAccess,
    admission: &Admission,
    claim: &Claim,
    order: BriefOrder,
) -> Result<String, RecordError> {
    let NewBrief { recording, slot, text, .. } =
        deps.daily_brief.draft(access, admission, &order, call.request_id, call.now).await?;
    let recording = deps.recorder.keep_answer(recording, Some(claim), &text).await?;
    match deps.recorder.commit(recording).await {
        Ok(outcome) => Ok(outcome.or(text)),
        Err(RecordError::ChangeRefused(refusals)) => match refusals.old(slot) {
            Some(row) => {
                let brief = deps.briefs.text(access, row).await?;
                record_existing(deps, call, access, claim, brief).await
            }
            None => Err(RecordError::ChangeRefused(refusals)),
        },
        Err(error) => Err(error),
    }
}

/// A brief that exists is given out free; the key is recorded all the same.
async fn record_existing(
    deps: &Deps,
    call: &Call,
    access: &TenantAccess,
    claim: &Claim,
    brief: String,
) -> Result<String, RecordError> {
    let recording = Recording::new(access, call.request_id, call.now);
    let recording = deps.recorder.keep_answer(recording, Some(claim), &brief).await?;
    Ok(deps.recorder.commit(recording).await?.or(brief))
}
