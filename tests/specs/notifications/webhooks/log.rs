//! The log of deliveries: what it shows, page by page, and sending again what it holds.

use bespin_table::keys;
use serde_json::{Value, json};

use super::{
    house::{DELIVERIES, House, WEBHOOK, attempts, notified, with_status},
    receiver::{Answer, Receiver},
};

#[tokio::test]
async fn the_log_is_read_newest_first_page_by_page_and_by_status() {
    let (house, receiver) = (House::open().await, Receiver::open().await);
    let tenant = house.tenant(7, &receiver.url()).await;
    receiver.answers(Answer::Refuse(tenant.users[3].user_id.clone()));
    house.notify(&tenant.admin, "2026-01-01").await.expect(200);
    house.settle().await;
    let all = house.deliveries(&tenant.admin).await;
    assert_eq!(all.len(), 7);
    let ids: Vec<&str> = all.iter().map(|one| one["delivery_id"].as_str().unwrap()).collect();
    assert!(ids.is_sorted_by(|newer, older| newer > older));

    let (mut paged, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = house.get(&tenant.admin, &format!("{DELIVERIES}?limit=3{cursor}")).await;
        paged.extend(page["items"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(paged, all);
    for status in ["pending", "delivered", "failed", "cancelled"] {
        let page = house.get(&tenant.admin, &format!("{DELIVERIES}?status={status}")).await;
        assert_eq!(page["items"].as_array().unwrap().len(), with_status(&all, status), "{status}");
    }
    let refused =
        house.send(tenant.admin.get(&format!("{DELIVERIES}?status=lost&cursor=x&limit=many"))).await;
    assert_eq!(
        refused.faults(),
        ["string_pattern_mismatch query.status", "int_parsing query.limit", "value_error query.cursor"]
    );
}

#[tokio::test]
async fn a_delivered_one_is_sent_again_under_the_same_id_with_all_its_attempts() {
    let (house, receiver, tenant) = notified(1).await;
    house.settle().await;
    let first = house.only_delivery(&tenant.admin).await;
    let path = format!("{DELIVERIES}/{}/replay", first["delivery_id"].as_str().unwrap());
    house.clock.advance_seconds(3_600);
    receiver.answers_next([Answer::Status(500)]);

    let replayed = house.send(tenant.admin.post(&path)).await.expect(202);
    assert_eq!((&replayed["status"], &replayed["attempts"]), (&json!("pending"), &json!(1)));
    house.settle().await;
    house.pass(60).await;

    let delivery = house.only_delivery(&tenant.admin).await;
    assert_eq!(
        (&delivery["status"], attempts(&delivery)),
        (&json!("delivered"), vec![json!(200), json!(500), json!(200)])
    );
    let arrived = receiver.received();
    assert!(arrived.iter().all(|request| request.id() == arrived[0].id()));
    assert_eq!(house.left_to_do().await, (0, 0));
}

#[tokio::test]
async fn one_that_waits_is_brought_forward_and_still_sent_once() {
    let (house, receiver, tenant) = notified(1).await;
    receiver.answers_next([Answer::Status(500), Answer::Status(500)]);
    house.settle().await;
    house.pass(10).await;
    let waiting = house.only_delivery(&tenant.admin).await;
    let path = format!("{DELIVERIES}/{}/replay", waiting["delivery_id"].as_str().unwrap());
    assert_eq!((&waiting["status"], receiver.count()), (&json!("pending"), 2));
    // The endpoint is paused for a minute, so it waits behind that all the same.
    house.send(tenant.admin.post(&path)).await.expect(202);
    house.settle().await;
    assert_eq!(receiver.count(), 2);
    house.pass(600).await;

    assert_eq!(receiver.count(), 3);
    assert_eq!(house.only_delivery(&tenant.admin).await["status"], "delivered");
    assert_eq!(house.left_to_do().await, (0, 0));
}

#[tokio::test]
async fn one_that_failed_for_good_begins_anew() {
    let (house, receiver, tenant) = notified(1).await;
    receiver.answers(Answer::Status(500));
    house.settle().await;
    house.pass(80_000).await;
    let failed = house.only_delivery(&tenant.admin).await;
    assert_eq!((&failed["status"], &failed["attempts"]), (&json!("failed"), &json!(8)));

    house.register(&tenant.admin, &receiver.url()).await.expect(200);
    let path = format!("{DELIVERIES}/{}/replay", failed["delivery_id"].as_str().unwrap());
    house.send(tenant.admin.post(&path)).await.expect(202);
    house.settle().await;
    house.pass(100).await;
    assert_eq!(house.only_delivery(&tenant.admin).await["status"], "pending", "it has eight attempts again");
    receiver.answers(Answer::Status(200));
    house.pass(600).await;

    let delivery = house.only_delivery(&tenant.admin).await;
    assert_eq!(delivery["status"], "delivered");
    assert!(attempts(&delivery).len() > 10);
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_a_delivery_that_is_being_tried_is_left_alone() {
    let (house, receiver, tenant) = notified(1).await;
    let chunk = house.receive().await;
    house.dispatch(&chunk).await;
    let delivery = house.only_delivery(&tenant.admin).await;
    let id = delivery["delivery_id"].as_str().unwrap();
    let none = "msg_0000000000000001";
    for path in [format!("{DELIVERIES}/{none}"), format!("{DELIVERIES}/x")] {
        house.send(tenant.admin.get(&path)).await.detail(404);
        house.send(tenant.admin.post(&format!("{path}/replay"))).await.detail(404);
    }
    let other = house.world.tenant().await;
    let theirs = format!("{DELIVERIES}/{id}");
    assert_eq!(house.send(other.get(&theirs)).await.detail(404), format!("Delivery '{id}' not found"));
    assert_eq!(house.get(&other, DELIVERIES).await, json!({"items": [], "next_cursor": null}));
    assert_eq!(
        house.send(other.post(&format!("{WEBHOOK}/test"))).await.detail(404),
        "No webhook is registered"
    );

    // Somebody is at it.
    let access = tenant.admin.access().await;
    let id_number = delivery["notification_id"].as_u64().unwrap();
    let mut lease = bespin_table::Transaction::new();
    let until = house.now().plus_seconds(60);
    lease.update(
        keys::delivery(access.tenant_id(), id_number),
        bespin_table::Change::default().set("leased_until", &until),
        bespin_table::Condition::present(),
    );
    house.deps.table.commit(lease).await.unwrap();
    let refused = house.send(tenant.admin.post(&format!("{theirs}/replay"))).await;
    assert_eq!(refused.detail(409), format!("Delivery '{id}' is being tried at this moment"));
    house.settle().await;
    assert_eq!(receiver.count(), 0, "nor does the dispatcher try it beside them");
    house.sweep_up().await;
    assert_eq!(receiver.count(), 1, "whoever had it died");
}

#[tokio::test]
async fn after_thirty_days_a_delivery_is_gone() {
    let (house, _receiver, tenant) = notified(1).await;
    house.settle().await;
    let delivery = house.only_delivery(&tenant.admin).await;
    let path = format!("{DELIVERIES}/{}", delivery["delivery_id"].as_str().unwrap());
    house.clock.advance_seconds(30 * 86_400 - 1);
    assert_eq!(house.get(&tenant.admin, &path).await, delivery);
    house.clock.advance_seconds(1);

    house.send(tenant.admin.get(&path)).await.detail(404);
    assert_eq!(house.deliveries(&tenant.admin).await, Vec::<Value>::new());
}
