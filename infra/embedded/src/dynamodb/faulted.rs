//! What DynamoDB answers when something goes wrong on its side.

use serde_json::{Map, Value, json};

use super::EmbeddedDynamoDb;
use crate::connector::{Call, Reply};
use crate::faults::Fault;

const PREFIX: &str = "com.amazonaws.dynamodb.v20120810#";

/// Answers `call` with `fault`. Faults of the connection are the connector's and count as a server error here.
pub(crate) fn faulted(dynamodb: &EmbeddedDynamoDb, fault: Fault, call: Call<'_>) -> Reply {
    match fault {
        Fault::Conflict => conflict(call),
        Fault::Throttled => {
            let message = "The level of configured provisioned throughput for the table was exceeded.";
            refusal(400, "ProvisionedThroughputExceededException", message)
        }
        Fault::Unprocessed => unprocessed(dynamodb, call),
        Fault::ServerError | Fault::ReplyLost | Fault::NotSent => {
            refusal(500, "InternalServerError", "The request processing has failed.")
        }
    }
}

fn refusal(status: u16, kind: &str, message: &str) -> Reply {
    Reply::json(status, &json!({ "__type": format!("{PREFIX}{kind}"), "message": message }))
}

fn conflict(call: Call<'_>) -> Reply {
    if !call.operation.starts_with("Transact") {
        let message = "Transaction is ongoing for the item";
        return refusal(400, "TransactionConflictException", message);
    }
    let items = request(call.body).get("TransactItems").and_then(Value::as_array).map_or(1, Vec::len);
    let reasons: Vec<Value> = (0..items)
        .map(|index| match index {
            0 => json!({
                "Code": "TransactionConflict",
                "Message": "Transaction is ongoing for the item",
            }),
            _ => json!({ "Code": "None" }),
        })
        .collect();
    let codes: Vec<&str> = reasons.iter().filter_map(|reason| reason["Code"].as_str()).collect();
    let message = format!(
        "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
        codes.join(", ")
    );
    Reply::json(
        400,
        &json!({
            "__type": format!("{PREFIX}TransactionCanceledException"),
            "Message": message,
            "CancellationReasons": reasons,
        }),
    )
}

/// Runs a batch without its last entry and hands that one back.
fn unprocessed(dynamodb: &EmbeddedDynamoDb, call: Call<'_>) -> Reply {
    let mut request = request(call.body);
    let Some((table, entry)) = take_last_entry(&mut request) else { return dynamodb.answer(call) };
    let left =
        request.get("RequestItems").and_then(Value::as_object).is_some_and(|tables| !tables.is_empty());

    let mut answer = Map::new();
    if left {
        let body = Value::Object(request).to_string();
        let reply = dynamodb.answer(Call { body: body.as_bytes(), ..call });
        if reply.status != 200 {
            return reply;
        }
        answer = self::request(&reply.body);
    }
    hand_back(&mut answer, call.operation, table, entry);
    Reply::json(200, &Value::Object(answer))
}

/// The object in `body`, or an empty one: what is malformed is refused where it is run.
fn request(body: &[u8]) -> Map<String, Value> {
    serde_json::from_slice(body).unwrap_or_default()
}

/// Takes the last entry of the last table: a write request, or the table's request with one key.
fn take_last_entry(request: &mut Map<String, Value>) -> Option<(String, Value)> {
    let tables = request.get_mut("RequestItems")?.as_object_mut()?;
    let (name, entries) = tables.iter_mut().next_back()?;
    let name = name.clone();
    let (entry, is_empty) = if let Some(writes) = entries.as_array_mut() {
        (writes.pop()?, writes.is_empty())
    } else {
        let mut one = entries.clone();
        let keys = entries.get_mut("Keys")?.as_array_mut()?;
        one["Keys"] = json!([keys.pop()?]);
        (one, keys.is_empty())
    };
    if is_empty {
        tables.remove(&name);
    }
    Some((name, entry))
}

/// Adds the entry to those the store itself left over.
fn hand_back(answer: &mut Map<String, Value>, operation: &str, table: String, entry: Value) {
    if operation == "BatchWriteItem" {
        let left_over = answer.entry("UnprocessedItems").or_insert_with(|| json!({}));
        match left_over.get_mut(&table).and_then(Value::as_array_mut) {
            Some(writes) => writes.push(entry),
            None => left_over[table] = json!([entry]),
        }
        return;
    }
    answer.entry("Responses").or_insert_with(|| json!({}));
    let left_over = answer.entry("UnprocessedKeys").or_insert_with(|| json!({}));
    match left_over.get_mut(&table).and_then(|keys| keys.get_mut("Keys")).and_then(Value::as_array_mut) {
        Some(keys) => keys.extend(entry["Keys"].as_array().into_iter().flatten().cloned()),
        None => left_over[table] = entry,
    }
}
