//! Signed events of the payment provider, and what they grant (control-plane.md 9; cases E).

use bespin_local::LocalSettings;
use bespin_payments::{StripeSettings, WebhookSecret};
use bespin_primitives::TenantId;
use bespin_tests::{Actor, STRIPE_SECRET, World};
use futures::future::join_all;
use serde_json::{Value, json};

use super::words::{at, cp, credits, delivered, get, pay, payment, revenue, signature, signed};

const NOW: &str = "2026-01-01T00:00:02Z";

/// The signing instant of the worked example.
const SENT_AT: i64 = 1_767_225_600;

async fn shop() -> (World, Actor) {
    let world = World::open().await;
    let admin = world.tenant().await;
    (world, admin)
}

async fn shop_with(change: impl FnOnce(&mut StripeSettings)) -> (World, Actor) {
    let mut stripe = World::settings().stripe;
    change(&mut stripe);
    let world = World::open_with(LocalSettings { stripe, ..World::settings() }).await;
    let admin = world.tenant().await;
    (world, admin)
}

/// The event of the worked example, of a tenant that exists.
fn pro(admin: &Actor) -> Value {
    let metadata =
        json!({"user_id": "maria", "tenant": admin.tenant_id, "project": "main", "package": "pro"});
    payment("evt_1001", "pi_1001", 3000, &metadata)
}

async fn all_credits(admin: &Actor) -> Value {
    get(admin, NOW, "/replenishments?include_expired=true").await["count"].clone()
}

/// The very bytes of the contract, whose tenant is not one of ours.
#[tokio::test]
async fn the_worked_example_is_genuine() {
    let (world, _) = shop().await;
    let body = concat!(
        r#"{"id":"evt_1001","object":"event","type":"payment_intent.succeeded","data":{"object":{"id":"pi_1001","#,
        r#""object":"payment_intent","amount":3000,"currency":"usd","metadata":{"user_id":"maria","tenant":"acme","#,
        r#""project":"main","package":"pro"}}}}"#
    );
    let header = "t=1767225600,v1=a4b10b8a5f0b8983e09019b84b354608b788045110fa25f1215599bf504b4fa5";

    let genuine = delivered(&world, NOW, header, body).send().await;
    let changed = delivered(&world, NOW, header, &body.replace("3000", "3001")).send().await;

    assert_eq!(genuine.expect(200)["message"], "tenant is no tenant of ours");
    assert_eq!(changed.detail(401), "Invalid signature");
}

#[tokio::test]
async fn e1_a_package_is_granted_on_every_path() {
    let paths = [
        "/api/v1/webhooks/stripe",
        "/api/admin/control-plane/webhooks/stripe",
        "/api/v1/admin/control-plane/webhooks/stripe",
    ];
    for path in paths {
        let (world, admin) = shop().await;
        let body = pro(&admin).to_string();
        let header = format!("t={SENT_AT},v1={}", signature(STRIPE_SECRET, SENT_AT, &body));

        let request = world.request("POST", path).header("stripe-signature", header).body(body).at(NOW);
        let reply = request.send().await;

        assert_eq!(
            reply.expect(200),
            json!({"status": "ok", "message": "Credits granted to user maria"}),
            "{path}"
        );
        let granted = credits(&admin, NOW, "maria").await;
        assert_eq!(granted.len(), 1);
        let credit = &granted[0];
        assert_eq!(credit["bundle_id"], "*");
        assert_eq!(credit["additional_requests_per_day"], 200);
        assert_eq!(credit["additional_tokens_per_day"], 20000000);
        assert_eq!(at(credit["expires_at"].as_str().unwrap()), at("2026-01-31T00:00:02Z"));
        assert_eq!((&credit["purchase_id"], &credit["purchase_amount_usd"]), (&json!("pi_1001"), &json!(30)));
        assert_eq!(credit["purchase_notes"], "Stripe payment - pro package");
    }
}

#[tokio::test]
async fn e2_e3_a_payment_is_granted_once_however_and_whenever_it_is_told_of() {
    let (world, admin) = shop().await;
    let event = pro(&admin);
    pay(&world, NOW, &event).await;
    let before = credits(&admin, NOW, "maria").await;
    let mut other_event = event.clone();
    other_event["id"] = json!("evt_2002");
    let mut other_tenant = event.clone();
    other_tenant["data"]["object"]["metadata"]["tenant"] = json!(world.tenant().await.tenant_id);

    let header = format!("t={SENT_AT},v1={}", signature(STRIPE_SECRET, SENT_AT, &event.to_string()));
    delivered(&world, "2026-01-01T00:01:30Z", &header, &event.to_string()).send().await.expect(200);
    for (now, event) in [
        ("2026-01-02T00:00:00Z", &event),
        ("2026-02-03T00:00:00Z", &event),
        (NOW, &other_event),
        (NOW, &other_tenant),
    ] {
        assert_eq!(pay(&world, now, event).await, "Payment pi_1001 was granted before");
    }

    assert_eq!(credits(&admin, NOW, "maria").await, before);
    let revenue = revenue(&admin, NOW).await;
    assert_eq!((&revenue["purchase_count"], &revenue["total_revenue"]), (&json!(1), &json!(30)));
    assert_eq!(all_credits(&admin).await, 1);
}

#[tokio::test]
async fn e4_a_signature_is_good_for_300_seconds() {
    for (age, status) in [(-61, 401), (-60, 200), (300, 200), (301, 401)] {
        let (world, admin) = shop().await;
        let body = pro(&admin).to_string();
        let sent_at = at(NOW).epoch_seconds() - age;
        let header = format!("t={sent_at},v1={}", signature(STRIPE_SECRET, sent_at, &body));

        let reply = delivered(&world, NOW, &header, &body).send().await;

        assert_eq!(reply.status, status, "{age}: {}", reply.text);
        assert_eq!(all_credits(&admin).await, u64::from(status == 200));
    }
}

#[tokio::test]
async fn e5_e6_any_right_signature_will_do_and_that_of_an_old_secret_only_while_it_is_known() {
    let (world, admin) = shop().await;
    let body = pro(&admin).to_string();
    let of = |secret: &str| signature(secret, SENT_AT, &body);

    let old_only = format!("t={SENT_AT},v1={}", of("whsec_old"));
    let both = format!("t={SENT_AT},v1={},v1={}", of("whsec_old"), of(STRIPE_SECRET));
    assert_eq!(delivered(&world, NOW, &old_only, &body).send().await.detail(401), "Invalid signature");
    delivered(&world, NOW, &both, &body).send().await.expect(200);
    assert_eq!(all_credits(&admin).await, 1);

    let old = WebhookSecret::parse("whsec_old").unwrap();
    let (rotating, _) = shop_with(|stripe| stripe.secrets.push(old)).await;
    delivered(&rotating, NOW, &old_only, &body).send().await.expect(200);
}

#[tokio::test]
async fn e7_e8_what_is_changed_or_lacks_a_signature_is_401_and_leaves_nothing() {
    let (world, admin) = shop().await;
    let body = pro(&admin).to_string();
    let good = signature(STRIPE_SECRET, SENT_AT, &body);

    for (header, body) in [
        (format!("t={SENT_AT},v1={good}"), body.replace("3000", "3001")),
        (format!("t={SENT_AT},v1={good}"), format!("{body} ")),
        (format!("v1={good}"), body.clone()),
        (format!("t={SENT_AT}"), body.clone()),
        (format!("t={SENT_AT},v0={good}"), body.clone()),
        (format!("t=soon,v1={good}"), body.clone()),
        (String::from("x"), body.clone()),
        (format!("t={SENT_AT},v1={good}"), String::new()),
    ] {
        let reply = delivered(&world, NOW, &header, &body).send().await;
        assert_eq!(reply.detail(401), "Invalid signature", "{header}");
    }
    let without = delivered(&world, NOW, "", &body).without("stripe-signature").send().await;
    assert_eq!(without.detail(401), "Invalid signature");
    assert_eq!(all_credits(&admin).await, 0);
    let seen = world.operator("GET", &cp("/webhooks/deliveries")).send().await.expect(200);
    assert_eq!(seen["count"], 0, "what nobody signed is not stored");
}

#[tokio::test]
async fn e9_without_a_secret_no_event_is_taken() {
    let (world, admin) = shop_with(|stripe| stripe.secrets.clear()).await;

    let reply = signed(&world, NOW, &pro(&admin)).send().await;

    assert_eq!(reply.detail(503), "No webhook secret is configured");
    assert_eq!(all_credits(&admin).await, 0);
}

#[tokio::test]
async fn e10_e11_a_package_of_its_own_says_what_it_has_and_a_known_one_wins() {
    let (world, admin) = shop().await;
    let custom = json!({
        "user_id": "maria", "tenant": admin.tenant_id, "additional_requests_per_day": "80",
        "additional_tokens_per_day": "8000000", "expires_in_days": "10",
    });
    let mut both = custom.clone();
    both["package"] = json!("pro");
    both["additional_requests_per_day"] = json!("9");
    both["user_id"] = json!("mario");

    pay(&world, NOW, &payment("evt_1", "pi_1", 1550, &custom)).await;
    pay(&world, NOW, &payment("evt_2", "pi_2", 3000, &both)).await;

    let custom = &credits(&admin, NOW, "maria").await[0];
    assert_eq!(
        (&custom["additional_requests_per_day"], &custom["purchase_amount_usd"]),
        (&json!(80), &json!(15.5))
    );
    assert_eq!(custom["additional_tokens_per_day"], 8000000);
    assert_eq!(at(custom["expires_at"].as_str().unwrap()), at("2026-01-11T00:00:02Z"));
    assert_eq!(custom["purchase_notes"], "Stripe payment - custom package");
    let known = &credits(&admin, NOW, "mario").await[0];
    assert_eq!(known["additional_requests_per_day"], 200);
    assert_eq!(at(known["expires_at"].as_str().unwrap()), at("2026-01-31T00:00:02Z"));
}

#[tokio::test]
async fn e12_a_package_of_another_name_is_custom_where_prices_are_not_checked_and_parked_where_they_are() {
    let metadata = |admin: &Actor| json!({"user_id": "maria", "tenant": admin.tenant_id, "package": "gold"});
    let (world, admin) = shop_with(|stripe| stripe.check_price = false).await;
    pay(&world, NOW, &payment("evt_1", "pi_1", 100, &metadata(&admin))).await;
    let gold = &credits(&admin, NOW, "maria").await[0];
    assert_eq!(
        (&gold["additional_requests_per_day"], &gold["additional_tokens_per_day"]),
        (&json!(50), &json!(5000000))
    );
    assert_eq!(at(gold["expires_at"].as_str().unwrap()), at("2026-01-31T00:00:02Z"));
    assert_eq!(gold["purchase_notes"], "Stripe payment - gold package");

    let (world, admin) = shop().await;
    let message = pay(&world, NOW, &payment("evt_1", "pi_1", 100, &metadata(&admin))).await;
    assert_eq!(message, "Parked for review: package 'gold' has no price");
    assert_eq!(all_credits(&admin).await, 0);
}

#[tokio::test]
async fn e13_what_can_never_be_granted_is_acknowledged_with_a_sentence() {
    let (world, admin) = shop().await;
    let tenant = admin.tenant_id.clone();
    let of = |metadata: Value| payment("evt_1", "pi_1", 1000, &metadata);
    let mut refund = of(json!({"user_id": "maria", "tenant": tenant}));
    refund["type"] = json!("charge.refunded");
    let mut without_id = of(json!({"user_id": "maria", "tenant": tenant}));
    without_id["data"]["object"]["id"] = Value::Null;
    let mut no_amount = of(json!({"user_id": "maria", "tenant": tenant}));
    no_amount["data"]["object"]["amount"] = json!("1000");
    let custom = |name: &str, value: &str| {
        let mut event = of(json!({"user_id": "maria", "tenant": tenant}));
        event["data"]["object"]["metadata"][name] = json!(value);
        event
    };
    for (event, message) in [
        (of(json!({"tenant": tenant})), "Missing user_id"),
        (of(json!({"user_id": "", "tenant": tenant})), "Missing user_id"),
        (of(Value::Null), "Missing user_id"),
        (json!({"id": "evt", "type": "payment_intent.succeeded"}), "Missing user_id"),
        (refund, "Event charge.refunded received but not processed"),
        (
            custom("additional_requests_per_day", "ten"),
            "additional_requests_per_day is not a whole number from 0 to 9223372036854775807",
        ),
        (
            custom("additional_tokens_per_day", "-5"),
            "additional_tokens_per_day is not a whole number from 0 to 9223372036854775807",
        ),
        (custom("expires_in_days", "0"), "expires_in_days is not a whole number from 1 to 36500"),
        (custom("user_id", &"u".repeat(256)), "user_id is longer than 255 characters"),
        (custom("project", &"p".repeat(256)), "project is longer than 255 characters"),
        (custom("tenant", "acme"), "tenant is no tenant of ours"),
        (
            custom("tenant", &TenantId::random(&bespin_primitives::OsRandom).to_string()),
            "tenant is no tenant of ours",
        ),
        (of(json!({"user_id": "maria"})), "Missing tenant"),
        (without_id, "Missing data.object.id"),
        (no_amount, "amount is not a whole number of cents from 0 to 9999999999"),
    ] {
        assert_eq!(pay(&world, NOW, &event).await, message, "{event}");
    }
    assert_eq!(all_credits(&admin).await, 0);
}

#[tokio::test]
async fn a_body_that_is_no_event_is_400_though_it_is_signed() {
    let (world, _) = shop().await;
    let sent_at = at(NOW).epoch_seconds();
    for body in ["", "{", "[]", "null", "{\"id\": \"evt_1\"}", "{\"type\": 5}", "\u{feff}{}"] {
        let header = format!("t={sent_at},v1={}", signature(STRIPE_SECRET, sent_at, body));
        let reply = delivered(&world, NOW, &header, body).send().await;
        assert_eq!(reply.detail(400), "The body is no event: JSON with a type is expected", "{body}");
    }
    let large = format!("{{\"type\":\"{}\"}}", "x".repeat(300_000));
    let header = format!("t={sent_at},v1={}", signature(STRIPE_SECRET, sent_at, &large));
    assert_eq!(delivered(&world, NOW, &header, &large).send().await.status, 413);
}

#[tokio::test]
async fn e14_of_fifty_deliveries_at_once_one_grants() {
    let (world, admin) = shop().await;
    let event = pro(&admin);

    let replies = join_all((0..50).map(|_| signed(&world, NOW, &event).send())).await;

    assert!(replies.iter().all(|reply| reply.status == 200), "{replies:?}");
    let granted = replies.iter().filter(|reply| reply.text.contains("Credits granted")).count();
    assert_eq!(granted, 1);
    assert_eq!(credits(&admin, NOW, "maria").await.len(), 1);
    assert_eq!(revenue(&admin, NOW).await["total_revenue"], 30);
    let stored = get(&admin, NOW, "/webhooks/deliveries").await;
    assert_eq!(stored["count"], 50);
}

#[tokio::test]
async fn twenty_payments_of_one_user_at_once_are_all_granted() {
    let (world, admin) = shop().await;
    let metadata = json!({"user_id": "maria", "tenant": admin.tenant_id, "package": "basic"});
    let events: Vec<Value> = (0..20)
        .map(|number| payment(&format!("evt_{number}"), &format!("pi_{number}"), 1000, &metadata))
        .collect();

    let replies = join_all(events.iter().map(|event| signed(&world, NOW, event).send())).await;

    assert!(replies.iter().all(|reply| reply.status == 200));
    assert_eq!(credits(&admin, NOW, "maria").await.len(), 20);
    let revenue = revenue(&admin, NOW).await;
    assert_eq!((&revenue["purchase_count"], &revenue["total_revenue"]), (&json!(20), &json!(200)));
}

#[tokio::test]
async fn e15_a_credit_that_was_taken_back_is_not_revived() {
    let (world, admin) = shop().await;
    pay(&world, NOW, &pro(&admin)).await;
    admin.request("DELETE", &cp("/replenishments/maria/*")).at(NOW).send().await.expect(200);

    pay(&world, "2026-01-01T00:00:03Z", &pro(&admin)).await;

    assert_eq!(credits(&admin, NOW, "maria").await.len(), 0);
    assert_eq!(revenue(&admin, NOW).await["purchase_count"], 0);
}

#[tokio::test]
async fn a_payment_that_names_no_tenant_is_that_of_the_settings() {
    let seed = World::open().await.tenant().await;
    let (world, _) = shop_with(|stripe| stripe.tenant = TenantId::parse(&seed.tenant_id)).await;
    let metadata = json!({"user_id": "maria", "package": "basic"});
    let message = pay(&world, NOW, &payment("evt_1", "pi_1", 1000, &metadata)).await;
    assert_eq!(message, "Missing tenant", "one that does not exist is none");
}
