//! The queues of the local cloud, and what stands for Lambda's event source mapping: batches are received, handed to the
//! very handler that ships, and what it did not fail is deleted.

use std::{
    collections::{BTreeMap, HashSet},
    future::Future,
    pin::pin,
    time::Duration,
};

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use aws_sdk_sqs::{
    Client,
    types::{Message, MessageSystemAttributeName, QueueAttributeName},
};
use bespin_queue::{DeadLetters, MAX_RECEIVES};
use serde_json::json;

use crate::LocalError;

/// What is left of large daily briefs.
pub(crate) const BRIEF_RUNS: &str = "bespin-brief-runs";

/// What leaves the building.
pub(crate) const OUTBOX: &str = "bespin-outbox";

/// As in the deployment: how long one try of a message may take.
const VISIBILITY_SECONDS: u32 = 90;

/// How long one look at an empty queue waits.
const WAIT_SECONDS: i32 = 10;
/// How long to wait after the queue did not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// Makes a queue, if it is not there, with one for its dead letters ([`DeadLetters`]); its address.
pub(crate) async fn create(client: &Client, name: &str) -> Result<String, LocalError> {
    let failed = |error: &dyn std::fmt::Debug| LocalError::Queue(format!("{name}: {error:?}"));
    let made = client.create_queue().queue_name(DeadLetters::name(name)).send().await;
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

/// A queue as Lambda's event source mapping sees it.
#[derive(Debug, Clone)]
pub struct EventSource {
    client: Client,
    url: String,
}

impl EventSource {
    /// The queue at `url`.
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }

    /// Up to ten messages, held back from others for a while. Waits so many seconds for the first, at most 20.
    pub async fn receive(&self, wait_seconds: i32) -> Result<Vec<Message>, LocalError> {
        let received = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(10)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .wait_time_seconds(wait_seconds)
            .send()
            .await;
        let received = received.map_err(|error| LocalError::Queue(format!("{}: {error:?}", self.url)))?;
        Ok(received.messages.unwrap_or_default())
    }

    /// The messages as Lambda hands them to a function.
    pub fn event(messages: &[Message]) -> SqsEvent {
        let records: Vec<_> = messages
            .iter()
            .map(|message| {
                let attributes = message.attributes().into_iter().flatten();
                let attributes: BTreeMap<_, _> =
                    attributes.map(|(name, value)| (name.as_str().to_owned(), value.clone())).collect();
                json!({
                    "messageId": message.message_id(), "receiptHandle": message.receipt_handle(),
                    "body": message.body(), "attributes": attributes, "eventSource": "aws:sqs",
                })
            })
            .collect();
        // Every member of an event is optional, so this one can be read.
        serde_json::from_value(json!({"Records": records})).unwrap_or_default()
    }

    /// Deletes the messages that did not fail. The others come again.
    pub async fn settle(&self, messages: &[Message], handled: &SqsBatchResponse) {
        let failures = handled.batch_item_failures.iter();
        let failed: HashSet<&str> = failures.map(|failure| failure.item_identifier.as_str()).collect();
        for message in messages {
            let id = message.message_id().unwrap_or_default();
            // A failure without a name is that of the whole batch.
            if failed.contains(id) || failed.contains("") {
                continue;
            }
            let receipt = message.receipt_handle().unwrap_or_default();
            let deleted =
                self.client.delete_message().queue_url(&self.url).receipt_handle(receipt).send().await;
            if let Err(error) = deleted {
                tracing::warn!(%error, url = self.url, "a message that was worked off stays, and will come again");
            }
        }
    }

    /// Hands what comes to `handle` until `stop` is done. A batch that is being handled is finished first.
    pub(crate) async fn poll<Handled: Future<Output = SqsBatchResponse>>(
        &self,
        handle: impl Fn(SqsEvent) -> Handled,
        stop: impl Future<Output = ()>,
    ) {
        let mut stop = pin!(stop);
        loop {
            let received = tokio::select! {
                () = &mut stop => return,
                received = self.receive(WAIT_SECONDS) => received,
            };
            match received {
                Ok(messages) if messages.is_empty() => {}
                Ok(messages) => {
                    let handled = handle(Self::event(&messages)).await;
                    self.settle(&messages, &handled).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "a queue does not answer");
                    if tokio::time::timeout(PAUSE, &mut stop).await.is_ok() {
                        return;
                    }
                }
            }
        }
    }
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
        let handle = |event: SqsEvent| handle_batch(event, None, &note);
        for body in ["1", "2", "3"] {
            client.send_message().queue_url(&url).message_body(body).send().await.unwrap();
        }

        EventSource::new(client.clone(), &url).poll(handle, done.notified()).await;

        assert_eq!(waiting(&client, &url).await, ["0", "1"], "the second is held until it is tried again");
    }
}
