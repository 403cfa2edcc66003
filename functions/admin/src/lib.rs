//! The platform admin API (gateway.md 13).

use axum::Router;
use bespin_edge::Deps;

/// The routes of this function.
pub fn routes(deps: Deps) -> Router {
    Router::new().with_state(deps)
}
