//! `GET` and `PUT /v1/limits`: how often each activity may happen in a day (gateway.md 11).

use axum::extract::State;
use bespin_access::Action;
use bespin_edge::Deps;
use bespin_entitlements::DailyLimits;
use bespin_web::{Answer, Body, Call, Problem, integer};

pub(crate) async fn show(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let access = deps.identify(&call).await?.authorise(Action::ReadBilling)?;
    let limits = deps.entitlements.daily_limits(&access).await?;
    Ok(Answer::ok(&limits.view(access.tenant_id())))
}

/// `ceiling` is the highest limit that a tenant may set.
pub(crate) fn parse(body: &Body, ceiling: u64) -> Result<DailyLimits, Problem> {
    let range = 0..=i64::try_from(ceiling).unwrap_or(i64::MAX);
    let mut fields = body.fields()?;
    let mut limit = |name| fields.required(name, integer(range.clone()));
    let assistant_query = limit("assistant_query_daily_limit");
    let tool_invocation = limit("tool_invocation_daily_limit");
    let daily_brief_generated = limit("daily_brief_generated_daily_limit");
    let notification_enqueued = limit("notification_enqueued_daily_limit");
    fields.finish(|| {
        let whole = |limit: Option<i64>| u64::try_from(limit?).ok();
        Some(DailyLimits {
            assistant_query: whole(assistant_query)?,
            tool_invocation: whole(tool_invocation)?,
            daily_brief_generated: whole(daily_brief_generated)?,
            notification_enqueued: whole(notification_enqueued)?,
        })
    })
}

pub(crate) async fn set(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let body = call.json_with_non_finite()?;
    let caller = deps.identify(&call).await?;
    let limits = parse(&body, deps.settings.daily_limit_ceiling)?;
    let access = caller.authorise(Action::UpdateLimits)?;

    let author = deps.author(&call, &access);
    let set = deps.entitlements.set_daily_limits(&author, &access, limits).await;
    // A change whose answer was lost may be stored all the same: what is remembered goes in any case.
    deps.access.forget(access.tenant_id());
    set?;
    Ok(Answer::ok(&limits.view(access.tenant_id())))
}
