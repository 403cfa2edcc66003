use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::types::{BatchResultErrorEntry, SendMessageBatchRequestEntry};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{DeadLetters, QueueError, Sqs};

/// The longest SQS holds a message back.
const MAX_DELAY_SECONDS: u32 = 900;

/// The largest message SQS takes.
const MAX_MESSAGE_BYTES: usize = 1024 * 1024;

const MAX_BATCH_ENTRIES: usize = 10;

/// SQS takes 1 MiB today. Regions and emulators that have the older limit take this, and it costs little: SQS
/// counts each 64 KiB as a request anyway.
const MAX_BATCH_BYTES: usize = 256 * 1024;

const BATCH_ATTEMPTS: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// A standard queue of messages of the type `M`. A clone is another handle to it.
pub struct Queue<M> {
    pub(crate) sqs: Sqs,
    url: Arc<str>,
    messages: PhantomData<fn() -> M>,
}

/// A message that [`Queue::send_all`] could not send, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsent<M> {
    /// The message, given back.
    pub message: M,
    /// What stood in its way in the last attempt.
    pub error: QueueError,
}

/// A message on its way, with its JSON.
struct Outgoing<M> {
    message: M,
    body: String,
}

impl<M: Serialize + DeserializeOwned> Queue<M> {
    /// The queue at `url`.
    pub fn new(sqs: impl Into<Sqs>, url: impl Into<Arc<str>>) -> Self {
        Self { sqs: sqs.into(), url: url.into(), messages: PhantomData }
    }

    /// The address SQS knows the queue by.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where its messages end that nothing can be done with.
    pub fn dead_letters(&self) -> DeadLetters {
        DeadLetters::of(self.sqs.clone(), &self.url)
    }

    /// Sends a message, to be received as soon as the queue allows.
    pub async fn send(&self, message: &M) -> Result<(), QueueError> {
        self.send_body(body(message)?, None).await
    }

    /// Sends a message that nobody receives for `delay_seconds`, at most 900.
    pub async fn send_after(&self, message: &M, delay_seconds: u32) -> Result<(), QueueError> {
        let delay = i32::try_from(delay_seconds).ok().filter(|_| delay_seconds <= MAX_DELAY_SECONDS);
        let delay = delay.ok_or(QueueError::DelayTooLong { delay_seconds, most: MAX_DELAY_SECONDS })?;
        self.send_body(body(message)?, Some(delay)).await
    }

    /// Sends messages in as few calls as their number and size allow, and returns those it could not send.
    ///
    /// Entries that SQS fails by no fault of ours are tried again with growing pauses, less than half a second
    /// in all. One message's failure does not keep the others from being sent.
    #[must_use = "what could not be sent is returned"]
    pub async fn send_all(&self, messages: impl IntoIterator<Item = M>) -> Vec<Unsent<M>> {
        let mut unsent = Vec::new();
        let mut batch: Vec<Outgoing<M>> = Vec::new();
        let mut batch_bytes = 0;
        for message in messages {
            let body = match body(&message) {
                Ok(body) => body,
                Err(error) => {
                    unsent.push(Unsent { message, error });
                    continue;
                }
            };
            let is_full = batch.len() == MAX_BATCH_ENTRIES || batch_bytes + body.len() > MAX_BATCH_BYTES;
            if is_full && !batch.is_empty() {
                unsent.extend(self.send_batch(std::mem::take(&mut batch)).await);
                batch_bytes = 0;
            }
            batch_bytes += body.len();
            batch.push(Outgoing { message, body });
        }
        if !batch.is_empty() {
            unsent.extend(self.send_batch(batch).await);
        }
        unsent
    }

    async fn send_body(&self, body: String, delay_seconds: Option<i32>) -> Result<(), QueueError> {
        let send = self.sqs.client().send_message().queue_url(&*self.url).message_body(body);
        send.set_delay_seconds(delay_seconds).send().await.map_err(|error| QueueError::from_sdk(&error))?;
        Ok(())
    }

    async fn send_batch(&self, mut batch: Vec<Outgoing<M>>) -> Vec<Unsent<M>> {
        let mut unsent = Vec::new();
        for attempt in 1.. {
            let failures = match self.attempt(&batch).await {
                Ok(failures) => failures,
                Err(error) => {
                    unsent.extend(batch.into_iter().map(|outgoing| outgoing.into_unsent(error.clone())));
                    break;
                }
            };
            let is_last = attempt == BATCH_ATTEMPTS;
            let (to_retry, lost) = failed(batch, &failures, is_last);
            unsent.extend(lost);
            batch = to_retry;
            if batch.is_empty() {
                break;
            }
            tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(attempt - 1)).await;
        }
        unsent
    }

    /// One call; the SDK tries again where the call as a whole fails. Returns the entries that failed.
    async fn attempt(&self, batch: &[Outgoing<M>]) -> Result<Vec<BatchResultErrorEntry>, QueueError> {
        let mut call = self.sqs.client().send_message_batch().queue_url(&*self.url);
        for (index, outgoing) in batch.iter().enumerate() {
            let entry = SendMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .message_body(&outgoing.body)
                .build()
                .map_err(|error| QueueError::NotSerializable(error.to_string()))?;
            call = call.entries(entry);
        }
        let answer = call.send().await.map_err(|error| QueueError::from_sdk(&error))?;
        Ok(answer.failed)
    }
}

/// Parts the entries that failed into those worth another try and those lost for good.
fn failed<M>(
    batch: Vec<Outgoing<M>>,
    failures: &[BatchResultErrorEntry],
    is_last_attempt: bool,
) -> (Vec<Outgoing<M>>, Vec<Unsent<M>>) {
    let (mut to_retry, mut lost) = (Vec::new(), Vec::new());
    for (index, outgoing) in batch.into_iter().enumerate() {
        let id = index.to_string();
        match failures.iter().find(|failure| failure.id() == id) {
            None => {}
            Some(failure) if failure.sender_fault() => {
                let (code, message) = (failure.code().to_owned(), failure.message().unwrap_or_default());
                let error = QueueError::Refused { code, message: message.to_owned() };
                lost.push(outgoing.into_unsent(error));
            }
            Some(failure) if is_last_attempt => {
                lost.push(outgoing.into_unsent(QueueError::Unavailable(failure.code().to_owned())));
            }
            Some(_) => to_retry.push(outgoing),
        }
    }
    (to_retry, lost)
}

fn body<M: Serialize>(message: &M) -> Result<String, QueueError> {
    let body =
        serde_json::to_string(message).map_err(|error| QueueError::NotSerializable(error.to_string()))?;
    match body.len() {
        bytes if bytes > MAX_MESSAGE_BYTES => Err(QueueError::TooLarge { bytes, most: MAX_MESSAGE_BYTES }),
        _ => Ok(body),
    }
}

impl<M> Outgoing<M> {
    fn into_unsent(self, error: QueueError) -> Unsent<M> {
        Unsent { message: self.message, error }
    }
}

impl<M> Clone for Queue<M> {
    fn clone(&self) -> Self {
        Self { sqs: self.sqs.clone(), url: self.url.clone(), messages: PhantomData }
    }
}

impl<M> fmt::Debug for Queue<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("url", &self.url).finish_non_exhaustive()
    }
}
