#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, clippy::panic)]

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::{BehaviorVersion, Region};
use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, Message, MessageAttributeValue, MessageSystemAttributeName,
    QueueAttributeName, SendMessageBatchRequestEntry,
};
use bespin_aws::{Connection, Service};
use bespin_embedded::{EmbeddedSqs, Fault, MillisClock};

/// Queues at an instant that moves only when told to.
struct Rig {
    sqs: EmbeddedSqs,
    client: Client,
    now: Arc<AtomicI64>,
}

fn client(connection: &Connection) -> Client {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(connection.region().to_owned()))
        .credentials_provider(connection.credentials())
        .http_client(connection.http_client())
        .retry_config(RetryConfig::disabled())
        .endpoint_url(connection.endpoint(Service::Sqs).unwrap());
    Client::from_conf(config.build())
}

fn rig_over(sqs: EmbeddedSqs) -> Rig {
    let now = Arc::new(AtomicI64::new(1_800_000_000_000));
    let read = now.clone();
    let sqs = sqs.with_clock(MillisClock::new(move || read.load(Ordering::SeqCst)));
    let client = client(&Connection::local(sqs.http_client()));
    Rig { sqs, client, now }
}

fn rig() -> Rig {
    rig_over(EmbeddedSqs::open_in_memory().unwrap())
}

impl Rig {
    fn pass_seconds(&self, seconds: i64) {
        self.now.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    async fn queue(&self, name: &str, attributes: &[(QueueAttributeName, &str)]) -> String {
        let attributes: HashMap<_, _> =
            attributes.iter().map(|(name, value)| (name.clone(), (*value).to_owned())).collect();
        let made = self.client.create_queue().queue_name(name).set_attributes(Some(attributes)).send().await;
        made.unwrap().queue_url.unwrap()
    }

    async fn fifo(&self, name: &str) -> String {
        let attributes = [
            (QueueAttributeName::FifoQueue, "true"),
            (QueueAttributeName::ContentBasedDeduplication, "true"),
        ];
        self.queue(name, &attributes).await
    }

    /// A queue whose messages die after `receives` receives, and the queue they go to.
    async fn queue_with_dead_letters(&self, policy_count: &str) -> (String, String) {
        let dead = self.queue("dead", &[]).await;
        let policy = format!(
            r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":{policy_count}}}"#,
            self.attribute(&dead, QueueAttributeName::QueueArn).await
        );
        (self.queue("jobs", &[(QueueAttributeName::RedrivePolicy, &policy)]).await, dead)
    }

    async fn send(&self, url: &str, body: &str) -> String {
        let sent = self.client.send_message().queue_url(url).message_body(body).send().await;
        sent.unwrap().message_id.unwrap()
    }

    async fn send_in_group(&self, url: &str, group: &str, body: &str) -> String {
        let send = self.client.send_message().queue_url(url).message_body(body).message_group_id(group);
        send.send().await.unwrap().message_id.unwrap()
    }

    async fn receive(&self, url: &str) -> Vec<Message> {
        let receive = self.client.receive_message().queue_url(url).max_number_of_messages(10);
        let receive = receive.message_system_attribute_names(MessageSystemAttributeName::All);
        receive.message_attribute_names("All").send().await.unwrap().messages.unwrap_or_default()
    }

    async fn delete(&self, url: &str, message: &Message) {
        let handle = message.receipt_handle.clone().unwrap();
        self.client.delete_message().queue_url(url).receipt_handle(handle).send().await.unwrap();
    }

    async fn attribute(&self, url: &str, name: QueueAttributeName) -> String {
        let got =
            self.client.get_queue_attributes().queue_url(url).attribute_names(name.clone()).send().await;
        got.unwrap().attributes.unwrap().remove(&name).unwrap()
    }

    async fn counts(&self, url: &str) -> [String; 3] {
        [
            self.attribute(url, QueueAttributeName::ApproximateNumberOfMessages).await,
            self.attribute(url, QueueAttributeName::ApproximateNumberOfMessagesNotVisible).await,
            self.attribute(url, QueueAttributeName::ApproximateNumberOfMessagesDelayed).await,
        ]
    }
}

fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.body.as_deref().unwrap()).collect()
}

fn entry(id: &str, body: &str) -> SendMessageBatchRequestEntry {
    SendMessageBatchRequestEntry::builder().id(id).message_body(body).build().unwrap()
}

fn receives(message: &Message) -> &str {
    &message.attributes.as_ref().unwrap()[&MessageSystemAttributeName::ApproximateReceiveCount]
}

#[tokio::test]
async fn a_message_is_hidden_while_one_receiver_has_it_and_comes_back_if_it_is_not_deleted() {
    let rig = rig();
    let url = rig.queue("jobs", &[(QueueAttributeName::VisibilityTimeout, "30")]).await;
    rig.send(&url, "work").await;

    let first = rig.receive(&url).await;
    assert_eq!(bodies(&first), ["work"]);
    assert_eq!(rig.receive(&url).await, []);
    assert_eq!(rig.counts(&url).await, ["0", "1", "0"]);

    rig.pass_seconds(30);
    let second = rig.receive(&url).await;
    assert_eq!(receives(&second[0]), "2");

    // The first receipt has lost its power, without an error.
    rig.delete(&url, &first[0]).await;
    assert_eq!(rig.counts(&url).await, ["0", "1", "0"]);
    rig.delete(&url, &second[0]).await;
    assert_eq!(rig.counts(&url).await, ["0", "0", "0"]);
}

#[tokio::test]
async fn a_receiver_can_give_a_message_back_or_keep_it_longer() {
    let rig = rig();
    let url = rig.queue("jobs", &[]).await;
    rig.send(&url, "work").await;
    let change = |handle: &str, seconds| {
        let change = rig.client.change_message_visibility().queue_url(&url);
        change.receipt_handle(handle).visibility_timeout(seconds).send()
    };

    let handle = rig.receive(&url).await[0].receipt_handle.clone().unwrap();
    change(&handle, 100).await.unwrap();
    rig.pass_seconds(99);
    assert_eq!(rig.receive(&url).await, []);
    change(&handle, 0).await.unwrap();

    let late = change(&handle, 10).await.unwrap_err().into_service_error();
    assert!(late.is_message_not_inflight(), "{late:?}");
    assert_eq!(bodies(&rig.receive(&url).await), ["work"]);
}

#[tokio::test]
async fn a_delay_of_the_queue_or_of_the_message_holds_it_back() {
    let rig = rig();
    let url = rig.queue("jobs", &[(QueueAttributeName::DelaySeconds, "5")]).await;
    rig.send(&url, "queue's delay").await;
    let send = rig.client.send_message().queue_url(&url).message_body("own delay").delay_seconds(60);
    send.send().await.unwrap();

    assert_eq!(rig.counts(&url).await, ["0", "0", "2"]);
    rig.pass_seconds(5);
    assert_eq!(bodies(&rig.receive(&url).await), ["queue's delay"]);
    rig.pass_seconds(55);
    assert!(bodies(&rig.receive(&url).await).contains(&"own delay"));
}

#[tokio::test]
async fn a_message_received_too_often_goes_to_the_dead_letters_and_can_be_moved_back() {
    // CloudFormation writes the count as a string, the SDKs as a number.
    for policy_count in ["2", "\"2\""] {
        let rig = rig();
        let (url, dead) = rig.queue_with_dead_letters(policy_count).await;
        rig.send(&url, "poison").await;

        for _ in 0..2 {
            assert_eq!(bodies(&rig.receive(&url).await), ["poison"]);
            rig.pass_seconds(30);
        }
        assert_eq!(rig.receive(&url).await, []);
        let letters = rig.receive(&dead).await;
        assert_eq!(bodies(&letters), ["poison"]);
        assert_eq!(receives(&letters[0]), "3");
        let source =
            &letters[0].attributes.as_ref().unwrap()[&MessageSystemAttributeName::DeadLetterQueueSourceArn];
        assert!(source.ends_with(":jobs"));

        rig.pass_seconds(30);
        let dead_arn = rig.attribute(&dead, QueueAttributeName::QueueArn).await;
        rig.client.start_message_move_task().source_arn(&dead_arn).send().await.unwrap();
        let tasks = rig.client.list_message_move_tasks().source_arn(&dead_arn).send().await.unwrap();
        assert_eq!(tasks.results()[0].approximate_number_of_messages_moved, 1);
        let back = rig.receive(&url).await;
        assert_eq!((bodies(&back), receives(&back[0])), (vec!["poison"], "1"));
    }
}

#[tokio::test]
async fn a_queue_lists_who_sends_it_dead_letters() {
    let rig = rig();
    let (url, dead) = rig.queue_with_dead_letters("3").await;

    let sources = rig.client.list_dead_letter_source_queues().queue_url(&dead).send().await.unwrap();
    assert_eq!(sources.queue_urls().join(" "), url);

    let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:local:000000000000:nowhere","maxReceiveCount":3}"#;
    let set = rig.client.set_queue_attributes().queue_url(&url);
    let set = set.attributes(QueueAttributeName::RedrivePolicy, policy).send().await;
    assert_eq!(set.unwrap_err().code(), Some("InvalidParameterValue"));
}

#[tokio::test]
async fn a_group_of_a_fifo_queue_comes_in_order_and_waits_for_its_first() {
    let rig = rig();
    let url = rig.fifo("jobs.fifo").await;
    for (group, body) in [("a", "a1"), ("a", "a2"), ("b", "b1")] {
        rig.send_in_group(&url, group, body).await;
    }

    let receive_one = || rig.client.receive_message().queue_url(&url).max_number_of_messages(1).send();
    let first = receive_one().await.unwrap().messages.unwrap();
    assert_eq!(bodies(&first), ["a1"]);
    // Group a waits for a1; group b does not.
    assert_eq!(bodies(&rig.receive(&url).await), ["b1"]);
    assert_eq!(rig.receive(&url).await, []);

    rig.delete(&url, &first[0]).await;
    let next = rig.receive(&url).await;
    assert_eq!(bodies(&next), ["a2"]);
    let attributes = next[0].attributes.as_ref().unwrap();
    assert_eq!(attributes[&MessageSystemAttributeName::MessageGroupId], "a");
    assert_eq!(attributes[&MessageSystemAttributeName::SequenceNumber].len(), 20);

    // The receipt of a FIFO message ends with its visibility.
    rig.pass_seconds(30);
    let handle = next[0].receipt_handle.clone().unwrap();
    let late = rig.client.delete_message().queue_url(&url).receipt_handle(handle).send().await;
    assert_eq!(late.unwrap_err().code(), Some("InvalidParameterValue"));
}

#[tokio::test]
async fn a_fifo_queue_takes_the_same_message_once_in_five_minutes() {
    let rig = rig();
    let url = rig.fifo("jobs.fifo").await;

    let first = rig.send_in_group(&url, "a", "pay").await;
    rig.pass_seconds(299);
    assert_eq!(rig.send_in_group(&url, "b", "pay").await, first);
    rig.pass_seconds(1);
    assert_ne!(rig.send_in_group(&url, "a", "pay").await, first);

    let by_id = |id| {
        let send = rig.client.send_message().queue_url(&url).message_group_id("c");
        send.message_body("pay").message_deduplication_id(id).send()
    };
    let one = by_id("1").await.unwrap().message_id;
    assert_eq!(by_id("1").await.unwrap().message_id, one);
    assert_ne!(by_id("2").await.unwrap().message_id, one);
}

#[tokio::test]
async fn a_fifo_queue_refuses_what_it_cannot_order() {
    let rig = rig();
    let url = rig.queue("jobs.fifo", &[(QueueAttributeName::FifoQueue, "true")]).await;
    let send = || rig.client.send_message().queue_url(&url).message_body("x");

    let no_group = send().message_deduplication_id("1").send().await;
    assert_eq!(no_group.unwrap_err().code(), Some("MissingParameter"));
    let no_id = send().message_group_id("a").send().await;
    assert_eq!(no_id.unwrap_err().code(), Some("InvalidParameterValue"));
    let delayed = send().message_group_id("a").message_deduplication_id("1").delay_seconds(1).send().await;
    assert_eq!(delayed.unwrap_err().code(), Some("InvalidParameterValue"));

    let by_name_only = rig.client.create_queue().queue_name("other.fifo").send().await;
    assert_eq!(by_name_only.unwrap_err().code(), Some("InvalidParameterValue"));
}

#[tokio::test]
async fn batches_that_break_a_rule_are_refused_whole() {
    let rig = rig();
    let url = rig.queue("jobs", &[]).await;
    let send = |entries: Vec<SendMessageBatchRequestEntry>| {
        rig.client.send_message_batch().queue_url(&url).set_entries(Some(entries)).send()
    };

    let eleven = (0..11).map(|n| entry(&n.to_string(), "x")).collect();
    assert!(send(eleven).await.unwrap_err().into_service_error().is_too_many_entries_in_batch_request());
    assert!(send(vec![]).await.unwrap_err().into_service_error().is_empty_batch_request());
    let twice = vec![entry("1", "x"), entry("1", "y")];
    assert!(send(twice).await.unwrap_err().into_service_error().is_batch_entry_ids_not_distinct());
    let odd = vec![entry("no spaces", "x")];
    assert!(send(odd).await.unwrap_err().into_service_error().is_invalid_batch_entry_id());
    let half = "x".repeat(600 * 1024);
    let long = vec![entry("1", &half), entry("2", &half)];
    assert!(send(long).await.unwrap_err().into_service_error().is_batch_request_too_long());
    assert_eq!(rig.counts(&url).await, ["0", "0", "0"]);
}

#[tokio::test]
async fn one_bad_entry_fails_alone() {
    let rig = rig();
    let url = rig.queue("jobs", &[]).await;

    let entries = vec![entry("good", "fine"), entry("bad", "bell \u{7}")];
    let sent =
        rig.client.send_message_batch().queue_url(&url).set_entries(Some(entries)).send().await.unwrap();

    assert_eq!(sent.successful()[0].id(), "good");
    assert_eq!((sent.failed()[0].id(), sent.failed()[0].sender_fault()), ("bad", true));
    assert_eq!(sent.failed()[0].code(), "InvalidMessageContents");

    let message = rig.receive(&url).await.remove(0);
    let delete = |id: &str, handle: &str| {
        DeleteMessageBatchRequestEntry::builder().id(id).receipt_handle(handle).build().unwrap()
    };
    let entries = vec![delete("good", &message.receipt_handle.unwrap()), delete("bad", "not a handle")];
    let deleted =
        rig.client.delete_message_batch().queue_url(&url).set_entries(Some(entries)).send().await.unwrap();
    assert_eq!(deleted.successful()[0].id(), "good");
    assert_eq!(deleted.failed()[0].code(), "ReceiptHandleIsInvalid");
}

#[tokio::test]
async fn refusals_carry_the_codes_the_sdk_knows() {
    let rig = rig();
    let url = rig.queue("jobs", &[]).await;

    let nowhere = rig.client.send_message().queue_url("http://sqs.embedded/1/nowhere").message_body("x");
    assert!(nowhere.send().await.unwrap_err().into_service_error().is_queue_does_not_exist());
    let unknown = rig.client.get_queue_url().queue_name("nowhere").send().await;
    assert!(unknown.unwrap_err().into_service_error().is_queue_does_not_exist());
    let handle = rig.client.delete_message().queue_url(&url).receipt_handle("nonsense").send().await;
    assert!(handle.unwrap_err().into_service_error().is_receipt_handle_is_invalid());
    let many = rig.client.receive_message().queue_url(&url).max_number_of_messages(11).send().await;
    assert_eq!(many.unwrap_err().code(), Some("InvalidParameterValue"));
    let large = rig.client.send_message().queue_url(&url).message_body("x".repeat(1_048_577)).send().await;
    assert_eq!(large.unwrap_err().code(), Some("InvalidParameterValue"));
    let tag = rig.client.tag_queue().queue_url(&url).tags("a", "b").send().await;
    assert!(tag.unwrap_err().into_service_error().is_unsupported_operation());

    let other =
        rig.client.create_queue().queue_name("jobs").attributes(QueueAttributeName::DelaySeconds, "9");
    assert!(other.send().await.unwrap_err().into_service_error().is_queue_name_exists());
    assert_eq!(rig.queue("jobs", &[(QueueAttributeName::DelaySeconds, "0")]).await, url);
    let odd = rig.client.create_queue().queue_name("jobs 2").send().await;
    assert_eq!(odd.unwrap_err().code(), Some("InvalidParameterValue"));
}

#[tokio::test]
async fn queues_are_listed_by_prefix_and_page_and_end_with_their_messages() {
    let rig = rig();
    for name in ["b", "a2", "a1", "a3"] {
        let url = rig.queue(name, &[]).await;
        rig.send(&url, "x").await;
    }

    let all = rig.client.list_queues().queue_name_prefix("a").send().await.unwrap();
    assert_eq!(all.queue_urls().len(), 3);
    let pages = rig.client.list_queues().queue_name_prefix("a").max_results(2).into_paginator().send();
    let pages = pages.try_collect().await.unwrap();
    assert_eq!(pages.iter().map(|page| page.queue_urls().len()).collect::<Vec<_>>(), [2, 1]);

    let url = rig.queue("b", &[]).await;
    rig.client.purge_queue().queue_url(&url).send().await.unwrap();
    assert_eq!(rig.receive(&url).await, []);
    rig.client.delete_queue().queue_url(&url).send().await.unwrap();
    let gone = rig.client.receive_message().queue_url(&url).send().await;
    assert!(gone.unwrap_err().into_service_error().is_queue_does_not_exist());
}

#[tokio::test]
async fn a_message_keeps_its_attributes_and_has_the_digests_of_the_service() {
    let rig = rig();
    let url = rig.queue("jobs", &[]).await;
    let text = MessageAttributeValue::builder().data_type("String").string_value("value").build().unwrap();
    let bytes = MessageAttributeValue::builder().data_type("Binary").binary_value(Blob::new([0, 255]));
    let request = rig.client.send_message().queue_url(&url).message_body("hello");
    let request = request.message_attributes("kind.a", text.clone());
    let sent = request.message_attributes("raw", bytes.build().unwrap()).send().await.unwrap();

    assert_eq!(sent.md5_of_message_body(), Some("5d41402abc4b2a76b9719d911017c592"));
    let received = rig.receive(&url).await.remove(0);
    assert_eq!(received.md5_of_body(), sent.md5_of_message_body());
    assert_eq!(received.md5_of_message_attributes(), sent.md5_of_message_attributes());
    let attributes = received.message_attributes.unwrap();
    assert_eq!(attributes["kind.a"], text);
    assert_eq!(attributes["raw"].binary_value(), Some(&Blob::new([0, 255])));
    let sent_at = &received.attributes.unwrap()[&MessageSystemAttributeName::SentTimestamp];
    assert_eq!(sent_at, "1800000000000");

    rig.pass_seconds(30);
    let some = rig.client.receive_message().queue_url(&url).message_attribute_names("kind.*").send().await;
    let some = some.unwrap().messages.unwrap().remove(0);
    assert_eq!(some.message_attributes.unwrap().keys().collect::<Vec<_>>(), ["kind.a"]);
    assert_eq!(some.attributes, None);
}

#[tokio::test]
async fn receivers_at_work_together_share_the_messages_and_get_each_once() {
    let rig = rig();
    let url = rig.queue("jobs", &[]).await;
    for n in 0..40 {
        rig.send(&url, &n.to_string()).await;
    }

    let drain = || async {
        let mut got = Vec::new();
        loop {
            let messages =
                rig.client.receive_message().queue_url(&url).max_number_of_messages(3).send().await;
            let Some(messages) = messages.unwrap().messages else { return got };
            got.extend(bodies(&messages).into_iter().map(|body| body.parse::<u32>().unwrap()));
        }
    };
    let (one, two, three) = tokio::join!(drain(), drain(), drain());

    assert!([&one, &two, &three].iter().all(|got| !got.is_empty()));
    let mut all = [one, two, three].concat();
    all.sort_unstable();
    assert_eq!(all, (0..40).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_message_older_than_the_queue_keeps_any_is_gone() {
    let rig = rig();
    let url = rig.queue("jobs", &[(QueueAttributeName::MessageRetentionPeriod, "60")]).await;
    rig.send(&url, "x").await;

    rig.pass_seconds(61);

    assert_eq!(rig.receive(&url).await, []);
}

#[tokio::test]
async fn a_body_may_be_one_mebibyte() {
    let rig = rig();
    let url = rig.queue("jobs", &[]).await;
    let body = "é".repeat(512 * 1024);

    rig.send(&url, &body).await;

    assert_eq!(bodies(&rig.receive(&url).await), [body]);
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_ends_empty_when_its_time_is_over() {
    let rig = rig();
    let url = rig.queue("jobs", &[(QueueAttributeName::ReceiveMessageWaitTimeSeconds, "20")]).await;

    let began = tokio::time::Instant::now();
    assert_eq!(rig.receive(&url).await, []);

    assert_eq!(began.elapsed().as_secs(), 20);
}

#[tokio::test]
async fn a_long_poll_wakes_when_a_message_arrives() {
    let rig = rig();
    let url = rig.queue("jobs", &[]).await;
    let poll = rig.client.receive_message().queue_url(&url).wait_time_seconds(20).send();
    let poll = tokio::spawn(poll);
    tokio::time::sleep(Duration::from_millis(20)).await;

    rig.send(&url, "late").await;

    let woken = tokio::time::timeout(Duration::from_millis(150), poll).await;
    let messages = woken.expect("woken before it looks again by itself").unwrap().unwrap().messages.unwrap();
    assert_eq!(bodies(&messages), ["late"]);
}

#[tokio::test]
async fn queues_and_messages_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sqs.sqlite");
    let before = rig_over(EmbeddedSqs::open_file(&path).unwrap());
    let url = before.fifo("jobs.fifo").await;
    let taken = before.send_in_group(&url, "a", "taken").await;
    let in_flight = before.receive(&url).await;
    before.send_in_group(&url, "b", "waiting").await;
    drop(before);

    let after = rig_over(EmbeddedSqs::open_file(&path).unwrap());

    assert_eq!(bodies(&after.receive(&url).await), ["waiting"]);
    // Duplicates are still known, and receipts still count.
    assert_eq!(after.send_in_group(&url, "a", "taken").await, taken);
    after.delete(&url, &in_flight[0]).await;
    assert_eq!(after.counts(&url).await, ["0", "1", "0"]);
}

#[tokio::test]
async fn the_same_queues_are_on_a_port_and_a_long_poll_does_not_hold_up_its_end() {
    let rig = rig();
    rig.queue("jobs", &[]).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let sqs = rig.sqs.clone();
    let server =
        tokio::spawn(async move { sqs.serve(listener, async { stopped.await.unwrap_or(()) }).await });

    let lookup = |name: &str| (name == "AWS_ENDPOINT_URL").then(|| endpoint.clone());
    let remote = client(&Connection::from_lookup(lookup).unwrap());
    let url = remote.get_queue_url().queue_name("jobs").send().await.unwrap().queue_url.unwrap();
    assert!(url.starts_with(&endpoint), "{url}");
    remote.send_message().queue_url(&url).message_body("over the wire").send().await.unwrap();
    assert_eq!(bodies(&rig.receive(&url).await), ["over the wire"]);
    let nowhere = remote.get_queue_url().queue_name("nowhere").send().await;
    assert!(nowhere.unwrap_err().into_service_error().is_queue_does_not_exist());

    let poll = tokio::spawn(remote.receive_message().queue_url(&url).wait_time_seconds(20).send());
    tokio::time::sleep(Duration::from_millis(50)).await;
    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(2), server).await.expect("ends at once").unwrap().unwrap();
    assert!(poll.await.unwrap().is_err());
}

#[tokio::test]
async fn faults_reach_the_queues_too() {
    let rig = rig();
    let url = rig.queue("jobs", &[]).await;
    let send = || rig.client.send_message().queue_url(&url).message_body("x").send();
    let faults = rig.sqs.faults();

    faults.next("SendMessage", Fault::Throttled);
    assert!(send().await.unwrap_err().into_service_error().is_request_throttled());
    faults.next("SendMessage", Fault::ServerError);
    assert_eq!(send().await.unwrap_err().raw_response().unwrap().status().as_u16(), 500);
    faults.next("SendMessage", Fault::NotSent);
    send().await.unwrap_err();
    assert_eq!(rig.counts(&url).await, ["0", "0", "0"]);

    faults.next("SendMessage", Fault::ReplyLost);
    send().await.unwrap_err();
    assert_eq!(rig.counts(&url).await, ["1", "0", "0"]);

    faults.next("SendMessageBatch", Fault::Unprocessed);
    let entries = vec![entry("1", "a"), entry("2", "b")];
    let answer =
        rig.client.send_message_batch().queue_url(&url).set_entries(Some(entries)).send().await.unwrap();
    assert_eq!((answer.successful()[0].id(), answer.failed()[0].id()), ("1", "2"));
    assert!(!answer.failed()[0].sender_fault());
    assert_eq!(rig.counts(&url).await, ["2", "0", "0"]);
}
