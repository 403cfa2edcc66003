//! Large tenants: worked off in chunks, by the request or through the queue, each user notified once, allowance kept to
//! the unit.

use std::collections::BTreeSet;

use bespin_briefs::BriefOrder;
use bespin_entitlements::{Capability, DailyLimits, Standing};
use bespin_jobs::{BriefRun, DailyBrief, JobOrder, Progress};
use bespin_notifications::Run;
use bespin_primitives::{OsRandom, RequestId, UserId, parse_date};
use bespin_queue::{Queue, sqs_client};
use bespin_recording::{Claim, Fingerprint};
use bespin_table::{Query, keys};
use bespin_tests::{Actor, World, noon};
use serde_json::json;

use crate::words::{DATE, JOB, MONTH, at_once, counts, entries, run, without_limits};

/// The admin of a tenant of so many users without limits. All but the admin are there in their places in the order of
/// creation only, which is all that a run reads of them.
pub(crate) async fn tenant_of(world: &World, count: u64) -> Actor {
    let admin = world.tenant().await;
    without_limits(world, &admin).await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_drivers_at_once_keep_the_allowance_to_the_unit_and_the_first_users_get_it() {
    let world = World::open().await;
    let admin = tenant_of(&world, 300).await;
    limit_notifications(&world, &admin, 101).await;

    let replies = at_once((0..4).map(|key| run(&admin, &key.to_string(), DATE))).await;

    let inserted: u64 = replies.iter().map(|reply| counts(reply).0).sum();
    assert_eq!(inserted, 101);
    for reply in &replies {
        let (inserted, ignored, suppressed) = counts(reply);
        assert_eq!(inserted + ignored + suppressed, 300);
    }
    let notified = notified(&world, &admin).await;
    assert_eq!(notified.iter().sum::<usize>(), 101, "nobody twice");
    assert!(notified.iter().all(|count| *count <= 1));
    assert_eq!(entries(&world, &admin).await.len(), 101);
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

/// The job as a Lambda has it: two steps in the request, the rest through the queue.
async fn with_queue(world: &World) -> DailyBrief {
    let sqs = sqs_client(&world.embedded().connection());
    let made = sqs.create_queue().queue_name("brief-runs").send().await.unwrap();
    world.deps().daily_brief.clone().with_queue(Queue::new(sqs, made.queue_url().unwrap()), 2)
}

/// The messages that wait in the queue.
async fn waiting(world: &World) -> Vec<BriefRun> {
    let sqs = sqs_client(&world.embedded().connection());
    let url = sqs.get_queue_url().queue_name("brief-runs").send().await.unwrap();
    let url = url.queue_url().unwrap();
    let received = sqs.receive_message().queue_url(url).max_number_of_messages(10).send().await.unwrap();
    let bodies = received.messages().iter().map(|message| message.body().unwrap().to_owned());
    bodies.map(|body| serde_json::from_str(&body).unwrap()).collect()
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

#[tokio::test]
async fn the_rest_of_a_large_tenant_goes_through_the_queue_and_duplicates_change_nothing() {
    let world = World::open().await;
    let admin = tenant_of(&world, 200).await;
    let job = with_queue(&world).await;

    let begun = begin(&world, &admin, &job).await;

    assert_eq!((begun.counts().inserted, begun.is_done()), (60, false));
    let answer = begun.answer();
    assert_eq!((&answer["status"], &answer["notifications_inserted"]), (&json!("running"), &json!(60)));
    let path = format!("{JOB}/{}", begun.id());
    let shown = admin.get(&path).send().await.expect(200);
    assert_eq!((&shown["status"], &shown["notifications_inserted"]), (&json!("running"), &json!(60)));
    let access = admin.access().await;
    let mut taken_up = 0;
    loop {
        let messages = waiting(&world).await;
        let Some(BriefRun { run_id, tenant_id }) = messages.last() else { break };
        assert_eq!((tenant_id, run_id), (&admin.tenant_id, &begun.id()));
        // Each message is worked off twice, at the same time.
        let resume = || job.resume(&access, run_id, noon(), Some(2));
        let (one, other) = futures::join!(resume(), resume());
        assert!(one.is_ok() && other.is_ok());
        taken_up += 1;
        assert!(taken_up < 20, "the queue empties");
    }
    let done = admin.get(&path).send().await.expect(200);
    assert_eq!(
        (&done["status"], &done["notifications_inserted"], &done["brief_created"]),
        (&json!("done"), &json!(200), &json!(true))
    );
    assert_eq!(notified(&world, &admin).await, vec![1; 200]);
    world.assert_ledger_equals_counters(&admin, MONTH).await;
}
