//! KPI definitions and their points (gateway.md 6).

mod api;
mod create;
mod ingest;
mod read;
mod shapes;

pub use api::api;
use axum::Router;
use bespin_edge::Deps;
use bespin_web::describe::router;
pub use ingest::{Sent as SentPoints, parse as parse_points};

/// Serves the routes of this function.
pub fn routes(deps: Deps) -> Router {
    router(api).with_state(deps)
}
