//! An endpoint that keeps failing is disabled, and whoever registered it is told, once.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{
    house::{Heard, House, WEBHOOK, attempts, notified, with_status},
    receiver::{Answer, Receiver},
};

/// What the outbox of a user says about disabled webhooks, newest first.
async fn told(house: &House, tenant: &Heard, user: usize) -> Vec<Value> {
    let outbox = house.get(&tenant.users[user], "/v1/notifications/outbox?limit=500").await;
    let items = outbox["items"].as_array().unwrap().iter();
    items.filter(|item| item["notification_type"] == "webhook_disabled").cloned().collect()
}

#[tokio::test]
async fn an_endpoint_that_takes_nothing_for_hours_is_disabled_and_its_owner_told_once() {
    let (house, receiver, tenant) = notified(5).await;
    receiver.answers(Answer::Status(500));
    let owner = tenant.users.len() - 1;
    let ledger = house.world.ledger(&tenant.admin, "2026-02").await.len();
    house.settle().await;
    let webhook = house.get(&tenant.admin, WEBHOOK).await;
    assert!(webhook["health"]["failing_since"].is_string(), "{webhook}");

    house.pass(100_000).await;

    let webhook = house.get(&tenant.admin, WEBHOOK).await;
    assert_eq!((&webhook["enabled"], &webhook["disabled_reason"]), (&json!(false), &json!("failing")));
    assert_eq!(webhook["health"]["failing_since"], Value::Null);
    let deliveries = house.deliveries(&tenant.admin).await;
    assert_eq!((with_status(&deliveries, "failed"), with_status(&deliveries, "cancelled")), (1, 4));
    assert_eq!(
        receiver.count(),
        5 * 7 + 1,
        "each as often as its schedule says, and then the first for the last time"
    );
    assert_eq!(house.left_to_do().await, (0, 0));

    let notices = told(&house, &tenant, owner).await;
    let [notice] = notices.as_slice() else { panic!("{notices:?}") };
    let payload = &notice["payload"];
    assert_eq!((&payload["title"], &payload["reason"]), (&json!("Webhook disabled"), &json!("failing")));
    assert_eq!(payload["url"], receiver.url());
    for user in 0..owner {
        assert_eq!(told(&house, &tenant, user).await, Vec::<Value>::new());
    }
    assert_eq!(house.world.ledger(&tenant.admin, "2026-02").await.len(), ledger, "it costs nothing");
    // It is a notification like others.
    let path = format!("/v1/notifications/{}/ack", notice["id"]);
    let acked = house.send(tenant.admin.post(&path)).await.expect(200);
    assert_eq!((&acked["status"], &acked["payload"]), (&json!("acked"), payload));
    let of_date = format!("/v1/notifications/outbox?date={}", notice["date"].as_str().unwrap());
    assert_eq!(house.get(&tenant.admin, &of_date).await["items"][0]["id"], notice["id"]);

    // Enabled again, it is heard again.
    receiver.answers(Answer::Status(204));
    house.register(&tenant.admin, &receiver.url()).await.expect(200);
    house.notify(&tenant.admin, "2026-02-01").await.expect(200);
    house.settle().await;
    assert_eq!(with_status(&house.deliveries(&tenant.admin).await, "delivered"), 5);
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_disabled_at_once_each_time_it_says_so() {
    let (house, receiver) = (House::open().await, Receiver::open().await);
    let tenant = house.tenant(3, &receiver.url()).await;
    let owner = tenant.users.len() - 1;
    receiver.answers(Answer::Status(410));
    for round in 1..=3 {
        house.notify(&tenant.admin, &format!("2026-01-0{round}")).await.expect(200);
        house.settle().await;

        let webhook = house.get(&tenant.admin, WEBHOOK).await;
        assert_eq!((&webhook["enabled"], &webhook["disabled_reason"]), (&json!(false), &json!("gone")));
        let notices = told(&house, &tenant, owner).await;
        assert_eq!(notices.len(), round, "once for each time, though three were on their way");
        let of_date = house.get(&tenant.admin, "/v1/notifications/outbox?date=2026-02-10").await;
        assert_eq!(of_date["items"], json!(notices), "all of one day are found by it");
        house.register(&tenant.admin, &receiver.url()).await.expect(200);
        house.clock.advance_seconds(60);
    }
    let deliveries = house.deliveries(&tenant.admin).await;
    assert_eq!(with_status(&deliveries, "delivered"), 0);
    assert_eq!(with_status(&deliveries, "pending"), 0);
}

#[tokio::test]
async fn a_delivery_that_nobody_takes_holds_up_no_other_and_disables_nothing() {
    let (house, receiver) = (House::open().await, Receiver::open().await);
    let tenant = house.tenant(3, &receiver.url()).await;
    let unwanted = tenant.users[0].user_id.clone();
    receiver.answers(Answer::Refuse(unwanted.clone()));
    house.notify(&tenant.admin, "2026-01-01").await.expect(200);
    house.settle().await;
    house.pass(600).await;
    assert_eq!(with_status(&house.deliveries(&tenant.admin).await, "delivered"), 2);

    // For a day everybody is notified now and then.
    for time in 1..=6 {
        house.notify(&tenant.admin, &format!("2025-12-0{time}")).await.expect(200);
        house.settle().await;
        house.pass(4 * 3_600).await;
        let deliveries = house.deliveries(&tenant.admin).await;
        assert_eq!(with_status(&deliveries, "delivered"), 2 * (time + 1), "the {time}. time");
    }

    let webhook = house.get(&tenant.admin, WEBHOOK).await;
    assert_eq!(webhook["enabled"], true);
    let deliveries = house.deliveries(&tenant.admin).await;
    let first = deliveries.iter().rfind(|delivery| delivery["user_id"] == *unwanted).unwrap();
    assert_eq!(first["status"], "failed");
    assert_eq!(attempts(&house.delivery(&tenant.admin, &first["delivery_id"]).await).len(), 8);
    assert_eq!(told(&house, &tenant, 2).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_changed_url_forgives_what_the_old_one_did() {
    let (house, receiver, tenant) = notified(2).await;
    let better = Receiver::open().await;
    receiver.answers(Answer::Status(500));
    house.settle().await;
    house.pass(400).await;
    let tried = receiver.count();
    assert!(tried > 2);

    house.register(&tenant.admin, &better.url()).await.expect(200);
    let webhook = house.get(&tenant.admin, WEBHOOK).await;
    assert_eq!(webhook["health"], json!({"failing_since": null, "paused_until": null}));
    house.pass(3_600).await;

    assert_eq!((receiver.count(), better.count()), (tried, 2));
    assert_eq!(with_status(&house.deliveries(&tenant.admin).await, "delivered"), 2);
}

#[tokio::test]
async fn an_endpoint_that_is_changed_while_the_old_one_is_called_is_not_judged_by_that_call() {
    for failing_before in [false, true] {
        let (house, receiver, tenant) = notified(1).await;
        if failing_before {
            receiver.answers_next([Answer::Status(500)]);
            house.settle().await;
            house.clock.advance_seconds(10);
        }
        let calls = receiver.count() + 1;
        let answer = Arc::new(Notify::new());
        receiver.answers(Answer::When(Arc::clone(&answer), 500));
        let better = Receiver::open().await;

        let changing = async {
            while receiver.count() < calls {
                tokio::task::yield_now().await;
            }
            house.register(&tenant.admin, &better.url()).await.expect(200);
            answer.notify_one();
        };
        futures::join!(house.settle(), changing);

        let delivery = house.only_delivery(&tenant.admin).await;
        assert_eq!(
            (delivery["attempts"].as_u64(), &delivery["status"]),
            (Some(calls as u64), &json!("pending"))
        );
        let webhook = house.get(&tenant.admin, WEBHOOK).await;
        assert_eq!(webhook["health"], json!({"failing_since": null, "paused_until": null}));
        house.pass(100).await;
        assert_eq!((receiver.count(), better.count()), (calls, 1));
    }
}
