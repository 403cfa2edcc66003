//! Each notification is delivered, signed, under an id of its own.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{
    house::{House, WEBHOOK, attempts, notified, with_status},
    receiver::{Answer, Received, Receiver},
    signed::is_signed,
};

#[tokio::test]
async fn each_users_notification_is_delivered_once_and_stays_in_its_outbox() {
    // Two chunks.
    let (house, receiver, tenant) = notified(35).await;
    assert_eq!(house.left_to_do().await, (2, 0), "what must leave is there before anybody is told");
    house.settle().await;

    let arrived = receiver.received();
    assert_eq!(arrived.len(), 35);
    let ids: HashSet<String> = arrived.iter().map(Received::id).collect();
    assert_eq!(ids.len(), 35);
    for request in &arrived {
        assert_eq!(request.request_line, "POST /hooks HTTP/1.1");
        assert_eq!(request.header("content-type"), "application/json");
        assert_eq!(request.header("host"), format!("127.0.0.1:{}", receiver.port));
        assert!(is_signed(&tenant.secret, request, house.now().epoch_seconds()));
        assert_eq!(request.header("webhook-signature").split(' ').count(), 1);
    }
    let bodies: Vec<Value> = arrived.iter().map(Received::json).collect();
    for user in &tenant.users {
        let outbox = house.get(user, "/v1/notifications/outbox").await;
        let notification = &outbox["items"][0];
        let body = bodies.iter().find(|body| body["data"]["user_id"] == *user.user_id);
        assert_eq!(
            body.expect("each user's"),
            &json!({
                "type": "notification.created", "timestamp": "2026-02-10T12:00:00.000000Z",
                "data": {"tenant_id": tenant.admin.tenant_id, "user_id": user.user_id,
                         "notification": notification},
            })
        );
        assert!(ids.contains(&format!("msg_{:016}", notification["id"].as_u64().unwrap())));
    }
    let deliveries = house.deliveries(&tenant.admin).await;
    assert_eq!((deliveries.len(), with_status(&deliveries, "delivered")), (35, 35));
    assert!(deliveries.iter().all(|delivery| delivery["attempts"] == 1));
    assert_eq!(house.left_to_do().await, (0, 0));
    house.sweep_up().await;
    assert_eq!(receiver.count(), 35, "nothing is left to be swept up");
}

#[tokio::test]
async fn without_a_webhook_or_with_a_disabled_one_nothing_waits_to_leave() {
    let (house, receiver) = (House::open().await, Receiver::open().await);
    let tenant = house.tenant(2, &receiver.url()).await;
    let off = json!({"url": receiver.url(), "enabled": false});
    house.send(tenant.admin.request("PUT", WEBHOOK).json(&off)).await.expect(200);
    house.notify(&tenant.admin, "2026-01-01").await.expect(200);
    house.send(tenant.admin.request("DELETE", WEBHOOK)).await.expect(200);
    house.notify(&tenant.admin, "2026-01-02").await.expect(200);

    assert_eq!((house.left_to_do().await, house.settle().await, receiver.count()), ((0, 0), 0, 0));
    let outbox = house.get(&tenant.admin, "/v1/notifications/outbox").await;
    assert_eq!(outbox["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_was_made_before_the_webhook_went_is_cancelled_and_may_be_replayed() {
    for disabled_before_expansion in [true, false] {
        let (house, receiver, tenant) = notified(3).await;
        if !disabled_before_expansion {
            let chunk = house.receive().await;
            house.dispatch(&chunk).await;
        }
        let off = json!({"url": receiver.url(), "enabled": false});
        house.send(tenant.admin.request("PUT", WEBHOOK).json(&off)).await.expect(200);
        house.settle().await;

        let deliveries = house.deliveries(&tenant.admin).await;
        assert_eq!((deliveries.len(), with_status(&deliveries, "cancelled")), (3, 3));
        assert_eq!((receiver.count(), house.left_to_do().await), (0, (0, 0)));

        let replay =
            format!("{}/deliveries/{}/replay", WEBHOOK, deliveries[0]["delivery_id"].as_str().unwrap());
        let refused = house.send(tenant.admin.post(&replay)).await;
        assert_eq!(refused.detail(409), "The webhook is disabled; enable it first");
        house.register(&tenant.admin, &receiver.url()).await.expect(200);
        house.send(tenant.admin.post(&replay)).await.expect(202);
        house.settle().await;
        assert_eq!(receiver.count(), 1);
    }
}

#[tokio::test]
async fn while_a_secret_is_replaced_both_prove_who_sent_it_and_then_only_the_new_one() {
    let (house, receiver) = (House::open().await, Receiver::open().await);
    let tenant = house.tenant(1, &receiver.url()).await;
    let (admin, first) = (&tenant.admin, &tenant.secret);
    let body = json!({"overlap_seconds": 3600});
    let rotated = house.send(admin.post(&format!("{WEBHOOK}/secrets")).json(&body)).await.expect(201);
    let second = rotated["secret"].as_str().unwrap();
    assert_ne!(first, second);

    house.notify(admin, "2026-01-01").await.expect(200);
    house.settle().await;
    house.clock.advance_seconds(3600);
    house.notify(admin, "2026-01-02").await.expect(200);
    house.settle().await;

    let now = house.now().epoch_seconds();
    let [during, after] = receiver.received().try_into().unwrap();
    assert!(is_signed(first, &during, now - 3600) && is_signed(second, &during, now - 3600));
    assert_eq!(during.header("webhook-signature").split(' ').count(), 2);
    assert!(!is_signed(first, &after, now) && is_signed(second, &after, now));
}

#[tokio::test]
async fn a_retry_has_the_id_of_the_first_attempt_and_a_time_and_signature_of_its_own() {
    let (house, receiver, tenant) = notified(1).await;
    receiver.answers_next([Answer::Status(500), Answer::Status(503)]);
    house.settle().await;
    house.pass(600).await;

    let arrived = receiver.received();
    assert_eq!(arrived.len(), 3);
    for request in &arrived[1..] {
        assert_eq!((request.id(), &request.body), (arrived[0].id(), &arrived[0].body));
    }
    let at = |number: usize| arrived[number].header("webhook-timestamp").parse::<i64>().unwrap();
    assert!(at(0) < at(1) && at(1) < at(2));
    for (number, request) in arrived.iter().enumerate() {
        assert!(is_signed(&tenant.secret, request, at(number)));
    }
    let delivery = house.only_delivery(&tenant.admin).await;
    assert_eq!(
        (&delivery["status"], attempts(&delivery)),
        (&json!("delivered"), vec![json!(500), json!(503), json!(200)])
    );
}

#[tokio::test]
async fn a_test_goes_the_way_that_all_deliveries_go() {
    let (house, receiver) = (House::open().await, Receiver::open().await);
    let tenant = house.tenant(1, &receiver.url()).await;
    let test = house.send(tenant.admin.post(&format!("{WEBHOOK}/test"))).await.expect(202);
    assert_eq!((&test["status"], &test["event_type"]), (&json!("pending"), &json!("webhook.test")));

    house.settle().await;

    let [request] = receiver.received().try_into().unwrap();
    assert!(is_signed(&tenant.secret, &request, house.now().epoch_seconds()));
    let body = request.json();
    assert_eq!(
        (&body["type"], &body["data"]["tenant_id"]),
        (&json!("webhook.test"), &json!(tenant.admin.tenant_id))
    );
    let delivery = house.only_delivery(&tenant.admin).await;
    assert_eq!(delivery["delivery_id"], request.id());
    assert_eq!((&delivery["status"], &delivery["notification_id"]), (&json!("delivered"), &Value::Null));
}
