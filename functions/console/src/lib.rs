//! The dev console (gateway.md 14) and the playground (gateway.md 15).
//!
//! The console is the operator's: it shows what all tenants have, and changes nothing. Every page of it asks for a
//! session first, or for the key that begins one. The playground is a page that talks to the API with whatever
//! credentials its user types in; this function never sees them.
//!
//! Pages are made from templates that escape everything; the only markup that comes from code is that of the charts, which
//! hold numbers and dates. No page has a script or a style of its own, and the policy of all pages forbids them.

mod api;
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

pub use api::api;
use askama::Template;
use axum::{Router, middleware::from_fn};
use bespin_edge::Deps;
use bespin_web::describe::router;
use bespin_web::{Page, Problem};

/// Serves the routes of this function.
pub fn routes(deps: Deps) -> Router {
    let console = router(api::console).layer(from_fn(refusal::told_to_people));
    router(api::open).merge(console).with_state(deps)
}

/// 200 with the page of a template.
fn page(template: &impl Template) -> Result<Page, Problem> {
    template.render().map(Page::ok).map_err(|error| Problem::broken(&error.to_string()))
}
