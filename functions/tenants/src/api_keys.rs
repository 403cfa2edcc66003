//! `/v1/api-keys`: the API keys of the caller's tenant. The reference has one key for ever (gateway.md 2, WEAK).

use axum::{extract::State, http::StatusCode};
use bespin_access::{Action, StoredKey};
use bespin_api_keys::Rotation;
use bespin_edge::{Deps, new_api_key, overlap_seconds};
use bespin_recording::Fingerprint;
use bespin_web::{Answer, Call, Problem};
use serde_json::{Value, json};

pub(crate) const PATH: &str = "/v1/api-keys";

pub(crate) async fn list(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let access = deps.identify(&call).await?.authorise(Action::ManageApiKeys)?;
    let keys = deps.api_keys.list(&access, call.now).await?;
    let items: Value = keys.iter().map(StoredKey::view).collect();
    Ok(Answer::ok(&json!({"items": items})))
}

pub(crate) async fn create(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    let caller = deps.identify(&call).await?;
    let key = call.optional_idempotency_key()?;
    let order = new_api_key(&body)?;
    let access = caller.authorise(Action::ManageApiKeys)?;

    let sent = json!({"name": order.name, "user_id": order.user_id});
    let tenant_id = Some(access.tenant_id());
    let claim = deps.sealed_claim(tenant_id, PATH, key.as_ref(), Fingerprint::of(&sent))?;
    let author = deps.author(&call, &access);
    let shown = deps.api_keys.create(&author, &access, &order, claim.as_ref()).await?;
    Ok(Answer::json_text(StatusCode::CREATED, shown))
}

pub(crate) async fn rotate(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    let caller = deps.identify(&call).await?;
    let key = call.optional_idempotency_key()?;
    let overlap_seconds = overlap_seconds(&body)?;
    let access = caller.authorise(Action::ManageApiKeys)?;

    let order = Rotation { key_id: call.path("key_id").to_owned(), overlap_seconds };
    let sent = json!({"key_id": order.key_id, "overlap_seconds": overlap_seconds});
    let tenant_id = Some(access.tenant_id());
    let claim =
        deps.sealed_claim(tenant_id, "/v1/api-keys/{key_id}/rotate", key.as_ref(), Fingerprint::of(&sent))?;
    let author = deps.author(&call, &access);
    let shown = deps.api_keys.rotate(&author, &access, &order, claim.as_ref()).await?;
    Ok(Answer::json_text(StatusCode::CREATED, shown))
}

pub(crate) async fn revoke(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let access = deps.identify(&call).await?.authorise(Action::ManageApiKeys)?;
    let author = deps.author(&call, &access);
    let revoked = deps.api_keys.revoke(&author, &access, call.path("key_id")).await?;
    Ok(Answer::json_text(StatusCode::OK, revoked))
}
