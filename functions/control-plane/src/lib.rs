//! The control plane: what kinds of users may do, what providers may cost, what single users are granted on top, and what
//! was paid for it (control-plane.md 10, 11). For admins of a tenant, in it, and for the operator, who names one.
//!
//! Every handler checks in this order: JSON syntax, who it is (401), what the role allows (403), the fields (422), the
//! tenant that is named (404).

mod breakdown;
mod deliveries;
mod page;
mod policies;
mod replenishments;
mod reports;
mod system;

use axum::{
    Router,
    routing::{delete, get, post},
};
use bespin_edge::Deps;

/// Where the routes of this function begin: both answer alike (control-plane.md 10.1).
pub const PREFIXES: [&str; 2] = ["/api/admin/control-plane", "/api/v1/admin/control-plane"];

/// The routes of this function.
pub fn routes(deps: Deps) -> Router {
    let routes = Router::new()
        .route("/replenishments/grant-trial", post(replenishments::grant_trial))
        .route("/replenishments/top-up", post(replenishments::top_up))
        .route(
            "/replenishments/user/{user_id}",
            get(replenishments::of_user).delete(replenishments::deactivate_of_user_named_user),
        )
        .route("/replenishments/users", get(replenishments::users))
        .route("/replenishments", get(replenishments::list))
        .route("/replenishments/{user_id}/{bundle_id}", delete(replenishments::deactivate))
        .route("/policies/quota", get(policies::list_quotas).post(policies::set_quota))
        .route("/policies/quota/{user_type}/{bundle_id}", delete(policies::deactivate_quota))
        .route("/policies/budget", get(policies::list_budgets).post(policies::set_budget))
        .route("/policies/budget/{bundle_id}/{provider}", delete(policies::deactivate_budget))
        .route("/users/{user_id}/quota-breakdown", get(breakdown::show))
        .route("/reports/active-credits", get(reports::active_credits))
        .route("/reports/expiring-soon", get(reports::expiring_soon))
        .route("/reports/expired", get(reports::expired))
        .route("/reports/quota-policies", get(reports::quota_policies))
        .route("/reports/budget-policies", get(reports::budget_policies))
        .route("/reports/revenue", get(reports::revenue))
        .route("/webhooks/deliveries", get(deliveries::list))
        .route("/webhooks/deliveries/{delivery_id}/replay", post(deliveries::replay))
        .route("/health", get(system::health))
        .route("/clear-cache", post(system::clear_cache));
    let under_each = |router: Router<Deps>, prefix| router.nest(prefix, routes.clone());
    PREFIXES.into_iter().fold(Router::new(), under_each).with_state(deps)
}
