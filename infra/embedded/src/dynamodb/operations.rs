//! dynoxide's operations by their names on the wire. Its own dispatch is private; its operations are not.

use dynoxide::{Database, DynoxideError};

/// DynamoDB takes bodies up to 16 MB.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

macro_rules! run_named {
    ($database:ident, $operation:ident, $body:ident; $($name:literal => $method:ident,)*) => {
        match $operation {
            $($name => answer($database.$method(read($body)?)?),)*
            unknown => Err(DynoxideError::ValidationException(format!("unknown operation {unknown:?}"))),
        }
    };
}

/// Runs one operation and returns the body of its answer.
pub(crate) fn run(database: &Database, operation: &str, body: &[u8]) -> Result<Vec<u8>, DynoxideError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(DynoxideError::ValidationException("the request is larger than 16 MB".to_owned()));
    }
    run_named! { database, operation, body;
        "BatchExecuteStatement" => batch_execute_statement,
        "BatchGetItem" => batch_get_item,
        "BatchWriteItem" => batch_write_item,
        "CreateTable" => create_table,
        "DeleteItem" => delete_item,
        "DeleteTable" => delete_table,
        "DescribeStream" => describe_stream,
        "DescribeTable" => describe_table,
        "DescribeTimeToLive" => describe_time_to_live,
        "ExecuteStatement" => execute_statement,
        "ExecuteTransaction" => execute_transaction,
        "GetItem" => get_item,
        "GetRecords" => get_records,
        "GetShardIterator" => get_shard_iterator,
        "ListStreams" => list_streams,
        "ListTables" => list_tables,
        "ListTagsOfResource" => list_tags_of_resource,
        "PutItem" => put_item,
        "Query" => query,
        "Scan" => scan,
        "SearchVectors" => search_vectors,
        "TagResource" => tag_resource,
        "TransactGetItems" => transact_get_items,
        "TransactWriteItems" => transact_write_items,
        "UntagResource" => untag_resource,
        "UpdateItem" => update_item,
        "UpdateTable" => update_table,
        "UpdateTimeToLive" => update_time_to_live,
    }
}

fn answer(response: impl serde::Serialize) -> Result<Vec<u8>, DynoxideError> {
    serde_json::to_vec(&response).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, DynoxideError> {
    serde_json::from_slice(body).map_err(|error| unreadable(&error.to_string()))
}

/// dynoxide's types say with a prefix of the message which error a value they refuse is on the wire. Its
/// server takes the prefix off; so must we.
fn unreadable(message: &str) -> DynoxideError {
    if let Some(text) = message.strip_prefix("SERIALIZATION_AS_READ:") {
        return DynoxideError::SerializationException(text.to_owned());
    }
    if let Some(text) = message.strip_prefix("VALIDATION_AS_READ:") {
        return DynoxideError::ValidationException(text.to_owned());
    }
    if let Some(text) = message.strip_prefix("SERIALIZATION:") {
        return DynoxideError::SerializationException(without_position(text).to_owned());
    }
    let marked = message.strip_prefix("VALIDATION_REQUEST:").or_else(|| message.strip_prefix("VALIDATION:"));
    if let Some(text) = marked {
        return DynoxideError::ValidationException(without_position(text).to_owned());
    }
    let of_a_refused_value = ["missing field", "unknown variant", "invalid type: null", "AttributeValue"];
    if of_a_refused_value.iter().any(|part| message.contains(part)) {
        return DynoxideError::ValidationException(without_position(message).to_owned());
    }
    DynoxideError::SerializationException(without_position(message).to_owned())
}

/// serde's messages end in ` at line N column N`.
fn without_position(message: &str) -> &str {
    match message.rfind(" at line ") {
        Some(end) if message[end..].contains("column") => &message[..end],
        _ => message,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn ask(database: &Database, operation: &str, request: &Value) -> Value {
        let answer = run(database, operation, request.to_string().as_bytes());
        serde_json::from_slice(&answer.unwrap()).unwrap()
    }

    #[test]
    fn what_is_written_comes_out_of_the_stream() {
        let database = Database::memory().unwrap();
        ask(
            &database,
            "CreateTable",
            &json!({
                "TableName": "streamed",
                "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
                "AttributeDefinitions": [{ "AttributeName": "pk", "AttributeType": "S" }],
                "ProvisionedThroughput": { "ReadCapacityUnits": 1, "WriteCapacityUnits": 1 },
                "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES" },
            }),
        );
        ask(&database, "PutItem", &json!({ "TableName": "streamed", "Item": { "pk": { "S": "a" } } }));

        let streams = ask(&database, "ListStreams", &json!({ "TableName": "streamed", "Limit": 1 }));
        let stream = &streams["Streams"][0]["StreamArn"];
        let described = ask(&database, "DescribeStream", &json!({ "StreamArn": stream }));
        let shard = &described["StreamDescription"]["Shards"][0]["ShardId"];
        let from_start =
            json!({ "StreamArn": stream, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON" });
        let iterator = ask(&database, "GetShardIterator", &from_start);
        let records =
            ask(&database, "GetRecords", &json!({ "ShardIterator": iterator["ShardIterator"], "Limit": 10 }));

        assert_eq!(records["Records"][0]["eventName"], "INSERT");
        assert_eq!(records["Records"][0]["dynamodb"]["NewImage"], json!({ "pk": { "S": "a" } }));
    }

    #[test]
    fn an_operation_nobody_knows_and_a_body_nobody_can_read_are_refused() {
        let database = Database::memory().unwrap();
        let kind =
            |operation, body: &str| run(&database, operation, body.as_bytes()).unwrap_err().error_type();

        assert!(kind("MakeCoffee", "{}").ends_with("#ValidationException"));
        assert!(kind("PutItem", "{}").ends_with("#ValidationException"));
        assert!(kind("PutItem", "{").ends_with("#SerializationException"));
        let large = format!(r#"{{"TableName":"{}"}}"#, "x".repeat(MAX_BODY_BYTES));
        assert!(kind("PutItem", &large).ends_with("#ValidationException"));
    }
}
