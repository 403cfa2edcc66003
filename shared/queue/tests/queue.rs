#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, clippy::panic)]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aws_sdk_sqs::Client;
use bespin_aws::Connection;
use bespin_embedded::{EmbeddedSqs, Fault, MillisClock};
use bespin_queue::{Queue, QueueError, Unsent, sqs_client};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Job {
    tenant: String,
    run: u64,
}

fn job(run: u64) -> Job {
    Job { tenant: "acme".to_owned(), run }
}

/// A job of about `kib` KiB.
fn large_job(kib: usize) -> Job {
    Job { tenant: "x".repeat(kib * 1024), run: 0 }
}

struct Rig {
    sqs: EmbeddedSqs,
    client: Client,
    queue: Queue<Job>,
    now: Arc<AtomicI64>,
}

async fn rig() -> Rig {
    let now = Arc::new(AtomicI64::new(0));
    let read = now.clone();
    let clock = MillisClock::new(move || read.load(Ordering::SeqCst));
    let sqs = EmbeddedSqs::open_in_memory().unwrap().with_clock(clock);
    let client = sqs_client(&Connection::local(sqs.http_client()));
    let url = client.create_queue().queue_name("jobs").send().await.unwrap().queue_url.unwrap();
    Rig { sqs, queue: Queue::new(client.clone(), url), client, now }
}

impl Rig {
    async fn received(&self) -> Vec<Job> {
        let mut jobs = Vec::new();
        loop {
            let receive =
                self.client.receive_message().queue_url(self.queue.url()).max_number_of_messages(10);
            let Some(messages) = receive.send().await.unwrap().messages else { return jobs };
            let bodies = messages.iter().map(|message| message.body.as_deref().unwrap());
            jobs.extend(bodies.map(|body| serde_json::from_str::<Job>(body).unwrap()));
        }
    }
}

#[tokio::test]
async fn a_message_arrives_as_it_was_sent() {
    let rig = rig().await;

    rig.queue.send(&job(1)).await.unwrap();

    assert_eq!(rig.received().await, [job(1)]);
}

#[tokio::test]
async fn a_delayed_message_arrives_when_its_delay_is_over() {
    let rig = rig().await;

    rig.queue.send_after(&job(1), 900).await.unwrap();

    assert_eq!(rig.received().await, []);
    rig.now.fetch_add(900_000, Ordering::SeqCst);
    assert_eq!(rig.received().await, [job(1)]);
    let longer = rig.queue.send_after(&job(2), 901).await;
    assert_eq!(longer, Err(QueueError::DelayTooLong { delay_seconds: 901, most: 900 }));
}

#[tokio::test]
async fn many_messages_go_in_calls_of_ten() {
    let rig = rig().await;

    assert_eq!(rig.queue.send_all((0..25).map(job)).await, []);

    assert_eq!(rig.sqs.faults().calls("SendMessageBatch"), 3);
    assert_eq!(rig.received().await, (0..25).map(job).collect::<Vec<_>>());
    assert_eq!(rig.queue.send_all([]).await, []);
    assert_eq!(rig.sqs.faults().calls("SendMessageBatch"), 3);
}

#[tokio::test]
async fn large_messages_share_a_call_up_to_256_kib_and_a_larger_one_goes_alone() {
    let rig = rig().await;
    let jobs = [large_job(100), large_job(100), large_job(100), large_job(700), job(1)];

    assert_eq!(rig.queue.send_all(jobs.clone()).await, []);

    assert_eq!(rig.sqs.faults().calls("SendMessageBatch"), 4);
    assert_eq!(rig.received().await, jobs);
}

#[tokio::test]
async fn a_message_no_queue_takes_is_given_back_and_the_others_are_sent() {
    let rig = rig().await;
    let giant = large_job(1024);

    let unsent = rig.queue.send_all([job(1), giant.clone(), job(2)]).await;

    assert_eq!(unsent.len(), 1);
    assert_eq!(unsent[0].message, giant);
    assert!(matches!(unsent[0].error, QueueError::TooLarge { most: 1_048_576, .. }));
    assert_eq!(rig.received().await, [job(1), job(2)]);
    assert!(matches!(rig.queue.send(&giant).await, Err(QueueError::TooLarge { .. })));
}

#[tokio::test(start_paused = true)]
async fn entries_that_sqs_fails_are_sent_again_and_only_those() {
    let rig = rig().await;
    rig.sqs.faults().times("SendMessageBatch", Fault::Unprocessed, 3);

    assert_eq!(rig.queue.send_all((0..3).map(job)).await, []);

    assert_eq!(rig.sqs.faults().pending(), 0);
    assert_eq!(rig.received().await, (0..3).map(job).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_keeps_failing_is_given_back_after_four_attempts() {
    let rig = rig().await;
    rig.sqs.faults().times("SendMessageBatch", Fault::Unprocessed, 4);

    let unsent = rig.queue.send_all((0..3).map(job)).await;

    let error = QueueError::Unavailable("InternalFailure".to_owned());
    assert_eq!(unsent, [Unsent { message: job(2), error }]);
    assert_eq!(rig.received().await, [job(0), job(1)]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_as_a_whole_is_tried_again_by_the_client() {
    let rig = rig().await;
    rig.sqs.faults().next("SendMessage", Fault::Throttled);
    rig.sqs.faults().next("SendMessage", Fault::NotSent);

    rig.queue.send(&job(1)).await.unwrap();

    assert_eq!(rig.received().await, [job(1)]);
    rig.sqs.faults().times("SendMessageBatch", Fault::ServerError, 3);
    let unsent = rig.queue.send_all([job(2)]).await;
    assert!(matches!(unsent[0].error, QueueError::Unavailable(_)), "{unsent:?}");
    rig.sqs.faults().times("SendMessage", Fault::Throttled, 3);
    assert!(matches!(rig.queue.send(&job(2)).await, Err(QueueError::Unavailable(_))));
}

#[tokio::test]
async fn a_queue_that_is_gone_refuses_by_its_code() {
    let rig = rig().await;
    rig.client.delete_queue().queue_url(rig.queue.url()).send().await.unwrap();

    let Err(QueueError::Refused { code, .. }) = rig.queue.send(&job(1)).await else { panic!("refused") };

    assert_eq!(code, "AWS.SimpleQueueService.NonExistentQueue");
    let unsent = rig.queue.send_all([job(1), job(2)]).await;
    assert_eq!(unsent.into_iter().map(|unsent| unsent.message).collect::<Vec<_>>(), [job(1), job(2)]);
}
