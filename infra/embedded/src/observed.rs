//! Who asks the stores for what, written down while specifications run, so that the role of each function can be held
//! against it (`make test-template`).
//!
//! With `BESPIN_OBSERVED` set to a folder, each process adds a file there with a line for each different call: the
//! function, the action that IAM asks for, and the rows or the queue. Rows are told by their partition without what
//! varies: `T#<tenant>#LEDGER#*`.

use std::collections::BTreeSet;
use std::fs::{OpenOptions, create_dir_all};
use std::io::Write;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, PoisonError};

use serde_json::Value;

tokio::task_local! {
    static FUNCTION: &'static str;
}

static FOLDER: LazyLock<Option<PathBuf>> =
    LazyLock::new(|| std::env::var_os("BESPIN_OBSERVED").map(PathBuf::from));
static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Whether calls are written down.
pub fn is_observed() -> bool {
    FOLDER.is_some()
}

/// Lets calls of `work` count as those of a function. Work handed to another task is not seen.
pub async fn as_function<F: Future>(function: &'static str, work: F) -> F::Output {
    FUNCTION.scope(function, work).await
}

/// Writes a call down. Calls of nobody are those of a test itself.
pub(crate) fn note(operation: &str, body: &[u8]) {
    let (Some(folder), Ok(function)) = (&*FOLDER, FUNCTION.try_with(|function| *function)) else { return };
    let body = serde_json::from_slice(body).unwrap_or_default();
    for (action, on) in asked(operation, &body) {
        let line = format!("{function} {action} {on}\n");
        let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.insert(line.clone()) {
            // Whoever reads the folder misses what could not be written, and says so.
            let _ = append(folder, &line);
        }
    }
}

fn append(folder: &PathBuf, line: &str) -> std::io::Result<()> {
    create_dir_all(folder)?;
    let file = folder.join(format!("{}.txt", std::process::id()));
    OpenOptions::new().create(true).append(true).open(file)?.write_all(line.as_bytes())
}

/// The actions that IAM asks for, each with what it is asked for.
fn asked(operation: &str, body: &Value) -> Vec<(String, String)> {
    let rows = |key: &Value| rows(key["pk"]["S"].as_str().unwrap_or_default());
    let one = |on: String| vec![(format!("dynamodb:{operation}"), on)];
    match operation {
        "GetItem" => one(rows(&body["Key"])),
        "PutItem" => one(rows(&body["Item"])),
        "Query" => one(rows(&serde_json::json!({"pk": body["ExpressionAttributeValues"][":pk"]}))),
        "BatchGetItem" => {
            let tables = body["RequestItems"].as_object().into_iter().flat_map(|tables| tables.values());
            let keys = tables.filter_map(|table| table["Keys"].as_array()).flatten();
            keys.map(|key| (format!("dynamodb:{operation}"), rows(key))).collect()
        }
        "TransactWriteItems" => {
            let writes = body["TransactItems"].as_array().into_iter().flatten().filter_map(Value::as_object);
            let write = |(kind, write): (&String, &Value)| {
                let action =
                    if kind == "ConditionCheck" { "ConditionCheckItem" } else { &format!("{kind}Item") };
                let key = if kind == "Put" { &write["Item"] } else { &write["Key"] };
                (format!("dynamodb:{action}"), rows(key))
            };
            writes.flatten().map(write).collect()
        }
        _ => match body["QueueUrl"].as_str().and_then(|url| url.rsplit('/').next()) {
            Some(queue) => vec![(format!("sqs:{}", operation.trim_end_matches("Batch")), queue.to_owned())],
            None => one("*".to_owned()),
        },
    }
}

/// A partition without what varies in it.
fn rows(pk: &str) -> String {
    let mut parts: Vec<&str> = pk.split('#').collect();
    if let ["T", tenant, area @ ..] = &mut parts[..] {
        *tenant = "<tenant>";
        area.iter_mut().skip(1).for_each(|part| *part = "*");
    } else {
        parts.iter_mut().skip(1).for_each(|part| *part = "*");
    }
    parts.dedup_by(|next, last| next == last && *next == "*");
    parts.join("#")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn a_transaction_asks_for_each_of_its_writes_and_a_batch_for_each_of_its_keys() {
        let key = |pk: &str| json!({"pk": {"S": pk}, "sk": {"S": "anything"}});
        let transaction = json!({"TransactItems": [
            {"Put": {"Item": key("T#5ab#LEDGER#2026-02")}}, {"Update": {"Key": key("T#5ab#USAGE")}},
            {"ConditionCheck": {"Key": key("T#5ab")}}, {"Delete": {"Key": key("K#1f")}},
        ]});
        let batch = json!({"RequestItems": {"bespin": {"Keys": [key("CATALOGUE"), key("T#5ab#A#b#c")]}}});

        let told = |operation, body| -> Vec<String> {
            asked(operation, body).into_iter().map(|(action, on)| format!("{action} {on}")).collect()
        };

        assert_eq!(
            told("TransactWriteItems", &transaction),
            [
                "dynamodb:PutItem T#<tenant>#LEDGER#*",
                "dynamodb:UpdateItem T#<tenant>#USAGE",
                "dynamodb:ConditionCheckItem T#<tenant>",
                "dynamodb:DeleteItem K#*",
            ]
        );
        let put = json!({"Item": key("T#5ab#LEASE#1f")});
        assert_eq!(told("PutItem", &put), ["dynamodb:PutItem T#<tenant>#LEASE#*"]);
        assert_eq!(
            told("BatchGetItem", &batch),
            ["dynamodb:BatchGetItem CATALOGUE", "dynamodb:BatchGetItem T#<tenant>#A#*"]
        );
    }

    #[test]
    fn a_batch_of_messages_asks_for_what_one_message_asks_for() {
        let body = json!({"QueueUrl": "http://sqs.embedded/0/bespin-outbox", "Entries": []});

        assert_eq!(
            asked("SendMessageBatch", &body),
            [("sqs:SendMessage".to_owned(), "bespin-outbox".to_owned())]
        );
    }
}
