use std::fmt::Display;
use std::panic::AssertUnwindSafe;

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures::{FutureExt, StreamExt, stream};
use serde::de::DeserializeOwned;

use crate::{DeadLetters, MAX_RECEIVES};

/// Messages handled at a time: a batch of the usual size all at once, a large one in turns.
const AT_A_TIME: usize = 10;

/// Runs `handle` on each message of the batch and reports those that failed, so that only they come again.
///
/// A message fails if `handle` returns an error or panics, and if its body is not the JSON of an `M`. It comes
/// again when its visibility timeout ends. One that fails the [`MAX_RECEIVES`]th time goes to `dead_letters` with the
/// reason; where there are none, or they do not take it, the queue's redrive policy moves it without.
/// Each failure is logged as an error with the id of the message.
///
/// For standard queues: messages are handled at the same time, in no order. The event source mapping needs
/// `ReportBatchItemFailures`, or else Lambda takes every batch for a success.
pub async fn handle_batch<M, F, Fut, E>(
    event: SqsEvent,
    dead_letters: Option<&DeadLetters>,
    handle: F,
) -> SqsBatchResponse
where
    M: DeserializeOwned,
    F: Fn(M) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: Display,
{
    let handle = &handle;
    let outcomes = stream::iter(event.records).map(|record| async move {
        let reason = handle_record(&record, handle).await.err()?;
        // Lambda takes an empty id for a failure of the whole batch, which is right for a message we cannot
        // name.
        let message_id = record.message_id.clone().unwrap_or_default();
        let attempt = receives(&record);
        tracing::error!(message_id, attempt, reason, "a queue message failed");
        match dead_letters {
            Some(dead_letters) if attempt >= MAX_RECEIVES && dead_letters.take(&record, &reason).await => {
                None
            }
            _ => Some(message_id),
        }
    });
    let failed: Vec<Option<String>> = outcomes.buffered(AT_A_TIME).collect().await;

    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failed.into_iter().flatten().map(failure).collect();
    response
}

async fn handle_record<M, F, Fut, E>(record: &SqsMessage, handle: &F) -> Result<(), String>
where
    M: DeserializeOwned,
    F: Fn(M) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: Display,
{
    let body = record.body.as_deref().unwrap_or_default();
    let message = serde_json::from_str(body).map_err(|error| format!("the body cannot be read: {error}"))?;
    // A panic must not take the messages beside this one with it. What it leaves behind is dropped.
    match AssertUnwindSafe(async { handle(message).await }).catch_unwind().await {
        Ok(outcome) => outcome.map_err(|error| error.to_string()),
        Err(_) => Err("the handler panicked".to_owned()),
    }
}

/// How often the message was received, this time included.
fn receives(record: &SqsMessage) -> u32 {
    let count = record.attributes.get("ApproximateReceiveCount");
    count.and_then(|count| count.parse().ok()).unwrap_or(1)
}

fn failure(message_id: String) -> BatchItemFailure {
    let mut failure = BatchItemFailure::default();
    failure.item_identifier = message_id;
    failure
}
