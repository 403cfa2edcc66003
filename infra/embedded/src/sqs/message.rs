//! A message as its sender gives it: what it may hold, how large it is, and its digests.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::attributes::Attributes;
use super::error::SqsError;
use super::store::messages::NewMessage;

const MAX_ATTRIBUTES: usize = 10;
const MAX_ID_LENGTH: usize = 128;

/// One message of `SendMessage`, or one entry of `SendMessageBatch`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Outgoing {
    message_body: Option<String>,
    delay_seconds: Option<i64>,
    #[serde(default)]
    message_attributes: MessageAttributes,
    #[serde(default)]
    message_system_attributes: MessageAttributes,
    message_deduplication_id: Option<String>,
    message_group_id: Option<String>,
}

/// Sorted by name, as their digest is taken.
pub(crate) type MessageAttributes = BTreeMap<String, MessageAttribute>;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct MessageAttribute {
    data_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    string_value: Option<String>,
    /// Base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    binary_value: Option<String>,
}

impl Outgoing {
    /// Bytes that count against the limits: the body, and name, type and value of every attribute.
    pub(crate) fn size(&self) -> usize {
        let body = self.message_body.as_ref().map_or(0, String::len);
        let attributes = self.message_attributes.iter();
        body + attributes.map(|(name, value)| name.len() + value.size()).sum::<usize>()
    }

    /// Checks the message against the limits of a queue with `attributes`.
    pub(crate) fn into_message(self, attributes: &Attributes) -> Result<NewMessage, SqsError> {
        let most = attributes.number("MaximumMessageSize");
        if i64::try_from(self.size()).unwrap_or(i64::MAX) > most {
            return Err(SqsError::invalid(format!(
                "One or more parameters are invalid. Reason: Message must be shorter than {most} bytes."
            )));
        }
        check_attributes(&self.message_attributes)?;
        let body = match &self.message_body {
            Some(body) if !body.is_empty() => checked_text(body)?.to_owned(),
            _ => return Err(SqsError::MissingParameter("MessageBody")),
        };
        let trace_header = self
            .message_system_attributes
            .get("AWSTraceHeader")
            .and_then(|header| header.string_value.clone());
        Ok(NewMessage {
            delay_seconds: self.delay_seconds(attributes)?,
            deduplication_id: self.deduplication_id(attributes, &body)?,
            group_id: self.group_id(attributes)?,
            attributes: self.message_attributes,
            trace_header,
            body,
        })
    }

    fn delay_seconds(&self, attributes: &Attributes) -> Result<i64, SqsError> {
        match self.delay_seconds {
            None => Ok(attributes.number("DelaySeconds")),
            Some(seconds) if seconds != 0 && attributes.is("FifoQueue") => Err(SqsError::invalid(format!(
                "Value {seconds} for parameter DelaySeconds is invalid. Reason: The request include \
                 parameter that is not valid for this queue type."
            ))),
            Some(seconds) if (0..=900).contains(&seconds) => Ok(seconds),
            Some(seconds) => Err(SqsError::invalid(format!(
                "Value {seconds} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 \
                 and <= 900."
            ))),
        }
    }

    fn group_id(&self, attributes: &Attributes) -> Result<Option<String>, SqsError> {
        match &self.message_group_id {
            None if attributes.is("FifoQueue") => Err(SqsError::MissingParameter("MessageGroupId")),
            None => Ok(None),
            Some(id) => Ok(Some(checked_id(id, "MessageGroupId")?)),
        }
    }

    /// The id that tells duplicates apart: the sender's, or the digest of the body where the queue says so.
    fn deduplication_id(&self, attributes: &Attributes, body: &str) -> Result<Option<String>, SqsError> {
        match &self.message_deduplication_id {
            Some(_) if !attributes.is("FifoQueue") => Err(SqsError::invalid(
                "The request includes a parameter that is not valid for this queue type: \
                 MessageDeduplicationId.",
            )),
            Some(id) => Ok(Some(checked_id(id, "MessageDeduplicationId")?)),
            None if !attributes.is("FifoQueue") => Ok(None),
            None if attributes.is("ContentBasedDeduplication") => {
                Ok(Some(format!("{:x}", Sha256::digest(body))))
            }
            None => Err(SqsError::invalid(
                "The queue should either have ContentBasedDeduplication enabled or \
                 MessageDeduplicationId provided explicitly",
            )),
        }
    }
}

impl MessageAttribute {
    fn size(&self) -> usize {
        self.data_type.len() + self.value().len()
    }

    fn is_binary(&self) -> bool {
        self.data_type == "Binary" || self.data_type.starts_with("Binary.")
    }

    fn value(&self) -> Vec<u8> {
        if self.is_binary() {
            return BASE64.decode(self.binary_value.as_deref().unwrap_or_default()).unwrap_or_default();
        }
        self.string_value.clone().unwrap_or_default().into_bytes()
    }
}

fn check_attributes(attributes: &MessageAttributes) -> Result<(), SqsError> {
    if attributes.len() > MAX_ATTRIBUTES {
        return Err(SqsError::invalid(format!(
            "Number of message attributes [{}] exceeds the allowed maximum [{MAX_ATTRIBUTES}].",
            attributes.len()
        )));
    }
    for (name, attribute) in attributes {
        let base_type = attribute.data_type.split('.').next().unwrap_or_default();
        if name.is_empty() || !["String", "Number", "Binary"].contains(&base_type) {
            return Err(SqsError::invalid(format!("The message attribute '{name}' has an invalid type.")));
        }
        if attribute.value().is_empty() {
            return Err(SqsError::invalid(format!(
                "The message attribute '{name}' must contain a non-empty value of its type."
            )));
        }
    }
    Ok(())
}

/// A body may hold what XML may: of the control characters only tab, line feed and carriage return.
fn checked_text(text: &str) -> Result<&str, SqsError> {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..);
    if text.chars().all(allowed) { Ok(text) } else { Err(SqsError::InvalidMessageContents) }
}

fn checked_id(id: &str, parameter: &'static str) -> Result<String, SqsError> {
    if (1..=MAX_ID_LENGTH).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(id.to_owned());
    }
    Err(SqsError::invalid(format!(
        "Value {id} for parameter {parameter} is invalid. Reason: {parameter} can only include alphanumeric \
         and punctuation characters. 1 to 128 in length."
    )))
}

pub(crate) fn md5_of_text(text: &str) -> String {
    format!("{:x}", md5::compute(text))
}

/// The digest the SDKs of other languages check: each name, type and value with its length before it.
pub(crate) fn md5_of_attributes(attributes: &MessageAttributes) -> Option<String> {
    if attributes.is_empty() {
        return None;
    }
    let mut digested = Vec::new();
    for (name, attribute) in attributes {
        append_with_length(&mut digested, name.as_bytes());
        append_with_length(&mut digested, attribute.data_type.as_bytes());
        digested.push(if attribute.is_binary() { 2 } else { 1 });
        append_with_length(&mut digested, &attribute.value());
    }
    Some(format!("{:x}", md5::compute(digested)))
}

fn append_with_length(digested: &mut Vec<u8>, part: &[u8]) {
    digested.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
    digested.extend(part);
}
