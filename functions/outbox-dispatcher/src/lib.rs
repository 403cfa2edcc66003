//! Brings notifications to the endpoints of their tenants. Each message of the outbox queue is a chunk of notifications
//! that deliveries are to be made of, or an attempt of a delivery that is due; the messages of a batch are worked off side
//! by side, and only those that failed come again. Once a minute the schedule lets it ask for what no message tells any
//! more.
//!
//! An endpoint that does not take a delivery is no failure of its message: the delivery says when it is tried again. What
//! fails here is the store or the queue. A message in the dead letters loses nothing, because the sweep asks again.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use bespin_edge::Deps;
use bespin_primitives::Timestamp;
use bespin_queue::handle_batch;
use bespin_webhooks::{OutboxMessage, Swept, Task, WebhookError};
use futures::{FutureExt, future::BoxFuture};
use serde_json::{Value, json};

/// Why a message comes again, or an invocation fails.
#[derive(Debug, thiserror::Error)]
pub enum DispatchError {
    /// It is none of the messages that are sent here.
    #[error("the message is not one of ours")]
    NotOurs,
    /// The event is neither a batch of the queue nor one of the schedule.
    #[error("the event cannot be read: {0}")]
    Event(#[from] serde_json::Error),
    /// The store or the queue gave no answer.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
}

/// Works off whatever event the function is invoked with: a batch of messages has `Records`, the schedule has none.
///
/// Boxed, because the compiler does not follow futures inside of each other as deep as these go.
pub fn invoke(deps: &Deps, event: Value, now: Timestamp) -> BoxFuture<'_, Result<Value, DispatchError>> {
    async move {
        if event.get("Records").is_some() {
            let response = handle(deps, serde_json::from_value(event)?, now).await;
            return Ok(serde_json::to_value(response)?);
        }
        let Swept { pending, due, unsent } = sweep(deps, now).await?;
        Ok(json!({"pending": pending, "due": due, "unsent": unsent}))
    }
    .boxed()
}

/// Works off a batch; the messages that failed come again, and no others.
pub async fn handle(deps: &Deps, event: SqsEvent, now: Timestamp) -> SqsBatchResponse {
    let dead_letters = deps.webhooks.outbox().dead_letters();
    handle_batch(event, dead_letters.as_ref(), |message: OutboxMessage| work_off(deps, message, now)).await
}

/// Asks for everything again that should have been done a minute ago.
pub async fn sweep(deps: &Deps, now: Timestamp) -> Result<Swept, DispatchError> {
    let swept = deps.webhooks.sweep(now).await?;
    if swept != Swept::default() {
        tracing::info!(
            pending = swept.pending,
            due = swept.due,
            unsent = swept.unsent,
            "the outbox was swept"
        );
    }
    Ok(swept)
}

async fn work_off(deps: &Deps, message: OutboxMessage, now: Timestamp) -> Result<(), DispatchError> {
    match message.task().ok_or(DispatchError::NotOurs)? {
        Task::Expand(departure) => {
            let tenant = deps.access.serve(departure.tenant_id);
            Ok(deps.webhooks.expand(&tenant, &departure, now).await?)
        }
        Task::Attempt(due) => {
            let tenant = deps.access.serve(due.tenant_id);
            Ok(deps.webhooks.attempt(&tenant, &due, now).await?)
        }
    }
}
