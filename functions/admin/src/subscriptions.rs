//! Which plan a tenant is on, and whether it may use it: `/v1/admin/tenants/{tenant_id}/subscription`, `suspend`,
//! `resume`.

use axum::extract::State;
use bespin_access::TenantScope;
use bespin_edge::Deps;
use bespin_entitlements::{SubscriptionOrder, SubscriptionStatus};
use bespin_primitives::{BillingPeriod, parse_date};
use bespin_web::describe::Shape;
use bespin_web::{Answer, Body, Call, Problem, Read, one_of, parsed, text};

use crate::tenant_of;

pub(crate) fn parse(body: &Body) -> Result<SubscriptionOrder, Problem> {
    let mut fields = body.fields()?;
    let plan_id = fields.required("plan_id", text(1..=100));
    let status = fields.or("status", "active", one_of(&["active", "suspended"]));
    let period = fields.optional(
        "period_start",
        parsed(first_of_month)
            .shaped(Shape::date)
            .about("The first day of a month: pins the period that is shown"),
    );
    fields.finish(|| {
        Some(SubscriptionOrder {
            plan_id: plan_id?,
            status: SubscriptionStatus::parse(status?)?,
            period: period?,
        })
    })
}

/// The month that starts on this day. The last month of the calendar has no end that could be shown.
fn first_of_month(text: &str) -> Result<BillingPeriod, &'static str> {
    parse_date(text)
        .filter(|date| *date == BillingPeriod::containing(*date).start())
        .map(BillingPeriod::containing)
        .filter(BillingPeriod::has_end)
        .ok_or("must be the first day of a month, YYYY-MM-01, before 9999-12")
}

pub(crate) async fn set(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let operator = deps.operator(&call)?;
    let order = parse(&call.json()?)?;
    let tenant = tenant_of(&call, &operator)?;
    let author = deps.author(&call, &operator);
    let subscription = deps.entitlements.subscribe(&author, &tenant, &order).await;
    // A change whose answer was lost may be stored all the same: what is remembered goes in any case.
    deps.access.forget(tenant.tenant_id());
    Ok(Answer::ok(&subscription?.view(tenant.tenant_id(), call.now)))
}

pub(crate) async fn suspend(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    set_status(&deps, &call, SubscriptionStatus::Suspended).await
}

pub(crate) async fn resume(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    set_status(&deps, &call, SubscriptionStatus::Active).await
}

async fn set_status(deps: &Deps, call: &Call, status: SubscriptionStatus) -> Result<Answer, Problem> {
    let operator = deps.operator(call)?;
    let tenant = tenant_of(call, &operator)?;
    let author = deps.author(call, &operator);
    let subscription = deps.entitlements.set_status(&author, &tenant, status).await;
    // As above.
    deps.access.forget(tenant.tenant_id());
    Ok(Answer::ok(&subscription?.view(tenant.tenant_id(), call.now)))
}
