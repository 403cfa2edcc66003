//! `/v1/api-keys`: the API keys of the caller's tenant. The reference has one key for ever (gateway.md 2, WEAK).

use axum::{extract::State, http::StatusCode};
use bespin_access::{Action, StoredKey, TenantAccess};
use bespin_api_keys::{NewKey, Rotation};
use bespin_audit::{AuditActor, Author};
use bespin_edge::Deps;
use bespin_recording::{Fingerprint, SealedClaim};
use bespin_web::{Answer, Body, Call, IdempotencyKey, Problem, integer, text};
use serde_json::{Value, json};

pub(crate) const PATH: &str = "/v1/api-keys";

/// For how long a replaced key stays good where nothing is said: a day, to bring the new one everywhere.
const OVERLAP_SECONDS: i64 = 86_400;
const MAX_OVERLAP_SECONDS: i64 = 30 * 86_400;

fn parse_new(body: &Body) -> Result<NewKey, Problem> {
    let mut fields = body.fields()?;
    let name = fields.optional("name", text(1..=255));
    let user_id = fields.optional("user_id", text(36..=36));
    fields.finish(|| Some(NewKey { name: name?, user_id: user_id? }))
}

fn parse_overlap(body: &Body) -> Result<u32, Problem> {
    let mut fields = body.fields()?;
    let overlap = fields.or("overlap_seconds", OVERLAP_SECONDS, integer(0..=MAX_OVERLAP_SECONDS));
    fields.finish(|| u32::try_from(overlap?).ok())
}

fn author<'a>(deps: &'a Deps, call: &Call, access: &TenantAccess) -> Author<'a> {
    let actor = AuditActor::from(access);
    Author { actor, request_id: call.request_id, now: call.now, random: &*deps.random }
}

fn claim(
    deps: &Deps,
    access: &TenantAccess,
    endpoint: &str,
    key: Option<&IdempotencyKey>,
    body: &Value,
) -> Result<Option<SealedClaim>, Problem> {
    let tenant_id = Some(access.tenant_id());
    key.map(|key| deps.sealed_claim(tenant_id, endpoint, key, Fingerprint::of(body))).transpose()
}

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
    let order = parse_new(&body)?;
    let access = caller.authorise(Action::ManageApiKeys)?;

    let sent = json!({"name": order.name, "user_id": order.user_id});
    let claim = claim(&deps, &access, PATH, key.as_ref(), &sent)?;
    let author = author(&deps, &call, &access);
    let shown = deps.api_keys.create(&author, &access, &order, claim.as_ref()).await?;
    Ok(Answer::json_text(StatusCode::CREATED, shown))
}

pub(crate) async fn rotate(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    let caller = deps.identify(&call).await?;
    let key = call.optional_idempotency_key()?;
    let overlap_seconds = parse_overlap(&body)?;
    let access = caller.authorise(Action::ManageApiKeys)?;

    let order = Rotation { key_id: call.path("key_id").to_owned(), overlap_seconds };
    let sent = json!({"key_id": order.key_id, "overlap_seconds": overlap_seconds});
    let claim = claim(&deps, &access, "/v1/api-keys/{key_id}/rotate", key.as_ref(), &sent)?;
    let author = author(&deps, &call, &access);
    let shown = deps.api_keys.rotate(&author, &access, &order, claim.as_ref()).await?;
    Ok(Answer::json_text(StatusCode::CREATED, shown))
}

pub(crate) async fn revoke(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let access = deps.identify(&call).await?.authorise(Action::ManageApiKeys)?;
    let author = author(&deps, &call, &access);
    let revoked = deps.api_keys.revoke(&author, &access, call.path("key_id")).await?;
    Ok(Answer::json_text(StatusCode::OK, revoked))
}
