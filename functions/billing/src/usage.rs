//! `GET /v1/usage/daily` (gateway.md 11) and `GET /v1/billing/usage` (12.4).

use axum::extract::State;
use bespin_access::{Action, TenantAccess};
use bespin_edge::Deps;
use bespin_entitlements::{Account, UsageSummary};
use bespin_metering::{Counter, Usage};
use bespin_primitives::{BillingPeriod, Date, Timestamp};
use bespin_table::TableError;
use bespin_web::describe::Shape;
use bespin_web::{Answer, Call, Problem, Read, date, parsed};
use serde_json::{Value, json};

use crate::{parse_period_start, plan::subscribed};

/// The account with its usage as it is now: where turns hold some of the plan, what they held until a moment ago is
/// written down first, as used or free.
async fn account(
    deps: &Deps,
    access: &TenantAccess,
    period: BillingPeriod,
    now: Timestamp,
) -> Result<Account, TableError> {
    let account = deps.entitlements.account(access, period).await?;
    if !account.usage.is_held() || !deps.recorder.lapse(access, now).await? {
        return Ok(account);
    }
    // Others may hold something again already; what was used when this was asked is written down.
    deps.entitlements.account(access, period).await
}

/// The day that is asked for, or the one of the call.
pub(crate) fn parse_day(call: &Call) -> Result<Date, Problem> {
    let mut query = call.query();
    let day = query.or("date", call.now.date(), date().about("The day; today where it is left out"));
    query.finish(|| day)
}

/// The counters of a day beside the limits of today.
pub(crate) async fn daily(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let caller = deps.identify(&call).await?;
    let day = parse_day(&call)?;
    let access = caller.authorise(Action::ReadBilling)?;

    let account = account(&deps, &access, BillingPeriod::containing(day), call.now).await?;
    let usage = account.limits.fields().map(|(event, _)| {
        let units = account.usage.counted(Counter::UnitsOfDay(event, day))?;
        Ok::<_, TableError>(json!({"activity_type": event.key(), "units": units}))
    });
    let usage = usage.into_iter().collect::<Result<Vec<Value>, _>>()?;
    let limits = account.limits.view(access.tenant_id());
    Ok(Answer::ok(&json!({"date": day.to_string(), "limits": limits, "usage": usage})))
}

/// The first day of the month that is asked for, or of that of the call.
pub(crate) fn parse_start(call: &Call) -> Result<Date, Problem> {
    let mut query = call.query();
    let start = query.or(
        "period_start",
        call.now.period().start(),
        parsed(parse_period_start)
            .shaped(Shape::date)
            .about("The first day of a month before 9999-12; the month of the call where it is left out"),
    );
    query.finish(|| start)
}

/// What a month used. A period is matched by its first day: any other day starts none, so nothing was used in it.
pub(crate) async fn of_period(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let caller = deps.identify(&call).await?;
    let start = parse_start(&call)?;
    let access = caller.authorise(Action::ReadBilling)?;

    let catalogue = deps.entitlements.catalogue().await?;
    let period = BillingPeriod::containing(start);
    let account = account(&deps, &access, period, call.now).await?;
    let (_, plan) = subscribed(account.subscription, &catalogue)?;
    let usage = if start == period.start() { account.usage } else { Usage::of(period, None) };
    let summary = UsageSummary::of(&usage, plan)?;
    Ok(Answer::ok(&json!({
        "period_start": start.to_string(), "period_end": period.end().to_string(), "plan": plan.view(),
        "credits": summary.credits_view(), "breakdown": summary.breakdown_view(&catalogue),
    })))
}
