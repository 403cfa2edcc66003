//! Many at once: each user is notified once, every run tells the truth, no limit is passed (I1, I2).

use std::collections::HashSet;

use bespin_embedded::Fault;
use bespin_entitlements::DailyLimits;
use bespin_metering::MeteredEvent;
use bespin_tests::{Actor, Reply, World};

use crate::words::{DATE, MONTH, at_once, audited, counts, entries, members, notified, outbox, run, want};

const FAULTS: [Fault; 5] =
    [Fault::Conflict, Fault::Throttled, Fault::ReplyLost, Fault::NotSent, Fault::ServerError];

/// An admin with so many users, itself included, some of whom saved preferences.
async fn tenant_of(world: &World, users: usize) -> (Actor, Vec<Actor>) {
    let admin = world.tenant().await;
    world.without_limits(&admin).await;
    let mut all = members(&admin, users - 1).await;
    for user in all.iter().step_by(3) {
        want(user, true).await;
    }
    all.push(admin.clone());
    (admin, all)
}

fn sum(replies: &[Reply], count: impl Fn((u64, u64, u64)) -> u64) -> u64 {
    replies.iter().map(|reply| count(counts(reply))).sum()
}

async fn assert_all_heard_once(world: &World, admin: &Actor, users: &[Actor]) {
    assert_eq!(notified(users, DATE).await, vec![1; users.len()]);
    assert_eq!(entries(world, admin).await.len(), users.len());
    world.assert_ledger_equals_counters(admin, MONTH).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simultaneous_runs_with_different_keys_make_one_brief_and_notify_each_user_once() {
    for seed in [None, Some(1), Some(2)] {
        let world = World::open().await;
        let (admin, users) = tenant_of(&world, 40).await;
        if let Some(seed) = seed {
            world.faults().random(seed, 60, &FAULTS);
        }

        let replies = at_once((0..16).map(|n| run(&admin, &format!("key-{n}"), DATE))).await;

        world.faults().clear();
        assert_eq!(sum(&replies, |(inserted, ..)| inserted), 40, "{seed:?}");
        for reply in &replies {
            let (inserted, ignored, suppressed) = counts(reply);
            assert_eq!((inserted + ignored, suppressed), (40, 0), "{seed:?} {}", reply.text);
        }
        let made: Vec<&Reply> =
            replies.iter().filter(|reply| reply.json()["brief_created"] == true).collect();
        assert_eq!(made.len(), 1, "{seed:?}");
        let briefs: HashSet<String> =
            replies.iter().map(|reply| reply.json()["brief_id"].to_string()).collect();
        assert_eq!(briefs.len(), 1);
        assert_eq!(audited(&world, &admin).await.len(), 16, "one for each run");
        assert_all_heard_once(&world, &admin, &users).await;
        let ids: HashSet<u64> = {
            let mut ids = HashSet::new();
            for user in &users {
                ids.insert(outbox(user).await[0]["id"].as_u64().unwrap());
            }
            ids
        };
        assert_eq!(ids.len(), 40, "no id twice");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simultaneous_calls_with_one_key_get_the_same_bytes() {
    for seed in [None, Some(1), Some(2), Some(3)] {
        let world = World::open().await;
        let (admin, users) = tenant_of(&world, 70).await;
        if let Some(seed) = seed {
            world.faults().random(seed, 60, &FAULTS);
        }

        let replies = at_once((0..16).map(|_| run(&admin, "key", DATE))).await;

        world.faults().clear();
        assert_eq!(counts(&replies[0]), (70, 0, 0));
        for reply in &replies {
            assert_eq!((reply.status, &reply.text), (200, &replies[0].text), "{seed:?}");
        }
        assert_eq!(audited(&world, &admin).await.len(), 1);
        assert_all_heard_once(&world, &admin, &users).await;
        assert_eq!(run(&admin, "key", DATE).send().await.text, replies[0].text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_bodies_that_race_for_a_key_wins_and_the_other_is_refused() {
    let world = World::open().await;
    let (admin, users) = tenant_of(&world, 40).await;
    let other = "2026-01-30";

    let replies = at_once((0..16).map(|n| run(&admin, "key", [DATE, other][n % 2]))).await;

    let (mut even, mut odd): (Vec<_>, Vec<_>) =
        replies.into_iter().enumerate().partition(|(number, _)| number % 2 == 0);
    let date = if even[0].1.status == 200 { DATE } else { other };
    if date == other {
        std::mem::swap(&mut even, &mut odd);
    }
    for (_, reply) in &even {
        assert_eq!((reply.status, &reply.text), (200, &even[0].1.text));
    }
    for (_, reply) in odd {
        reply.detail(409);
    }
    assert_eq!(notified(&users, date).await, vec![1; 40]);
    assert_eq!(entries(&world, &admin).await.len(), 40);
    world.assert_ledger_equals_counters(&admin, MONTH).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simultaneous_runs_for_different_dates_share_the_quota_to_the_last_unit() {
    let world = World::open().await;
    let (admin, users) = tenant_of(&world, 40).await;
    let most = 1_000_000;
    let limits = DailyLimits {
        notification_enqueued: 101,
        daily_brief_generated: most,
        tool_invocation: most,
        assistant_query: most,
    };
    world.set_daily_limits(&admin, limits).await;

    let replies = at_once((1..=8).map(|day| {
        let date = format!("2026-01-{day:02}");
        run(&admin, &date, &date)
    }))
    .await;

    assert_eq!(sum(&replies, |(inserted, ..)| inserted), 101);
    assert_eq!(sum(&replies, |(.., suppressed)| suppressed), 8 * 40 - 101);
    let mut heard = 0;
    for user in &users {
        heard += outbox(user).await.len();
    }
    assert_eq!(heard, 101);
    let usage = world.usage(&admin, MONTH).await;
    assert_eq!(usage.of_event(MeteredEvent::NotificationEnqueued).unwrap().0, 101);
    world.assert_ledger_equals_counters(&admin, MONTH).await;
}
