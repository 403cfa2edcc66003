//! One failing tenant never delays another.

use tokio::time::Instant;

use super::{
    house::{House, with_status},
    receiver::{Answer, Receiver},
};
use crate::words::DATE;

/// Time stands still but for what waits, so what passes is what somebody waited for.
#[tokio::test(start_paused = true)]
async fn a_dead_endpoint_costs_one_wait_and_then_one_probe_a_pause_beside_others_that_lose_nothing() {
    let (house, dead, alive) = (House::open().await, Receiver::open().await, Receiver::open().await);
    let failing = house.tenant(20, &dead.url()).await;
    let good = house.tenant(20, &alive.url()).await;
    dead.answers(Answer::Silence);
    house.notify(&failing.admin, DATE).await.expect(200);
    house.notify(&good.admin, DATE).await.expect(200);
    // Both chunks, then forty deliveries in batches of ten.
    let began = Instant::now();
    house.settle().await;

    let deliveries = house.deliveries(&good.admin).await;
    assert_eq!(with_status(&deliveries, "delivered"), 20);
    let waited = began.elapsed().as_secs();
    assert!(
        waited <= 30,
        "{waited} seconds: no more than the first batches with an endpoint not known to be dead"
    );
    assert!(dead.count() <= 20);

    // From now on it is known: of twenty deliveries that are due one is tried, and the others do not hold anybody up.
    let burst = dead.count();
    house.clock.advance_seconds(40);
    house.notify(&good.admin, "2026-01-01").await.expect(200);
    let began = Instant::now();
    house.settle().await;
    let waited = began.elapsed().as_secs();
    assert!(waited <= 11, "{waited} seconds: one probe");
    assert!(dead.count() <= burst + 1, "{} after {burst}", dead.count());
    assert_eq!(with_status(&house.deliveries(&good.admin).await, "delivered"), 40);

    // Within an hour: probes after 1 min, 5 min, and each quarter of an hour.
    house.pass(3_600).await;
    assert!(dead.count() <= burst + 7, "{} after {burst}", dead.count());
}

#[tokio::test]
async fn when_it_works_again_all_that_waited_comes() {
    let (house, receiver) = (House::open().await, Receiver::open().await);
    let tenant = house.tenant(25, &receiver.url()).await;
    receiver.answers(Answer::Status(503));
    house.notify(&tenant.admin, DATE).await.expect(200);
    house.settle().await;
    house.pass(200).await;
    assert_eq!(with_status(&house.deliveries(&tenant.admin).await, "pending"), 25);
    let failed = receiver.count();

    receiver.answers(Answer::Status(200));
    house.pass(1_200).await;

    assert_eq!(with_status(&house.deliveries(&tenant.admin).await, "delivered"), 25);
    assert_eq!(receiver.count(), failed + 25, "each once");
    assert_eq!(house.left_to_do().await, (0, 0));
}
