//! After any burst, the ledger, the counters, the credits used and the breakdown are one and the same number (I3).

use std::collections::BTreeMap;

use bespin_primitives::Micros;
use bespin_tests::{Actor, Request, World};
use serde_json::{Value, json};

use crate::{at_once, echo, operate, read};

fn millionths(number: &Value) -> u64 {
    Micros::parse(&number.to_string()).unwrap().get()
}

/// Units and micro-credits of each event: as the breakdown has them, and as the whole ledger sums up to.
async fn as_told(admin: &Actor) -> (BTreeMap<String, (u64, u64)>, BTreeMap<String, (u64, u64)>, u64) {
    let sum = |items: &Value| {
        let mut sums: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for item in items.as_array().unwrap() {
            let sum = sums.entry(item["event_key"].as_str().unwrap().to_owned()).or_default();
            sum.0 += item["raw_units"].as_u64().unwrap();
            sum.1 += millionths(&item["credits"]);
        }
        sums
    };
    let usage = read(admin, "/v1/billing/usage").await;
    let ledger = read(admin, "/v1/billing/ledger?limit=1000").await;
    (sum(&usage["breakdown"]), sum(&ledger["items"]), millionths(&usage["credits"]["used"]))
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_burst_of_everything_all_numbers_agree_to_the_micro_credit() {
    let world = World::open().await;
    let admin = world.tenant().await;
    for (event, weight) in
        [("tool_invocation", 0.333333), ("kpi_points_ingested", 0.001), ("daily_brief_generated", 5.2)]
    {
        let path = format!("/v1/admin/metered-events/{event}");
        operate(&world, "PUT", &path, json!({"credits_per_unit": weight})).await;
    }
    world.set_plan(&admin, |plan| plan.included_credits = 30).await;
    let kpi = admin.kpi("MRR").await;
    let days: Vec<String> = (1..=20).map(|day| format!("2026-01-{day:02}")).collect();
    let call = |number: usize| -> Request {
        let key = number.to_string();
        match number % 5 {
            0 | 1 => echo(&admin, key),
            2 => admin.points(&kpi, &[(&days[number % 20], 1.0), (&days[(number + 7) % 20], 2.0)]),
            3 => admin.materialize(&key, &days[number % 20]),
            _ => admin.post("/v1/kpis").json(&json!({"name": key})),
        }
    };

    for burst in 0..3 {
        let replies = at_once((0..40).map(|number| call(40 * burst + number))).await;
        assert!(replies.iter().all(|reply| [200, 201, 429].contains(&reply.status)));

        let (breakdown, ledger, used) = as_told(&admin).await;

        assert_eq!(breakdown, ledger, "burst {burst}");
        assert_eq!(ledger.values().map(|(_, credits)| credits).sum::<u64>(), used, "burst {burst}");
        assert!(used <= 30_000_000, "{used}");
        world.assert_ledger_equals_counters(&admin, "2026-02").await;
    }
}
