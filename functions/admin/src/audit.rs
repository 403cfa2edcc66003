//! Who changed what: `GET /v1/admin/audit`.

use axum::extract::State;
use bespin_access::PlatformAccess;
use bespin_audit::{AuditEntry, AuditScope};
use bespin_edge::Deps;
use bespin_primitives::{BillingPeriod, TenantId, parse_date};
use bespin_table::Cursor;
use bespin_web::{Answer, Call, Problem, clamped, parsed};
use serde_json::{Value, json};

/// Which entries, and which page of them.
struct Listing {
    scope: AuditScope,
    period: BillingPeriod,
    limit: usize,
    after: Option<Cursor>,
}

fn parse(call: &Call, operator: &PlatformAccess) -> Result<Listing, Problem> {
    let mut query = call.query();
    let tenant =
        query.optional("tenant_id", parsed(|text| TenantId::parse(text).ok_or("must be the id of a tenant")));
    let period = query.or(
        "period_start",
        call.now.period(),
        parsed(|text| {
            parse_date(text).map(BillingPeriod::containing).ok_or("must be a real date, YYYY-MM-DD")
        }),
    );
    let limit = query.or("limit", 100, clamped(1..=500));
    let scope = match tenant {
        Some(Some(tenant_id)) => AuditScope::of_tenant(&operator.over(tenant_id)),
        _ => AuditScope::of_platform(operator),
    };
    let range = scope.range(period.unwrap_or(call.now.period()));
    let after = query.optional(
        "cursor",
        parsed(|text| Cursor::parse(text, &range).ok_or("must be the next_cursor of an earlier page")),
    );
    query.finish(|| {
        tenant?;
        Some(Listing { scope, period: period?, limit: usize::try_from(limit?).ok()?, after: after? })
    })
}

/// A month of changes, newest first: all that the operator made, or, with `tenant_id`, all that concern one tenant,
/// those of its own admins included.
pub(crate) async fn list(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let operator = deps.operator(&call)?;
    let Listing { scope, period, limit, after } = parse(&call, &operator)?;
    let (entries, next) = deps.audit.entries(&scope, period, limit, after).await?;
    let items: Vec<Value> = entries.iter().map(AuditEntry::view).collect();
    Ok(Answer::ok(&json!({
        "period_start": period.start().to_string(),
        "items": items,
        "next_cursor": next.map(|next| next.to_string()),
    })))
}
