//! `POST /api/v1/webhooks/stripe` and its other paths.

use axum::extract::State;
use bespin_edge::Deps;
use bespin_payments::{Event, InvalidSignature, MalformedEvent, Receipt, verify};
use bespin_primitives::FaultKind;
use bespin_web::{Answer, Call, Problem};
use serde_json::json;

/// The largest event, in bytes: it is stored beside its outcome. Stripe's own have a few thousand.
const MAX_EVENT_BYTES: usize = 256 * 1024;

pub(crate) async fn receive(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let stripe = &deps.settings.stripe;
    if stripe.secrets.is_empty() {
        let sentence = "No webhook secret is configured";
        return Err(Problem::new(FaultKind::Unavailable, "webhook_not_configured", sentence));
    }
    let payload = call.raw_body();
    if payload.len() > MAX_EVENT_BYTES {
        return Err(Problem::body_too_large());
    }
    verify(call.header("Stripe-Signature"), payload, stripe, call.now).map_err(|InvalidSignature| {
        Problem::new(FaultKind::Unauthenticated, "invalid_signature", InvalidSignature.to_string())
    })?;

    let event = Event::parse(payload);
    let receipt = Receipt { request_id: call.request_id, now: call.now, random: &*deps.random };
    let delivery = deps.payments.receive(payload, event.as_ref().map_err(|error| *error), receipt).await?;
    match event {
        Ok(_) => Ok(Answer::ok(&json!({"status": "ok", "message": delivery.message}))),
        Err(MalformedEvent) => {
            Err(Problem::new(FaultKind::Malformed, "malformed_event", MalformedEvent.to_string()))
        }
    }
}
