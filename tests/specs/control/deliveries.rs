//! Every delivery is stored with its outcome, and can be tried again (control-plane.md 9.3, 9.5).

use std::sync::Arc;

use bespin_primitives::{OsRandom, SystemClock, TenantId};
use bespin_tests::{Actor, World};
use serde_json::{Value, json};

use super::words::{cp, credits, get, pay, payment, revenue};

const NOW: &str = "2026-01-01T00:00:02Z";

async fn outcomes(admin: &Actor) -> Vec<(String, String)> {
    let listed = get(admin, NOW, "/webhooks/deliveries").await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows = listed["deliveries"].as_array().unwrap();
    rows.iter().map(|row| (text(&row["event_id"]), text(&row["outcome"]))).collect()
}

async fn replay(admin: &Actor, id: &str) -> Value {
    let path = cp(&format!("/webhooks/deliveries/{id}/replay"));
    admin.post(&path).at("2026-01-05T00:00:00Z").send().await.expect(200)
}

#[tokio::test]
async fn deliveries_are_listed_newest_first_with_what_became_of_them() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let other = world.tenant().await;
    let of =
        |user: &str, package: &str| json!({"user_id": user, "tenant": admin.tenant_id, "package": package});
    let mut ignored = payment("evt_5", "pi_9", 1000, &of("maria", "basic"));
    ignored["type"] = json!("charge.refunded");
    for (second, event) in [
        payment("evt_1", "pi_1", 3000, &of("maria", "pro")),
        payment("evt_2", "pi_1", 3000, &of("maria", "pro")),
        payment("evt_3", "pi_3", 2999, &of("maria", "pro")),
        payment("evt_4", "pi_4", 1000, &of("", "basic")),
        ignored,
    ]
    .iter()
    .enumerate()
    {
        pay(&world, &format!("2026-01-01T00:00:0{second}Z"), event).await;
    }

    let expected = [
        ("evt_5", "ignored"),
        ("evt_4", "failed"),
        ("evt_3", "parked"),
        ("evt_2", "duplicate"),
        ("evt_1", "granted"),
    ];
    assert_eq!(outcomes(&admin).await, expected.map(|(id, outcome)| (id.to_owned(), outcome.to_owned())));
    let parked = get(&admin, NOW, "/webhooks/deliveries?outcome=parked").await;
    assert_eq!(parked["count"], 1);
    let row = &parked["deliveries"][0];
    assert_eq!(
        (&row["amount"], &row["currency"], &row["payment_id"]),
        (&json!(2999), &json!("usd"), &json!("pi_3"))
    );
    assert_eq!(row["message"], "Parked for review: 2999 cents paid for package pro, which costs 3000");
    assert_eq!(row["grant_id"], Value::Null);
    let granted = get(&admin, NOW, "/webhooks/deliveries?outcome=granted").await;
    let grant_id = &granted["deliveries"][0]["grant_id"];
    assert_eq!(*grant_id, credits(&admin, NOW, "maria").await[0]["grant_id"]);

    assert_eq!(outcomes(&other).await, []);
    let unknown = admin.get(&cp("/webhooks/deliveries?outcome=lost")).send().await;
    assert_eq!(unknown.faults(), ["string_pattern_mismatch query.outcome"]);
    let (mut pages, mut cursor) = (0, String::new());
    loop {
        let page = get(&admin, NOW, &format!("/webhooks/deliveries?limit=2{cursor}")).await;
        pages += 1;
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(pages, 3);
}

#[tokio::test]
async fn amounts_of_other_currencies_are_parked() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let metadata = json!({"user_id": "maria", "tenant": admin.tenant_id});
    let mut event = payment("evt_1", "pi_1", 5000, &metadata);
    event["data"]["object"]["currency"] = json!("jpy");

    let message = pay(&world, NOW, &event).await;

    assert_eq!(message, "Parked for review: paid in 'jpy', and prices are in usd");
    assert_eq!(credits(&admin, NOW, "maria").await.len(), 0);
}

#[tokio::test]
async fn what_was_parked_is_granted_by_a_replay_once_the_settings_allow() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let metadata = json!({"user_id": "maria", "tenant": admin.tenant_id, "package": "enterprise"});
    pay(&world, NOW, &payment("evt_1", "pi_1", 100, &metadata)).await;
    let id = get(&admin, NOW, "/webhooks/deliveries").await["deliveries"][0]["delivery_id"].clone();
    let id = id.as_str().unwrap();
    assert_eq!(replay(&admin, id).await["delivery"]["outcome"], "parked", "nothing has changed");

    let lenient = without_price_check(&world);
    let there = lenient.actor(&admin.tenant_id, &admin.user_id, &admin.api_key);
    let granted = replay(&there, id).await;
    let again = replay(&there, id).await;

    let delivery = &granted["delivery"];
    assert_eq!((&delivery["outcome"], &delivery["replays"]), (&json!("granted"), &json!(2)));
    assert_eq!(again["delivery"], *delivery, "what was granted stays as it is");
    let credit = &credits(&there, NOW, "maria").await[0];
    assert_eq!((&credit["purchase_amount_usd"], &credit["grant_id"]), (&json!(1), &delivery["grant_id"]));
    assert!(credit["expires_at"].as_str().unwrap().starts_with("2026-02-04"), "thirty days from the replay");
    assert_eq!(revenue(&there, NOW).await["purchase_count"], 1);
    assert_eq!(get(&admin, NOW, "/webhooks/deliveries").await["count"], 1);
}

/// Another process over the same stores that does not compare prices.
fn without_price_check(world: &World) -> World {
    world.another_with(Arc::new(SystemClock), Arc::new(OsRandom), |settings| {
        settings.stripe.check_price = false;
    })
}

#[tokio::test]
async fn a_payment_of_no_tenant_is_the_operators_to_see_and_becomes_a_tenants_by_a_replay() {
    let world = World::open().await;
    let admin = world.tenant().await;
    pay(&world, NOW, &payment("evt_1", "pi_1", 1000, &json!({"user_id": "maria", "package": "basic"}))).await;
    assert_eq!(outcomes(&admin).await, []);
    let seen = world.operator("GET", &cp("/webhooks/deliveries?outcome=failed")).send().await.expect(200);
    let id = seen["deliveries"][0]["delivery_id"].as_str().unwrap().to_owned();
    assert_eq!((&seen["count"], &seen["deliveries"][0]["tenant"]), (&json!(1), &Value::Null));
    let path = cp(&format!("/webhooks/deliveries/{id}/replay"));
    let hidden = admin.post(&path).send().await;
    assert_eq!(hidden.detail(404), format!("Delivery '{id}' not found"));

    let named = world.another_with(Arc::new(SystemClock), Arc::new(OsRandom), |settings| {
        settings.stripe.tenant = TenantId::parse(&admin.tenant_id);
    });
    let replayed = named.operator("POST", &path).at(NOW).send().await.expect(200);

    assert_eq!(replayed["message"], "Credits granted to user maria");
    assert_eq!(outcomes(&admin).await, [("evt_1".to_owned(), "granted".to_owned())]);
    let left = world.operator("GET", &cp("/webhooks/deliveries")).send().await.expect(200);
    assert_eq!(left["count"], 0);
    let audit = world
        .operator("GET", &format!("/v1/admin/audit?tenant_id={}&period_start=2026-01-01", admin.tenant_id));
    let audit = audit.send().await.expect(200);
    assert_eq!(audit["items"][0]["actor"]["kind"], "platform", "whoever replayed it granted it");
}

#[tokio::test]
async fn a_user_with_too_many_credits_gets_what_it_paid_for_later() {
    let world = World::open().await;
    let admin = world.tenant().await;
    for _ in 0..100 {
        super::words::top_up(&admin, NOW, json!({"user_id": "maria", "expires_in_days": 1})).await;
    }
    let metadata = json!({"user_id": "maria", "tenant": admin.tenant_id, "package": "basic"});

    let message = pay(&world, NOW, &payment("evt_1", "pi_1", 1000, &metadata)).await;

    assert_eq!(message, "Parked for review: A user has at most 100 credits that hold at the same time");
    let id = get(&admin, NOW, "/webhooks/deliveries").await["deliveries"][0]["delivery_id"].clone();
    assert_eq!(replay(&admin, id.as_str().unwrap()).await["delivery"]["outcome"], "granted");
}

#[tokio::test]
async fn only_ids_of_deliveries_name_one() {
    let world = World::open().await;
    let admin = world.tenant().await;
    for id in ["x", "%F0%9F%98%80", "063902304000000000-", "~", "GRANTED", "%2F"] {
        let path = cp(&format!("/webhooks/deliveries/{id}/replay"));
        assert_eq!(admin.post(&path).send().await.status, 404, "{id}");
    }
}

#[tokio::test]
async fn a_payment_leaves_an_audit_entry_by_its_provider() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let metadata = json!({"user_id": "maria", "tenant": admin.tenant_id, "package": "basic"});
    pay(&world, NOW, &payment("evt_1", "pi_1", 1000, &metadata)).await;

    let audit = world
        .operator("GET", &format!("/v1/admin/audit?tenant_id={}&period_start=2026-01-01", admin.tenant_id));
    let audit = audit.send().await.expect(200);

    let entry = &audit["items"][0];
    assert_eq!(entry["actor"], json!({"kind": "payment_provider", "provider": "stripe"}));
    assert_eq!((&entry["action"], &entry["after"]["purchase_id"]), (&json!("grant.issue"), &json!("pi_1")));
}
