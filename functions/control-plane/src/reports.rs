//! What administrators want to see at a glance: `{cp}/reports` (control-plane.md 11).

use axum::extract::State;
use bespin_access::{Action, TenantScope};
use bespin_edge::{Deps, Named, Place};
use bespin_grants::{Ends, Grant, Grants, Revenue};
use bespin_policies::Policies;
use bespin_primitives::{BillingPeriod, Micros, parse_date};
use bespin_table::{Cursor, Range};
use bespin_web::{Answer, Call, Problem, Read, integer, one_of, parsed};
use serde_json::{Value, json};

use crate::page::{Page, shown};

/// The farthest that "soon" is, in days.
const MAX_DAYS: i64 = 3_650;

fn answer(name: &str, rows: &[Value], next: Option<&Cursor>) -> Answer {
    let count = rows.len();
    Answer::ok(
        &json!({"status": "ok", "report": name, "count": count, "rows": rows, "next_cursor": shown(next)}),
    )
}

async fn place(deps: &Deps, call: &Call, action: Action) -> Result<Place, Problem> {
    let administrator = deps.sender(call).await?.authorise(action)?;
    Named::in_query(call)?.of(deps, administrator).await
}

/// Credits that hold, by their ends, those without one last.
pub(crate) async fn active_credits(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let place = place(&deps, &call, Action::ManageGrants).await?;
    let page = Page::asked(&call, &Grants::ends_range(&place.tenant, &place.project))?;
    let (grants, next) = by_end(&deps, &call, &place, Ends::ToCome, page).await?;
    let rows: Vec<_> = grants.iter().map(|grant| grant.view(&place.tenant, call.now)).collect();
    Ok(answer("active-credits", &rows, next.as_ref()))
}

/// How soon, in days of 24 hours, and the page of `range`.
pub(crate) fn parse_soon(call: &Call, range: &Range) -> Result<(i64, Page), Problem> {
    let mut query = call.query();
    let days = query.or("days", 7, integer(1..=MAX_DAYS).about("Within so many days of 24 hours"));
    let page = Page::read(&mut query, range);
    query.finish(|| Some((days?, page?)))
}

/// Credits that end within so many days of 24 hours, the next one first.
pub(crate) async fn expiring_soon(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let place = place(&deps, &call, Action::ManageGrants).await?;
    let (days, page) = parse_soon(&call, &Grants::ends_range(&place.tenant, &place.project))?;
    let ends = Ends::Before(call.now.plus_seconds(days * 86_400));
    let (grants, next) = by_end(&deps, &call, &place, ends, page).await?;
    let row = |grant: &Grant| {
        json!({
            "grant_id": grant.id, "user_id": grant.user_id, "bundle_id": grant.bundle_id,
            "expires_at": grant.expires_at, "days_remaining": grant.days_left_at(call.now),
        })
    };
    let rows: Vec<_> = grants.iter().map(row).collect();
    Ok(answer("expiring-soon", &rows, next.as_ref()))
}

/// Credits whose time is over and that nobody took back, the latest end first.
pub(crate) async fn expired(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let place = place(&deps, &call, Action::ManageGrants).await?;
    let page = Page::asked(&call, &Grants::ends_range(&place.tenant, &place.project))?;
    let (grants, next) = by_end(&deps, &call, &place, Ends::Past, page).await?;
    let rows: Vec<_> = grants.iter().map(|grant| grant.view(&place.tenant, call.now)).collect();
    Ok(answer("expired", &rows, next.as_ref()))
}

async fn by_end(
    deps: &Deps,
    call: &Call,
    place: &Place,
    ends: Ends,
    Page { limit, after }: Page,
) -> Result<(Vec<Grant>, Option<Cursor>), Problem> {
    Ok(deps.grants.by_end(&place.tenant, &place.project, ends, (limit, after), call.now).await?)
}

/// Quota policies that hold, by kind of user and bundle.
pub(crate) async fn quota_policies(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let place = place(&deps, &call, Action::ManagePolicies).await?;
    let page = Page::asked(&call, &Policies::quota_range(&place.tenant, &place.project))?;
    let mut policies = deps.policies.quotas(&place.tenant, &place.project).await?;
    policies
        .sort_by(|one, other| (&one.user_type, &one.bundle_id).cmp(&(&other.user_type, &other.bundle_id)));
    let tenant_id = place.tenant.tenant_id();
    let (policies, next) = page.of(policies, |policy| policy.row(tenant_id), |policy| policy.origin.active);
    let rows: Vec<_> = policies.iter().map(|policy| policy.view(&place.tenant)).collect();
    Ok(answer("quota-policies", &rows, next.as_ref()))
}

/// Budget policies that hold, by bundle and provider.
pub(crate) async fn budget_policies(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let place = place(&deps, &call, Action::ManagePolicies).await?;
    let page = Page::asked(&call, &Policies::budget_range(&place.tenant, &place.project))?;
    let mut policies = deps.policies.budgets(&place.tenant, &place.project).await?;
    policies.sort_by(|one, other| {
        let (one, other) = (&one.policy, &other.policy);
        (&one.bundle_id, &one.provider).cmp(&(&other.bundle_id, &other.provider))
    });
    let tenant_id = place.tenant.tenant_id();
    let (policies, next) = page.of(policies, |policy| policy.row(tenant_id), |policy| policy.origin.active);
    let rows: Vec<_> = policies.iter().map(|policy| policy.view(&place.tenant)).collect();
    Ok(answer("budget-policies", &rows, next.as_ref()))
}

/// From the first month to the last.
type Months = (Option<BillingPeriod>, Option<BillingPeriod>);

/// Which months, and whether each has a row of its own.
pub(crate) fn parse_revenue(call: &Call) -> Result<(Months, bool), Problem> {
    let mut query = call.query();
    let from = query.optional("from", parsed(month).about("The first month, or a date in it"));
    let to = query.optional("to", parsed(month).about("The last month, or a date in it"));
    let group_by = query.optional("group_by", one_of(&["month"]).about("One row for each month"));
    query.finish(|| Some(((from?, to?), group_by?.is_some())))
}

/// What was paid for credits and not paid back: of all months, or of some; in one row, or in one for each month. A credit
/// that is taken back is paid back in that month.
pub(crate) async fn revenue(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let place = place(&deps, &call, Action::ManageGrants).await?;
    let (months, by_month) = parse_revenue(&call)?;
    let revenues = deps.grants.revenue(&place.tenant, &place.project, months).await?;
    let rows = if by_month {
        let of_month = |(month, revenue): &(String, Revenue)| {
            let mut row = revenue_view(revenue);
            row["month"] = json!(month);
            row
        };
        revenues.iter().map(of_month).collect()
    } else {
        let all = revenues.into_iter().fold(Revenue::default(), |sum, (_, more)| sum.and(more));
        vec![revenue_view(&all)]
    };
    Ok(answer("revenue", &rows, None))
}

/// A month, `2026-02`, or that of a day, `2026-02-10`.
fn month(text: &str) -> Result<BillingPeriod, &'static str> {
    let date = parse_date(text).or_else(|| parse_date(&format!("{text}-01")));
    date.map(BillingPeriod::containing).ok_or("must be a month, YYYY-MM, or a date in it, YYYY-MM-DD")
}

fn revenue_view(revenue: &Revenue) -> Value {
    let any = revenue.purchases > 0 || revenue.refunds > 0;
    json!({
        "purchase_count": revenue.count(),
        "total_revenue": (any && revenue.count() != 0).then(|| dollars(revenue.total())),
        "avg_purchase": revenue.average().map(dollars),
        "paid_count": revenue.purchases,
        "paid_total": dollars(revenue.paid.get().into()),
        "refund_count": revenue.refunds,
        "refund_total": dollars(-i128::from(revenue.refunded.get())),
    })
}

/// Millionths of a dollar as a decimal number.
fn dollars(micros: i128) -> Value {
    let amount = Micros::new(u64::try_from(micros.unsigned_abs()).unwrap_or(u64::MAX));
    let sign = if micros < 0 { "-" } else { "" };
    format!("{sign}{amount}").parse().map_or(Value::Null, Value::Number)
}
