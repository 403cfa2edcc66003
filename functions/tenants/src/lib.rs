//! Tenants, users and API keys (gateway.md 2, 3), and the routes that tell about the gateway itself (17).

mod api;
mod api_keys;
mod shapes;
mod sign_up;
mod users;

pub use api::api;
use axum::Router;
use bespin_edge::Deps;
use bespin_web::describe::router;

/// Serves the routes of this function.
pub fn routes(deps: Deps) -> Router {
    router(api).with_state(deps)
}
