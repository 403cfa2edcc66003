//! Policies, credits of single users, reports, and payments.

use bespin_edge::CONTROL_PLANE;
use bespin_tests::{Actor, Request, STRIPE_SECRET, World, noon};
use data_encoding::HEXLOWER;
use futures::future::BoxFuture;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{sheet::Sheet, state::text};

pub(crate) fn sheets() -> Vec<BoxFuture<'static, Sheet>> {
    vec![Box::pin(control_plane()), Box::pin(webhooks())]
}

async fn control_plane() -> Sheet {
    let mut sheet = Sheet::of("control-plane").await;
    let (world, admin) = (sheet.world.clone(), sheet.admin.clone());
    for number in 1..=20 {
        let user = format!("user {number}");
        let soon = json!({"user_id": user, "purchase_amount_usd": 10, "expires_in_days": 3});
        post(&admin, "/replenishments/top-up", &soon).send().await.expect(201);
        let over = json!({"user_id": user, "expires_in_days": 1});
        let over = post(&admin, "/replenishments/top-up", &over).at("2026-02-01T12:00:00Z");
        over.send().await.expect(201);
        let quota = json!({"user_type": format!("kind {number}"), "requests_per_day": 5});
        post(&admin, "/policies/quota", &quota).send().await.expect(201);
        let budget =
            json!({"bundle_id": "app", "provider": format!("provider {number}"), "usd_per_day": 5.5});
        post(&admin, "/policies/budget", &budget).send().await.expect(201);
        paid(&world, &admin, number, STRIPE).send().await.expect(200);
    }
    credits(&mut sheet, &admin).await;
    policies(&mut sheet, &admin).await;
    for report in ["active-credits", "expiring-soon", "expired", "quota-policies", "budget-policies"] {
        sheet.call("of 20", get(&admin, &format!("/reports/{report}"))).await;
    }
    sheet.call("", get(&admin, "/reports/revenue")).await;
    let deliveries = sheet.call("a page of 10", get(&admin, "/webhooks/deliveries?limit=10")).await.json();
    let delivery = text(&deliveries["deliveries"][0], "delivery_id");
    let replay = post(&admin, &format!("/webhooks/deliveries/{delivery}/replay"), &json!({}));
    sheet.call("of what was granted", replay).await;
    sheet.call("", get(&admin, "/health")).await;
    sheet.call("", post(&admin, "/clear-cache", &json!({}))).await;
    sheet
}

async fn credits(sheet: &mut Sheet, admin: &Actor) {
    let maria = json!({"user_id": "maria"});
    sheet.call("", post(admin, "/replenishments/grant-trial", &maria)).await;
    sheet.call("unpaid", post(admin, "/replenishments/top-up", &maria)).await;
    let bought = json!({"user_id": "maria", "additional_requests_per_day": 50, "purchase_amount_usd": 10});
    let paid = || post(admin, "/replenishments/top-up", &bought).key("order-1");
    sheet.call("paid for, under a key", paid()).await;
    sheet.call("the same again", paid()).await;
    sheet.call("of 3", get(admin, "/replenishments/user/maria")).await;
    sheet.call("a page of 10", get(admin, "/replenishments/users?limit=10")).await;
    sheet.call("a page of 10", get(admin, "/replenishments?limit=10")).await;
    sheet.call("of 3", delete(admin, "/replenishments/maria/*")).await;
    sheet.call("of none", delete(admin, "/replenishments/user/maria")).await;
}

async fn policies(sheet: &mut Sheet, admin: &Actor) {
    let quota = json!({"user_type": "free", "max_concurrent": 1, "requests_per_day": 10});
    sheet.call("", post(admin, "/policies/quota", &quota)).await;
    sheet.call("of 21", get(admin, "/policies/quota")).await;
    let breakdown = "/users/maria/quota-breakdown?user_type=free&bundle_id=app";
    sheet.call("", get(admin, breakdown)).await;
    sheet.call("", delete(admin, "/policies/quota/free/*")).await;
    let budget = json!({"bundle_id": "app", "provider": "openai", "usd_per_day": 75.5});
    sheet.call("", post(admin, "/policies/budget", &budget)).await;
    sheet.call("of 21", get(admin, "/policies/budget")).await;
    sheet.call("", delete(admin, "/policies/budget/app/openai")).await;
}

const STRIPE: &str = "/api/v1/webhooks/stripe";

async fn webhooks() -> Sheet {
    let mut sheet = Sheet::of("webhooks").await;
    let (world, admin) = (sheet.world.clone(), sheet.admin.clone());
    sheet.call("a payment", paid(&world, &admin, 1, STRIPE)).await;
    sheet.call("the same again", paid(&world, &admin, 1, STRIPE)).await;
    sheet.call("a payment", paid(&world, &admin, 2, &format!("{}/webhooks/stripe", CONTROL_PLANE[0]))).await;
    sheet
}

fn get(admin: &Actor, path: &str) -> Request {
    admin.get(&format!("{}{path}", CONTROL_PLANE[0]))
}

fn delete(admin: &Actor, path: &str) -> Request {
    admin.request("DELETE", &format!("{}{path}", CONTROL_PLANE[0]))
}

fn post(admin: &Actor, path: &str, body: &Value) -> Request {
    admin.post(&format!("{}{path}", CONTROL_PLANE[0])).json(body)
}

/// The event of a payment, as Stripe sends it.
fn paid(world: &World, admin: &Actor, number: usize, path: &str) -> Request {
    let metadata = json!({"user_id": "otto", "tenant": admin.tenant_id, "package": "basic"});
    let payment = json!({
        "id": format!("pi_{number}"), "object": "payment_intent", "amount": 1_000, "currency": "usd",
        "metadata": metadata,
    });
    let event = json!({
        "id": format!("evt_{number}"), "object": "event", "type": "payment_intent.succeeded",
        "data": {"object": payment},
    });
    let sent_at = noon().epoch_seconds();
    let mut mac = Hmac::<Sha256>::new_from_slice(STRIPE_SECRET.as_bytes()).unwrap();
    mac.update(format!("{sent_at}.{event}").as_bytes());
    let signature = format!("t={sent_at},v1={}", HEXLOWER.encode(&mac.finalize().into_bytes()));
    world.request("POST", path).header("stripe-signature", signature).json(&event)
}
