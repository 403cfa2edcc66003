//! Daily briefs: make one, read them (gateway.md 7), the job that makes one and notifies (9), and the schedule by which
//! that job runs by itself.

mod job;
mod materialize;
mod read;
mod request;
mod schedule;

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
        .route("/v1/briefs/schedule", get(schedule::show).put(schedule::set))
        .route("/v1/briefs/latest", get(read::latest))
        .route("/v1/briefs/{date}", get(read::of_date))
        .with_state(deps)
}
