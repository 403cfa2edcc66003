//! Specifications of notifications and of the job that makes them (gateway.md 8, 9).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use bespin_tests::World;
use serde_json::json;
#[tokio::test]
async fn scratch() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let calls =
        |w: &World| ["GetItem", "BatchGetItem", "Query", "TransactWriteItems"].map(|o| w.faults().calls(o));
    for date in ["2026-02-01", "2026-02-01"] {
        let b = calls(&world);
        let r = admin
            .post("/v1/jobs/daily-brief")
            .key(&format!("k{b:?}"))
            .json(&json!({"date": date}))
            .send()
            .await;
        println!("{} {} {:?} {:?} {:?}", r.status, r.text, r.cost(), b, calls(&world));
    }
    println!("{}", admin.get("/v1/notifications/outbox").send().await.text);
}
