//! Quota and budget policies: `{cp}/policies` (control-plane.md 3, 4, 10.3).

use axum::extract::State;
use bespin_access::{Action, TenantScope};
use bespin_edge::{Deps, Named};
use bespin_policies::{
    Budget, BudgetOrder, BudgetWindow, Dimension, EVERY_BUNDLE, MAX_NAME, Policies, QuotaOrder, QuotaPolicy,
    Quotas, StoredBudget,
};
use bespin_primitives::Micros;
use bespin_web::{Answer, Body, Call, Fields, Problem, Read, decimal, integer, list_of, one_of, text};
use serde_json::{Value, json};

use crate::page::{Page, shown};

/// The highest ceiling: $99,999,999.99.
const MAX_DOLLARS: Micros = Micros::new(99_999_999_990_000);

const MAX_NOTES: usize = 1_000;

pub(crate) fn parse_quota(body: &Body, call: &Call) -> Result<(Named, QuotaOrder), Problem> {
    let limits = Dimension::ALL.map(Dimension::name);
    let mut fields = body.fields()?;
    let place = Named::in_body(&mut fields, call);
    let user_type = fields.required("user_type", text(1..=MAX_NAME));
    let bundle_id = fields.or("bundle_id", EVERY_BUNDLE.to_owned(), text(1..=MAX_NAME));
    let read: Vec<_> = Dimension::ALL
        .into_iter()
        .map(|dimension| {
            let least = i64::from(dimension == Dimension::MaxConcurrent);
            fields.optional(dimension.name(), integer(least..))
        })
        .collect();
    let given =
        Dimension::ALL.into_iter().zip(read).try_fold(Quotas::default(), |all, (dimension, number)| {
            Some(all.with(dimension, number?.map(i64::unsigned_abs)))
        });
    let unset = unset(&mut fields, &limits, |name| given?.get(Dimension::parse(name)?).map(drop));
    let notes = fields.optional("notes", text(..=MAX_NOTES));
    let place = place?;
    fields.finish(|| {
        let order = QuotaOrder {
            user_type: user_type?,
            bundle_id: bundle_id?,
            given: given?,
            unset: unset?.into_iter().filter_map(Dimension::parse).collect(),
            notes: notes?,
        };
        Some((place?, order))
    })
}

pub(crate) fn parse_budget(body: &Body, call: &Call) -> Result<(Named, BudgetOrder), Problem> {
    let limits = BudgetWindow::ALL.map(BudgetWindow::limit_name);
    let mut fields = body.fields()?;
    let place = Named::in_body(&mut fields, call);
    let bundle_id = fields.required(
        "bundle_id",
        text(..=MAX_NAME)
            .about("`*`, or nothing, is a ceiling over the whole project, beside those of its bundles"),
    );
    let provider = fields.required("provider", text(1..=MAX_NAME));
    let read: Vec<_> = limits.iter().map(|name| fields.optional(name, decimal(MAX_DOLLARS))).collect();
    let given = BudgetWindow::ALL
        .into_iter()
        .zip(read)
        .try_fold(Budget::default(), |all, (window, dollars)| Some(all.with(window, dollars?)));
    let unset = unset(&mut fields, &limits, |name| given?.get(BudgetWindow::parse(name)?).map(drop));
    let notes = fields.optional("notes", text(..=MAX_NOTES));
    let place = place?;
    fields.finish(|| {
        let order = BudgetOrder {
            // Nothing stands for everything.
            bundle_id: bundle_id.map(|id| if id.is_empty() { EVERY_BUNDLE.to_owned() } else { id })?,
            provider: provider?,
            given: given?,
            unset: unset?.into_iter().filter_map(BudgetWindow::parse).collect(),
            notes: notes?,
        };
        Some((place?, order))
    })
}

/// The limits that are taken off. One that is given at the same time is a contradiction.
fn unset(
    fields: &mut Fields<'_>,
    names: &[&'static str],
    given: impl Fn(&str) -> Option<()>,
) -> Option<Vec<&'static str>> {
    let unset = fields.or(
        "unset",
        Vec::new(),
        list_of(..=names.len(), one_of(names))
            .about("Limits that are taken off; the others stay unless they are given"),
    )?;
    if let Some(both) = unset.iter().find(|name| given(name).is_some()) {
        fields.refuse("unset", "value_error", &format!("Value error, {both} is given, too"));
    }
    Some(unset)
}

pub(crate) async fn set_quota(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    let administrator = deps.sender(&call).await?.authorise(Action::ManagePolicies)?;
    let (named, order) = parse_quota(&body, &call)?;
    let author = deps.author(&call, &administrator);
    let place = named.of(&deps, administrator).await?;
    let policy = deps.policies.set_quota(&author, &place.tenant, &place.project, &order).await?;
    let message = format!("Quota policy set for {}", policy.user_type);
    Ok(Answer::created(&json!({"status": "ok", "message": message, "policy": policy.view(&place.tenant)})))
}

pub(crate) async fn set_budget(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let body = call.json_with_non_finite()?;
    let administrator = deps.sender(&call).await?.authorise(Action::ManagePolicies)?;
    let (named, order) = parse_budget(&body, &call)?;
    let author = deps.author(&call, &administrator);
    let place = named.of(&deps, administrator).await?;
    let stored = deps.policies.set_budget(&author, &place.tenant, &place.project, &order).await?;
    let message = format!("Budget policy set for {}", stored.policy.provider);
    Ok(Answer::created(&json!({"status": "ok", "message": message, "policy": stored.view(&place.tenant)})))
}

/// The policies that hold, newest first.
pub(crate) async fn list_quotas(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let administrator = deps.sender(&call).await?.authorise(Action::ManagePolicies)?;
    let place = Named::in_query(&call)?.of(&deps, administrator).await?;
    let page = Page::asked(&call, &Policies::quota_range(&place.tenant, &place.project))?;
    let mut policies = deps.policies.quotas(&place.tenant, &place.project).await?;
    policies.reverse();
    let tenant_id = place.tenant.tenant_id();
    let (policies, next) = page.of(policies, |policy| policy.row(tenant_id), |policy| policy.origin.active);
    let rows: Value = policies.iter().map(|policy: &QuotaPolicy| policy.view(&place.tenant)).collect();
    Ok(Answer::ok(&json!({
        "status": "ok", "count": policies.len(), "policies": rows, "next_cursor": shown(next.as_ref()),
    })))
}

/// The policies that hold, newest first.
pub(crate) async fn list_budgets(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let administrator = deps.sender(&call).await?.authorise(Action::ManagePolicies)?;
    let place = Named::in_query(&call)?.of(&deps, administrator).await?;
    let page = Page::asked(&call, &Policies::budget_range(&place.tenant, &place.project))?;
    let mut policies = deps.policies.budgets(&place.tenant, &place.project).await?;
    policies.reverse();
    let tenant_id = place.tenant.tenant_id();
    let (policies, next) = page.of(policies, |policy| policy.row(tenant_id), |policy| policy.origin.active);
    let rows: Value = policies.iter().map(|policy: &StoredBudget| policy.view(&place.tenant)).collect();
    Ok(Answer::ok(&json!({
        "status": "ok", "count": policies.len(), "policies": rows, "next_cursor": shown(next.as_ref()),
    })))
}

/// Lets a policy hold no more. One that there is not is a success, too.
pub(crate) async fn deactivate_quota(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let administrator = deps.sender(&call).await?.authorise(Action::ManagePolicies)?;
    let author = deps.author(&call, &administrator);
    let place = Named::in_query(&call)?.of(&deps, administrator).await?;
    let (user_type, bundle) = (call.path("user_type"), call.path("bundle_id"));
    deps.policies.deactivate_quota(&author, &place.tenant, &place.project, user_type, bundle).await?;
    let message = format!("Quota policy deactivated for {user_type}");
    Ok(Answer::ok(&json!({"status": "ok", "message": message})))
}

/// Lets a policy hold no more. One that there is not is a success, too.
pub(crate) async fn deactivate_budget(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let administrator = deps.sender(&call).await?.authorise(Action::ManagePolicies)?;
    let author = deps.author(&call, &administrator);
    let place = Named::in_query(&call)?.of(&deps, administrator).await?;
    let (bundle, provider) = (call.path("bundle_id"), call.path("provider"));
    deps.policies.deactivate_budget(&author, &place.tenant, &place.project, bundle, provider).await?;
    let message = format!("Budget policy deactivated for {provider}");
    Ok(Answer::ok(&json!({"status": "ok", "message": message})))
}
