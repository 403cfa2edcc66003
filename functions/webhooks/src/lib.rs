//! Signed deliveries of payment providers (control-plane.md 9). Open to all: who sends is proved by the signature.

mod stripe;

use axum::{Router, routing::post};
use bespin_edge::Deps;

/// Where Stripe may send its events: all three answer alike (control-plane.md 10.1).
pub const STRIPE_PATHS: [&str; 3] = [
    "/api/v1/webhooks/stripe",
    "/api/admin/control-plane/webhooks/stripe",
    "/api/v1/admin/control-plane/webhooks/stripe",
];

/// The routes of this function.
pub fn routes(deps: Deps) -> Router {
    let under_each = |router: Router<Deps>, path| router.route(path, post(stripe::receive));
    STRIPE_PATHS.into_iter().fold(Router::new(), under_each).with_state(deps)
}
