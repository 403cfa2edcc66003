//! The platform admin API (gateway.md 13): metered events, plans, tenants with their subscriptions and API
//! keys, the audit.
//!
//! Every route asks for a platform admin key before it looks at anything else. Without one, no route of this function
//! can be told from a path that does not exist, whatever the method and the body.

mod api;
mod api_keys;
mod audit;
mod events;
mod plans;
mod shapes;
mod subscriptions;
mod tenants;

pub use api::api;
use axum::{Router, extract::State};
use bespin_access::{OperatedTenant, PlatformAccess};
use bespin_edge::Deps;
use bespin_entitlements::AdministrationError;
use bespin_primitives::TenantId;
use bespin_web::describe::router;
use bespin_web::{Call, Problem};

/// Serves the routes of this function.
pub fn routes(deps: Deps) -> Router {
    router(api).method_not_allowed_fallback(other_method).with_state(deps)
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
