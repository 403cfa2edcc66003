#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, clippy::panic)]

use std::sync::{Arc, Mutex};

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use bespin_queue::handle_batch;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Deserialize)]
struct Job {
    run: u64,
}

fn event(records: &[Value]) -> SqsEvent {
    serde_json::from_value(json!({ "Records": records })).unwrap()
}

fn record(id: &str, body: &str) -> Value {
    json!({ "messageId": id, "body": body })
}

fn failed_ids(response: &SqsBatchResponse) -> Vec<&str> {
    response.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect()
}

#[tokio::test]
async fn only_the_messages_that_failed_come_again() {
    let handled = Mutex::new(Vec::new());
    let records = (0..25).map(|run| record(&format!("m-{run}"), &format!(r#"{{"run":{run}}}"#)));

    let response = handle_batch(event(&records.collect::<Vec<_>>()), async |job: Job| {
        handled.lock().unwrap().push(job.run);
        if job.run % 10 == 3 { Err("not today") } else { Ok(()) }
    })
    .await;

    assert_eq!(failed_ids(&response), ["m-3", "m-13", "m-23"]);
    assert_eq!(handled.into_inner().unwrap().len(), 25);
}

#[tokio::test]
async fn a_body_that_cannot_be_read_fails_and_is_not_handled() {
    let records = vec![
        record("not-json", "<xml/>"),
        record("other", r#"{"walk":1}"#),
        json!({ "messageId": "no-body" }),
        record("good", r#"{"run":1}"#),
    ];

    let response = handle_batch(event(&records), async |job: Job| {
        assert_eq!(job.run, 1);
        Ok::<_, String>(())
    })
    .await;

    assert_eq!(failed_ids(&response), ["not-json", "other", "no-body"]);
}

#[tokio::test]
async fn a_handler_that_panics_fails_its_own_message_only() {
    let records = vec![record("good", r#"{"run":1}"#), record("bad", r#"{"run":2}"#)];

    let response = handle_batch(event(&records), async |job: Job| {
        assert_ne!(job.run, 2, "bad luck");
        Ok::<_, String>(())
    })
    .await;

    assert_eq!(failed_ids(&response), ["bad"]);
}

#[tokio::test]
async fn messages_of_a_batch_are_handled_at_the_same_time() {
    let both = tokio::sync::Barrier::new(2);
    let records = vec![record("1", r#"{"run":1}"#), record("2", r#"{"run":2}"#)];

    let handling = handle_batch(event(&records), async |_: Job| {
        both.wait().await;
        Ok::<_, String>(())
    });

    let response = tokio::time::timeout(std::time::Duration::from_secs(1), handling).await.unwrap();
    assert_eq!(failed_ids(&response), [""; 0]);
}

#[tokio::test]
async fn a_batch_can_be_handled_in_a_task_of_its_own() {
    let handled = Arc::new(Mutex::new(Vec::new()));
    let runs = handled.clone();
    let handling = handle_batch(event(&[record("1", r#"{"run":1}"#)]), move |job: Job| {
        let runs = runs.clone();
        async move {
            tokio::task::yield_now().await;
            runs.lock().unwrap().push(job.run);
            Ok::<_, String>(())
        }
    });

    let response = tokio::spawn(handling).await.unwrap();

    assert_eq!((failed_ids(&response).len(), handled.lock().unwrap().as_slice()), (0, [1].as_slice()));
}

#[tokio::test]
async fn an_empty_batch_is_a_success() {
    let response = handle_batch(event(&[]), async |_: Job| Ok::<_, String>(())).await;

    assert_eq!(serde_json::to_value(&response).unwrap(), json!({ "batchItemFailures": [] }));
}
