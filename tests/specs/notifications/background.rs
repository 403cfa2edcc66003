//! Large tenants through the front door and the queue: answered early, worked off in the background, at a cost that does
//! not depend on their size (gateway.md 9).

use std::sync::Arc;

use axum::Router;
use bespin_access::{Role, TenantAccess, User};
use bespin_edge::Deps;
use bespin_entitlements::DailyLimits;
use bespin_jobs::{BriefRun, INLINE_STEPS};
use bespin_local::{RequestClock, of_function};
use bespin_notifications::{Counts, Run};
use bespin_primitives::{OsRandom, SystemClock, UserId, parse_date};
use bespin_queue::{Queue, sqs_client};
use bespin_table::{Condition, Cost, Item, Row, Transaction, counted, keys};
use bespin_tests::{Actor, World, noon};
use futures::future::join_all;
use serde_json::{Value, json};

use crate::words::{DATE, JOB, MONTH, audited, counts, run};

/// So many users besides the admin, older than it, the first `saved` of whom saved preferences.
async fn with_users(world: &World, admin: &Actor, count: i64, saved: i64) -> Vec<UserId> {
    let access = admin.access().await;
    let mut rows = Vec::new();
    let mut users = vec![access.user_id()];
    for number in 0..count {
        let user = User {
            id: UserId::random(&OsRandom),
            tenant_id: access.tenant_id(),
            email: "m@example.com".to_owned(),
            role: Role::Member,
            created_at: noon().plus_seconds(number - 50_000),
        };
        users.push(user.id);
        let by_creation = user.at(keys::user_by_creation(access.tenant_id(), user.created_at, user.id));
        if number < saved {
            let wanting =
                |row: Item| row.with("daily_brief_enabled", &true).with("prefs_saved_at", &user.created_at);
            let prefs = keys::notification_prefs(access.tenant_id(), user.created_at, user.id);
            rows.push(wanting(Item::new(prefs).with("user_id", &user.id)));
            rows.push(wanting(by_creation));
        } else {
            rows.push(by_creation);
        }
    }
    for some in rows.chunks(100) {
        let mut transaction = Transaction::new();
        for row in some {
            transaction.put(row.clone(), Condition::absent());
        }
        world.deps().table.commit(transaction).await.unwrap();
    }
    users
}

/// How many of these have the notification.
async fn heard(world: &World, admin: &Actor, users: &[UserId]) -> usize {
    let tenant = admin.access().await.tenant_id();
    let date = parse_date(DATE).unwrap();
    let marks: Vec<_> =
        users.iter().map(|user| keys::notified_once(tenant, *user, "daily_brief", date)).collect();
    world.deps().table.get_all(&marks).await.unwrap().len()
}

/// A process that hands what is left of a run after so many steps to a queue; and that queue's address.
async fn with_queue(world: &World, steps: usize) -> (Deps, Router, String) {
    let connection = world.embedded().connection();
    let client = sqs_client(&connection);
    let url = client.create_queue().queue_name("brief-runs").send().await.unwrap().queue_url.unwrap();
    let mut settings = (*world.deps().settings).clone();
    settings.brief_runs_queue_url = Some(url.clone());
    let mut deps = Deps::new(&connection, settings, Arc::new(SystemClock), Arc::new(OsRandom));
    if steps != INLINE_STEPS {
        let queue = Queue::new(client, &*url);
        deps = deps.with(|parts| parts.daily_brief = parts.daily_brief.clone().with_queue(queue, steps));
    }
    let clock = RequestClock { clock: Arc::new(SystemClock), header_counts: true };
    let surface = deps.settings.surface(Arc::new(clock), Arc::new(OsRandom), true);
    let router = surface.wrap(of_function("briefs", bespin_fn_briefs::routes(deps.clone())));
    (deps, router, url)
}

/// What is in the queue, which is empty afterwards.
async fn take_all(world: &World, url: &str) -> Vec<BriefRun> {
    let client = sqs_client(&world.embedded().connection());
    let received = client.receive_message().queue_url(url).max_number_of_messages(10).send().await.unwrap();
    let mut taken = Vec::new();
    for message in received.messages.unwrap_or_default() {
        taken.push(serde_json::from_str(&message.body.unwrap()).unwrap());
        let handle = message.receipt_handle.unwrap();
        client.delete_message().queue_url(url).receipt_handle(handle).send().await.unwrap();
    }
    taken
}

/// Works off one message, and tells what that cost.
async fn work_off(deps: &Deps, access: &TenantAccess, message: &BriefRun) -> (Run, Cost) {
    assert_eq!((message.tenant_id, message.user_id), (access.tenant_id(), access.user_id()));
    let resumed = deps.daily_brief.resume(access, &message.run_id, noon(), Some(INLINE_STEPS));
    let (run, cost) = counted(resumed).await;
    (run.unwrap().unwrap(), cost)
}

/// What is there to be read of a run.
fn shown(run_id: &Value, inserted: u64, status: &str, brief_id: &Value) -> Value {
    json!({
        "date": DATE, "brief_id": brief_id, "brief_created": true, "notifications_inserted": inserted,
        "notifications_ignored": 0, "notifications_suppressed_due_to_quota": 0, "status": status,
        "run_id": run_id,
    })
}

#[tokio::test]
async fn ten_thousand_users_are_answered_early_and_worked_off_from_the_queue_at_the_same_cost_for_each() {
    const USERS: usize = 10_000;
    let world = World::open().await;
    let admin = world.tenant().await;
    world.without_limits(&admin).await;
    let users = with_users(&world, &admin, 9_999, 1_000).await;
    let (deps, router, url) = with_queue(&world, INLINE_STEPS).await;
    let before = world.faults().calls("TransactWriteItems");

    let reply = run(&admin, "key", DATE).through(&router).send().await;

    let answer = reply.expect(200);
    let (run_id, brief_id) = (answer["run_id"].clone(), answer["brief_id"].clone());
    assert_eq!(reply.text, shown(&run_id, 2_010, "running", &brief_id).to_string(), "67 steps of 30");
    let path = format!("{JOB}/{}", run_id.as_str().unwrap());
    assert_eq!(admin.get(&path).send().await.expect(200), answer);

    let access = admin.access().await;
    let mut costs = Vec::new();
    let mut inserted = 2_010;
    loop {
        let [message] = take_all(&world, &url).await.try_into().unwrap();
        let (run, cost) = work_off(&deps, &access, &message).await;
        assert!(run.counts().inserted > inserted);
        inserted = run.counts().inserted;
        if run.is_done() {
            break;
        }
        costs.push(cost);
    }

    assert!(take_all(&world, &url).await.is_empty(), "whoever ends a run sends nothing");
    assert_eq!(
        world.faults().calls("TransactWriteItems") - before,
        1 + 334,
        "the brief, and a step for 30 users"
    );
    assert_eq!(admin.get(&path).send().await.expect(200), shown(&run_id, 10_000, "done", &brief_id));
    let done = run(&admin, "key", DATE).through(&router).send().await;
    assert_eq!(done.expect(200), shown(&run_id, 10_000, "done", &brief_id), "the key's answer from now on");
    assert_eq!(heard(&world, &admin, &users).await, USERS);
    assert_eq!(world.assert_ledger_equals_counters(&admin, MONTH).await, USERS + 1);
    assert_eq!(audited(&world, &admin).await.len(), 1);

    // Each message but the last did 67 steps; they all cost the same, however far the run was.
    assert_eq!(costs.len(), 3);
    for cost in &costs {
        let for_each_user = cost.write_units / (67.0 * 30.0);
        assert_eq!(cost.write_units, costs[0].write_units);
        assert!((6.0..6.5).contains(&for_each_user), "{for_each_user} write units for each user");
        assert!(cost.read_units < 400.0, "{cost:?}: users are read in pages, nobody by itself");
        assert!(cost.round_trips < 67 + 10, "{cost:?}");
        assert_eq!(cost.cancelled, 0);
    }
}

#[tokio::test]
async fn a_message_that_comes_again_or_of_no_run_changes_nothing() {
    let world = World::open().await;
    let admin = world.tenant().await;
    world.without_limits(&admin).await;
    let users = with_users(&world, &admin, 69, 0).await;
    let (deps, router, url) = with_queue(&world, 1).await;
    let access = admin.access().await;
    let reply = run(&admin, "key", DATE).through(&router).send().await;
    assert_eq!(counts(&reply), (30, 0, 0));
    let [message] = take_all(&world, &url).await.try_into().unwrap();

    let (first, _) = work_off(&deps, &access, &message).await;
    let (again, cost) = work_off(&deps, &access, &message).await;

    assert_eq!(first.counts(), Counts { inserted: 70, ignored: 0, suppressed: 0 });
    assert_eq!((first, cost.write_units, cost.cancelled), (again, 0.0, 0));
    assert_eq!(heard(&world, &admin, &users).await, 70);
    assert_eq!(world.assert_ledger_equals_counters(&admin, MONTH).await, 71);

    let other = world.tenant().await;
    for (actor, run_id) in [(&other, message.run_id.as_str()), (&admin, "x"), (&admin, &"0".repeat(40))] {
        let resumed = deps.daily_brief.resume(&actor.access().await, run_id, noon(), None).await;
        assert_eq!(resumed.unwrap(), None);
        assert_eq!(
            actor.get(&format!("{JOB}/{run_id}")).send().await.detail(404),
            format!("Run '{run_id}' not found")
        );
    }
}

#[tokio::test]
async fn what_is_left_when_the_quota_is_used_up_is_counted_by_hundreds_without_a_write_for_each() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let users = with_users(&world, &admin, 2_999, 500).await;
    let limits = DailyLimits { notification_enqueued: 45, ..DailyLimits::default() };
    world.set_daily_limits(&admin, limits).await;
    admin.materialize("before", DATE).send().await.expect(200);
    let before = world.faults().calls("TransactWriteItems");

    let first = run(&admin, "first", DATE).send().await;
    let transactions = world.faults().calls("TransactWriteItems") - before;
    let again = run(&admin, "again", DATE).send().await;

    assert_eq!(counts(&first), (45, 0, 2_955));
    assert_eq!(transactions, 31, "30 users, 15 with 85 suppressed, and 29 times a hundred suppressed");
    let write_units = first.cost().write_units;
    assert!(write_units < 45.0 * 6.5 + 31.0 * 4.0, "{write_units} write units");
    assert_eq!(counts(&again), (0, 45, 2_955));
    assert!(again.cost().write_units < 30.0 * 4.0, "{:?}", again.cost());
    assert!(again.cost().read_units < 3_000.0 * 1.3, "each is looked up once: {:?}", again.cost());
    assert_eq!(heard(&world, &admin, &users).await, 45);
    assert_eq!(world.assert_ledger_equals_counters(&admin, MONTH).await, 46);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_who_drive_one_run_and_another_run_beside_it_keep_the_quota_to_the_unit() {
    let world = World::open().await;
    let admin = world.tenant().await;
    world.without_limits(&admin).await;
    let users = with_users(&world, &admin, 999, 100).await;
    let limits = DailyLimits {
        notification_enqueued: 777,
        daily_brief_generated: 10,
        tool_invocation: 10,
        assistant_query: 10,
    };
    world.set_daily_limits(&admin, limits).await;
    let (_, router, url) = with_queue(&world, 1).await;
    assert_eq!(counts(&run(&admin, "key", DATE).through(&router).send().await), (30, 0, 0));
    let [message] = take_all(&world, &url).await.try_into().unwrap();

    let access = admin.access().await;
    let drivers: Vec<_> = (0..4)
        .map(|_| {
            let process = world.another(Arc::new(SystemClock), Arc::new(OsRandom));
            let (access, run_id) = (access.clone(), message.run_id.clone());
            tokio::spawn(async move {
                process.deps().daily_brief.resume(&access, &run_id, noon(), None).await.unwrap().unwrap()
            })
        })
        .collect();
    let beside = tokio::spawn(run(&admin, "another", DATE).send());
    let driven: Vec<Run> = join_all(drivers).await.into_iter().map(Result::unwrap).collect();
    let beside = counts(&beside.await.unwrap());

    for run in &driven {
        assert!(run.is_done());
        assert_eq!(run.counts(), driven[0].counts(), "whoever drives tells the same");
    }
    let Counts { inserted, ignored, suppressed } = driven[0].counts();
    assert_eq!(counts(&run(&admin, "key", DATE).send().await), (inserted, ignored, suppressed));
    assert_eq!((inserted + ignored + suppressed, beside.0 + beside.1 + beside.2), (1_000, 1_000));
    assert_eq!(inserted + beside.0, 777);
    assert_eq!(heard(&world, &admin, &users).await, 777);
    assert_eq!(audited(&world, &admin).await.len(), 2);
    assert_eq!(world.assert_ledger_equals_counters(&admin, MONTH).await, 778);
}
