//! KPI definitions and their points (gateway.md 6).

mod create;
mod ingest;
mod read;

use axum::{
    Router,
    routing::{get, post},
};
use bespin_edge::Deps;

/// The routes of this function.
pub fn routes(deps: Deps) -> Router {
    Router::new()
        .route("/v1/kpis", get(read::list).post(create::create))
        .route("/v1/kpis/{kpi_id}/points:bulk", post(ingest::ingest))
        .route("/v1/kpis/{kpi_id}/latest", get(read::latest))
        .with_state(deps)
}
