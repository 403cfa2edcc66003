//! What leaving the building asks of the store, counted by the store itself (I7).

use bespin_table::{Cost, counted};
use bespin_tests::Actor;

use super::{
    house::{DELIVERIES, House, WEBHOOK, event, notified},
    receiver::{Answer, Receiver},
};

/// What one batch of the dispatcher costs, and how many messages it held.
async fn batch(house: &House) -> (usize, Cost) {
    let messages = house.receive().await;
    let handling = bespin_fn_outbox_dispatcher::handle(&house.deps, event(&messages), house.now());
    let (handled, cost) = counted(handling).await;
    assert!(handled.batch_item_failures.is_empty());
    (messages.len(), cost)
}

#[tokio::test]
async fn a_chunk_costs_four_units_more_to_make_and_the_same_number_of_round_trips() {
    let mut costs = Vec::new();
    for is_heard in [false, true] {
        let (house, receiver) = (House::open().await, Receiver::open().await);
        let tenant = house.tenant(30, &receiver.url()).await;
        if !is_heard {
            house.send(tenant.admin.request("DELETE", WEBHOOK)).await.expect(200);
        }
        house.send(tenant.admin.get(WEBHOOK)).await;
        costs.push(house.notify(&tenant.admin, "2026-01-01").await.cost());
    }
    let [silent, heard] = costs.try_into().unwrap();
    assert_eq!(heard.write_units - silent.write_units, 4.0, "one row of thirty users");
    assert_eq!((heard.round_trips, heard.read_units), (silent.round_trips, silent.read_units));
}

#[tokio::test]
async fn a_delivery_costs_eight_units_and_a_failed_attempt_a_few_more() {
    let (house, receiver, _tenant) = notified(30).await;
    let (messages, expansion) = batch(&house).await;
    assert_eq!((messages, expansion.round_trips), (1, 2), "a read, and one transaction for all thirty");
    assert_eq!(expansion.write_units, 30.0 * 4.0 + 4.0, "delivery and mark for each, and the chunk goes");

    let (messages, delivered) = batch(&house).await;
    assert_eq!((messages, receiver.count()), (10, 10));
    let each = |amount: f64| amount / 10.0;
    assert_eq!(each(delivered.write_units), 2.0 + 6.0, "the lease; the delivery, its attempt, its mark");
    assert_eq!(
        each(delivered.read_units),
        4.0,
        "delivery, webhook, its health, and what the notification says"
    );
    assert_eq!(delivered.round_trips, 10 * 4);
    assert_eq!(delivered.cancelled, 0);

    receiver.answers(Answer::Status(500));
    let failing = single(&house).await;
    // The first to fail: the mark is moved, and the endpoint's health noted if it is still the one that was called.
    assert_eq!(failing.write_units, 2.0 + 12.0);
    let put_off = single(&house).await;
    assert_eq!(
        (put_off.write_units, put_off.round_trips),
        (6.0, 2),
        "delivery and mark are moved, nothing is sent"
    );
    assert_eq!(receiver.count(), 11);
}

/// What the next message costs, by itself.
async fn single(house: &House) -> Cost {
    let messages = house.receive_some(1).await;
    let handling = bespin_fn_outbox_dispatcher::handle(&house.deps, event(&messages), house.now());
    counted(handling).await.1
}

#[tokio::test]
async fn a_message_that_comes_again_reads_and_writes_nothing() {
    let (house, receiver, _tenant) = notified(1).await;
    house.settle().await;
    let messages = house.again();

    let handling = bespin_fn_outbox_dispatcher::handle(&house.deps, event(&messages), house.now());
    let (_, cost) = counted(handling).await;

    assert_eq!((cost.round_trips, cost.write_units, cost.cancelled), (1, 0.0, 0));
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn a_sweep_of_nothing_is_thirty_two_small_reads_whatever_was_delivered_before() {
    let mut costs = Vec::new();
    for users in [1, 40] {
        let (house, _receiver, _tenant) = notified(users).await;
        house.settle().await;
        house.clock.advance_seconds(3_600);
        let (swept, cost) = counted(bespin_fn_outbox_dispatcher::sweep(&house.deps, house.now())).await;
        assert_eq!(swept.unwrap(), bespin_webhooks::Swept::default());
        costs.push((cost.round_trips, cost.read_units, cost.write_units));
    }
    assert_eq!(costs[0], costs[1]);
    assert_eq!(costs[0], (32, 32.0, 0.0));
}

async fn cost(house: &House, actor: &Actor, path: &str) -> (u32, f64, f64) {
    let cost = house.send(actor.get(path)).await.cost();
    (cost.round_trips, cost.read_units, cost.write_units)
}

#[tokio::test]
async fn the_log_costs_the_same_with_a_long_history() {
    let (house, receiver) = (House::open().await, Receiver::open().await);
    let tenant = house.tenant(10, &receiver.url()).await;
    house.notify(&tenant.admin, "2026-01-01").await.expect(200);
    house.settle().await;
    let page = format!("{DELIVERIES}?limit=5");
    house.get(&tenant.admin, WEBHOOK).await;
    let young = (cost(&house, &tenant.admin, &page).await, cost(&house, &tenant.admin, WEBHOOK).await);
    for day in 2..=12 {
        house.notify(&tenant.admin, &format!("2026-01-{day:02}")).await.expect(200);
        house.settle().await;
    }

    let old = (cost(&house, &tenant.admin, &page).await, cost(&house, &tenant.admin, WEBHOOK).await);
    assert_eq!(young, old);
}
