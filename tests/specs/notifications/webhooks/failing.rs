//! What an endpoint may do that is no delivery, and when it is tried again.

use serde_json::{Value, json};

use super::{
    house::{House, Names, WEBHOOK, attempts, notified},
    receiver::{Answer, Receiver},
};
use bespin_primitives::Timestamp;
use bespin_webhooks::Guard;

/// How many seconds after `from` an instant of an answer is.
fn seconds_after(from: Timestamp, instant: &Value) -> i64 {
    let at = Timestamp::parse_rfc3339(instant.as_str().unwrap()).unwrap();
    (at.micros() - from.micros()) / 1_000_000
}

#[tokio::test]
async fn retries_come_after_growing_delays_and_the_log_tells_each() {
    let (house, receiver, tenant) = notified(1).await;
    receiver.answers(Answer::Full(500, "", "out of order".to_owned()));
    house.settle().await;

    for (number, delay) in (1..).zip([5, 60, 300, 1_800, 7_200, 18_000, 36_000]) {
        let delivery = house.only_delivery(&tenant.admin).await;
        assert_eq!((&delivery["attempts"], &delivery["status"]), (&json!(number), &json!("pending")));
        let waits = seconds_after(house.now(), &delivery["next_attempt_at"]);
        assert!((delay..=delay + delay / 10 + 1).contains(&waits), "{number}: {waits}");
        // Up to the second before it, whatever messages come meanwhile, nothing is sent.
        house.pass(waits - 1).await;
        assert_eq!(receiver.count(), number);
        house.pass(2).await;
        assert_eq!(receiver.count(), number + 1);
        if number == 7 {
            break;
        }
    }
    let delivery = house.only_delivery(&tenant.admin).await;
    assert_eq!((&delivery["status"], attempts(&delivery)), (&json!("failed"), vec![json!(500); 8]));
    assert_eq!(delivery["attempt_log"][0]["answer"], "out of order");
    assert_eq!(house.left_to_do().await, (0, 0));
    house.pass(50_000).await;
    assert_eq!(receiver.count(), 8);
}

#[tokio::test]
async fn an_endpoint_may_ask_for_more_time_in_seconds_or_by_date_and_not_for_more_than_a_day() {
    let asked: [(&'static str, i64); 4] = [
        ("retry-after: 3600\r\n", 3_600),
        ("retry-after: Tue, 10 Feb 2026 14:00:00 GMT\r\n", 7_200),
        ("retry-after: 9999999\r\n", 86_400),
        ("retry-after: soon\r\n", 5),
    ];
    for (header, delay) in asked {
        let (house, receiver, tenant) = notified(1).await;
        receiver.answers_next([Answer::Full(429, header, String::new())]);
        house.settle().await;

        let delivery = house.only_delivery(&tenant.admin).await;
        let waits = seconds_after(house.now(), &delivery["next_attempt_at"]);
        assert!((delay - 1..=delay + delay / 10 + 1).contains(&waits), "{header} {waits}");
        house.pass(waits + 1).await;
        assert_eq!(receiver.count(), 2, "{header}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_counts_as_a_failure() {
    let (house, elsewhere) = (House::open().await, Receiver::open().await);
    for status in [301, 302, 307, 308] {
        let receiver = Receiver::open().await;
        let tenant = house.tenant(1, &receiver.url()).await;
        let location: &'static str = format!("location: {}\r\n", elsewhere.url()).leak();
        receiver.answers(Answer::Full(status, location, String::new()));
        house.send(tenant.admin.post(&format!("{WEBHOOK}/test"))).await.expect(202);
        house.settle().await;

        let delivery = house.only_delivery(&tenant.admin).await;
        assert_eq!((&delivery["status"], attempts(&delivery)), (&json!("pending"), vec![json!(status)]));
        assert_eq!(receiver.count(), 1);
    }
    assert_eq!(elsewhere.count(), 0);
}

/// Time stands still but for what waits, so ten seconds pass at once.
#[tokio::test(start_paused = true)]
async fn a_receiver_that_says_nothing_is_cut_off_after_ten_seconds() {
    let (house, receiver, tenant) = notified(1).await;
    receiver.answers(Answer::Silence);
    house.settle().await;

    let delivery = house.only_delivery(&tenant.admin).await;
    assert_eq!((&delivery["status"], attempts(&delivery)), (&json!("pending"), vec![json!("timed_out")]));
    let took = delivery["attempt_log"][0]["duration_ms"].as_u64().unwrap();
    assert!((10_000..10_100).contains(&took), "{took}");
    assert_eq!(receiver.count(), 1);
}

/// What was said with the head is said.
#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_takes_no_longer_and_its_status_counts() {
    let (house, receiver, tenant) = notified(1).await;
    receiver.answers(Answer::Stall);
    house.settle().await;

    let delivery = house.only_delivery(&tenant.admin).await;
    assert_eq!((&delivery["status"], attempts(&delivery)), (&json!("delivered"), vec![json!(200)]));
    let attempt = &delivery["attempt_log"][0];
    assert_eq!(attempt["answer"], "the beginning");
    assert!((10_000..10_100).contains(&attempt["duration_ms"].as_u64().unwrap()), "{attempt}");
}

#[tokio::test]
async fn ten_megabytes_of_answer_are_not_read_and_one_kibibyte_is_kept() {
    let (house, receiver, tenant) = notified(1).await;
    receiver.answers(Answer::TenMegabytes);
    house.settle().await;

    let delivery = house.only_delivery(&tenant.admin).await;
    assert_eq!((&delivery["status"], attempts(&delivery)), (&json!("delivered"), vec![json!(200)]));
    assert_eq!(delivery["attempt_log"][0]["answer"], "x".repeat(1_024));
    assert!(receiver.written() < 10_000_000, "{} bytes were taken", receiver.written());
}

#[tokio::test]
async fn whatever_is_no_answer_has_a_reason_in_the_log() {
    let names = Names::of(&[("gone.localhost", &[]), ("here.localhost", &["127.0.0.1"])]);
    let house = House::with_names(names.clone(), Guard { allow_loopback: true }).await;
    let receiver = Receiver::open().await;
    receiver.answers(Answer::Garbage);
    let closed = Receiver::open().await;
    let (port, nobody) = (receiver.port, closed.port);
    drop(closed);
    tokio::task::yield_now().await;
    for (url, reason) in [
        (format!("http://here.localhost:{port}/"), "bad_answer"),
        (format!("http://here.localhost:{nobody}/"), "not_connected"),
        ("http://gone.localhost/".to_owned(), "not_resolved"),
        ("http://unknown.localhost/".to_owned(), "not_resolved"),
    ] {
        let tenant = house.tenant(1, &url).await;
        house.send(tenant.admin.post(&format!("{WEBHOOK}/test"))).await.expect(202);
        house.settle().await;

        let delivery = house.only_delivery(&tenant.admin).await;
        assert_eq!(attempts(&delivery), vec![json!(reason)], "{url}");
        assert_eq!(
            (&delivery["status"], &delivery["attempt_log"][0]["answer"]),
            (&json!("pending"), &Value::Null)
        );
    }
    assert_eq!(names.asked.lock().unwrap().len(), 4, "each name is looked up once for each attempt");
}
