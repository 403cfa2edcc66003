//! Turns of the tenant's own users: the limiter and the budgets for products that ask by the contract (control-plane.md 5, 6),
//! and turns that hold their estimate until they are settled (7).

mod allowed;
mod budgets;
mod limiter;
mod settings;
mod subject;
mod turns;

use axum::{
    Router,
    routing::{get, post},
};
use bespin_edge::Deps;

/// The two places at which clients look for the control plane (control-plane.md 10.1).
const PREFIXES: [&str; 2] = ["/api/admin/control-plane", "/api/v1/admin/control-plane"];

/// The routes of this function.
pub fn routes(deps: Deps) -> Router {
    let control_plane = Router::new()
        .route("/limiter/admit", post(limiter::admit))
        .route("/limiter/commit", post(limiter::commit))
        .route("/limiter/release", post(limiter::release))
        .route("/limiter/heartbeat", post(limiter::heartbeat))
        .route("/budgets/check", post(budgets::check))
        .route("/budgets/commit", post(budgets::commit))
        .route("/budgets/{bundle_id}/{provider}/spend", get(budgets::spend));
    let turns = Router::new()
        .route(turns::PATH, post(turns::begin))
        .route("/v1/turns/{turn_id}", get(turns::show))
        .route("/v1/turns/{turn_id}/settle", post(turns::settle))
        .route("/v1/turns/{turn_id}/cancel", post(turns::cancel))
        .route("/v1/turns/{turn_id}/heartbeat", post(turns::heartbeat))
        .route("/v1/turn-settings", get(settings::show).put(settings::set));
    let both = PREFIXES.iter().fold(turns, |all, prefix| all.nest(prefix, control_plane.clone()));
    both.with_state(deps)
}
