//! Daily briefs: make one, read them (gateway.md 7), and the job that makes one and notifies (9).

mod job;
mod materialize;
mod read;
mod request;

use axum::{
    Router,
    routing::{get, post},
};
use bespin_edge::Deps;

/// The routes of this function.
pub fn routes(deps: Deps) -> Router {
    Router::new()
        .route(materialize::PATH, post(materialize::materialize))
        .route(job::PATH, post(job::run))
        .route("/v1/jobs/daily-brief/{run_id}", get(job::show))
        .route("/v1/briefs/latest", get(read::latest))
        .route("/v1/briefs/{date}", get(read::of_date))
        .with_state(deps)
}
