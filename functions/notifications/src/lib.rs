//! A user's own notifications: preferences, outbox, acknowledge (gateway.md 8). All of it needs no capability and works
//! while the tenant is suspended.

mod outbox;
mod prefs;

use axum::{
    Router,
    routing::{get, post},
};
use bespin_edge::Deps;

/// The routes of this function.
pub fn routes(deps: Deps) -> Router {
    Router::new()
        .route("/v1/notifications/prefs", get(prefs::show).put(prefs::set))
        .route("/v1/notifications/outbox", get(outbox::list))
        .route("/v1/notifications/{notification_id}/ack", post(outbox::acknowledge))
        .with_state(deps)
}
