//! Turns of the tenant's own users: the limiter and the budgets for products that ask by the contract (control-plane.md 5, 6),
//! and turns that hold their estimate until they are settled (7).

mod allowed;
mod api;
mod budgets;
mod limiter;
mod settings;
mod shapes;
mod subject;
mod turns;

pub use api::api;
use axum::Router;
use bespin_edge::Deps;
use bespin_web::describe::router;

/// Serves the routes of this function.
pub fn routes(deps: Deps) -> Router {
    router(api).with_state(deps)
}
