//! Who is let in, for how long that is believed, and what it costs to find out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use bespin_access::{AccessError, CACHED_SECONDS};
use bespin_primitives::Clock;
use bespin_table::{Condition, Transaction, counted, keys};
use bespin_testing::{Store, credentials};

#[tokio::test]
async fn a_caller_costs_one_round_trip_and_then_none_for_five_seconds() {
    let store = Store::open().await;
    let founded = store.found(&store.access()).await;
    let sent = credentials(&founded, &founded.api_key);
    let access = store.access();

    // The first one notes the day on which the key was used.
    for (after_seconds, round_trips) in [(0, 2), (CACHED_SECONDS - 1, 0), (1, 1), (0, 0)] {
        store.clock.advance_seconds(after_seconds);
        let (caller, cost) = counted(access.authenticate(&sent, store.clock.now())).await;

        caller.unwrap();
        assert_eq!(cost.round_trips, round_trips, "after {after_seconds} s more");
    }
}

#[tokio::test]
async fn a_key_taken_away_by_another_process_is_refused_within_five_seconds() {
    let store = Store::open().await;
    let access = store.access();
    let founded = store.found(&access).await;
    let sent = credentials(&founded, &founded.api_key);
    access.authenticate(&sent, store.clock.now()).await.unwrap();

    let row = keys::api_key(founded.tenant.id, founded.api_key.hash(access.pepper()).as_str());
    let mut transaction = Transaction::new();
    transaction.delete(row, Condition::present());
    store.table.commit(transaction).await.unwrap();

    assert!(access.authenticate(&sent, store.clock.now()).await.is_ok(), "still believed");
    store.clock.advance_seconds(CACHED_SECONDS);
    assert!(matches!(
        access.authenticate(&sent, store.clock.now()).await,
        Err(AccessError::InvalidCredentials)
    ));
}

#[tokio::test]
async fn what_is_forgotten_is_read_again() {
    let store = Store::open().await;
    let access = store.access();
    let founded = store.found(&access).await;
    let sent = credentials(&founded, &founded.api_key);
    access.authenticate(&sent, store.clock.now()).await.unwrap();

    access.forget(founded.tenant.id);

    assert_eq!(counted(access.authenticate(&sent, store.clock.now())).await.1.round_trips, 1);
}
