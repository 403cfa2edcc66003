//! Daily briefs: make one, read them (gateway.md 7).

mod materialize;
mod read;

use axum::{
    Router,
    routing::{get, post},
};
use bespin_edge::Deps;

/// The routes of this function.
pub fn routes(deps: Deps) -> Router {
    Router::new()
        .route(materialize::PATH, post(materialize::materialize))
        .route("/v1/briefs/latest", get(read::latest))
        .route("/v1/briefs/{date}", get(read::of_date))
        .with_state(deps)
}
