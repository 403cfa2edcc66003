//! What a chat asks of the store, counted by the store itself.
#![allow(
    clippy::float_cmp,
    reason = "units of capacity are multiples of a half, so floats hold them exactly"
)]

use bespin_entitlements::DailyLimits;
use bespin_tests::{Cost, World};

use crate::{CONVERSATIONS, ask, ask_in, at_once, begin};

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_one_round_trip_of_eight_write_units_however_long_the_conversation() {
    let world = World::unhurried().await;
    let admin = world.tenant().await;
    world.without_limits(&admin).await;
    let conversation = begin(&admin).await;
    ask_in(&admin, &conversation, "warm").send().await.expect(200);

    let young = ask_in(&admin, &conversation, "help").send().await.cost();
    let read = admin.get(&format!("{CONVERSATIONS}/{conversation}")).send().await.cost();
    for _ in 0..10 {
        at_once((0..50).map(|_| ask_in(&admin, &conversation, "more"))).await;
    }
    let old = ask_in(&admin, &conversation, "help").send().await.cost();

    // The check of the conversation, the exchange, the entry, the counters.
    assert_eq!(young, Cost { round_trips: 1, write_units: 8.0, ..Cost::default() });
    assert_eq!(old, young);
    assert_eq!((read.round_trips, read.write_units), (2, 0.0));
    let page = admin.get(&format!("{CONVERSATIONS}/{conversation}")).send().await.cost();
    assert!(page.round_trips <= 12 && page.items_read <= 502, "{page:?}");
}

#[tokio::test]
async fn the_first_question_makes_two_rows_more() {
    let world = World::unhurried().await;
    let admin = world.tenant().await;
    ask(&admin, "warm").send().await.expect(200);

    let first = ask(&admin, "help").send().await.cost();

    assert_eq!(first, Cost { round_trips: 1, write_units: 10.0, ..Cost::default() });
}

#[tokio::test]
async fn a_refused_question_writes_nothing() {
    let world = World::unhurried().await;
    let admin = world.tenant().await;
    let conversation = begin(&admin).await;
    world.set_daily_limits(&admin, DailyLimits { assistant_query: 0, ..DailyLimits::default() }).await;
    admin.get("/v1/kpis").send().await.expect(200);

    for _ in 0..3 {
        for message in ["help", "kpis"] {
            let refused = ask_in(&admin, &conversation, message).send().await;
            refused.detail(429);
            let Cost { round_trips, write_units, .. } = refused.cost();
            assert!(round_trips <= 1 && write_units == 0.0, "{:?}", refused.cost());
        }
    }
}
