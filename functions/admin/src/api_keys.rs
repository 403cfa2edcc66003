//! A tenant's API keys, for a tenant that has lost its own: `/v1/admin/tenants/{tenant_id}/api-keys`.

use axum::{extract::State, http::StatusCode};
use bespin_access::{StoredKey, TenantScope};
use bespin_api_keys::ApiKeyError;
use bespin_edge::{Deps, new_api_key};
use bespin_web::{Answer, Call, Problem};
use serde_json::{Value, json};

use crate::tenant_of;

pub(crate) async fn list(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let operator = deps.operator(&call)?;
    let tenant = tenant_of(&call, &operator)?;
    if deps.tenants.find(tenant.tenant_id()).await?.is_none() {
        let tenant_id = tenant.tenant_id().to_string();
        return Err(ApiKeyError::TenantNotFound { tenant_id }.into());
    }
    let keys = deps.api_keys.list(&tenant, call.now).await?;
    let items: Value = keys.iter().map(StoredKey::view).collect();
    Ok(Answer::ok(&json!({"items": items})))
}

/// A new key, shown this once. What it is for is up to the operator, as for a tenant's own admin.
pub(crate) async fn create(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let operator = deps.operator(&call)?;
    let order = new_api_key(&call.json()?)?;
    let tenant = tenant_of(&call, &operator)?;
    let author = deps.author(&call, &operator);
    let shown = deps.api_keys.create(&author, &tenant, &order, None).await?;
    Ok(Answer::json_text(StatusCode::CREATED, shown))
}

pub(crate) async fn revoke(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let operator = deps.operator(&call)?;
    let tenant = tenant_of(&call, &operator)?;
    let author = deps.author(&call, &operator);
    let revoked = deps.api_keys.revoke_any(&author, &tenant, call.path("key_id")).await?;
    Ok(Answer::json_text(StatusCode::OK, revoked))
}
