//! Daily briefs: make one, read them (gateway.md 7), the job that makes one and notifies (9), and the schedule by which
//! that job runs by itself.

mod api;
mod job;
mod materialize;
mod read;
mod request;
mod schedule;
mod shapes;

pub use api::api;
use axum::Router;
use bespin_edge::Deps;
use bespin_web::describe::router;

/// Serves the routes of this function.
pub fn routes(deps: Deps) -> Router {
    router(api).with_state(deps)
}
