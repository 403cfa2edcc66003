//! What the control plane asks of the store, counted by the store itself (I6, I7).

use bespin_policies::Project;
use bespin_table::counted;
use bespin_tests::{Actor, Cost, World};
use serde_json::json;

use super::words::{at, cp, get, pay, payment, set_quota, signed, top_up, world_at};

const NOW: &str = "2026-02-10T12:00:00Z";

/// What a turn reads of policies and credits: each of the three calls by itself.
async fn reads(world: &World, admin: &Actor, user: &str) -> [Cost; 3] {
    let access = admin.access().await;
    let project = Project::default();
    let (policies, grants) = (&world.deps().policies, &world.deps().grants);
    let (quota, first) = counted(policies.quota_for(&access, &project, "free", "app")).await;
    let (budgets, second) = counted(policies.budgets_for(&access, &project, "app")).await;
    let (added, third) = counted(grants.additions(&access, &project, user, "app", at(NOW))).await;
    quota.unwrap();
    budgets.unwrap();
    added.unwrap();
    [first, second, third]
}

fn round_trips(costs: [Cost; 3]) -> [u32; 3] {
    costs.map(|cost| cost.round_trips)
}

#[tokio::test]
async fn a_turn_reads_all_policies_in_one_round_trip_all_credits_in_another_and_nothing_when_warm() {
    let (world, clock) = world_at(NOW).await;
    let admin = world.tenant().await;

    assert_eq!(round_trips(reads(&world, &admin, "nobody").await), [1, 0, 1], "cold, and nothing there");
    assert_eq!(round_trips(reads(&world, &admin, "nobody").await), [0, 0, 0], "that is remembered, too");

    set_quota(&admin, NOW, json!({"user_type": "free", "requests_per_day": 3})).await;
    for number in 0..50 {
        let budget = json!({"bundle_id": "app", "provider": format!("p{number}"), "usd_per_day": 1});
        admin.post(&cp("/policies/budget")).json(&budget).send().await.expect(201);
        top_up(&admin, NOW, json!({"user_id": "maria", "additional_requests_per_day": 1})).await;
    }
    let costs = reads(&world, &admin, "maria").await;
    assert_eq!(round_trips(costs), [1, 0, 1]);
    assert_eq!(costs[0].read_units, 4.0, "two policies and two rows of ceilings, be they there or not");
    assert!(costs[2].read_units <= 4.0, "{}: fifty credits in one row", costs[2].read_units);
    assert_eq!(round_trips(reads(&world, &admin, "maria").await), [0, 0, 0]);

    clock.advance_seconds(5);
    assert_eq!(round_trips(reads(&world, &admin, "maria").await), [1, 0, 1]);
}

#[tokio::test]
async fn what_a_turn_reads_does_not_grow_with_the_users_history() {
    let (world, clock) = world_at(NOW).await;
    let admin = world.tenant().await;
    let mut units = Vec::new();
    for year in [2000, 2001] {
        for day in 1..=28 {
            let now = format!("{year}-01-{day:02}T00:00:00Z");
            for _ in 0..4 {
                top_up(&admin, &now, json!({"user_id": "maria", "expires_in_days": 1})).await;
            }
        }
        clock.advance_seconds(5);
        units.push(reads(&world, &admin, "maria").await[2].read_units);
        units.push(get_cost(&admin, "/replenishments/user/maria").await.read_units);
    }
    assert_eq!(units[..2], units[2..]);
}

async fn get_cost(admin: &Actor, path: &str) -> Cost {
    let reply = admin.get(&cp(path)).at(NOW).send().await;
    reply.expect(200);
    reply.cost()
}

#[tokio::test]
async fn a_grant_is_two_round_trips_and_one_transaction() {
    let world = World::unhurried().await;
    let admin = world.tenant().await;
    get(&admin, NOW, "/health").await;
    let send = async |body, key: Option<&str>| {
        let request = admin.post(&cp("/replenishments/top-up")).at(NOW).json(&body);
        let request = if let Some(key) = key { request.key(key) } else { request };
        let reply = request.send().await;
        reply.expect(201);
        reply.cost()
    };
    let free = json!({"user_id": "maria", "additional_requests_per_day": 1});
    let paid = json!({"user_id": "maria", "additional_requests_per_day": 1, "purchase_amount_usd": 10});

    // The record by time, by user and by end, the user's row, the audit: five items of 1 KB in a transaction.
    let cost = send(free.clone(), None).await;
    assert_eq!((cost.round_trips, cost.read_units, cost.write_units), (2, 1.0, 10.0));
    // The sums of the month.
    assert_eq!(send(paid, None).await.write_units, 12.0);
    // The answer that is kept under the key.
    assert_eq!(send(free.clone(), Some("key")).await.write_units, 12.0);
    let again = send(free, Some("key")).await;
    assert_eq!((again.round_trips, again.write_units, again.cancelled), (1, 0.0, 0), "a repeat only reads");
}

#[tokio::test]
async fn a_payment_is_three_round_trips_and_its_repeat_writes_nothing_but_its_delivery() {
    let world = World::unhurried().await;
    let admin = world.tenant().await;
    let metadata = json!({"user_id": "maria", "tenant": admin.tenant_id, "package": "basic"});
    let event = payment("evt_1", "pi_1", 1000, &metadata);

    let first = signed(&world, NOW, &event).send().await.cost();
    let again = signed(&world, NOW, &event).send().await.cost();

    // Beside the twelve of a paid grant: the mark of the payment, and the delivery with its event.
    assert_eq!((first.round_trips, first.read_units, first.write_units), (3, 3.0, 16.0));
    let Cost { round_trips, read_units, write_units, cancelled, .. } = again;
    assert_eq!((round_trips, read_units, write_units, cancelled), (3, 3.0, 2.0, 0));
    assert_eq!(pay(&world, NOW, &event).await, "Payment pi_1 was granted before");
}

#[tokio::test]
async fn to_take_back_what_was_taken_back_writes_nothing() {
    let world = World::unhurried().await;
    let admin = world.tenant().await;
    top_up(&admin, NOW, json!({"user_id": "maria"})).await;
    set_quota(&admin, NOW, json!({"user_type": "free"})).await;
    for path in ["/replenishments/maria/*", "/policies/quota/free/*", "/policies/budget/*/openai"] {
        admin.request("DELETE", &cp(path)).at(NOW).send().await.expect(200);
        let again = admin.request("DELETE", &cp(path)).at(NOW).send().await;
        assert_eq!((again.cost().round_trips, again.cost().write_units), (1, 0.0), "{path}");
    }
}
