//! `/v1/notifications/webhook`: where the tenant's notifications go besides the outboxes, and what signs them.

use axum::{extract::State, http::StatusCode};
use bespin_access::{Action, TenantAccess};
use bespin_audit::{AuditActor, Author};
use bespin_edge::Deps;
use bespin_recording::{Fingerprint, SealedClaim};
use bespin_web::{Answer, Body, Call, IdempotencyKey, Problem, boolean, integer, parsed};
use bespin_webhooks::{Health, Registered, Registration, WebhookError};
use serde_json::{Value, json};

pub(crate) const PATH: &str = "/v1/notifications/webhook";
pub(crate) const SECRETS: &str = "/v1/notifications/webhook/secrets";

/// For how long older secrets sign on where nothing is said: a day, to bring the new one everywhere.
const OVERLAP_SECONDS: i64 = 86_400;
const MAX_OVERLAP_SECONDS: i64 = 30 * 86_400;

fn parse(deps: &Deps, body: &Body) -> Result<Registration, Problem> {
    let mut fields = body.fields()?;
    let url = fields.required("url", parsed(|text| deps.webhooks.parse_url(text)));
    let enabled = fields.or("enabled", true, boolean());
    fields.finish(|| Some(Registration { url: url?, enabled: enabled? }))
}

fn parse_overlap(body: &Body) -> Result<u32, Problem> {
    let mut fields = body.fields()?;
    let overlap = fields.or("overlap_seconds", OVERLAP_SECONDS, integer(0..=MAX_OVERLAP_SECONDS));
    fields.finish(|| u32::try_from(overlap?).ok())
}

pub(crate) fn author<'a>(deps: &'a Deps, call: &Call, access: &TenantAccess) -> Author<'a> {
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

pub(crate) async fn show(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let access = deps.identify(&call).await?.authorise(Action::ManageWebhooks)?;
    let (endpoint, health) = deps.webhooks.find(&access).await?.ok_or(WebhookError::NotFound)?;
    let mut view = endpoint.view(call.now);
    view["health"] = Health::view(health.as_ref());
    Ok(Answer::ok(&view))
}

pub(crate) async fn register(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    let caller = deps.identify(&call).await?;
    let key = call.optional_idempotency_key()?;
    let registration = parse(&deps, &body)?;
    let access = caller.authorise(Action::ManageWebhooks)?;

    let sent = json!({"url": registration.url.to_string(), "enabled": registration.enabled});
    let claim = claim(&deps, &access, PATH, key.as_ref(), &sent)?;
    let author = author(&deps, &call, &access);
    Ok(match deps.webhooks.register(&author, &access, &registration, claim.as_ref()).await? {
        Registered::Created(shown) => Answer::json_text(StatusCode::CREATED, shown),
        Registered::Updated(view) => Answer::json_text(StatusCode::OK, view),
    })
}

pub(crate) async fn remove(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let access = deps.identify(&call).await?.authorise(Action::ManageWebhooks)?;
    let author = author(&deps, &call, &access);
    Ok(Answer::json_text(StatusCode::OK, deps.webhooks.remove(&author, &access).await?))
}

pub(crate) async fn rotate(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    let caller = deps.identify(&call).await?;
    let key = call.optional_idempotency_key()?;
    let overlap_seconds = parse_overlap(&body)?;
    let access = caller.authorise(Action::ManageWebhooks)?;

    let claim = claim(&deps, &access, SECRETS, key.as_ref(), &json!({"overlap_seconds": overlap_seconds}))?;
    let author = author(&deps, &call, &access);
    let shown = deps.webhooks.rotate(&author, &access, overlap_seconds, claim.as_ref()).await?;
    Ok(Answer::json_text(StatusCode::CREATED, shown))
}

pub(crate) async fn revoke_secret(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let access = deps.identify(&call).await?.authorise(Action::ManageWebhooks)?;
    let author = author(&deps, &call, &access);
    let revoked = deps.webhooks.revoke_secret(&author, &access, call.path("secret_id")).await?;
    Ok(Answer::json_text(StatusCode::OK, revoked))
}
