//! The queues of the local cloud, and what stands for Lambda's event source mapping: batches are received, handed to the
//! very handler that ships, and what it did not fail is deleted.

use std::{collections::HashSet, future::Future, pin::pin, time::Duration};

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use aws_sdk_sqs::{
    Client,
    types::{Message, QueueAttributeName},
};
use serde_json::json;

use crate::LocalError;

/// What is left of large daily briefs.
pub(crate) const BRIEF_RUNS: &str = "bespin-brief-runs";

/// What leaves the building.
pub(crate) const OUTBOX: &str = "bespin-outbox";

/// As in the deployment: how often a message is tried, and how long one try may take.
const MAX_RECEIVES: u32 = 5;
const VISIBILITY_SECONDS: u32 = 90;

/// How long one look at an empty queue waits.
const WAIT_SECONDS: i32 = 10;
/// How long to wait after the queue did not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// Makes a queue, if it is not there, with one for its dead letters; its address.
pub(crate) async fn create(client: &Client, name: &str) -> Result<String, LocalError> {
    let failed = |error: &dyn std::fmt::Debug| LocalError::Queue(format!("{name}: {error:?}"));
    let made = client.create_queue().queue_name(format!("{name}-dead")).send().await;
    let dead = made.map_err(|error| failed(&error))?.queue_url.unwrap_or_default();
    let arn = QueueAttributeName::QueueArn;
    let told = client.get_queue_attributes().queue_url(dead).attribute_names(arn.clone()).send().await;
    let told = told.map_err(|error| failed(&error))?;
    let dead = told.attributes().and_then(|all| all.get(&arn)).cloned().unwrap_or_default();
    let redrive = json!({"deadLetterTargetArn": dead, "maxReceiveCount": MAX_RECEIVES}).to_string();
    let made = client
        .create_queue()
        .queue_name(name)
        .attributes(QueueAttributeName::RedrivePolicy, redrive)
        .attributes(QueueAttributeName::VisibilityTimeout, VISIBILITY_SECONDS.to_string())
        .send()
        .await;
    Ok(made.map_err(|error| failed(&error))?.queue_url.unwrap_or_default())
}

/// Hands what comes into a queue to `handle` until `stop` is done. A batch that is being handled is finished first.
pub(crate) async fn poll<Handled: Future<Output = SqsBatchResponse>>(
    client: &Client,
    url: &str,
    handle: impl Fn(SqsEvent) -> Handled,
    stop: impl Future<Output = ()>,
) {
    let mut stop = pin!(stop);
    loop {
        let received = client
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(10)
            .wait_time_seconds(WAIT_SECONDS)
            .send();
        let received = tokio::select! {
            () = &mut stop => return,
            received = received => received,
        };
        match received {
            Ok(received) if received.messages().is_empty() => {}
            Ok(received) => {
                let handled = handle(event(received.messages())).await;
                delete_good(client, url, received.messages(), &handled).await;
            }
            Err(error) => {
                tracing::warn!(%error, url, "a queue does not answer");
                if tokio::time::timeout(PAUSE, &mut stop).await.is_ok() {
                    return;
                }
            }
        }
    }
}

/// Deletes the messages that did not fail. The others come again.
async fn delete_good(client: &Client, url: &str, messages: &[Message], handled: &SqsBatchResponse) {
    let failures = handled.batch_item_failures.iter();
    let failed: HashSet<&str> = failures.map(|failure| failure.item_identifier.as_str()).collect();
    for message in messages {
        let id = message.message_id().unwrap_or_default();
        // A failure without a name is that of the whole batch.
        if failed.contains(id) || failed.contains("") {
            continue;
        }
        let receipt = message.receipt_handle().unwrap_or_default();
        if let Err(error) = client.delete_message().queue_url(url).receipt_handle(receipt).send().await {
            tracing::warn!(%error, url, "a message that was worked off stays, and will come again");
        }
    }
}

/// The messages as Lambda hands them to a function.
fn event(messages: &[Message]) -> SqsEvent {
    let records: Vec<_> = messages
        .iter()
        .map(|message| {
            json!({
                "messageId": message.message_id(), "receiptHandle": message.receipt_handle(),
                "body": message.body(), "eventSource": "aws:sqs",
            })
        })
        .collect();
    // Every member of an event is optional, so this one can be read.
    serde_json::from_value(json!({"Records": records})).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::sync::Mutex;

    use bespin_embedded::Embedded;
    use bespin_queue::{handle_batch, sqs_client};
    use serde_json::Value;
    use tokio::sync::Notify;

    use super::*;

    async fn waiting(client: &Client, url: &str) -> Vec<String> {
        let visible = QueueAttributeName::ApproximateNumberOfMessages;
        let held = QueueAttributeName::ApproximateNumberOfMessagesNotVisible;
        let told = client
            .get_queue_attributes()
            .queue_url(url)
            .attribute_names(visible.clone())
            .attribute_names(held.clone())
            .send()
            .await
            .unwrap();
        let all = told.attributes().unwrap();
        [visible, held].iter().map(|name| all[name].clone()).collect()
    }

    #[tokio::test]
    async fn what_is_worked_off_is_deleted_and_what_failed_waits_for_its_next_try() {
        let embedded = Embedded::open_in_memory().unwrap();
        let client = sqs_client(&embedded.connection());
        let url = create(&client, BRIEF_RUNS).await.unwrap();
        assert_eq!(create(&client, BRIEF_RUNS).await.unwrap(), url, "a second start finds it");
        let (handled, done) = (Mutex::new(Vec::new()), Notify::new());
        let note = async |number: Value| {
            handled.lock().unwrap().push(number.clone());
            if handled.lock().unwrap().len() == 3 {
                done.notify_one();
            }
            if number == 2 { Err("not today") } else { Ok(()) }
        };
        let handle = |event: SqsEvent| handle_batch(event, &note);
        for body in ["1", "2", "3"] {
            client.send_message().queue_url(&url).message_body(body).send().await.unwrap();
        }

        poll(&client, &url, handle, done.notified()).await;

        assert_eq!(waiting(&client, &url).await, ["0", "1"], "the second is held until it is tried again");
    }
}
