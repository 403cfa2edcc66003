//! Tenants and users (gateway.md 3), and the routes that tell about the gateway itself (17).

mod sign_up;
mod users;

use axum::{Router, routing::post};
use bespin_edge::Deps;

/// The routes of this function.
pub fn routes(deps: Deps) -> Router {
    Router::new()
        .route(sign_up::PATH, post(sign_up::sign_up))
        .route(users::PATH, post(users::create))
        .with_state(deps)
        .merge(bespin_web::meta::routes())
}
