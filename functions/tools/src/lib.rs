//! The tool invocation gateway: `POST /v1/tools/invoke` (gateway.md 5).

mod invoke;

use axum::{Router, routing::post};
use bespin_edge::Deps;

/// The routes of this function.
pub fn routes(deps: Deps) -> Router {
    Router::new().route(invoke::PATH, post(invoke::invoke)).with_state(deps)
}
