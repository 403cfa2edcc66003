//! Limits, usage, plan and ledger as the tenant sees them (gateway.md 11, 12.4).

use axum::Router;
use bespin_edge::Deps;

/// The routes of this function.
pub fn routes(deps: Deps) -> Router {
    Router::new().with_state(deps)
}
