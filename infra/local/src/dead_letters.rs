//! What an operator does with dead letters: look at them, and put them back.

use aws_sdk_sqs::{
    Client,
    error::DisplayErrorContext,
    types::{Message, QueueAttributeName},
};
use bespin_queue::DeadLetters;

use crate::LocalError;

/// How many letters of a queue are shown.
const SHOWN: usize = 10;

/// The letters of one queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letters {
    /// The name of the queue of dead letters.
    pub queue: String,
    /// How many there are, about.
    pub waiting: u64,
    /// Some of them: the reason and the body.
    pub shown: Vec<(String, String)>,
    url: String,
}

/// The dead letters of all queues whose names begin with `prefix`. Looking takes none away.
pub async fn dead_letters(client: &Client, prefix: &str) -> Result<Vec<Letters>, LocalError> {
    let mut pages = client.list_queues().queue_name_prefix(prefix).into_paginator().send();
    let mut letters = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| failed(prefix, &error))?;
        for url in page.queue_urls() {
            let name = url.rsplit('/').next().unwrap_or_default();
            if name.ends_with(&DeadLetters::name("")) {
                letters.push(look(client, name, url).await?);
            }
        }
    }
    Ok(letters)
}

async fn look(client: &Client, name: &str, url: &str) -> Result<Letters, LocalError> {
    let waiting = attribute(client, url, QueueAttributeName::ApproximateNumberOfMessages).await?;
    let waiting = waiting.parse().unwrap_or_default();
    let mut shown = Vec::new();
    if waiting > 0 {
        // Ten is the most that one call takes, and held back for no time, so a move finds them.
        let receive = client.receive_message().queue_url(url).max_number_of_messages(10);
        let received = receive.visibility_timeout(0).message_attribute_names("All").send().await;
        let received = received.map_err(|error| failed(name, &error))?;
        shown.extend(received.messages().iter().take(SHOWN).map(reason_and_body));
    }
    Ok(Letters { queue: name.to_owned(), waiting, shown, url: url.to_owned() })
}

fn reason_and_body(message: &Message) -> (String, String) {
    let reason = message.message_attributes().and_then(|all| all.get("reason"));
    let reason = reason.and_then(|reason| reason.string_value()).unwrap_or("not told");
    (reason.to_owned(), message.body().unwrap_or_default().to_owned())
}

/// Has the letters of a queue moved back to where they came from. SQS moves them by itself after this. The way back is
/// named, because SQS knows it only of letters that its own policy moved.
pub async fn redrive(client: &Client, letters: &Letters) -> Result<(), LocalError> {
    let arn = attribute(client, &letters.url, QueueAttributeName::QueueArn).await?;
    let back = arn.strip_suffix(&DeadLetters::name("")).unwrap_or_default().to_owned();
    let started = client.start_message_move_task().source_arn(arn).destination_arn(back).send().await;
    started.map(drop).map_err(|error| failed(&letters.queue, &error))
}

async fn attribute(client: &Client, url: &str, name: QueueAttributeName) -> Result<String, LocalError> {
    let told = client.get_queue_attributes().queue_url(url).attribute_names(name.clone()).send().await;
    let told = told.map_err(|error| failed(url, &error))?;
    Ok(told.attributes().and_then(|all| all.get(&name)).cloned().unwrap_or_default())
}

fn failed(queue: &str, error: &(impl std::error::Error + 'static)) -> LocalError {
    LocalError::Queue(format!("{queue}: {}", DisplayErrorContext(error)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use bespin_embedded::Embedded;
    use bespin_queue::{MAX_RECEIVES, Queue, handle_batch, sqs_client};
    use serde_json::{Value, json};

    use super::*;
    use crate::{EventSource, queues};

    #[tokio::test]
    async fn letters_are_shown_with_their_reason_and_moved_back_to_be_tried_again() {
        let embedded = Embedded::open_in_memory().unwrap();
        let client = sqs_client(&embedded.connection());
        let url = queues::create(&client, queues::BRIEF_RUNS).await.unwrap();
        let queue: Queue<Value> = Queue::new(client.clone(), &*url);
        queue.send(&json!({"tenant_id": "t"})).await.unwrap();
        let source = EventSource::new(client.clone(), &url);
        let messages = source.receive(0).await.unwrap();
        let mut event = EventSource::event(&messages);
        event.records[0].attributes.insert("ApproximateReceiveCount".to_owned(), MAX_RECEIVES.to_string());
        let handled =
            handle_batch(event, Some(&queue.dead_letters()), async |_: Value| Err("out of luck")).await;
        source.settle(&messages, &handled).await;
        assert!(source.receive(0).await.unwrap().is_empty());

        for _ in 0..2 {
            let letters = dead_letters(&client, "bespin-").await.unwrap();
            assert_eq!(
                (letters.len(), &*letters[0].queue, letters[0].waiting),
                (1, "bespin-brief-runs-dead", 1)
            );
            let shown = ("out of luck".to_owned(), r#"{"tenant_id":"t"}"#.to_owned());
            assert_eq!(letters[0].shown, [shown]);
        }
        redrive(&client, &dead_letters(&client, "bespin-").await.unwrap()[0]).await.unwrap();

        assert_eq!(dead_letters(&client, "bespin-").await.unwrap()[0].waiting, 0);
        assert_eq!(source.receive(0).await.unwrap()[0].body(), Some(r#"{"tenant_id":"t"}"#));
    }
}
