//! `/console/tenants`: all tenants, newest first.

use askama::Template;
use axum::extract::State;
use bespin_access::{StoredKey, Tenant, Tenants};
use bespin_edge::Deps;
use bespin_table::Cursor;
use bespin_web::{Call, Page, Problem, Read, parsed};
use futures::{StreamExt, TryStreamExt, stream};

use crate::{page, session::Visit, text};

/// How many tenants a page shows.
const PAGE: usize = 50;
/// How many tenants' API keys are looked at at the same time.
const AT_A_TIME: usize = 10;

struct Row {
    id: String,
    name: String,
    region: String,
    api_keys: String,
    created_at: String,
}

#[derive(Template)]
#[template(path = "tenants.html")]
struct AllTenants {
    rows: Vec<Row>,
    next: Option<String>,
    is_first: bool,
}

/// How the newest good key begins, and how many more there are. The key itself is nowhere.
pub(crate) fn fingerprints(keys: &[StoredKey]) -> String {
    match keys {
        [] => "none".to_owned(),
        [only] => format!("{}…", only.prefix),
        [rest @ .., newest] => format!("{}… and {} more", newest.prefix, rest.len()),
    }
}

/// The place at which the page before ended.
pub(crate) fn parse(call: &Call) -> Result<Option<Cursor>, Problem> {
    let mut query = call.query();
    let after = query.optional(
        "cursor",
        parsed(|text| Tenants::parse_cursor(text).ok_or("must be the cursor of an earlier page"))
            .about("The place at which the page before ended"),
    );
    query.finish(|| after)
}

pub(crate) async fn list(State(deps): State<Deps>, visit: Visit) -> Result<Page, Problem> {
    let after = parse(&visit.call)?;
    let is_first = after.is_none();
    let (tenants, next) = deps.tenants.page(PAGE, after).await?;
    let (deps, visit) = (&deps, &visit);
    let row = |tenant: Tenant| async move {
        let keys = deps.api_keys.list(&visit.access.over(tenant.id), visit.call.now).await?;
        let Tenant { id, name, region, created_at } = tenant;
        let (id, created_at) = (id.to_string(), text::instant(created_at));
        Ok::<_, Problem>(Row { id, name, region, api_keys: fingerprints(&keys), created_at })
    };
    let rows = stream::iter(tenants).map(row).buffered(AT_A_TIME).try_collect().await?;
    page(&AllTenants { rows, next: next.map(|next| next.to_string()), is_first })
}
