//! What the specifications of the control plane say again and again.

use std::sync::Arc;

use bespin_payments::StripeSettings;
use bespin_primitives::{OsRandom, Timestamp};
use bespin_testing::StoppedClock;
use bespin_tests::{Actor, Reply, Request, STRIPE_SECRET, World};
use data_encoding::HEXLOWER;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

pub(crate) const CP: &str = "/api/v1/admin/control-plane";
pub(crate) const STRIPE: &str = "/api/v1/webhooks/stripe";

pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

/// A path of the control plane.
pub(crate) fn cp(path: &str) -> String {
    format!("{CP}{path}")
}

/// A world whose process shows `now`, and remembers until that clock is moved.
pub(crate) async fn world_at(now: &str) -> (World, StoppedClock) {
    world_with(World::settings().stripe, now).await
}

/// The same with other settings of the payment provider.
pub(crate) async fn world_with(stripe: StripeSettings, now: &str) -> (World, StoppedClock) {
    let clock = StoppedClock::at(at(now));
    let settings = bespin_local::LocalSettings { stripe, ..World::settings() };
    (World::open_at(settings, Arc::new(clock.clone()), Arc::new(OsRandom)).await, clock)
}

pub(crate) async fn top_up(admin: &Actor, now: &str, body: Value) -> Value {
    admin.post(&cp("/replenishments/top-up")).at(now).json(&body).send().await.expect(201)
}

pub(crate) async fn set_quota(admin: &Actor, now: &str, body: Value) -> Value {
    admin.post(&cp("/policies/quota")).at(now).json(&body).send().await.expect(201)
}

pub(crate) async fn get(admin: &Actor, now: &str, path: &str) -> Value {
    admin.get(&cp(path)).at(now).send().await.expect(200)
}

/// The credits of a user that hold.
pub(crate) async fn credits(admin: &Actor, now: &str, user: &str) -> Vec<Value> {
    let reply = get(admin, now, &format!("/replenishments/user/{user}")).await;
    reply["credits"].as_array().unwrap().clone()
}

/// A name as it stands in an address: every byte of it encoded.
pub(crate) fn encoded(name: &str) -> String {
    name.bytes().fold(String::new(), |text, byte| format!("{text}%{byte:02X}"))
}

/// What a free user may ask in a day, by the quota breakdown and by the limiter, which must say the same.
pub(crate) async fn daily_limit(admin: &Actor, now: &str, user: &str, bundle: &str) -> Value {
    let (user_part, bundle_part) = (encoded(user), encoded(bundle));
    let path = format!("/users/{user_part}/quota-breakdown?user_type=free&bundle_id={bundle_part}");
    let limit = get(admin, now, &path).await["effective_policy"]["requests_per_day"].clone();
    let admitted = admit(admin, now, user, bundle, "daily limit").await;
    limiter(admin, now, "release", &json!({"user_id": user, "bundle_id": bundle, "lock_id": "daily limit"}))
        .await;
    assert_eq!(admitted["insight"]["limits"]["requests_per_day"], limit);
    limit
}

/// A call of the limiter, which answers also where it refuses.
pub(crate) async fn limiter(admin: &Actor, now: &str, what: &str, body: &Value) -> Value {
    admin.post(&cp(&format!("/limiter/{what}"))).at(now).json(body).send().await.expect(200)
}

/// Asks the limiter to let a turn of a free user in.
pub(crate) async fn admit(admin: &Actor, now: &str, user: &str, bundle: &str, lock_id: &str) -> Value {
    let body = json!({"user_id": user, "bundle_id": bundle, "user_type": "free", "lock_id": lock_id});
    limiter(admin, now, "admit", &body).await
}

/// The only row of the revenue report.
pub(crate) async fn revenue(admin: &Actor, now: &str) -> Value {
    get(admin, now, "/reports/revenue").await["rows"][0].clone()
}

/// A payment of `amount` cents with these metadata.
pub(crate) fn payment(event: &str, payment: &str, amount: u64, metadata: &Value) -> Value {
    json!({
        "id": event, "object": "event", "type": "payment_intent.succeeded",
        "data": {"object": {
            "id": payment, "object": "payment_intent", "amount": amount, "currency": "usd", "metadata": metadata,
        }},
    })
}

/// What `v1` of a body is.
pub(crate) fn signature(secret: &str, sent_at: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{sent_at}.{body}").as_bytes());
    HEXLOWER.encode(&mac.finalize().into_bytes())
}

/// An event as Stripe sends it, signed at the instant at which it arrives.
pub(crate) fn signed(world: &World, now: &str, event: &Value) -> Request {
    let body = event.to_string();
    let sent_at = at(now).epoch_seconds();
    let header = format!("t={sent_at},v1={}", signature(STRIPE_SECRET, sent_at, &body));
    delivered(world, now, &header, &body)
}

/// A body with a header of any kind.
pub(crate) fn delivered(world: &World, now: &str, header: &str, body: &str) -> Request {
    world
        .request("POST", STRIPE)
        .header("stripe-signature", header)
        .header("content-type", "application/json")
        .body(body)
        .at(now)
}

/// Takes in an event; its message.
pub(crate) async fn pay(world: &World, now: &str, event: &Value) -> String {
    let reply: Reply = signed(world, now, event).send().await;
    let answer = reply.expect(200);
    assert_eq!(answer["status"], "ok");
    answer["message"].as_str().unwrap().to_owned()
}
