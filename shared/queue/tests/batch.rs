#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, clippy::panic)]

use std::sync::{Arc, Mutex};

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use bespin_aws::Connection;
use bespin_embedded::EmbeddedSqs;
use bespin_queue::{DeadLetters, MAX_RECEIVES, Queue, handle_batch, sqs_client};
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

    let response = handle_batch(event(&records.collect::<Vec<_>>()), None, async |job: Job| {
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

    let response = handle_batch(event(&records), None, async |job: Job| {
        assert_eq!(job.run, 1);
        Ok::<_, String>(())
    })
    .await;

    assert_eq!(failed_ids(&response), ["not-json", "other", "no-body"]);
}

#[tokio::test]
async fn a_handler_that_panics_fails_its_own_message_only() {
    let records = vec![record("good", r#"{"run":1}"#), record("bad", r#"{"run":2}"#)];

    let response = handle_batch(event(&records), None, async |job: Job| {
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

    let handling = handle_batch(event(&records), None, async |_: Job| {
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
    let handling = handle_batch(event(&[record("1", r#"{"run":1}"#)]), None, move |job: Job| {
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
    let response = handle_batch(event(&[]), None, async |_: Job| Ok::<_, String>(())).await;

    assert_eq!(serde_json::to_value(&response).unwrap(), json!({ "batchItemFailures": [] }));
}

/// A record that is received for the `receives`th time.
fn record_again(id: &str, body: &str, receives: u32) -> Value {
    json!({ "messageId": id, "body": body, "attributes": { "ApproximateReceiveCount": receives.to_string() } })
}

async fn queue(client: &aws_sdk_sqs::Client, name: &str) -> String {
    client.create_queue().queue_name(name).send().await.unwrap().queue_url.unwrap()
}

#[tokio::test]
async fn a_message_that_fails_for_the_last_time_goes_to_the_dead_letters_with_its_reason() {
    let sqs = EmbeddedSqs::open_in_memory().unwrap();
    let client = sqs_client(&Connection::local(sqs.http_client()));
    let jobs: Queue<Value> = Queue::new(client.clone(), queue(&client, "jobs").await);
    let dead = queue(&client, &DeadLetters::name("jobs")).await;
    let records = [
        record_again("early", r#"{"run":1}"#, MAX_RECEIVES - 1),
        record_again("late", r#"{"run":2}"#, MAX_RECEIVES),
        record_again("nonsense", "<xml/>", MAX_RECEIVES + 1),
        record_again("good", r#"{"run":3}"#, MAX_RECEIVES),
    ];

    let response = handle_batch(event(&records), Some(&jobs.dead_letters()), async |job: Job| {
        if job.run == 3 { Ok(()) } else { Err("no\tquota".to_owned()) }
    })
    .await;

    assert_eq!(failed_ids(&response), ["early"]);
    let received = client.receive_message().queue_url(&dead).max_number_of_messages(10);
    let received = received.message_attribute_names("All").send().await.unwrap().messages.unwrap();
    let mut told: Vec<_> = received
        .iter()
        .map(|message| {
            let attributes = message.message_attributes().unwrap();
            let text = |name: &str| attributes[name].string_value().unwrap();
            (message.body().unwrap(), text("message_id"), text("reason"))
        })
        .collect();
    // Messages of a batch are handled at the same time.
    told.sort_unstable_by_key(|(_, message_id, _)| *message_id);
    assert_eq!(told[0], (r#"{"run":2}"#, "late", "noquota"));
    assert_eq!((told[1].0, told[1].1), ("<xml/>", "nonsense"));
    assert!(told[1].2.starts_with("the body cannot be read"), "{}", told[1].2);
}

#[tokio::test]
async fn where_the_dead_letters_do_not_take_it_a_message_stays_for_the_redrive_policy() {
    let sqs = EmbeddedSqs::open_in_memory().unwrap();
    let client = sqs_client(&Connection::local(sqs.http_client()));
    let jobs: Queue<Value> = Queue::new(client.clone(), queue(&client, "jobs").await);

    let records = [record_again("late", "<xml/>", MAX_RECEIVES)];
    let handle = async |_: Job| Ok::<_, String>(());
    let response = handle_batch(event(&records), Some(&jobs.dead_letters()), handle).await;

    assert_eq!(failed_ids(&response), ["late"]);
}
