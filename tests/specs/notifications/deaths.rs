//! A run that dies between any two calls of the store loses nothing and doubles nothing (I8).

use std::sync::Arc;

use bespin_entitlements::DailyLimits;
use bespin_primitives::{OsRandom, SystemClock};
use bespin_tests::{Actor, World};
use serde_json::Value;

use crate::{
    mornings::{due_at_noon, last},
    words::{DATE, MONTH, at, audited, counts, entries, members, notified, run, want},
};

/// An admin and its users, so many together, some with preferences, none opted out.
async fn tenant(world: &World, users: usize) -> (Actor, Vec<Actor>) {
    let admin = world.tenant().await;
    world.without_limits(&admin).await;
    let mut users = members(&admin, users - 1).await;
    for user in users.iter().take(20) {
        want(user, true).await;
    }
    users.push(admin.clone());
    (admin, users)
}

/// Whether the brief is there before the run.
async fn brief_before(admin: &Actor, there: bool) {
    if there {
        admin.materialize("before", DATE).send().await.expect(200);
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_of_a_run_that_died_at_any_moment_ends_with_each_user_notified_once() {
    // Two chunks.
    const USERS: usize = 35;
    for exists in [true, false] {
        let mut calls = 0;
        loop {
            let world = World::open().await;
            let (admin, users) = tenant(&world, USERS).await;
            brief_before(&admin, exists).await;
            admin.get("/v1/kpis").send().await.expect(200);

            world.faults().stop_after(calls);
            let died = run(&admin, "key", DATE).send().await;
            world.faults().clear();

            // Whoever takes it up is another process as often as not.
            let another = world.another(Arc::new(SystemClock), Arc::new(OsRandom));
            let place = if calls % 2 == 0 { &world } else { &another };
            let retrier = place.actor(&admin.tenant_id, &admin.user_id, &admin.api_key);
            let retry = run(&retrier, "key", DATE).send().await;

            let case = format!("died after {calls} calls, brief there: {exists}");
            assert_eq!(counts(&retry), (USERS as u64, 0, 0), "{case}: {}", retry.text);
            assert_eq!(retry.json()["brief_created"], !exists, "{case}");
            assert_eq!(notified(&users, DATE).await, vec![1; USERS], "{case}");
            assert_eq!(entries(&world, &admin).await.len(), USERS, "{case}");
            let entry_count = world.assert_ledger_equals_counters(&admin, MONTH).await;
            assert_eq!(entry_count, USERS + 1, "{case}");
            assert_eq!(audited(&world, &admin).await.len(), 1, "{case}");
            let replay = run(&admin, "key", DATE).send().await;
            assert_eq!(replay.text, retry.text, "{case}");
            if died.status == 200 {
                assert_eq!(died.text, retry.text);
                break;
            }
            assert_eq!(died.status, 503, "{case}: {}", died.text);
            calls += 1;
        }
        assert!(calls > 5, "it takes more than one transaction: {calls} calls");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_under_way_holds_its_key_against_another_body() {
    let world = World::open().await;
    let (admin, users) = tenant(&world, 70).await;
    let before = world.faults().calls("TransactWriteItems");
    run(&admin, "whole", "2026-01-01").send().await.expect(200);
    let transactions = world.faults().calls("TransactWriteItems") - before;
    assert_eq!(transactions, 4, "the brief, and three chunks");
    // It dies when one chunk of three is done.
    for calls in 1.. {
        world.faults().stop_after(calls);
        let died = run(&admin, "key", DATE).send().await;
        world.faults().clear();
        assert_eq!(died.status, 503, "{calls}");
        if notified(&users, DATE).await.iter().sum::<usize>() > 0 {
            break;
        }
    }
    assert_eq!(notified(&users, DATE).await.iter().sum::<usize>(), 30);

    assert_eq!(
        run(&admin, "key", "2026-01-30").send().await.detail(409),
        "Idempotency key 'key' was already used with a different request body"
    );

    // The next day, by another admin: the entries are still of who began, and count when they are made.
    let body = serde_json::json!({"tenant_id": admin.tenant_id, "email": "a@example.com", "role": "admin"});
    let second = admin.post("/v1/users").json(&body).at("2026-02-11T08:00:00Z").send().await.expect(201);
    let second = admin.as_user(second["user_id"].as_str().unwrap());
    let retry = run(&second, "key", DATE).at("2026-02-11T09:00:00Z").send().await;
    assert_eq!(counts(&retry), (71, 0, 0), "whoever was made meanwhile is met, too");
    let entries = entries(&world, &admin).await;
    let of_run: Vec<_> =
        entries.iter().filter(|entry| entry.created_at.date().to_string() == "2026-02-11").collect();
    assert_eq!(of_run.len(), 41);
    assert!(of_run.iter().all(|entry| entry.user_id.to_string() == admin.user_id));
    world.assert_ledger_equals_counters(&admin, MONTH).await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_died_when_the_quota_was_used_up_tells_the_same_counts() {
    let mut calls = 0;
    loop {
        let world = World::open().await;
        let (admin, users) = tenant(&world, 40).await;
        let limits = DailyLimits { notification_enqueued: 33, ..DailyLimits::default() };
        world.set_daily_limits(&admin, limits).await;
        admin.get("/v1/kpis").send().await.expect(200);

        world.faults().stop_after(calls);
        let died = run(&admin, "key", DATE).send().await;
        world.faults().clear();
        let retry = run(&admin, "key", DATE).send().await;

        assert_eq!(counts(&retry), (33, 0, 7), "died after {calls} calls");
        assert_eq!(notified(&users, DATE).await.iter().sum::<usize>(), 33);
        world.assert_ledger_equals_counters(&admin, MONTH).await;
        if died.status == 200 {
            break;
        }
        calls += 1;
    }
}

/// The scheduler and the runner in one process that dies at any call to the store or the queue.
#[tokio::test(start_paused = true)]
async fn a_morning_that_dies_at_any_moment_is_brought_home_by_the_next_hour() {
    for calls in 0.. {
        let world = World::open().await;
        let (admin, users) = due_at_noon(&world).await;
        world.faults().stop_after(calls);
        let fired = world.schedule(&Value::Null, at("2026-02-10T12:00:00Z")).await;
        world.work_off_briefs(at("2026-02-10T12:00:00Z")).await;
        world.faults().clear();
        let after_death = last(&admin).await;

        world.schedule(&Value::Null, at("2026-02-10T13:00:00Z")).await.unwrap();
        world.work_off_briefs(at("2026-02-10T13:00:00Z")).await;

        let case = format!("died after {calls} calls");
        assert_eq!(last(&admin).await["status"], "made", "{case}");
        assert_eq!(notified(&users, "2026-02-10").await, [1, 1, 1], "{case}");
        assert_eq!(world.assert_ledger_equals_counters(&admin, MONTH).await, 4, "{case}");
        assert_eq!(audited(&world, &admin).await.len(), 1, "{case}");
        if after_death != Value::Null {
            assert!(fired.is_ok() && calls > 25, "{case}: sixteen queries, one message, and the brief");
            break;
        }
    }
}
