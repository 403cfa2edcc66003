//! `/v1/notifications/webhook/deliveries`: the log of what was sent to the tenant's endpoint, and sending it again.

use axum::{extract::State, http::StatusCode};
use bespin_access::{Action, TenantAccess};
use bespin_edge::Deps;
use bespin_table::Cursor;
use bespin_web::{Answer, Call, Problem, clamped, one_of, parsed};
use bespin_webhooks::{Attempt, Delivery, DeliveryListing, DeliveryState};
use serde_json::{Value, json};

/// The largest page.
const MAX_LIMIT: i64 = 500;

fn parse(call: &Call, access: &TenantAccess) -> Result<DeliveryListing, Problem> {
    let mut query = call.query();
    let status = query.optional("status", one_of(&DeliveryState::NAMES));
    let limit = query.or("limit", 50, clamped(1..=MAX_LIMIT));
    let range = DeliveryListing::range(access);
    let after = query.optional(
        "cursor",
        parsed(|text| Cursor::parse(text, &range).ok_or("must be the next_cursor of an earlier page")),
    );
    query.finish(|| {
        let limit = usize::try_from(limit?).unwrap_or(1);
        Some(DeliveryListing { status: status?, limit, after: after? })
    })
}

pub(crate) async fn list(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let access = deps.identify(&call).await?.authorise(Action::ManageWebhooks)?;
    let listing = parse(&call, &access)?;
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
