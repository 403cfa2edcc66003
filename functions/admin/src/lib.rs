//! The platform admin API (gateway.md 13): metered events, plans, tenants with their subscriptions and API
//! keys, the audit.
//!
//! Every route asks for a platform admin key before it looks at anything else. Without one, no route of this function
//! can be told from a path that does not exist, whatever the method and the body.

mod api_keys;
mod audit;
mod events;
mod plans;
mod subscriptions;
mod tenants;

use axum::{
    Router,
    extract::State,
    routing::{delete, get, post, put},
};
use bespin_access::{OperatedTenant, PlatformAccess};
use bespin_edge::Deps;
use bespin_entitlements::AdministrationError;
use bespin_primitives::TenantId;
use bespin_web::{Call, Problem};

/// The routes of this function.
pub fn routes(deps: Deps) -> Router {
    Router::new()
        .route("/v1/admin/metered-events", get(events::list).post(events::create))
        .route("/v1/admin/metered-events/{event_key}", put(events::update))
        .route("/v1/admin/plans", get(plans::list).post(plans::create))
        .route("/v1/admin/plans/{plan_id}", get(plans::find).put(plans::update))
        .route("/v1/admin/plans/{plan_id}/capabilities", put(plans::set_capabilities))
        .route("/v1/admin/plans/{plan_id}/caps", put(plans::set_caps))
        .route("/v1/admin/tenants/{tenant_id}/subscription", put(subscriptions::set))
        .route("/v1/admin/tenants/{tenant_id}/suspend", post(subscriptions::suspend))
        .route("/v1/admin/tenants/{tenant_id}/resume", post(subscriptions::resume))
        .route("/v1/admin/tenants/{tenant_id}/api-keys", get(api_keys::list).post(api_keys::create))
        .route("/v1/admin/tenants/{tenant_id}/api-keys/{key_id}", delete(api_keys::revoke))
        .route("/v1/admin/tenants", get(tenants::list))
        .route("/v1/admin/tenants/{tenant_id}", get(tenants::find))
        .route("/v1/admin/audit", get(audit::list))
        .method_not_allowed_fallback(other_method)
        .with_state(deps)
}

/// The wrong method tells that the route exists, so it is told to the operator only.
async fn other_method(State(deps): State<Deps>, call: Call) -> Problem {
    match deps.operator(&call) {
        Ok(_) => Problem::method_not_allowed(),
        Err(hidden) => hidden,
    }
}

/// The tenant that the path names. An id of no possible tenant is one that is not there.
fn tenant_of(call: &Call, operator: &PlatformAccess) -> Result<OperatedTenant, AdministrationError> {
    let tenant_id = call.path("tenant_id");
    TenantId::parse(tenant_id)
        .map(|tenant_id| operator.over(tenant_id))
        .ok_or_else(|| AdministrationError::TenantNotFound { tenant_id: tenant_id.to_owned() })
}
