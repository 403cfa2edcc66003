//! `ReceiveMessage`: what is visible now, or a wait for it.

use std::pin::pin;
use std::time::Duration;

use rusqlite::Transaction;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::EmbeddedSqs;
use super::actions::{Actions, check_visibility, sequence_number};
use super::attributes::arn;
use super::error::SqsError;
use super::message::{MessageAttributes, md5_of_attributes, md5_of_text};
use super::store::messages::{self, Received};
use super::store::queues::Queue;

/// How often a long poll looks for messages that nobody announced: those whose delay or timeout has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

const MAX_WAIT_SECONDS: i64 = 20;
const MAX_MESSAGES: i64 = 10;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ReceiveMessage {
    queue_url: String,
    max_number_of_messages: Option<i64>,
    visibility_timeout: Option<i64>,
    wait_time_seconds: Option<i64>,
    /// The name of `message_system_attribute_names` in older SDKs.
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    message_system_attribute_names: Vec<String>,
    #[serde(default)]
    message_attribute_names: Vec<String>,
}

/// One look at the queue.
struct Look {
    messages: Vec<Value>,
    /// How long to wait for messages if there are none.
    wait: Duration,
    has_moved_dead_letters: bool,
}

impl EmbeddedSqs {
    pub(crate) async fn receive(&self, request: ReceiveMessage) -> Result<Value, SqsError> {
        request.check()?;
        let mut look = self.look(&request)?;
        if look.messages.is_empty() && !look.wait.is_zero() {
            let until_found = tokio::time::timeout(look.wait, self.look_until_found(&request));
            if let Ok(found) = until_found.await {
                look = found?;
            }
        }
        Ok(if look.messages.is_empty() { json!({}) } else { json!({ "Messages": look.messages }) })
    }

    async fn look_until_found(&self, request: &ReceiveMessage) -> Result<Look, SqsError> {
        loop {
            // Listen first, then look: a message that arrives in between is heard.
            let mut arrival = pin!(self.arrivals.notified());
            arrival.as_mut().enable();
            let look = self.look(request)?;
            if !look.messages.is_empty() {
                return Ok(look);
            }
            // Elapsed or told: either way, look again.
            let _ = tokio::time::timeout(LOOK_AGAIN, arrival).await;
        }
    }

    fn look(&self, request: &ReceiveMessage) -> Result<Look, SqsError> {
        let now = self.clock.now();
        let look = self.store.transaction(|rows| request.look(rows, now))?;
        if look.has_moved_dead_letters {
            self.arrivals.notify_waiters();
        }
        Ok(look)
    }
}

impl ReceiveMessage {
    fn check(&self) -> Result<(), SqsError> {
        if let Some(count) = self.max_number_of_messages
            && !(1..=MAX_MESSAGES).contains(&count)
        {
            return Err(SqsError::invalid(format!(
                "Value {count} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and \
                 10, if provided."
            )));
        }
        if let Some(seconds) = self.wait_time_seconds
            && !(0..=MAX_WAIT_SECONDS).contains(&seconds)
        {
            return Err(SqsError::invalid(format!(
                "Value {seconds} for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, \
                 if provided."
            )));
        }
        self.visibility_timeout.map_or(Ok(()), check_visibility)
    }

    fn look(&self, rows: &Transaction<'_>, now: i64) -> Result<Look, SqsError> {
        let queue = Actions { rows, now, origin: "" }.queue(&self.queue_url)?;
        messages::delete_expired(rows, &queue, now)?;
        let moved = match queue.attributes.redrive() {
            Some(redrive) => messages::move_exhausted(rows, &queue, &redrive, now)?,
            None => 0,
        };
        let limit = self.max_number_of_messages.unwrap_or(1);
        let visibility =
            self.visibility_timeout.unwrap_or_else(|| queue.attributes.number("VisibilityTimeout"));
        let received = messages::receive(rows, &queue, limit, visibility, now)?;

        let wait = self
            .wait_time_seconds
            .unwrap_or_else(|| queue.attributes.number("ReceiveMessageWaitTimeSeconds"));
        Ok(Look {
            messages: received.into_iter().map(|message| self.shown(&queue, message)).collect(),
            wait: Duration::from_secs(u64::try_from(wait).unwrap_or_default()),
            has_moved_dead_letters: moved > 0,
        })
    }

    /// The message with what of its attributes was asked for.
    fn shown(&self, queue: &Queue, message: Received) -> Value {
        let mut shown = json!({
            "MessageId": message.message_id,
            "ReceiptHandle": message.receipt.handle(),
            "MD5OfBody": md5_of_text(&message.body),
        });
        let system = self.system_attributes(queue, &message);
        if !system.is_empty() {
            shown["Attributes"] = Value::Object(system);
        }
        let mut attributes: MessageAttributes = message.attributes;
        attributes.retain(|name, _| self.asks_for(name));
        if let Some(digest) = md5_of_attributes(&attributes) {
            shown["MD5OfMessageAttributes"] = json!(digest);
            shown["MessageAttributes"] = json!(attributes);
        }
        shown["Body"] = Value::String(message.body);
        shown
    }

    fn system_attributes(&self, queue: &Queue, message: &Received) -> Map<String, Value> {
        let sequence_number = queue.is_fifo().then(|| sequence_number(message.sequence));
        let all = [
            ("ApproximateFirstReceiveTimestamp", Some(message.first_receive_at.to_string())),
            ("ApproximateReceiveCount", Some(message.receives_in_all.to_string())),
            ("AWSTraceHeader", message.trace_header.clone()),
            ("DeadLetterQueueSourceArn", message.dead_in.as_deref().map(arn)),
            ("MessageDeduplicationId", message.deduplication_id.clone()),
            ("MessageGroupId", message.group_id.clone()),
            ("SenderId", Some("embedded".to_owned())),
            ("SentTimestamp", Some(message.sent_at.to_string())),
            ("SequenceNumber", sequence_number),
        ];
        let asked: Vec<&String> =
            self.attribute_names.iter().chain(&self.message_system_attribute_names).collect();
        let is_asked = |name: &str| asked.iter().any(|asked| *asked == "All" || *asked == name);
        all.into_iter()
            .filter(|(name, _)| is_asked(name))
            .filter_map(|(name, value)| Some((name.to_owned(), Value::String(value?))))
            .collect()
    }

    /// `All` and `.*` ask for every attribute, `order.*` for those that begin with `order.`.
    fn asks_for(&self, attribute: &str) -> bool {
        self.message_attribute_names.iter().any(|asked| match asked.strip_suffix(".*") {
            Some("") => true,
            Some(prefix) => attribute.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.')),
            None => asked == "All" || asked == attribute,
        })
    }
}
