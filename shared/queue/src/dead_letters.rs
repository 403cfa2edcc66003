use aws_lambda_events::event::sqs::SqsMessage;
use aws_sdk_sqs::types::MessageAttributeValue;

use crate::{QueueError, Sqs};

/// How often a message is tried before it goes to the dead letters: the `maxReceiveCount` of every queue's redrive
/// policy.
pub const MAX_RECEIVES: u32 = 5;

/// The longest reason that is kept, in characters.
const MAX_REASON: usize = 1000;

/// The dead letters of a queue: the queue of its name and `-dead`. Each has the attributes `reason` and
/// `message_id`, which a redrive policy alone would not tell.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    sqs: Sqs,
    url: String,
}

impl DeadLetters {
    /// Those of the queue at `queue_url`.
    pub(crate) fn of(sqs: Sqs, queue_url: &str) -> Self {
        Self { sqs, url: Self::name(queue_url) }
    }

    /// The name, or the address, of the dead letters of a queue by its name or address.
    pub fn name(queue: &str) -> String {
        format!("{queue}-dead")
    }

    /// Takes a message, or logs why it cannot. Whoever dies behind this sends it twice, which loses nothing.
    pub(crate) async fn take(&self, record: &SqsMessage, reason: &str) -> bool {
        let message_id = record.message_id.as_deref().unwrap_or_default();
        match self.send(record, reason).await {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(message_id, %error, "a message did not get to the dead letters");
                false
            }
        }
    }

    async fn send(&self, record: &SqsMessage, reason: &str) -> Result<(), QueueError> {
        let text = |text: &str| {
            let value = MessageAttributeValue::builder().data_type("String").string_value(text).build();
            value.map_err(|error| QueueError::NotSerializable(error.to_string()))
        };
        let mut send = self
            .sqs
            .client()
            .send_message()
            .queue_url(&self.url)
            .message_attributes("reason", text(&kept(reason))?);
        if let Some(id) = record.message_id.as_deref().filter(|id| !id.is_empty()) {
            send = send.message_attributes("message_id", text(id)?);
        }
        let body = record.body.as_deref().unwrap_or_default();
        send.message_body(body).send().await.map_err(|error| QueueError::from_sdk(&error))?;
        Ok(())
    }
}

/// The part of a reason that an attribute takes: neither empty nor of control characters.
fn kept(reason: &str) -> String {
    let kept: String = reason.chars().filter(|character| !character.is_control()).take(MAX_REASON).collect();
    if kept.is_empty() { "unknown".to_owned() } else { kept }
}
