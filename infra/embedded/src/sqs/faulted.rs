//! What SQS answers when something goes wrong on its side.

use serde_json::{Value, json};

use super::EmbeddedSqs;
use super::error::SqsError;
use crate::connector::{Call, Reply};
use crate::faults::Fault;

/// Answers `call` with `fault`. Faults of the connection are the connector's and count as a server error here.
pub(crate) async fn faulted(sqs: &EmbeddedSqs, fault: Fault, call: Call<'_>) -> Reply {
    match fault {
        Fault::Throttled => SqsError::Throttled.into_reply(),
        Fault::Unprocessed => without_last_entry(sqs, call).await,
        Fault::Conflict | Fault::ServerError | Fault::ReplyLost | Fault::NotSent => {
            SqsError::Internal.into_reply()
        }
    }
}

/// Runs a batch without its last entry and reports that one as failed by no fault of the sender.
async fn without_last_entry(sqs: &EmbeddedSqs, call: Call<'_>) -> Reply {
    let mut request: Value = serde_json::from_slice(call.body).unwrap_or_default();
    let entries = request.get_mut("Entries").and_then(Value::as_array_mut);
    let Some((entry, left)) = entries.and_then(|entries| Some((entries.pop()?, entries.len()))) else {
        return sqs.answer(call).await;
    };
    let mut answer = json!({ "Successful": [], "Failed": [] });
    if left > 0 {
        let body = request.to_string();
        let reply = sqs.answer(Call { body: body.as_bytes(), ..call }).await;
        if reply.status != 200 {
            return reply;
        }
        answer = serde_json::from_slice(&reply.body).unwrap_or(answer);
    }
    if let Some(failed) = answer["Failed"].as_array_mut() {
        failed.push(SqsError::Internal.into_failed_entry(entry["Id"].as_str().unwrap_or_default()));
    }
    Reply::json(200, &answer)
}
