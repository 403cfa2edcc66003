//! A user's own notifications: preferences, outbox, acknowledge (gateway.md 8); and the tenant's webhook, to which all of
//! them go as well. All of it needs no capability and works while the tenant is suspended.

mod api;
mod deliveries;
mod outbox;
mod prefs;
mod shapes;
mod webhook;

pub use api::api;
use axum::Router;
use bespin_edge::Deps;
use bespin_web::describe::router;

/// Serves the routes of this function.
pub fn routes(deps: Deps) -> Router {
    router(api).with_state(deps)
}
