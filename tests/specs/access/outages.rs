//! What callers see when the store has a bad moment: nothing, or 503, and never 500.

use std::sync::Arc;

use bespin_embedded::Fault;
use bespin_local::LocalSettings;
use bespin_primitives::{OsRandom, Random};
use bespin_table::{Query, keys};
use bespin_tests::{Actor, Reply, World};
use serde_json::json;

use super::routes::{Objects, all};

/// How often the store is called before we give up.
const TRIES: usize = 12;

/// Real randomness that draws no waits, so that nothing here takes time.
#[derive(Debug)]
struct Impatient;

impl Random for Impatient {
    fn fill(&self, bytes: &mut [u8]) {
        OsRandom.fill(bytes);
    }

    fn below(&self, _: u64) -> u64 {
        0
    }
}

async fn impatient_world() -> World {
    let settings = LocalSettings { test_clock: true, ..LocalSettings::default() };
    World::open_seeded(settings, Arc::new(Impatient)).await
}

fn assert_unavailable(what: &str, reply: &Reply) {
    assert_eq!(reply.status, 503, "{what}: {}", reply.text);
    assert_eq!(reply.detail(503), "the store is not available, please repeat", "{what}");
    assert_eq!(reply.json()["error"], "store_unavailable");
    assert_eq!(reply.header("retry-after"), Some("1"), "{what}");
}

/// A caller that this process has not seen yet.
async fn cold(world: &World, actor: &Actor) {
    world.deps().access.forget(actor.access().await.tenant_id());
}

#[tokio::test]
async fn authentication_survives_whatever_passes_by_itself() {
    let world = impatient_world().await;
    let admin = world.tenant().await;
    let other = world.tenant().await;
    let passing = [
        vec![Fault::Unprocessed; 7],
        vec![Fault::Throttled; TRIES - 1],
        vec![Fault::ServerError, Fault::NotSent, Fault::ReplyLost],
        vec![Fault::Unprocessed, Fault::Throttled, Fault::Unprocessed, Fault::ReplyLost],
    ];

    for faults in passing {
        let plan = || faults.iter().for_each(|fault| world.faults().next("BatchGetItem", *fault));
        let requests = [
            (admin.get("/v1/kpis"), 200),
            (admin.get("/v1/kpis").header("x-api-key", &other.api_key), 401),
            (admin.get("/v1/kpis").header("x-user-id", &other.user_id), 403),
        ];
        for (request, status) in requests {
            cold(&world, &admin).await;
            plan();
            let reply = request.send().await;
            assert_eq!(reply.status, status, "{faults:?}: {}", reply.text);
            assert_eq!(world.faults().pending(), 0, "{faults:?} all happened");
        }
    }
}

#[tokio::test]
async fn while_the_store_stays_away_every_route_answers_503_and_says_when_to_come_back() {
    let world = impatient_world().await;
    let admin = world.tenant().await;
    let own = Objects::of(&admin).await;

    for fault in [Fault::Throttled, Fault::ServerError, Fault::NotSent, Fault::ReplyLost] {
        for route in all() {
            cold(&world, &admin).await;
            world.faults().random(1, 1000, &[fault]);
            assert_unavailable(&format!("{fault:?} {}", route.name()), &route.by(&admin, &own).send().await);
            world.faults().clear();
        }
        world.faults().random(1, 1000, &[fault]);
        assert_unavailable("sign-up", &world.sign_up().send().await);
        assert_eq!(world.request("GET", "/healthz").send().await.status, 200, "health is the process's own");
        world.faults().clear();
    }
    for route in all() {
        assert_eq!(route.by(&admin, &own).send().await.status, route.success, "{}", route.name());
    }
}

/// Reads that a warm caller does not need, and everything after authentication, may fail as well.
#[tokio::test]
async fn a_store_that_goes_away_in_the_middle_of_a_request_is_503_too() {
    let world = impatient_world().await;
    let admin = world.tenant().await;
    let own = Objects::of(&admin).await;

    for route in all() {
        // The longest is the job: on a clock that stands still the ids of its notifications are taken once.
        for calls in 0..10 {
            cold(&world, &admin).await;
            world.deps().entitlements.forget_catalogue();
            world.faults().stop_after(calls);
            let reply = route.by(&admin, &own).send().await;
            world.faults().clear();
            if reply.status == route.success {
                break;
            }
            assert_unavailable(&format!("{} after {calls} calls", route.name()), &reply);
            assert!(calls < 9, "{} takes fewer calls", route.name());
        }
    }
}

/// Nothing was written, so that the caller may simply come again.
#[tokio::test]
async fn a_write_that_never_gets_its_turn_says_when_to_come_back() {
    let world = impatient_world().await;
    let admin = world.tenant().await;
    let own = Objects::of(&admin).await;
    let assert_busy = |what: &str, reply: &Reply| {
        assert!(matches!(reply.status, 429 | 503), "{what}: {} {}", reply.status, reply.text);
        assert_eq!(reply.json()["error"], "contended", "{what}");
        assert!(reply.header("retry-after").is_some(), "{what}");
    };

    for route in all().filter(|route| route.method == "POST") {
        world.faults().times("TransactWriteItems", Fault::Conflict, TRIES);
        let reply = route.by(&admin, &own).send().await;
        assert_busy(&route.name(), &reply);
        assert_eq!(world.faults().pending(), 0, "{}", route.name());
        assert_eq!(route.by(&admin, &own).send().await.status, route.success, "{}", route.name());
    }
    world.faults().times("TransactWriteItems", Fault::Conflict, TRIES);
    assert_busy("sign-up", &world.sign_up().send().await);
}

#[tokio::test]
async fn a_user_whose_making_was_answered_into_the_void_is_made_once() {
    let world = impatient_world().await;
    let admin = world.tenant().await;
    let body = json!({"tenant_id": admin.tenant_id, "email": "m@example.com", "role": "member"});
    admin.get("/v1/kpis").send().await.expect(200);

    world.faults().times("TransactWriteItems", Fault::ReplyLost, 3);
    let user = admin.post("/v1/users").json(&body).send().await.expect(201);

    let range = keys::users_by_creation(admin.access().await.tenant_id());
    let users = world.deps().table.query_whole(Query::of(range)).await.unwrap();
    assert_eq!(users.len(), 2, "the owner and one more");
    assert!(users.iter().any(|row| row.get::<String>("user_id").unwrap() == user["user_id"]));
}

#[tokio::test]
async fn a_sign_up_survives_conflicts_and_lost_replies_and_makes_one_tenant() {
    let world = impatient_world().await;

    for fault in [Fault::Conflict, Fault::ReplyLost, Fault::Throttled, Fault::NotSent, Fault::ServerError] {
        world.faults().next("TransactWriteItems", fault);
    }
    let admin = world.tenant().await;

    assert_eq!(world.faults().pending(), 0);
    admin.get("/v1/kpis").send().await.expect(200);
}
