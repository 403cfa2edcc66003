//! `/v1/notifications/webhook/deliveries`: the log of what was sent to the tenant's endpoint, and sending it again.

use axum::{extract::State, http::StatusCode};
use bespin_access::Action;
use bespin_edge::{Deps, cursor};
use bespin_table::Range;
use bespin_web::{Answer, Call, Problem, Read, clamped, one_of};
use bespin_webhooks::{Attempt, Delivery, DeliveryListing, DeliveryState};
use serde_json::{Value, json};

/// The largest page.
const MAX_LIMIT: i64 = 500;

/// A page of the deliveries in `range`.
pub(crate) fn parse(call: &Call, range: &Range) -> Result<DeliveryListing, Problem> {
    let mut query = call.query();
    let status = query.optional("status", one_of(&DeliveryState::NAMES).about("Only those of one status"));
    let limit = query.or("limit", 50, clamped(1..=MAX_LIMIT).about("How many"));
    let after = query.optional("cursor", cursor(range));
    query.finish(|| {
        let limit = usize::try_from(limit?).unwrap_or(1);
        Some(DeliveryListing { status: status?, limit, after: after? })
    })
}

pub(crate) async fn list(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let access = deps.identify(&call).await?.authorise(Action::ManageWebhooks)?;
    let listing = parse(&call, &DeliveryListing::range(&access))?;
    let (deliveries, next) = deps.webhooks.deliveries(&access, listing, call.now).await?;
    let items: Value = deliveries.iter().map(Delivery::view).collect();
    Ok(Answer::ok(&json!({"items": items, "next_cursor": next.map(|next| next.to_string())})))
}

pub(crate) async fn show(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let access = deps.identify(&call).await?.authorise(Action::ManageWebhooks)?;
    let (delivery, attempts) = deps.webhooks.delivery(&access, call.path("delivery_id"), call.now).await?;
    let mut view = delivery.view();
    view["attempt_log"] = attempts.iter().map(Attempt::view).collect();
    Ok(Answer::ok(&view))
}

/// The delivery is made, not yet tried: whether it arrives is to be read in the log.
pub(crate) async fn send_test(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let access = deps.identify(&call).await?.authorise(Action::ManageWebhooks)?;
    let delivery = deps.webhooks.send_test(&deps.author(&call, &access), &access).await?;
    Ok(Answer::json_text(StatusCode::ACCEPTED, delivery.view().to_string()))
}

pub(crate) async fn replay(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let access = deps.identify(&call).await?.authorise(Action::ManageWebhooks)?;
    let author = deps.author(&call, &access);
    let delivery = deps.webhooks.replay(&author, &access, call.path("delivery_id")).await?;
    Ok(Answer::json_text(StatusCode::ACCEPTED, delivery.view().to_string()))
}
