//! Large tenants: worked off in chunks, by the request or through the queue, each user notified once, allowance kept to
//! the unit.

use std::collections::BTreeSet;

use aws_lambda_events::event::sqs::SqsEvent;
use bespin_briefs::BriefOrder;
use bespin_embedded::as_function;
use bespin_entitlements::{Capability, DailyLimits, Standing, SubscriptionStatus};
use bespin_jobs::{BriefRun, DailyBrief, JobOrder, Progress};
use bespin_notifications::Run;
use bespin_primitives::{OsRandom, RequestId, UserId, parse_date};
use bespin_recording::{Claim, Fingerprint};
use bespin_table::{Query, keys};
use bespin_tests::{Actor, World, noon};
use serde_json::{Value, json};

use crate::words::{DATE, JOB, MONTH, counts, entries, run};

/// The admin of a tenant of so many users without limits. All but the admin are there in their places in the order of
/// creation only, which is all that a run reads of them.
pub(crate) async fn tenant_of(world: &World, count: u64) -> Actor {
    let admin = world.tenant().await;
    world.without_limits(&admin).await;
    let access = admin.access().await;
    let user = access.user();
    let original = keys::user_by_creation(access.tenant_id(), user.created_at, user.id);
    let copies = (1..count).map(|second| {
        let id = UserId::random(&OsRandom);
        let created_at = noon().plus_seconds(i64::try_from(second).unwrap());
        let sk = keys::user_by_creation(access.tenant_id(), created_at, id).sk;
        vec![("sk", sk), ("user_id", id.to_string())]
    });
    let key = [("pk", original.pk.as_str()), ("sk", original.sk.as_str())];
    world.embedded().dynamodb().put_copies(&World::settings().table_name, &key, copies).unwrap();
    admin
}

/// All users of a tenant, in order of creation.
pub(crate) async fn users(world: &World, admin: &Actor) -> Vec<UserId> {
    let range = keys::users_by_creation(admin.access().await.tenant_id());
    let rows = world.deps().table.query_whole(Query::of(range)).await.unwrap();
    rows.iter().map(|row| row.get("user_id").unwrap()).collect()
}

/// How many notifications each user has.
async fn notified(world: &World, admin: &Actor) -> Vec<usize> {
    let tenant_id = admin.access().await.tenant_id();
    let mut notified = Vec::new();
    for user in users(world, admin).await {
        let outbox = Query::of(keys::outbox(tenant_id, user));
        notified.push(world.deps().table.query_whole(outbox).await.unwrap().len());
    }
    notified
}

async fn limit_notifications(world: &World, admin: &Actor, most: u64) {
    let limits = DailyLimits { notification_enqueued: most, ..DailyLimits::default() };
    world.set_daily_limits(admin, limits).await;
}

#[tokio::test]
async fn a_thousand_users_are_each_notified_once_with_ids_of_their_own() {
    let world = World::open().await;
    let admin = tenant_of(&world, 1_000).await;

    let reply = run(&admin, "key", DATE).send().await;

    assert_eq!(counts(&reply), (1_000, 0, 0));
    assert_eq!(notified(&world, &admin).await, vec![1; 1_000]);
    let entries = entries(&world, &admin).await;
    let subjects: BTreeSet<_> = entries.iter().map(|entry| entry.subject.clone().unwrap()).collect();
    assert_eq!((entries.len(), subjects.len()), (1_000, 1_000));
    world.assert_ledger_equals_counters(&admin, MONTH).await;
}

#[tokio::test]
async fn a_quota_that_ends_in_the_middle_of_a_large_tenant_leaves_the_others_counted_and_a_later_run_goes_on()
{
    let world = World::open().await;
    let admin = tenant_of(&world, 500).await;
    limit_notifications(&world, &admin, 77).await;

    assert_eq!(counts(&run(&admin, "first", DATE).send().await), (77, 0, 423));
    assert_eq!(counts(&run(&admin, "again", DATE).send().await), (0, 77, 423));
    let tomorrow = run(&admin, "tomorrow", DATE).at("2026-02-11T12:00:00Z").send().await;

    assert_eq!(counts(&tomorrow), (77, 77, 346));
    let notified = notified(&world, &admin).await;
    assert!(
        notified[..154].iter().all(|count| *count == 1) && notified[154..].iter().all(|count| *count == 0)
    );
}

/// The job of a process that does only two steps in the request.
fn impatient(world: &World) -> DailyBrief {
    let queue = world.deps().brief_queue.clone().unwrap();
    world.deps().daily_brief.clone().with_queue(queue, 2)
}

async fn begin(world: &World, admin: &Actor, job: &DailyBrief) -> Run {
    let access = admin.access().await;
    let catalogue = world.deps().entitlements.catalogue().await.unwrap();
    let standing = Standing::entitled(&access, &catalogue, Capability::Notifications, noon()).unwrap();
    let order = JobOrder {
        claim: Claim::new(&access, JOB, "key", Fingerprint::of(&json!(DATE))),
        brief: BriefOrder { date: parse_date(DATE).unwrap(), window_days: 7, top_n: 3 },
        request_id: RequestId::random(&OsRandom),
        now: noon(),
    };
    match job.run(&access, &standing, &order).await.unwrap() {
        Progress::At(run) => *run,
        Progress::Replayed(text) => panic!("{text}"),
    }
}

const EVENT: &str = include_str!("../../../events/daily-brief-runner.json");

/// The sample event, its first message about this run. Its second one is nobody's.
fn event(message: &BriefRun) -> SqsEvent {
    let mut event: Value = serde_json::from_str(EVENT).unwrap();
    event["Records"][0]["body"] = json!(json!(message).to_string());
    serde_json::from_value(event).unwrap()
}

/// The messages of the sample event that the runner failed.
async fn failed(world: &World, message: &BriefRun) -> Vec<String> {
    let handled = bespin_fn_daily_brief_runner::handle(world.deps(), event(message), noon());
    let response = as_function("daily-brief-runner", handled).await;
    response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
}

const BAD: &str = "2e1424d4-f796-459a-8184-9c92662be6da";
const GOOD: &str = "19dd0b57-b21e-4ac1-bd88-01bbb068cb78";

#[tokio::test]
async fn the_runner_works_off_its_sample_event_and_fails_the_bad_message_only() {
    let world = World::open().await;
    let admin = tenant_of(&world, 150).await;
    let begun = begin(&world, &admin, &impatient(&world)).await;
    let message = BriefRun::rest_of(&begun);

    for _ in 0..2 {
        assert_eq!(failed(&world, &message).await, [BAD], "a duplicate changes nothing");
        assert_eq!(notified(&world, &admin).await, vec![1; 150]);
    }

    let done = admin.get(&format!("{JOB}/{}", begun.id())).send().await.expect(200);
    assert_eq!((&done["status"], &done["notifications_inserted"]), (&json!("done"), &json!(150)));
    let entries = entries(&world, &admin).await;
    assert!(entries.iter().all(|entry| entry.user_id.to_string() == admin.user_id));
    world.assert_ledger_equals_counters(&admin, MONTH).await;
}

#[tokio::test]
async fn what_can_never_succeed_is_taken_off_the_queue_and_what_may_comes_again() {
    let world = World::open().await;
    let admin = tenant_of(&world, 150).await;
    let message = BriefRun::rest_of(&begin(&world, &admin, &impatient(&world)).await);
    let before = notified(&world, &admin).await;

    world.set_status(&admin, SubscriptionStatus::Suspended).await;
    assert_eq!(failed(&world, &message).await, [BAD], "a suspended tenant");
    world.set_status(&admin, SubscriptionStatus::Active).await;
    let stranger = UserId::parse(&world.tenant().await.user_id).unwrap();
    let nobody = BriefRun { user_id: stranger, ..message.clone() };
    assert_eq!(failed(&world, &nobody).await, [BAD], "a user of another tenant");
    let no_run = BriefRun { run_id: "0".repeat(40), ..message.clone() };
    assert_eq!(failed(&world, &no_run).await, [BAD], "a run that is long over");
    world.faults().stop_after(1);
    assert_eq!(failed(&world, &message).await, [GOOD, BAD], "a store that goes away");
    world.faults().clear();

    assert_eq!(notified(&world, &admin).await, before);
    assert_eq!(failed(&world, &message).await, [BAD]);
    assert_eq!(notified(&world, &admin).await, vec![1; 150]);
}

#[tokio::test]
async fn a_runner_that_dies_at_any_call_to_the_store_loses_nobody_and_tells_nobody_twice() {
    for calls in 1.. {
        let world = World::open().await;
        let admin = tenant_of(&world, 100).await;
        let message = BriefRun::rest_of(&begin(&world, &admin, &impatient(&world)).await);
        world.faults().stop_after(calls);
        let first = failed(&world, &message).await;
        world.faults().clear();

        assert_eq!(failed(&world, &message).await, [BAD]);

        assert_eq!(notified(&world, &admin).await, vec![1; 100], "died after {calls} calls");
        world.assert_ledger_equals_counters(&admin, MONTH).await;
        if first == [BAD] {
            assert!(calls > 3, "{calls}");
            break;
        }
    }
}
