use aws_sdk_sqs::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

/// Why a message was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// The message cannot be written as JSON.
    #[error("the message cannot be written as JSON: {0}")]
    NotSerializable(String),
    /// The message is larger than a queue takes.
    #[error("the message has {bytes} bytes, more than the {most} a queue takes")]
    TooLarge {
        /// Bytes of the message as JSON.
        bytes: usize,
        /// The most a message may have.
        most: usize,
    },
    /// SQS holds messages back for up to fifteen minutes.
    #[error("a message cannot be held back for {delay_seconds} seconds, only for 0 to {most}")]
    DelayTooLong {
        /// The delay asked for.
        delay_seconds: u32,
        /// The longest there is.
        most: u32,
    },
    /// SQS refused, and would refuse again: the queue is gone, or the process may not send to it.
    #[error("SQS refused the message: {code}: {message}")]
    Refused {
        /// The code of the refusal, such as `AWS.SimpleQueueService.NonExistentQueue`.
        code: String,
        /// SQS's own words.
        message: String,
    },
    /// SQS could not be reached, or not serve the call, in every attempt. The message may have been sent.
    #[error("SQS could not take the message: {0}")]
    Unavailable(String),
}

impl QueueError {
    pub(crate) fn from_sdk<E>(error: &SdkError<E>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        let is_client_error = error.raw_response().is_some_and(|answer| answer.status().is_client_error());
        match error.code() {
            Some(code) if is_client_error && !code.contains("Throttl") => Self::Refused {
                code: code.to_owned(),
                message: error.message().unwrap_or_default().to_owned(),
            },
            _ => Self::Unavailable(DisplayErrorContext(error).to_string()),
        }
    }
}
