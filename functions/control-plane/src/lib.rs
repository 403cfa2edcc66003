//! The control plane: what kinds of users may do, what providers may cost, what single users are granted on top, and what
//! was paid for it (control-plane.md 10, 11). For admins of a tenant, in it, and for the operator, who names one.
//!
//! Every handler checks in this order: JSON syntax, who it is (401), what the role allows (403), the fields (422), the
//! tenant that is named (404).

mod api;
mod breakdown;
mod deliveries;
mod page;
mod policies;
mod replenishments;
mod reports;
mod shapes;
mod system;

pub use api::api;
use axum::Router;
use bespin_edge::Deps;
use bespin_web::describe::router;

/// Serves the routes of this function.
pub fn routes(deps: Deps) -> Router {
    router(api).with_state(deps)
}
