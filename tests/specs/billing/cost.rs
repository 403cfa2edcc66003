//! The bill costs the same whatever the history (I7), counted by the store itself.
#![allow(
    clippy::float_cmp,
    reason = "units of capacity are multiples of a half, so floats hold them exactly"
)]

use bespin_metering::MAX_EXAMINED;
use bespin_primitives::{EntryId, Timestamp};
use bespin_table::keys;
use bespin_tests::{Actor, Cost, World, noon};

use crate::{echo, read};

const READS: [&str; 6] = [
    "/v1/billing/usage",
    "/v1/usage/daily",
    "/v1/billing/plan",
    "/v1/billing/ledger?limit=5",
    "/v1/billing/ledger?limit=5&period_start=2026-02-10",
    "/v1/limits",
];

/// Puts so many more of the tenant's latest entry into its ledger, one each millisecond before noon.
async fn enter_long_history(world: &World, admin: &Actor, entries: i64) {
    let tenant_id = admin.access().await.tenant_id();
    let latest = world.ledger(admin, "2026-02").await.remove(0);
    let original = keys::ledger_entry(tenant_id, latest.created_at, latest.id);
    let copies = (1..=entries).map(|back| {
        let at = Timestamp::from_micros(noon().micros() - 1_000 * back).unwrap();
        let id = EntryId::random(&*world.deps().random);
        let sk = keys::ledger_entry(tenant_id, at, id).sk;
        vec![("sk", sk), ("entry_id", id.to_string()), ("created_at", at.micros().to_string())]
    });
    let key = [("pk", original.pk.as_str()), ("sk", original.sk.as_str())];
    let table = World::settings().table_name;
    world.embedded().dynamodb().put_copies(&table, &key, copies).unwrap();
}

/// What each read costs somebody whom the process remembers.
async fn costs(admin: &Actor) -> Vec<Cost> {
    read(admin, "/v1/billing/events").await;
    let mut costs = Vec::new();
    for path in READS {
        let reply = admin.get(path).send().await;
        reply.expect(200);
        costs.push(reply.cost());
    }
    costs
}

#[tokio::test]
async fn with_ten_entries_and_with_200_000_every_page_of_the_bill_costs_the_same() {
    let world = World::open().await;
    let admin = world.tenant().await;
    for key in 0..10 {
        echo(&admin, key).send().await.expect(200);
    }
    let young = costs(&admin).await;

    enter_long_history(&world, &admin, 199_990).await;

    let old = costs(&admin).await;
    for ((path, young), old) in READS.iter().zip(young).zip(old) {
        assert_eq!(old, young, "{path}");
        // Beside the ledger is asked what leases left behind, and whether turns are over that were charged at their expiry.
        let round_trips = if path.contains("ledger") { 3 } else { 1 };
        assert_eq!((old.round_trips, old.write_units), (round_trips, 0.0), "{path}");
        assert!(old.read_units <= 4.0, "{path}: {old:?}");
    }
}

#[tokio::test]
async fn a_rare_event_is_looked_for_in_a_bounded_part_of_the_month_at_a_time() {
    let world = World::open().await;
    let admin = world.tenant().await;
    admin.materialize("rare", "2026-02-01").at("2026-02-01T12:00:00Z").send().await.expect(200);
    echo(&admin, "usual").send().await.expect(200);
    let usual = i64::try_from(MAX_EXAMINED).unwrap() + 100;
    enter_long_history(&world, &admin, usual - 1).await;

    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/billing/ledger?event_key=daily_brief_generated{cursor}");
        let reply = admin.get(&path).send().await;
        let page = reply.expect(200);
        assert!(reply.cost().items_read <= MAX_EXAMINED as u64 + 10, "{:?}", reply.cost());
        assert!(reply.cost().round_trips <= 10, "{:?}", reply.cost());
        found.push(page["items"].as_array().unwrap().len());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }

    assert_eq!(found, [0, 1], "an empty page leads on");
}
