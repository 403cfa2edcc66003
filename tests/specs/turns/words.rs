//! What the specifications of turns and their tenant's plan say again and again.

use bespin_metering::MeteredEvent;
use bespin_primitives::{Credits, OsRandom, RequestId};
use bespin_tests::{Actor, Request, World};
use serde_json::{Value, json};

pub(crate) const MONTH: &str = "2026-02";

/// A tenant with so many credits a month, of which a chat and a tool call cost one each.
pub(crate) async fn with_credits(included: u64) -> (World, Actor) {
    let world = World::open().await;
    let admin = world.tenant().await;
    world.without_limits(&admin).await;
    world.set_plan(&admin, |plan| plan.included_credits = included).await;
    for event in [MeteredEvent::AssistantQuery, MeteredEvent::ToolInvocation] {
        world.change_event(event, |event| event.credits_per_unit = Credits::whole(1)).await;
    }
    (world, admin)
}

pub(crate) fn begin(
    admin: &Actor,
    key: &str,
    units: &Value,
    lifetime_seconds: u32,
    at_expiry: &str,
) -> Request {
    let body = json!({
        "user_id": "maria", "bundle_id": "app", "policy": {}, "lifetime_seconds": lifetime_seconds,
        "at_expiry": at_expiry, "estimate": {"requests": 0, "units": units},
    });
    admin.post("/v1/turns").key(key).json(&body)
}

pub(crate) async fn begun(admin: &Actor, key: &str, units: Value) -> String {
    let turn = begin(admin, key, &units, 120, "free").send().await.expect(201);
    turn["turn_id"].as_str().unwrap().to_owned()
}

pub(crate) fn settle(admin: &Actor, turn_id: &str, units: &Value) -> Request {
    admin.post(&format!("/v1/turns/{turn_id}/settle")).json(&json!({"requests": 0, "units": units}))
}

/// A tool call under a key of its own.
pub(crate) fn call(admin: &Actor) -> Request {
    admin.invoke(&RequestId::random(&OsRandom).to_string(), "echo", &json!({}))
}

/// Credits used, held and remaining at an instant.
pub(crate) async fn credits(admin: &Actor, now: &str) -> [u64; 3] {
    let usage = admin.get("/v1/billing/usage").at(now).send().await.expect(200);
    ["used", "held", "remaining"].map(|name| usage["credits"][name].as_u64().unwrap_or_default())
}

pub(crate) const NOON: &str = "2026-02-10T12:00:00Z";
