//! Signed deliveries of payment providers (control-plane.md 9). Open to all: who sends is proved by the signature.

mod api;
mod stripe;

pub use api::api;
use axum::Router;
use bespin_edge::Deps;
use bespin_web::describe::router;

/// Serves the routes of this function.
pub fn routes(deps: Deps) -> Router {
    router(api).with_state(deps)
}
