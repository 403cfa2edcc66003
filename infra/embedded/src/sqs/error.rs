use serde_json::{Value, json};

use crate::connector::Reply;

/// Why an action is refused, in the words of the service.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SqsError {
    #[error("The specified queue does not exist.")]
    QueueDoesNotExist,
    #[error("A queue already exists with the same name and a different value for attribute {0}")]
    QueueNameExists(String),
    #[error("The input receipt handle \"{0}\" is not a valid receipt handle.")]
    ReceiptHandleIsInvalid(String),
    #[error("The message is not in flight.")]
    MessageNotInflight,
    #[error("There should be at least one entry in the request.")]
    EmptyBatchRequest,
    #[error("Maximum number of entries per request are 10. You have sent {0}.")]
    TooManyEntriesInBatchRequest(usize),
    #[error("Two or more batch entries in the request have the same Id {0}.")]
    BatchEntryIdsNotDistinct(String),
    #[error(
        "A batch entry id can only contain alphanumeric characters, hyphens and underscores, at most 80."
    )]
    InvalidBatchEntryId,
    #[error("Batch requests cannot be longer than 1048576 bytes. You have sent {0} bytes.")]
    BatchRequestTooLong(usize),
    #[error(
        "Invalid characters found: the message may hold tab, line feed, carriage return and above space."
    )]
    InvalidMessageContents,
    #[error("Unknown Attribute {0}.")]
    InvalidAttributeName(String),
    #[error("Invalid value for the parameter {0}.")]
    InvalidAttributeValue(&'static str),
    #[error("{0}")]
    InvalidParameterValue(String),
    #[error("The request must contain the parameter {0}.")]
    MissingParameter(&'static str),
    #[error("The request cannot be read: {0}")]
    Unreadable(String),
    #[error("{0}")]
    ResourceNotFound(&'static str),
    #[error("{0}")]
    UnsupportedOperation(String),
    #[error("Rate exceeded")]
    Throttled,
    #[error("We encountered an internal error. Please try again.")]
    Internal,
    #[error("The store of the queues failed: {0}")]
    Storage(#[from] rusqlite::Error),
}

impl SqsError {
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::InvalidParameterValue(message.into())
    }

    /// The name of the error's shape, and the code it had in the older protocol, which the SDK switches on.
    fn names(&self) -> (&'static str, &'static str) {
        match self {
            Self::QueueDoesNotExist => ("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"),
            Self::QueueNameExists(_) => ("QueueNameExists", "QueueAlreadyExists"),
            Self::ReceiptHandleIsInvalid(_) => ("ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid"),
            Self::MessageNotInflight => ("MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight"),
            Self::EmptyBatchRequest => ("EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest"),
            Self::TooManyEntriesInBatchRequest(_) => {
                ("TooManyEntriesInBatchRequest", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest")
            }
            Self::BatchEntryIdsNotDistinct(_) => {
                ("BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct")
            }
            Self::InvalidBatchEntryId => {
                ("InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId")
            }
            Self::BatchRequestTooLong(_) => {
                ("BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong")
            }
            Self::InvalidMessageContents => ("InvalidMessageContents", "InvalidMessageContents"),
            Self::InvalidAttributeName(_) => ("InvalidAttributeName", "InvalidAttributeName"),
            Self::InvalidAttributeValue(_) => ("InvalidAttributeValue", "InvalidAttributeValue"),
            Self::InvalidParameterValue(_) => ("InvalidParameterValueException", "InvalidParameterValue"),
            Self::MissingParameter(_) => ("MissingRequiredParameterException", "MissingParameter"),
            Self::Unreadable(_) => ("SerializationException", "MalformedInput"),
            Self::ResourceNotFound(_) => ("ResourceNotFoundException", "ResourceNotFoundException"),
            Self::UnsupportedOperation(_) => {
                ("UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation")
            }
            Self::Throttled => ("RequestThrottled", "RequestThrottled"),
            Self::Internal | Self::Storage(_) => ("InternalFailure", "InternalFailure"),
        }
    }

    fn is_ours(&self) -> bool {
        matches!(self, Self::Internal | Self::Storage(_))
    }

    pub(crate) fn into_reply(self) -> Reply {
        let (shape, code) = self.names();
        let (status, party) = if self.is_ours() { (500, "Receiver") } else { (400, "Sender") };
        let body = json!({ "__type": format!("com.amazonaws.sqs#{shape}"), "message": self.to_string() });
        Reply { query_error: Some(format!("{code};{party}")), ..Reply::json(status, &body) }
    }

    /// The error as that of one entry of a batch.
    pub(crate) fn into_failed_entry(self, id: &str) -> Value {
        let (_, code) = self.names();
        let message = self.to_string();
        json!({ "Id": id, "SenderFault": !self.is_ours(), "Code": code, "Message": message })
    }
}
