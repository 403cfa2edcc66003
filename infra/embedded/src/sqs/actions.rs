//! The actions that answer at once. `ReceiveMessage`, which may wait, is in `receive`.

use std::collections::BTreeMap;

use rusqlite::Transaction;
use serde::Deserialize;
use serde_json::{Value, json};

use super::attributes::{Attributes, arn, name_in_arn};
use super::batch::{Batch, run_each};
use super::error::SqsError;
use super::message::{Outgoing, md5_of_attributes, md5_of_text};
use super::read;
use super::store::messages::{self, Receipt};
use super::store::moves::{self, MoveTask};
use super::store::queues::{self, Queue};
use crate::connector::Call;

const MAX_NAME_LENGTH: usize = 80;
const MAX_BATCH_BYTES: usize = 1_048_576;
const MAX_VISIBILITY_SECONDS: i64 = 43_200;
const DEFAULT_PAGE: i64 = 1000;

/// What an action works with: one transaction at one instant, for one caller.
pub(crate) struct Actions<'a> {
    pub(crate) rows: &'a Transaction<'a>,
    /// Milliseconds since 1970.
    pub(crate) now: i64,
    pub(crate) origin: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateQueue {
    queue_name: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetQueueUrl {
    queue_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListQueues {
    queue_name_prefix: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfQueue {
    queue_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetQueueAttributes {
    queue_url: String,
    #[serde(default)]
    attribute_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SetQueueAttributes {
    queue_url: String,
    attributes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeleteMessage {
    receipt_handle: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ChangeMessageVisibility {
    receipt_handle: String,
    visibility_timeout: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StartMessageMoveTask {
    source_arn: String,
    destination_arn: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListMessageMoveTasks {
    source_arn: String,
    max_results: Option<i64>,
}

impl Actions<'_> {
    pub(crate) fn run(&self, call: Call<'_>) -> Result<Value, SqsError> {
        let body = call.body;
        match call.operation {
            "CreateQueue" => self.create_queue(read(body)?),
            "DeleteQueue" => self.delete_queue(&read(body)?),
            "GetQueueAttributes" => self.get_queue_attributes(&read(body)?),
            "GetQueueUrl" => self.get_queue_url(&read(body)?),
            "ListDeadLetterSourceQueues" => self.list_dead_letter_source_queues(&read(body)?),
            "ListQueues" => self.list_queues(read(body)?),
            "PurgeQueue" => self.purge_queue(&read(body)?),
            "SetQueueAttributes" => self.set_queue_attributes(read(body)?),

            "ChangeMessageVisibility" => self.change_message_visibility(&self.queue_of(body)?, &read(body)?),
            "ChangeMessageVisibilityBatch" => self.change_message_visibility_batch(read(body)?),
            "DeleteMessage" => self.delete_message(&self.queue_of(body)?, &read(body)?),
            "DeleteMessageBatch" => self.delete_message_batch(read(body)?),
            "SendMessage" => self.send_message(&self.queue_of(body)?, read(body)?),
            "SendMessageBatch" => self.send_message_batch(read(body)?),

            "ListMessageMoveTasks" => self.list_message_move_tasks(&read(body)?),
            "StartMessageMoveTask" => self.start_message_move_task(&read(body)?),
            other => Err(SqsError::UnsupportedOperation(format!("{other:?} is not an action of this SQS."))),
        }
    }

    fn create_queue(&self, request: CreateQueue) -> Result<Value, SqsError> {
        let name = request.queue_name;
        check_name(&name)?;
        let attributes = Attributes::of_new_queue(&name, request.attributes)?;
        let answer = json!({ "QueueUrl": self.url(&name) });
        if let Some(existing) = queues::find(self.rows, &name)? {
            return match attributes.first_difference_from(&existing.attributes) {
                Some(attribute) => Err(SqsError::QueueNameExists(attribute.to_owned())),
                None => Ok(answer),
            };
        }
        self.check_redrive(&attributes)?;
        queues::insert(self.rows, &Queue { name, attributes, created_at: self.now, modified_at: self.now })?;
        Ok(answer)
    }

    /// Dead letters can only go to a queue that exists and keeps the order the source promises.
    fn check_redrive(&self, attributes: &Attributes) -> Result<(), SqsError> {
        let Some(redrive) = attributes.redrive() else { return Ok(()) };
        let dead_letter_queue = queues::find(self.rows, &redrive.dead_letter_queue)?;
        if dead_letter_queue.is_some_and(|queue| queue.is_fifo() == attributes.is("FifoQueue")) {
            return Ok(());
        }
        Err(SqsError::invalid(format!(
            "Value for parameter RedrivePolicy is invalid. Reason: Dead letter target {} does not exist or \
             is of another type.",
            redrive.dead_letter_queue
        )))
    }

    fn delete_queue(&self, request: &OfQueue) -> Result<Value, SqsError> {
        queues::delete(self.rows, &self.queue(&request.queue_url)?.name)?;
        Ok(json!({}))
    }

    fn purge_queue(&self, request: &OfQueue) -> Result<Value, SqsError> {
        messages::purge(self.rows, &self.queue(&request.queue_url)?)?;
        Ok(json!({}))
    }

    fn get_queue_url(&self, request: &GetQueueUrl) -> Result<Value, SqsError> {
        let queue = queues::find(self.rows, &request.queue_name)?.ok_or(SqsError::QueueDoesNotExist)?;
        Ok(json!({ "QueueUrl": self.url(&queue.name) }))
    }

    /// A page is asked for with `MaxResults`; the name it ended with is the token of the next.
    fn list_queues(&self, request: ListQueues) -> Result<Value, SqsError> {
        let prefix = request.queue_name_prefix.unwrap_or_default();
        let limit = request.max_results.unwrap_or(DEFAULT_PAGE);
        if !(1..=DEFAULT_PAGE).contains(&limit) {
            return Err(SqsError::invalid("MaxResults must be between 1 and 1000."));
        }
        let after = request.next_token.unwrap_or_default();
        let mut found = queues::list(self.rows, &prefix, &after, limit + 1)?;
        let page = usize::try_from(limit).unwrap_or(usize::MAX);
        let is_last = found.len() <= page;
        found.truncate(page);

        let mut answer = json!({ "QueueUrls": self.urls(&found) });
        if let (false, Some(_), Some(last)) = (is_last, request.max_results, found.last()) {
            answer["NextToken"] = json!(last.name);
        }
        Ok(answer)
    }

    fn list_dead_letter_source_queues(&self, request: &OfQueue) -> Result<Value, SqsError> {
        let queue = self.queue(&request.queue_url)?;
        // The service spells this member with a small letter.
        Ok(json!({ "queueUrls": self.urls(&queues::sources_of(self.rows, &queue.name)?) }))
    }

    fn get_queue_attributes(&self, request: &GetQueueAttributes) -> Result<Value, SqsError> {
        let queue = self.queue(&request.queue_url)?;
        let counts = messages::count(self.rows, &queue, self.now)?;
        let mut shown = queue.attributes.shown();
        let kept: [(&str, String); 6] = [
            ("QueueArn", arn(&queue.name)),
            ("CreatedTimestamp", (queue.created_at / 1000).to_string()),
            ("LastModifiedTimestamp", (queue.modified_at / 1000).to_string()),
            ("ApproximateNumberOfMessages", counts.visible.to_string()),
            ("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string()),
            ("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string()),
        ];
        shown.extend(kept.map(|(name, value)| (name.to_owned(), value)));
        let names = &request.attribute_names;
        if !names.iter().any(|name| name == "All") {
            shown.retain(|name, _| names.contains(name));
        }
        Ok(json!({ "Attributes": shown }))
    }

    fn set_queue_attributes(&self, request: SetQueueAttributes) -> Result<Value, SqsError> {
        let queue = self.queue(&request.queue_url)?;
        if request.attributes.contains_key("FifoQueue") {
            return Err(SqsError::InvalidAttributeName("FifoQueue".to_owned()));
        }
        let attributes = queue.attributes.changed_by(request.attributes)?;
        self.check_redrive(&attributes)?;
        queues::set_attributes(self.rows, &queue.name, &attributes, self.now)?;
        Ok(json!({}))
    }

    fn send_message(&self, queue: &Queue, message: Outgoing) -> Result<Value, SqsError> {
        let message = message.into_message(&queue.attributes)?;
        let sent = messages::insert(self.rows, queue, &message, self.now)?;
        let mut answer =
            json!({ "MessageId": sent.message_id, "MD5OfMessageBody": md5_of_text(&message.body) });
        if let Some(digest) = md5_of_attributes(&message.attributes) {
            answer["MD5OfMessageAttributes"] = json!(digest);
        }
        if queue.is_fifo() {
            answer["SequenceNumber"] = json!(sequence_number(sent.sequence));
        }
        Ok(answer)
    }

    fn send_message_batch(&self, batch: Batch) -> Result<Value, SqsError> {
        let queue = self.queue(&batch.queue_url)?;
        let entries = batch.into_entries::<Outgoing>()?;
        let bytes = entries.iter().map(|entry| entry.action.size()).sum();
        if bytes > MAX_BATCH_BYTES {
            return Err(SqsError::BatchRequestTooLong(bytes));
        }
        run_each(entries, |message| self.send_message(&queue, message))
    }

    fn delete_message(&self, queue: &Queue, request: &DeleteMessage) -> Result<Value, SqsError> {
        messages::delete(self.rows, queue, &Receipt::parse(&request.receipt_handle)?, self.now)?;
        Ok(json!({}))
    }

    fn delete_message_batch(&self, batch: Batch) -> Result<Value, SqsError> {
        let queue = self.queue(&batch.queue_url)?;
        run_each(batch.into_entries()?, |request| self.delete_message(&queue, &request))
    }

    fn change_message_visibility(
        &self,
        queue: &Queue,
        request: &ChangeMessageVisibility,
    ) -> Result<Value, SqsError> {
        let seconds = request.visibility_timeout;
        check_visibility(seconds)?;
        let receipt = Receipt::parse(&request.receipt_handle)?;
        messages::set_visibility(self.rows, queue, &receipt, seconds, self.now)?;
        Ok(json!({}))
    }

    fn change_message_visibility_batch(&self, batch: Batch) -> Result<Value, SqsError> {
        let queue = self.queue(&batch.queue_url)?;
        run_each(batch.into_entries()?, |request| self.change_message_visibility(&queue, &request))
    }

    fn start_message_move_task(&self, request: &StartMessageMoveTask) -> Result<Value, SqsError> {
        let source = self.queue_at(&request.source_arn)?;
        if queues::sources_of(self.rows, &source.name)?.is_empty() {
            let reason = "Source queue must be configured as a Dead Letter Queue.";
            return Err(SqsError::UnsupportedOperation(reason.to_owned()));
        }
        let destination = request.destination_arn.as_deref().map(|arn| self.queue_at(arn)).transpose()?;
        let task = moves::run(self.rows, &source, destination.as_ref(), self.now)?;
        Ok(json!({ "TaskHandle": task.handle }))
    }

    fn list_message_move_tasks(&self, request: &ListMessageMoveTasks) -> Result<Value, SqsError> {
        let source = self.queue_at(&request.source_arn)?;
        let limit = request.max_results.unwrap_or(1).clamp(1, 10);
        let tasks = moves::list(self.rows, &source.name, limit)?;
        let results: Vec<Value> = tasks.iter().map(|task| shown_task(task, &request.source_arn)).collect();
        Ok(json!({ "Results": results }))
    }

    /// The queue a URL points to, whatever host it names: callers reach one queue by several addresses.
    pub(crate) fn queue(&self, url: &str) -> Result<Queue, SqsError> {
        let name = url.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        queues::find(self.rows, name)?.ok_or(SqsError::QueueDoesNotExist)
    }

    fn queue_of(&self, body: &[u8]) -> Result<Queue, SqsError> {
        self.queue(&read::<OfQueue>(body)?.queue_url)
    }

    fn queue_at(&self, arn: &str) -> Result<Queue, SqsError> {
        let found = name_in_arn(arn).map(|name| queues::find(self.rows, name)).transpose()?.flatten();
        found.ok_or(SqsError::ResourceNotFound("The resource that you specified for the ARN doesn't exist."))
    }

    fn url(&self, name: &str) -> String {
        format!("{}/000000000000/{name}", self.origin)
    }

    fn urls(&self, queues: &[Queue]) -> Vec<String> {
        queues.iter().map(|queue| self.url(&queue.name)).collect()
    }
}

pub(crate) fn sequence_number(sequence: i64) -> String {
    format!("{sequence:020}")
}

pub(crate) fn check_visibility(seconds: i64) -> Result<(), SqsError> {
    if (0..=MAX_VISIBILITY_SECONDS).contains(&seconds) {
        return Ok(());
    }
    Err(SqsError::invalid(format!(
        "Value {seconds} for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200."
    )))
}

fn check_name(name: &str) -> Result<(), SqsError> {
    let stem = name.strip_suffix(super::attributes::FIFO_SUFFIX).unwrap_or(name);
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !stem.is_empty() && name.len() <= MAX_NAME_LENGTH && stem.bytes().all(allowed) {
        return Ok(());
    }
    Err(SqsError::invalid(
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
    ))
}

fn shown_task(task: &MoveTask, source_arn: &str) -> Value {
    let mut shown = json!({
        "TaskHandle": task.handle,
        "Status": "COMPLETED",
        "SourceArn": source_arn,
        "ApproximateNumberOfMessagesMoved": task.moved,
        "ApproximateNumberOfMessagesToMove": task.moved,
        "StartedTimestamp": task.started_at,
    });
    if let Some(destination) = &task.destination {
        shown["DestinationArn"] = json!(arn(destination));
    }
    shown
}
