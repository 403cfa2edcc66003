//! `/v1/notifications/webhook`: where the tenant's notifications go besides the outboxes, and what signs them.

use axum::{extract::State, http::StatusCode};
use bespin_access::Action;
use bespin_edge::{Deps, overlap_seconds};
use bespin_recording::Fingerprint;
use bespin_web::describe::Shape;
use bespin_web::{Answer, Body, Call, Problem, Read, boolean, parsed};
use bespin_webhooks::{EndpointUrl, Health, Registered, Registration, WebhookError};
use serde_json::json;

pub(crate) const PATH: &str = "/v1/notifications/webhook";
pub(crate) const SECRETS: &str = "/v1/notifications/webhook/secrets";

/// `parse_url` judges where a webhook may be.
pub(crate) fn parse<E: std::fmt::Display>(
    body: &Body,
    parse_url: impl Fn(&str) -> Result<EndpointUrl, E>,
) -> Result<Registration, Problem> {
    let mut fields = body.fields()?;
    let url = fields.required(
        "url",
        parsed(parse_url)
            .shaped(url_shape)
            .about("https, to a public host; no user name, no password, no fragment"),
    );
    let enabled = fields.or("enabled", true, boolean());
    fields.finish(|| Some(Registration { url: url?, enabled: enabled? }))
}

fn url_shape() -> Shape {
    Shape::text().with("format", "uri".into()).like("https://example.com/hooks")
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
    let registration = parse(&body, |text| deps.webhooks.parse_url(text))?;
    let access = caller.authorise(Action::ManageWebhooks)?;

    let sent = json!({"url": registration.url.to_string(), "enabled": registration.enabled});
    let tenant_id = Some(access.tenant_id());
    let claim = deps.sealed_claim(tenant_id, PATH, key.as_ref(), Fingerprint::of(&sent))?;
    let author = deps.author(&call, &access);
    Ok(match deps.webhooks.register(&author, &access, &registration, claim.as_ref()).await? {
        Registered::Created(shown) => Answer::json_text(StatusCode::CREATED, shown),
        Registered::Updated(view) => Answer::json_text(StatusCode::OK, view),
    })
}

pub(crate) async fn remove(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let access = deps.identify(&call).await?.authorise(Action::ManageWebhooks)?;
    let author = deps.author(&call, &access);
    Ok(Answer::json_text(StatusCode::OK, deps.webhooks.remove(&author, &access).await?))
}

pub(crate) async fn rotate(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    let caller = deps.identify(&call).await?;
    let key = call.optional_idempotency_key()?;
    let overlap_seconds = overlap_seconds(&body)?;
    let access = caller.authorise(Action::ManageWebhooks)?;

    let tenant_id = Some(access.tenant_id());
    let sent = json!({"overlap_seconds": overlap_seconds});
    let claim = deps.sealed_claim(tenant_id, SECRETS, key.as_ref(), Fingerprint::of(&sent))?;
    let author = deps.author(&call, &access);
    let shown = deps.webhooks.rotate(&author, &access, overlap_seconds, claim.as_ref()).await?;
    Ok(Answer::json_text(StatusCode::CREATED, shown))
}

pub(crate) async fn revoke_secret(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let access = deps.identify(&call).await?.authorise(Action::ManageWebhooks)?;
    let author = deps.author(&call, &access);
    let revoked = deps.webhooks.revoke_secret(&author, &access, call.path("secret_id")).await?;
    Ok(Answer::json_text(StatusCode::OK, revoked))
}
