//! The tool invocation gateway: `POST /v1/tools/invoke` (gateway.md 5).

mod api;
mod invoke;
mod shapes;

pub use api::api;
use axum::Router;
use bespin_edge::Deps;
use bespin_web::describe::router;

/// Serves the routes of this function.
pub fn routes(deps: Deps) -> Router {
    router(api).with_state(deps)
}
