//! Who changed what: `GET /v1/admin/audit`.

use axum::extract::State;
use bespin_audit::{AuditEntry, AuditScope};
use bespin_edge::{Deps, cursor};
use bespin_primitives::{BillingPeriod, TenantId, parse_date};
use bespin_table::{Cursor, Range};
use bespin_web::describe::Shape;
use bespin_web::{Answer, Call, Problem, Read, clamped, parsed};
use serde_json::{Value, json};

/// Which entries, and which page of them.
pub(crate) struct Listing {
    tenant: Option<TenantId>,
    period: BillingPeriod,
    limit: usize,
    after: Option<Cursor>,
}

/// `range` has the entries of a tenant, or of all that the operator did, in a month.
pub(crate) fn parse(
    call: &Call,
    range: impl Fn(Option<TenantId>, BillingPeriod) -> Range,
) -> Result<Listing, Problem> {
    let mut query = call.query();
    let tenant = query.optional(
        "tenant_id",
        parsed(|text| TenantId::parse(text).ok_or("must be the id of a tenant"))
            .shaped(Shape::id)
            .about("Only what concerns this tenant"),
    );
    let period = query.or(
        "period_start",
        call.now.period(),
        parsed(|text| {
            parse_date(text).map(BillingPeriod::containing).ok_or("must be a real date, YYYY-MM-DD")
        })
        .shaped(Shape::date)
        .about("A day of the month to show; the month of the call where it is left out"),
    );
    let limit = query.or("limit", 100, clamped(1..=500).about("How many"));
    let range = range(tenant.flatten(), period.unwrap_or(call.now.period()));
    let after = query.optional("cursor", cursor(&range));
    query.finish(|| {
        let limit = usize::try_from(limit?).ok()?;
        Some(Listing { tenant: tenant?, period: period?, limit, after: after? })
    })
}

/// A month of changes, newest first: all that the operator made, or, with `tenant_id`, all that concern one tenant,
/// those of its own admins included.
pub(crate) async fn list(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let operator = deps.operator(&call)?;
    let scope = |tenant: Option<TenantId>| match tenant {
        Some(tenant_id) => AuditScope::of_tenant(&operator.over(tenant_id)),
        None => AuditScope::of_platform(&operator),
    };
    let Listing { tenant, period, limit, after } =
        parse(&call, |tenant, period| scope(tenant).range(period))?;
    let scope = scope(tenant);
    let (entries, next) = deps.audit.entries(&scope, period, limit, after).await?;
    let items: Vec<Value> = entries.iter().map(AuditEntry::view).collect();
    Ok(Answer::ok(&json!({
        "period_start": period.start().to_string(),
        "items": items,
        "next_cursor": next.map(|next| next.to_string()),
    })))
}
