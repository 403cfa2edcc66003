//! As many notifications as the quota leaves, and never one more (gateway.md 9, 12.2).

use bespin_entitlements::DailyLimits;
use bespin_metering::MeteredEvent;
use bespin_primitives::{Credits, Micros};
use bespin_tests::{Actor, World};
use serde_json::json;

use crate::words::{DATE, MONTH, counts, members, notified, run, want};

const EVENT: MeteredEvent = MeteredEvent::NotificationEnqueued;

/// What bounds the notifications of a run.
#[derive(Debug, Clone, Copy)]
enum Bound {
    Credits,
    Cap,
    Day,
}

impl Bound {
    /// Leaves so many notifications to a tenant that has used nothing but 5 credits for a brief.
    async fn leave(self, world: &World, admin: &Actor, allowance: u64) {
        match self {
            Self::Credits => {
                world.change_event(EVENT, |event| event.credits_per_unit = Credits::whole(1)).await;
                world.set_plan(admin, |plan| plan.included_credits = 5 + allowance).await;
            }
            Self::Cap => {
                let cap = Micros::new(allowance * 1_000_000);
                world.set_plan(admin, |plan| plan.caps = [(EVENT.key().to_owned(), cap)].into()).await;
            }
            Self::Day => {
                let limits = DailyLimits { notification_enqueued: allowance, ..DailyLimits::default() };
                world.set_daily_limits(admin, limits).await;
            }
        }
    }
}

#[tokio::test]
async fn each_limit_lets_exactly_as_many_through_as_it_leaves_the_first_ones_first() {
    const USERS: usize = 4;
    for bound in [Bound::Credits, Bound::Cap, Bound::Day] {
        for allowance in [0, 1, USERS - 1, USERS, USERS + 1] {
            for exists in [true, false] {
                let world = World::open().await;
                let admin = world.tenant().await;
                let mut users = members(&admin, USERS - 1).await;
                users.push(admin.clone());
                bound.leave(&world, &admin, allowance as u64).await;
                if exists {
                    admin.materialize("before", DATE).send().await.expect(200);
                }

                let reply = run(&admin, "k", DATE).send().await;

                let case = format!("{bound:?} {allowance} {exists}");
                let inserted = allowance.min(USERS);
                assert_eq!(counts(&reply), (inserted as u64, 0, (USERS - inserted) as u64), "{case}");
                let heard: Vec<usize> = (0..USERS).map(|user| usize::from(user < inserted)).collect();
                assert_eq!(notified(&users, DATE).await, heard, "{case}");
                assert_eq!(world.assert_ledger_equals_counters(&admin, MONTH).await, 1 + inserted, "{case}");
                let again = run(&admin, "again", DATE).send().await;
                let left = allowance.saturating_sub(inserted).min(USERS - inserted);
                assert_eq!(
                    counts(&again),
                    (left as u64, inserted as u64, (USERS - inserted) as u64),
                    "{case}"
                );
            }
        }
    }
}

#[tokio::test]
async fn with_six_credits_and_5_2_used_four_of_0_2_are_sent() {
    let world = World::open().await;
    let admin = world.tenant().await;
    world.set_plan(&admin, |plan| plan.included_credits = 6).await;
    run(&admin, "5.2 credits", "2026-01-30").send().await.expect(200);
    assert_eq!(world.usage(&admin, MONTH).await.credits().unwrap().micros(), 5_200_000);
    members(&admin, 8).await;
    world
        .change_event(MeteredEvent::DailyBriefGenerated, |event| event.credits_per_unit = Credits::ZERO)
        .await;

    let reply = run(&admin, "k", DATE).send().await;

    assert_eq!(counts(&reply), (4, 0, 5));
    assert_eq!(world.usage(&admin, MONTH).await.credits().unwrap(), Credits::whole(6));
    world.assert_ledger_equals_counters(&admin, MONTH).await;
}

#[tokio::test]
async fn the_brief_is_paid_before_its_notifications() {
    let world = World::open().await;
    let admin = world.tenant().await;
    members(&admin, 2).await;
    world.change_event(EVENT, |event| event.credits_per_unit = Credits::whole(1)).await;
    world.set_plan(&admin, |plan| plan.included_credits = 6).await;

    assert_eq!(counts(&run(&admin, "k", DATE).send().await), (1, 0, 2));
}

#[tokio::test]
async fn of_a_cap_with_a_fraction_the_whole_part_counts() {
    let world = World::open().await;
    let admin = world.tenant().await;
    members(&admin, 3).await;
    world
        .set_plan(&admin, |plan| plan.caps = [(EVENT.key().to_owned(), Micros::new(2_999_999))].into())
        .await;

    assert_eq!(counts(&run(&admin, "k", DATE).send().await), (2, 0, 2));
}

#[tokio::test]
async fn the_tightest_of_several_limits_decides() {
    let world = World::open().await;
    let admin = world.tenant().await;
    members(&admin, 5).await;
    Bound::Credits.leave(&world, &admin, 4).await;
    Bound::Day.leave(&world, &admin, 3).await;

    assert_eq!(counts(&run(&admin, "k", DATE).send().await), (3, 0, 3));
}

#[tokio::test]
async fn a_free_notification_is_not_bounded_by_credits_be_they_overdrawn_but_by_the_other_limits() {
    let world = World::open().await;
    let admin = world.tenant().await;
    members(&admin, 3).await;
    admin.materialize("before", DATE).send().await.expect(200);
    world.change_event(EVENT, |event| event.credits_per_unit = Credits::ZERO).await;
    world.set_plan(&admin, |plan| plan.included_credits = 1).await;
    Bound::Day.leave(&world, &admin, 3).await;

    assert_eq!(counts(&run(&admin, "k", DATE).send().await), (3, 0, 1));

    assert_eq!(world.usage(&admin, MONTH).await.credits().unwrap(), Credits::whole(5));
    assert_eq!(world.assert_ledger_equals_counters(&admin, MONTH).await, 4);
}

#[tokio::test]
async fn while_the_event_is_switched_off_all_are_suppressed_and_it_is_no_error() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let users = members(&admin, 2).await;
    want(&users[1], false).await;
    run(&admin, "before", DATE).send().await.expect(200);
    want(&users[1], true).await;
    world.change_event(EVENT, |event| event.active = false).await;

    assert_eq!(counts(&run(&admin, "k", DATE).send().await), (0, 2, 1), "who has it is still ignored");
    assert_eq!(counts(&run(&admin, "new", "2026-01-30").send().await), (0, 0, 3));

    world.change_event(EVENT, |event| event.active = true).await;
    assert_eq!(counts(&run(&admin, "later", DATE).send().await), (1, 2, 0));
    assert_eq!(world.assert_ledger_equals_counters(&admin, MONTH).await, 5);
}

#[tokio::test]
async fn more_than_a_chunk_of_users_is_cut_exactly_too() {
    for allowance in [29, 30, 31, 60, 64, 65] {
        let world = World::open().await;
        let admin = world.tenant().await;
        let mut users = members(&admin, 64).await;
        users.push(admin.clone());
        Bound::Day.leave(&world, &admin, allowance).await;

        let reply = run(&admin, "k", DATE).send().await;

        assert_eq!(counts(&reply), (allowance, 0, 65 - allowance));
        let heard: Vec<usize> = (0..65).map(|user| usize::from(user < allowance)).collect();
        assert_eq!(notified(&users, DATE).await, heard);
        let again = run(&admin, "again", DATE).send().await;
        assert_eq!(counts(&again), (0, allowance, 65 - allowance), "ignored are told from suppressed");
        assert_eq!(again.expect(200)["brief_created"], json!(false));
        world.assert_ledger_equals_counters(&admin, MONTH).await;
    }
}
