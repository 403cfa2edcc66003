//! The dev console (gateway.md 14) and the playground (gateway.md 15).
//!
//! The console is the operator's: it shows what all tenants have, and changes nothing. Every page of it asks for a
//! session first, or for the key that begins one. The playground is a page that talks to the API with whatever
//! credentials its user types in; this function never sees them.
//!
//! Pages are made from templates that escape everything; the only markup that comes from code is that of the charts, which
//! hold numbers and dates. No page has a script or a style of its own, and the policy of all pages forbids them.

mod assets;
mod billing;
mod chart;
mod download;
mod overview;
mod playground;
mod queues;
mod refusal;
mod session;
mod tables;
mod tenant;
mod tenants;
mod text;

use askama::Template;
use axum::{
    Router,
    middleware::from_fn,
    routing::{get, post},
};
use bespin_edge::Deps;
use bespin_web::{Page, Problem};

/// The routes of this function.
pub fn routes(deps: Deps) -> Router {
    let console = Router::new()
        .route("/console", get(overview::show))
        .route("/console/tenants", get(tenants::list))
        .route("/console/tenants/{tenant_id}", get(tenant::show))
        .route("/console/billing", get(billing::show))
        .route("/console/billing/plans/{plan_id}", get(billing::plan))
        .route("/console/db/download", get(download::download))
        .route("/console/db/{table}", get(tables::show))
        .route("/console/sign-in", post(session::sign_in))
        .route("/console/sign-out", post(session::sign_out))
        .layer(from_fn(refusal::told_to_people));
    Router::new()
        .route("/console/assets/{file}", get(assets::serve))
        .route("/ui/assets/{file}", get(assets::serve))
        .route("/ui", get(playground::show))
        .merge(console)
        .with_state(deps)
}

/// 200 with the page of a template.
fn page(template: &impl Template) -> Result<Page, Problem> {
    template.render().map(Page::ok).map_err(|error| Problem::broken(&error.to_string()))
}
