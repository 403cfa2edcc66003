//! Tenants, users and API keys (gateway.md 2, 3), and the routes that tell about the gateway itself (17).

mod api_keys;
mod sign_up;
mod users;

use axum::{
    Router,
    routing::{delete, get, post},
};
use bespin_edge::Deps;

/// The routes of this function.
pub fn routes(deps: Deps) -> Router {
    Router::new()
        .route(sign_up::PATH, post(sign_up::sign_up))
        .route(users::PATH, post(users::create))
        .route(api_keys::PATH, get(api_keys::list).post(api_keys::create))
        .route("/v1/api-keys/{key_id}", delete(api_keys::revoke))
        .route("/v1/api-keys/{key_id}/rotate", post(api_keys::rotate))
        .with_state(deps)
        .merge(bespin_web::meta::routes())
}
