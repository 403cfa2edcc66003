use std::fmt::Display;
use std::panic::AssertUnwindSafe;

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures::{FutureExt, StreamExt, stream};
use serde::de::DeserializeOwned;

/// Messages handled at a time: a batch of the usual size all at once, a large one in turns.
const AT_A_TIME: usize = 10;

/// Runs `handle` on each message of the batch and reports those that failed, so that only they come again.
///
/// A message fails if `handle` returns an error or panics, and if its body is not the JSON of an `M`. It comes
/// again when its visibility timeout ends, and after the queue's `maxReceiveCount` goes to the dead letters.
/// Each failure is logged as an error with the id of the message.
///
/// For standard queues: messages are handled at the same time, in no order. The event source mapping needs
/// `ReportBatchItemFailures`, or else Lambda takes every batch for a success.
pub async fn handle_batch<M, F, Fut, E>(event: SqsEvent, handle: F) -> SqsBatchResponse
where
    M: DeserializeOwned,
    F: Fn(M) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: Display,
{
    let handle = &handle;
    let outcomes = stream::iter(event.records).map(|record| async move {
        let outcome = handle_record(&record, handle).await;
        // Lambda takes an empty id for a failure of the whole batch, which is right for a message we cannot
        // name.
        let message_id = record.message_id.unwrap_or_default();
        outcome.err().map(|reason| {
            tracing::error!(message_id, reason, "a queue message failed");
            message_id
        })
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

fn failure(message_id: String) -> BatchItemFailure {
    let mut failure = BatchItemFailure::default();
    failure.item_identifier = message_id;
    failure
}
