//! Acknowledging (gateway.md 8.3).

use bespin_entitlements::SubscriptionStatus;
use bespin_tests::{Actor, Reply, World};
use serde_json::json;

use crate::words::{DATE, outbox, run};

async fn ack(actor: &Actor, id: &str) -> Reply {
    actor.post(&format!("/v1/notifications/{id}/ack")).send().await
}

#[tokio::test]
async fn what_is_acked_stays_so_and_repeating_it_gives_the_same_answer() {
    let world = World::open().await;
    let admin = world.tenant().await;
    run(&admin, "k", DATE).send().await.expect(200);
    let mut item = outbox(&admin).await.remove(0);
    let id = item["id"].to_string();
    world.set_status(&admin, SubscriptionStatus::Suspended).await;

    let first = ack(&admin, &id).await;
    let again = ack(&admin, &id).await;

    item["status"] = json!("acked");
    assert_eq!((first.status, &first.text), (200, &item.to_string()));
    assert_eq!((again.status, &again.text), (200, &first.text));
    assert!(again.cost().write_units.abs() < f64::EPSILON, "a repeat writes nothing");
    assert_eq!(outbox(&admin).await, [item]);
    assert_eq!(world.assert_ledger_equals_counters(&admin, "2026-02").await, 2, "it is free");
}

#[tokio::test]
async fn only_its_owner_finds_it() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let member = admin.member().await;
    let other = world.tenant().await;
    run(&admin, "k", DATE).send().await.expect(200);
    let id = outbox(&member).await[0]["id"].to_string();

    for stranger in [&admin, &other] {
        assert_eq!(ack(stranger, &id).await.detail(404), format!("Notification {id} not found"));
    }

    assert_eq!(outbox(&member).await[0]["status"], "queued");
    ack(&member, &id).await.expect(200);
}

#[tokio::test]
async fn any_integer_may_be_asked_for_and_nothing_else() {
    let world = World::open().await;
    let admin = world.tenant().await;
    for id in ["0", "12", "-1", "9007199254740993", "9223372036854775807", "-9223372036854775808"] {
        assert_eq!(ack(&admin, id).await.detail(404), format!("Notification {id} not found"));
    }
    for id in ["9223372036854775808", "100000000000000000000", "-99999999999999999999"] {
        assert_eq!(
            ack(&admin, id).await.detail(404),
            format!("Notification {id} not found"),
            "beyond 64 bits"
        );
    }
    assert_eq!(ack(&admin, "0012").await.detail(404), "Notification 12 not found");
    for id in ["x", "1.5", "12x", "%20", "0x1", "null", "%FF"] {
        assert_eq!(ack(&admin, id).await.faults(), ["int_parsing path.notification_id"], "{id}");
    }
    let stranger = world.request("POST", "/v1/notifications/x/ack").send().await;
    assert_eq!(stranger.detail(400), "Missing required header: X-Tenant-ID");
}
