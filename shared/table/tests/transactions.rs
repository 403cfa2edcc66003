//! What a transaction says when it is not committed, and what every call costs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use bespin_embedded::Fault;
use bespin_table::{
    Change, CommitError, Condition, Cost, Item, Key, Query, Range, RetryPolicy, TableError, Transaction,
    counted,
};
use bespin_testing::{Store, at};

fn key(sk: &str) -> Key {
    Key { pk: "P".to_owned(), sk: sk.to_owned() }
}

fn whole() -> Range {
    Range { pk: "P".to_owned(), from: " ".to_owned(), to: "~".to_owned() }
}

async fn put(store: &Store, item: Item) {
    let mut transaction = Transaction::new();
    transaction.put(item, Condition::default());
    store.table.commit(transaction).await.unwrap();
}

#[tokio::test]
async fn a_refusal_says_which_condition_failed_and_what_the_item_was() {
    let store = Store::open().await;
    put(&store, Item::new(key("counter")).with("used", &7u64)).await;

    let mut transaction = Transaction::new();
    let fresh = transaction.put(Item::new(key("fresh")), Condition::absent());
    let counter = transaction.update(
        key("counter"),
        Change::default().add("used", &5u64),
        Condition::default().and_at_most("used", &5u64),
    );
    let Err(CommitError::Refused(refusals)) = store.table.commit(transaction).await else {
        panic!("7 + 5 > 10")
    };

    assert!(refusals.of(fresh).is_none());
    assert!(refusals.only(counter));
    assert_eq!(refusals.old(counter).unwrap().get::<u64>("used"), Ok(7));
    assert_eq!(store.table.get(key("fresh")).await.unwrap(), None, "nothing of it was written");
}

#[tokio::test]
async fn a_counter_that_is_not_there_yet_counts_from_zero_within_its_ceiling() {
    let store = Store::open().await;
    for expected in [3u64, 6, 9] {
        let mut transaction = Transaction::new();
        let change = Change::default().add("used", &3u64).set_once("since", &expected);
        transaction.update(key("counter"), change, Condition::default().and_at_most("used", &6u64));
        store.table.commit(transaction).await.unwrap();

        let counter = store.table.get(key("counter")).await.unwrap().unwrap();
        assert_eq!(counter.get::<u64>("used"), Ok(expected));
        assert_eq!(counter.get::<u64>("since"), Ok(3), "set once");
    }
}

#[tokio::test]
async fn an_expired_item_stands_in_nobodys_way() {
    let store = Store::open().await;
    let now = at("2026-02-10T12:00:00Z");
    let record = |expires: i64| Item::new(key("record")).with("expires_at", &expires);
    put(&store, record(now.epoch_seconds())).await;

    let mut transaction = Transaction::new();
    transaction.put(record(now.plus_seconds(1).epoch_seconds()), Condition::absent_or_expired(now));
    store.table.commit(transaction).await.unwrap();

    let mut transaction = Transaction::new();
    transaction.put(record(0), Condition::absent_or_expired(now));
    assert!(matches!(store.table.commit(transaction).await, Err(CommitError::Refused(_))));
}

#[tokio::test(start_paused = true)]
async fn conflicts_throttling_and_lost_replies_are_repeated_and_nothing_happens_twice() {
    for fault in [Fault::Conflict, Fault::Throttled, Fault::ReplyLost, Fault::NotSent, Fault::ServerError] {
        let store = Store::open().await;
        store.faults().times("TransactWriteItems", fault, 3);

        let mut transaction = Transaction::new();
        transaction.update(key("counter"), Change::default().add("used", &1u64), Condition::default());
        let (outcome, cost) = counted(store.table.commit(transaction)).await;

        outcome.unwrap();
        assert_eq!(cost.round_trips, 4, "{fault:?}");
        assert_eq!(
            store.table.get(key("counter")).await.unwrap().unwrap().get::<u64>("used"),
            Ok(1),
            "{fault:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_stays_away_is_unavailable_and_one_that_stays_busy_is_contended() {
    let store = Store::open().await;
    let table = store.table.clone().with_retry(RetryPolicy {
        attempts: 3,
        first_wait: Duration::from_millis(1),
        longest_wait: Duration::from_millis(2),
    });
    let attempt = async || {
        let mut transaction = Transaction::new();
        transaction.put(Item::new(key("item")), Condition::default());
        table.commit(transaction).await.map_err(|error| match error {
            CommitError::Table(error) => error,
            CommitError::Refused(_) => panic!("there was no condition"),
        })
    };

    store.faults().times("TransactWriteItems", Fault::Throttled, 3);
    assert!(matches!(attempt().await, Err(TableError::Unavailable(_))));
    store.faults().times("TransactWriteItems", Fault::Conflict, 3);
    assert!(matches!(attempt().await, Err(TableError::Contended)));
    assert!(attempt().await.is_ok());
}

#[tokio::test]
async fn what_the_store_leaves_unprocessed_is_asked_for_again() {
    let store = Store::open().await;
    let keys: Vec<Key> = (0..150).map(|number| key(&format!("{number:03}"))).collect();
    for key in &keys {
        put(&store, Item::new(key.clone())).await;
    }
    store.faults().times("BatchGetItem", Fault::Unprocessed, 2);

    let (found, cost) = counted(store.table.get_all(&keys)).await;

    assert_eq!(found.unwrap().len(), 150);
    assert_eq!(cost.round_trips, 4, "two batches, two repetitions");
}

#[tokio::test]
async fn pages_walk_a_range_once_in_either_direction() {
    let store = Store::open().await;
    for number in 0..25 {
        put(&store, Item::new(key(&format!("{number:02}")))).await;
    }
    for newest_first in [false, true] {
        let (mut seen, mut next) = (Vec::new(), None);
        loop {
            let query = Query::of(whole()).limit(10).after(next);
            let page =
                store.table.query(if newest_first { query.newest_first() } else { query }).await.unwrap();
            seen.extend(page.items.iter().map(|item| item.sk().to_owned()));
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        let mut expected: Vec<String> = (0..25).map(|number| format!("{number:02}")).collect();
        if newest_first {
            expected.reverse();
        }
        assert_eq!(seen, expected);
    }
}

#[tokio::test]
async fn every_call_is_counted_in_round_trips_units_and_items() {
    let store = Store::open().await;
    let mut transaction = Transaction::new();
    transaction.put(Item::new(key("a")), Condition::absent());
    transaction.put(Item::new(key("b")), Condition::absent());

    let (_, written) = counted(store.table.commit(transaction)).await;
    let (_, read) = counted(store.table.get(key("a"))).await;
    let (_, listed) = counted(store.table.query(Query::of(whole()))).await;

    assert_eq!(written, Cost { round_trips: 1, write_units: 4.0, ..Cost::default() });
    assert_eq!(read, Cost { round_trips: 1, read_units: 1.0, items_read: 1, ..Cost::default() });
    assert_eq!(listed, Cost { round_trips: 1, read_units: 1.0, items_read: 2, ..Cost::default() });
}
