//! All tenants, and one of them: `/v1/admin/tenants`.

use axum::extract::State;
use bespin_access::{Tenant, TenantScope, Tenants};
use bespin_edge::Deps;
use bespin_entitlements::{AdministrationError, Plan, UsageSummary};
use bespin_table::Cursor;
use bespin_web::{Answer, Call, Problem, Read, clamped, parsed};
use serde_json::{Value, json};

use crate::tenant_of;

fn view(tenant: &Tenant) -> Value {
    json!({
        "tenant_id": tenant.id, "name": tenant.name, "region": tenant.region, "created_at": tenant.created_at,
    })
}

/// How many, and from where on.
pub(crate) fn parse(call: &Call) -> Result<(usize, Option<Cursor>), Problem> {
    let mut query = call.query();
    let limit = query.or("limit", 100, clamped(1..=500).about("How many"));
    let after = query.optional(
        "cursor",
        parsed(|text| Tenants::parse_cursor(text).ok_or("must be the next_cursor of an earlier page"))
            .about("The `next_cursor` of the page before"),
    );
    query.finish(|| Some((usize::try_from(limit?).ok()?, after?)))
}

pub(crate) async fn list(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    deps.operator(&call)?;
    let (limit, after) = parse(&call)?;
    let (tenants, next) = deps.tenants.page(limit, after).await?;
    let items: Value = tenants.iter().map(view).collect();
    Ok(Answer::ok(&json!({"items": items, "next_cursor": next.map(|next| next.to_string())})))
}

/// One tenant with its subscription, its limits, and what it used this month beside its plan. Without a plan there is
/// nothing to stand beside: `credits` is `null`.
pub(crate) async fn find(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let operator = deps.operator(&call)?;
    let scope = tenant_of(&call, &operator)?;
    let tenant_id = scope.tenant_id();
    let Some(tenant) = deps.tenants.find(tenant_id).await? else {
        return Err(AdministrationError::TenantNotFound { tenant_id: tenant_id.to_string() }.into());
    };
    let catalogue = deps.entitlements.catalogue().await?;
    let period = call.now.period();
    let account = deps.entitlements.account(&scope, period).await?;
    let plan: Option<&Plan> =
        account.subscription.as_ref().and_then(|subscription| catalogue.plans.get(&subscription.plan_id));
    let summary = plan.map(|plan| UsageSummary::of(&account.usage, plan)).transpose()?;

    let mut view = view(&tenant);
    view["subscription"] =
        json!(account.subscription.map(|subscription| subscription.view(tenant_id, call.now)));
    view["limits"] = account.limits.view(tenant_id);
    view["usage"] = json!({
        "period_start": period.start().to_string(),
        "period_end": period.end().to_string(),
        "credits": summary.as_ref().map(UsageSummary::credits_view),
        "breakdown": summary.map_or_else(|| json!([]), |summary| summary.breakdown_view(&catalogue)),
    });
    Ok(Answer::ok(&view))
}
