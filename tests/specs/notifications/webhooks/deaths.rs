//! A process that dies between any two calls loses nothing and records nothing twice (I8).

use bespin_embedded::Fault;
use serde_json::json;

use super::{
    house::{House, LATER_SECONDS, attempts, notified, with_status},
    receiver::{Answer, Receiver},
};
use crate::words::{DATE, run};

/// That all that should have left has left: one delivery for each notification, delivered, its log whole, nothing left to
/// do.
async fn assert_all_delivered(
    house: &House,
    receiver: &Receiver,
    admin: &bespin_tests::Actor,
    count: usize,
    case: &str,
) {
    let deliveries = house.deliveries(admin).await;
    assert_eq!((deliveries.len(), with_status(&deliveries, "delivered")), (count, count), "{case}");
    assert_eq!(house.left_to_do().await, (0, 0), "{case}");
    let arrived = receiver.received();
    for delivery in &deliveries {
        let whole = house.delivery(admin, &delivery["delivery_id"]).await;
        let outcomes = attempts(&whole);
        let numbers: Vec<u64> = whole["attempt_log"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["attempt"].as_u64().unwrap())
            .collect();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "{case}");
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == json!(200)).count(), 1, "{case}");
        let times = arrived.iter().filter(|one| delivery["delivery_id"] == *one.id()).count();
        assert!(times >= outcomes.len(), "{case}: nothing is in the log that was not sent");
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_call_the_dispatcher_dies_at_each_notification_arrives_and_is_recorded_once() {
    for fails_first in [false, true] {
        let mut calls = 0;
        loop {
            let (house, receiver, tenant) = notified(2).await;
            if fails_first {
                receiver.answers_next([Answer::Status(500)]);
            }
            house.faults().stop_after(calls);
            // It takes up what it can, and dies.
            let messages = received_if_alive(&house).await;
            let died = messages.is_none();
            house.faults().clear();
            for _ in 0..4 {
                house.sweep_up().await;
            }

            let case = format!("died after {calls} calls, failing first: {fails_first}");
            assert_all_delivered(&house, &receiver, &tenant.admin, 2, &case).await;
            assert!(receiver.count() <= 2 + 2 + usize::from(fails_first), "{case}: {}", receiver.count());
            if !died {
                break;
            }
            calls += 1;
        }
        assert!(calls > 12, "it takes more than a few calls: {calls}");
    }
}

/// Dispatches until nothing is left; `None` where the process died on the way.
async fn received_if_alive(house: &House) -> Option<()> {
    loop {
        let messages = house.try_receive().await?;
        if messages.is_empty() {
            return Some(());
        }
        if !house.try_dispatch(&messages).await {
            return None;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_call_the_job_dies_at_there_is_no_notification_without_a_delivery_and_none_twice() {
    let mut calls = 0;
    loop {
        let (house, receiver) = (House::open().await, Receiver::open().await);
        let tenant = house.tenant(33, &receiver.url()).await;
        house.faults().stop_after(calls);
        let died = house.send(run(&tenant.admin, "key", DATE)).await;
        house.faults().clear();
        // Whoever was notified before the death is delivered to, though nobody takes the job up.
        house.sweep_up().await;
        let outbox = house.deliveries(&tenant.admin).await.len();
        let mut heard = 0;
        for user in &tenant.users {
            heard += house.get(user, "/v1/notifications/outbox").await["items"].as_array().unwrap().len();
        }
        let case = format!("died after {calls} calls");
        assert_eq!(outbox, heard, "{case}");
        assert_all_delivered(&house, &receiver, &tenant.admin, heard, &case).await;

        house.send(run(&tenant.admin, "key", DATE)).await.expect(200);
        house.settle().await;
        house.sweep_up().await;
        assert_all_delivered(&house, &receiver, &tenant.admin, 33, &case).await;
        assert_eq!(receiver.count(), 33, "{case}");
        if died.status == 200 {
            break;
        }
        calls += 1;
    }
    assert!(calls > 5, "{calls}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_come_twice_at_once_late_or_again_change_nothing() {
    let (house, receiver, tenant) = notified(12).await;
    let chunk = house.receive().await;
    futures::join!(house.dispatch(&chunk), house.dispatch(&chunk), house.dispatch(&chunk));
    assert_eq!(house.deliveries(&tenant.admin).await.len(), 12);
    let mut all = Vec::new();
    loop {
        let batch = house.receive().await;
        if batch.is_empty() {
            break;
        }
        futures::join!(house.dispatch(&batch), house.dispatch(&batch), house.dispatch(&batch));
        all.extend(batch);
    }
    house.dispatch(&chunk).await;
    house.clock.advance_seconds(7_200);
    for batch in all.chunks(10) {
        house.dispatch(batch).await;
    }
    house.sweep_up().await;

    assert_eq!(receiver.count(), 12);
    assert_all_delivered(&house, &receiver, &tenant.admin, 12, "thrice").await;
}

#[tokio::test]
async fn a_sweep_asks_for_nothing_that_is_on_its_way() {
    let (house, receiver, _tenant) = notified(3).await;
    let sweep = || bespin_fn_outbox_dispatcher::sweep(&house.deps, house.now());
    assert_eq!(sweep().await.unwrap(), bespin_webhooks::Swept::default());
    house.clock.advance_seconds(59);
    assert_eq!(sweep().await.unwrap(), bespin_webhooks::Swept::default());
    house.clock.advance_seconds(2);
    let found = sweep().await.unwrap();
    assert_eq!((found.pending, found.due, found.unsent), (1, 0, 0));
    assert_eq!(house.settle().await, 2 + 3, "the message that was only late, and the one of the sweep");
    assert_eq!(receiver.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn while_store_and_queue_falter_everything_arrives_and_is_recorded_once() {
    let faults = [
        Fault::Conflict,
        Fault::Throttled,
        Fault::ReplyLost,
        Fault::NotSent,
        Fault::ServerError,
        Fault::Unprocessed,
    ];
    for seed in 1..=4 {
        let (house, receiver, tenant) = notified(12).await;
        receiver.answers_next([Answer::Status(500), Answer::Status(200), Answer::Status(503)]);
        house.faults().random(seed, 150, &faults);
        for _ in 0..6 {
            // A queue that does not answer is asked again later.
            while let Some(messages) = house.try_receive().await.filter(|messages| !messages.is_empty()) {
                house.try_dispatch(&messages).await;
            }
            house.clock.advance_seconds(LATER_SECONDS);
            drop(bespin_fn_outbox_dispatcher::sweep(&house.deps, house.now()).await);
        }
        house.faults().clear();
        for _ in 0..8 {
            house.sweep_up().await;
        }

        assert!(house.faults().met().len() > 3, "{:?}", house.faults().met());
        assert_all_delivered(&house, &receiver, &tenant.admin, 12, &format!("seed {seed}")).await;
    }
}
