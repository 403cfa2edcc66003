//! Whether the control plane works, and what it remembers: `{cp}/health`, `{cp}/clear-cache`.

use axum::extract::State;
use bespin_access::{Action, TenantScope};
use bespin_edge::{Deps, Named};
use bespin_primitives::FaultKind;
use bespin_table::keys;
use bespin_web::{Answer, Call, Problem, Read, boolean};
use serde_json::json;

/// Whether a part that is not up is a 503.
pub(crate) fn parse(call: &Call) -> Result<bool, Problem> {
    let mut query = call.query();
    let strict = query.or("strict", false, boolean().about("Answer 503 where a part is not up"));
    query.finish(|| strict)
}

/// The two parts keep the names that clients know: the store of record, and the cache, which is the process's own memory
/// and so always there. With `strict` a part that is not up is a 503.
pub(crate) async fn health(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    deps.sender(&call).await?.authorise(Action::ManagePolicies)?;
    let strict = parse(&call)?;
    let mut health = json!({
        "status": "ok", "service": "control_plane", "postgresql": "ready", "redis": "ready",
    });
    if let Err(error) = deps.table.get(keys::catalogue_seeded()).await {
        tracing::warn!(%error, "the store is not healthy");
        let sentence = "the store of record does not answer";
        if strict {
            return Err(Problem::new(FaultKind::Unavailable, "store_unavailable", sentence));
        }
        health["status"] = json!("error");
        health["postgresql"] = json!("not initialized");
        health["error"] = json!(sentence);
    }
    Ok(Answer::ok(&health))
}

/// Forgets what this process remembers of the tenant. Other processes forget within five seconds by themselves.
pub(crate) async fn clear_cache(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let administrator = deps.sender(&call).await?.authorise(Action::ManagePolicies)?;
    let place = Named::in_query(&call)?.of(&deps, administrator).await?;
    deps.policies.forget(place.tenant.tenant_id());
    deps.grants.forget(place.tenant.tenant_id());
    Ok(Answer::ok(&json!({"status": "ok", "message": "Control plane cache cleared"})))
}
