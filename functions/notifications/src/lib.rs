//! A user's own notifications: preferences, outbox, acknowledge (gateway.md 8); and the tenant's webhook, to which all of
//! them go as well. All of it needs no capability and works while the tenant is suspended.

mod deliveries;
mod outbox;
mod prefs;
mod webhook;

use axum::{
    Router,
    routing::{delete, get, post},
};
use bespin_edge::Deps;

/// The routes of this function.
pub fn routes(deps: Deps) -> Router {
    Router::new()
        .route("/v1/notifications/prefs", get(prefs::show).put(prefs::set))
        .route("/v1/notifications/outbox", get(outbox::list))
        .route("/v1/notifications/{notification_id}/ack", post(outbox::acknowledge))
        .route(webhook::PATH, get(webhook::show).put(webhook::register).delete(webhook::remove))
        .route(webhook::SECRETS, post(webhook::rotate))
        .route("/v1/notifications/webhook/secrets/{secret_id}", delete(webhook::revoke_secret))
        .route("/v1/notifications/webhook/test", post(deliveries::send_test))
        .route("/v1/notifications/webhook/deliveries", get(deliveries::list))
        .route("/v1/notifications/webhook/deliveries/{delivery_id}", get(deliveries::show))
        .route("/v1/notifications/webhook/deliveries/{delivery_id}/replay", post(deliveries::replay))
        .with_state(deps)
}
