//! Registering, changing and removing the webhook, and its secrets.

use std::fmt::Write;

use bespin_audit::AuditScope;
use bespin_primitives::{BillingPeriod, parse_date};
use bespin_tests::{Actor, Reply};
use serde_json::{Value, json};

use super::{
    house::{House, WEBHOOK},
    receiver::Receiver,
};

const SECRETS: &str = "/v1/notifications/webhook/secrets";
const URL: &str = "https://example.com/hooks";

fn put(admin: &Actor, body: &Value) -> bespin_tests::Request {
    admin.request("PUT", WEBHOOK).json(body)
}

/// What was done to the webhook, oldest first.
async fn audited(house: &House, admin: &Actor) -> Vec<(String, Value, Value)> {
    let scope = AuditScope::of_tenant(&admin.access().await);
    let period = BillingPeriod::containing(parse_date("2026-02-01").unwrap());
    let (mut entries, _) = house.deps.audit.entries(&scope, period, 100, None).await.unwrap();
    entries.retain(|entry| entry.action.starts_with("webhook."));
    entries.reverse();
    entries.into_iter().map(|entry| (entry.action, entry.before, entry.after)).collect()
}

#[tokio::test]
async fn a_webhook_is_registered_changed_shown_and_removed_and_each_change_is_in_the_audit() {
    let house = House::open().await;
    let admin = house.world.tenant().await;
    assert_eq!(house.send(admin.get(WEBHOOK)).await.detail(404), "No webhook is registered");
    assert_eq!(house.send(admin.request("DELETE", WEBHOOK)).await.detail(404), "No webhook is registered");

    let mut created = house.send(put(&admin, &json!({"url": URL}))).await.expect(201);
    let secret = created.as_object_mut().unwrap().remove("secret").unwrap();
    let bytes = data_encoding::BASE64.decode(&secret.as_str().unwrap().as_bytes()["whsec_".len()..]).unwrap();
    assert_eq!(bytes.len(), 32);
    assert_eq!((&created["url"], &created["enabled"]), (&json!(URL), &json!(true)));
    assert_eq!(created["registered_by"], admin.user_id);

    house.clock.advance_seconds(1);
    let same = house.send(put(&admin, &json!({"url": URL}))).await.expect(200);
    assert_eq!(same, created, "nothing changed");
    house.clock.advance_seconds(1);
    let off = house
        .send(put(&admin, &json!({"url": "https://example.com/other", "enabled": false})))
        .await
        .expect(200);
    assert_eq!((&off["enabled"], &off["disabled_reason"]), (&json!(false), &json!("requested")));
    let mut shown = house.get(&admin, WEBHOOK).await;
    assert_eq!(shown.as_object_mut().unwrap().remove("health").unwrap()["failing_since"], Value::Null);
    assert_eq!(shown, off);
    house.clock.advance_seconds(1);
    assert_eq!(house.send(admin.request("DELETE", WEBHOOK)).await.expect(200), off);
    house.send(admin.get(WEBHOOK)).await.detail(404);

    let entries = audited(&house, &admin).await;
    let expected = [
        ("webhook.create", Value::Null, created.clone()),
        ("webhook.update", created, off.clone()),
        ("webhook.delete", off, Value::Null),
    ];
    assert_eq!(entries, expected.map(|(action, before, after)| (action.to_owned(), before, after)));
}

#[tokio::test]
async fn an_answer_that_shows_a_secret_is_repeated_under_its_key_and_no_other_way() {
    let house = House::open().await;
    let admin = house.world.tenant().await;
    let key = "a key that is hard to guess";
    let create = || put(&admin, &json!({"url": URL})).key(key);
    let rotate = |overlap: i64| admin.post(SECRETS).json(&json!({"overlap_seconds": overlap})).key(key);
    let same =
        |first: &Reply, again: &Reply| assert_eq!((first.status, &first.text), (again.status, &again.text));

    let (created, again) = (house.send(create()).await, house.send(create()).await);
    same(&created, &again);
    assert_eq!(created.status, 201);
    let (rotated, again) = (house.send(rotate(60)).await, house.send(rotate(60)).await);
    same(&rotated, &again);
    assert_eq!(house.get(&admin, WEBHOOK).await["secrets"].as_array().unwrap().len(), 2);
    house.send(rotate(61)).await.detail(409);
    let short = house.send(put(&admin, &json!({"url": URL})).key("short")).await;
    assert_eq!(short.faults(), ["string_too_short header.Idempotency-Key"]);
    // Without the key the same call changes nothing and shows no secret.
    assert_eq!(house.send(put(&admin, &json!({"url": URL}))).await.expect(200)["secret"], Value::Null);
}

#[tokio::test]
async fn at_most_three_secrets_are_good_and_the_last_without_an_end_stays() {
    let house = House::open().await;
    let admin = house.world.tenant().await;
    let rotate = |overlap: i64| house.send(admin.post(SECRETS).json(&json!({"overlap_seconds": overlap})));
    assert_eq!(rotate(0).await.detail(404), "No webhook is registered");
    house.register(&admin, URL).await.expect(201);

    let second = rotate(3_600).await.expect(201);
    assert_eq!(second["older"][0]["expires_at"], "2026-02-10T13:00:00.000000Z");
    let third = rotate(86_400).await.expect(201);
    assert_eq!(third["older"][0]["expires_at"], "2026-02-11T12:00:00.000000Z");
    assert_eq!(third["older"][1]["expires_at"], "2026-02-10T13:00:00.000000Z", "an end is not put off");
    assert!(rotate(60).await.detail(409).as_str().unwrap().contains("at most 3 secrets"));
    let remove = async |secret: &Value| {
        let path = format!("{SECRETS}/{}", secret["secret_id"].as_str().unwrap());
        house.send(admin.request("DELETE", &path)).await
    };
    let last = remove(&third).await.detail(409);
    assert_eq!(last, "This is the only secret without an end; add another one first");
    let removed = remove(&second).await.expect(200);
    assert_eq!((&removed["secret_id"], &removed["secret"]), (&second["secret_id"], &Value::Null));
    remove(&second).await.detail(404);
    let fourth = rotate(0).await.expect(201);
    assert_eq!(fourth["older"], json!([]), "all that were there end at once");
    let shown = house.get(&admin, WEBHOOK).await;
    assert_eq!(shown["secrets"].as_array().unwrap().len(), 1);
    let senseless = house.send(admin.post(SECRETS).json(&json!({"overlap_seconds": -1}))).await;
    assert_eq!(senseless.faults(), ["greater_than_equal body.overlap_seconds"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simultaneous_changes_leave_one_webhook_and_no_more_secrets_than_may_be() {
    let house = House::open().await;
    let admin = house.world.tenant().await;
    let creations = (0..8).map(|n| house.send(put(&admin, &json!({"url": format!("{URL}/{n}")}))));
    let replies = futures::future::join_all(creations).await;
    let created = replies.iter().filter(|reply| reply.status == 201).count();
    assert_eq!((created, replies.iter().all(|reply| reply.status <= 201)), (1, true));

    let rotations = (0..8).map(|_| house.send(admin.post(SECRETS).json(&json!({"overlap_seconds": 60}))));
    let replies = futures::future::join_all(rotations).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 2);
    assert_eq!(replies.iter().filter(|reply| reply.status == 409).count(), 6);
    assert_eq!(house.get(&admin, WEBHOOK).await["secrets"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_secret_stands_in_no_other_answer_no_row_and_no_entry() {
    let (house, receiver) = (House::open().await, Receiver::open().await);
    let tenant = house.tenant(2, &receiver.url()).await;
    let key = "a key that is hard to guess";
    let rotated = house.send(tenant.admin.post(SECRETS).json(&json!({})).key(key)).await.expect(201);
    house.notify(&tenant.admin, "2026-01-01").await.expect(200);
    house.settle().await;
    assert_eq!(receiver.count(), 2);

    let mut seen = String::new();
    for path in [WEBHOOK.to_owned(), format!("{WEBHOOK}/deliveries"), "/v1/notifications/outbox".to_owned()] {
        seen += &house.send(tenant.admin.get(&path)).await.text;
    }
    for delivery in house.deliveries(&tenant.admin).await {
        seen += &house.delivery(&tenant.admin, &delivery["delivery_id"]).await.to_string();
    }
    let entries = audited(&house, &tenant.admin).await;
    write!(seen, "{entries:?} {:?}", receiver.received()).unwrap();
    seen += &house.every_row().await;
    assert!(seen.contains(&receiver.url()) && seen.contains("sealed"), "the scan sees what there is");
    for secret in [tenant.secret.as_str(), rotated["secret"].as_str().unwrap()] {
        let bare = &secret["whsec_".len()..];
        assert!(!seen.contains(bare) && !seen.contains(&bare[..20]) && !seen.contains(&bare[20..]));
    }
}
