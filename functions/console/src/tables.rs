//! `/console/db/{table}`: the rows of one kind.

use askama::Template;
use axum::extract::State;
use bespin_edge::Deps;
use bespin_observation::{Kind, Place};
use bespin_primitives::{FaultKind, TenantId};
use bespin_web::{Call, Page, Problem, Read, integer, parsed};

use crate::{page, session::Visit, text};

/// How many rows a page shows that says nothing else, and at most.
const LIMIT: i64 = 200;
const MAX_LIMIT: i64 = 1_000;

#[derive(Template)]
#[template(path = "table.html")]
struct TableOf {
    table: &'static str,
    tables: Vec<&'static str>,
    columns: &'static [&'static str],
    rows: Vec<Vec<Option<String>>>,
    limit: usize,
    tenant: String,
    /// Whether rows belong to tenants.
    of_tenants: bool,
    /// Whether the rows can be listed here.
    listed: bool,
    is_first: bool,
    next: Option<String>,
}

/// Where a page of a table begins that ended elsewhere.
pub(crate) fn place(text: &str, kind: Kind, tenant: Option<TenantId>) -> Result<Place, &'static str> {
    Place::parse(text, kind, tenant).ok_or("must be the cursor of an earlier page of this table and tenant")
}

/// The tenant of a parameter; an empty one is none, as forms send it.
fn tenant(text: &str) -> Result<Option<TenantId>, &'static str> {
    if text.is_empty() {
        return Ok(None);
    }
    TenantId::parse(text).map(Some).ok_or("must be the id of a tenant")
}

/// Which rows of a kind.
pub(crate) struct Asked {
    limit: usize,
    tenant: Option<TenantId>,
    after: Option<Place>,
}

pub(crate) fn parse(call: &Call, kind: Kind) -> Result<Asked, Problem> {
    let mut query = call.query();
    let limit = query.or("limit", LIMIT, integer(1..=MAX_LIMIT).about("At most so many rows"));
    let tenant = query.optional("tenant", only_of()).map(Option::flatten);
    let of = tenant.flatten();
    let after = query.optional(
        "cursor",
        parsed(|text| place(text, kind, of)).about("The place at which the page before ended"),
    );
    query.finish(|| Some(Asked { limit: usize::try_from(limit?).ok()?, tenant: tenant?, after: after? }))
}

/// Reads whose rows are asked for, if not everybody's.
pub(crate) fn only_of() -> impl Read<Value = Option<TenantId>> {
    parsed(tenant).about("Only what is this tenant's")
}

pub(crate) async fn show(State(deps): State<Deps>, visit: Visit) -> Result<Page, Problem> {
    let Some(kind) = Kind::parse(visit.call.path("table")) else {
        return Err(Problem::new(FaultKind::Missing, "table_not_allowed", "Table not allowed"));
    };
    let Asked { limit, tenant, after } = parse(&visit.call, kind)?;

    let found =
        deps.observation.page(&visit.access, kind, tenant, limit, after.as_ref(), visit.call.now).await?;
    page(&TableOf {
        table: kind.name(),
        tables: Kind::ALL.map(Kind::name).to_vec(),
        columns: kind.columns(),
        rows: found.rows.iter().map(|row| row.iter().map(text::cell).collect()).collect(),
        limit,
        tenant: tenant.map(|tenant| tenant.to_string()).unwrap_or_default(),
        of_tenants: !kind.is_of_the_platform(),
        listed: deps.observation.lists(kind),
        is_first: after.is_none(),
        next: found.next.map(|next| next.to_string()),
    })
}
