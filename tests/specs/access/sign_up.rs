//! `POST /v1/tenants` (gateway.md 3.1).

use std::num::NonZeroU32;

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Region},
    types::AttributeValue,
};
use bespin_edge::InviteToken;
use bespin_entitlements::{DailyLimits, Subscription, SubscriptionStatus};
use bespin_local::LocalSettings;
use bespin_table::{Row, keys};
use bespin_tests::{Request, World};
use serde_json::{Value, json};

fn sign_up(world: &World, change: impl FnOnce(&mut Value)) -> Request {
    let mut body = json!({"name": "Acme", "region": "eu-west-1", "admin_email": "owner@example.com"});
    change(&mut body);
    world.request("POST", "/v1/tenants").json(&body)
}

#[tokio::test]
async fn anybody_may_sign_up_and_is_shown_the_tenant_its_admin_and_the_key() {
    let world = World::open().await;

    let reply = world.sign_up().at("2026-02-01T10:20:30.123456Z").send().await;

    let tenant = reply.expect(201);
    let created_at = tenant["created_at"].as_str().unwrap();
    assert_eq!(created_at.trim_end_matches('Z'), "2026-02-01T10:20:30.123456");
    let (tenant_id, user_id) = (&tenant["tenant_id"], &tenant["admin"]["user_id"]);
    assert_eq!(
        tenant,
        json!({"tenant_id": tenant_id, "name": "Acme", "region": "eu-west-1", "api_key": tenant["api_key"],
               "created_at": created_at,
               "admin": {"user_id": user_id, "email": "owner@example.com", "role": "admin"}})
    );
    for id in [tenant_id, user_id] {
        let id = id.as_str().unwrap();
        let uuid: uuid::Uuid = id.parse().unwrap();
        assert_eq!((uuid.get_version_num(), uuid.to_string().as_str()), (4, id));
    }
    let key = tenant["api_key"].as_str().unwrap();
    let parts: Vec<&str> = key.split('_').collect();
    assert!(
        matches!(parts.as_slice(), ["bsp", "local", secret, sum] if secret.len() == 52 && sum.len() == 8),
        "{key}"
    );
}

#[tokio::test]
async fn a_new_tenant_starts_with_the_default_limits_and_the_starter_plan_for_the_calendar_month() {
    let world = World::open().await;
    let leap_day = world.sign_up().at("2028-02-29T23:59:59.999999Z").send().await.expect(201);
    let new_year = world.sign_up().at("2026-12-31T12:00:00Z").send().await.expect(201);
    let read = async |tenant: &Value| {
        let id = bespin_primitives::TenantId::parse(tenant["tenant_id"].as_str().unwrap()).unwrap();
        let limits = world.deps().table.get(keys::daily_limits(id)).await.unwrap().unwrap();
        let subscription = world.deps().table.get(keys::subscription(id)).await.unwrap().unwrap();
        (DailyLimits::read(&limits).unwrap(), Subscription::read(&subscription).unwrap())
    };

    let (limits, subscription) = read(&leap_day).await;
    assert_eq!(
        limits,
        DailyLimits {
            assistant_query: 100,
            tool_invocation: 100,
            daily_brief_generated: 10,
            notification_enqueued: 500
        }
    );
    assert_eq!((subscription.plan_id.as_str(), subscription.status), ("starter", SubscriptionStatus::Active));
    let period = |subscription: &Subscription| {
        (subscription.period.start().to_string(), subscription.period.end().to_string())
    };
    assert_eq!(period(&subscription), ("2028-02-01".to_owned(), "2028-03-01".to_owned()));
    let (_, subscription) = read(&new_year).await;
    assert_eq!(period(&subscription), ("2026-12-01".to_owned(), "2027-01-01".to_owned()));
}

#[tokio::test]
async fn signing_up_twice_makes_two_tenants_with_different_keys() {
    let world = World::open().await;

    let (one, two) = (world.tenant().await, world.tenant().await);

    assert_ne!(one.tenant_id, two.tenant_id);
    assert_ne!(one.user_id, two.user_id);
    assert_ne!(one.api_key, two.api_key);
}

#[tokio::test]
async fn every_fault_of_a_sign_up_is_named_and_limits_count_code_points() {
    let world = World::open().await;

    let nothing = world.request("POST", "/v1/tenants").json(&json!({})).send().await;
    assert_eq!(nothing.faults(), ["missing body.name", "missing body.region", "missing body.admin_email"]);
    let all_wrong = json!({"name": "", "region": "r".repeat(51), "admin_email": "owner"});
    assert_eq!(
        world.request("POST", "/v1/tenants").json(&all_wrong).send().await.faults(),
        ["string_too_short body.name", "string_too_long body.region", "value_error body.admin_email"]
    );
    for (field, value) in [
        ("name", json!("  ")),
        ("name", json!("\u{0}")),
        ("name", json!("𝕏".repeat(255))),
        ("region", json!("ä".repeat(50))),
    ] {
        let tenant = sign_up(&world, |body| body[field] = value.clone()).send().await.expect(201);
        assert_eq!(tenant[field], value, "nothing is trimmed");
    }
    let too_long = sign_up(&world, |body| body["name"] = json!("𝕏".repeat(256))).send().await;
    assert_eq!(too_long.faults(), ["string_too_long body.name"]);
    assert_eq!(too_long.json()["detail"][0]["ctx"], json!({"max_length": 255}));
}

#[tokio::test]
async fn addresses_are_judged_by_their_form_and_their_domain_is_lower_cased() {
    let world = World::open().await;

    for (given, shown) in [
        ("owner@example.com", "owner@example.com"),
        ("Owner@EXAMPLE.Com", "Owner@example.com"),
        ("first.last+tag@mail.example.co.uk", "first.last+tag@mail.example.co.uk"),
        ("Bob <bob@example.com>", "bob@example.com"),
        ("jörg@example.com", "jörg@example.com"),
        ("用户@example.com", "用户@example.com"),
    ] {
        let tenant = sign_up(&world, |body| body["admin_email"] = json!(given)).send().await.expect(201);
        assert_eq!(tenant["admin"]["email"], shown, "{given}");
    }
    for refused in [
        "",
        "owner",
        "@example.com",
        "owner@",
        "owner@localhost",
        "owner@host",
        "owner@example.test",
        "owner@sub.example.invalid",
        "owner@printer.local",
        "\"quoted\"@example.com",
        "two@at@example.com",
        "owner@exa mple.com",
        "owner@-example.com",
        "owner@example..com",
        ".owner@example.com",
        "owner.@example.com",
        "ow..ner@example.com",
        "owner@[127.0.0.1]",
        "owner@example.com\u{0}",
        "owner@example.com, other@example.com",
    ] {
        let reply = sign_up(&world, |body| body["admin_email"] = json!(refused)).send().await;
        assert_eq!(reply.status, 422, "{refused:?}: {}", reply.text);
        assert_eq!(reply.faults(), ["value_error body.admin_email"], "{refused:?}");
    }
}

/// Everything in the table, as bytes: keys, texts, numbers and blobs alike.
async fn every_stored_byte(world: &World) -> Vec<u8> {
    let connection = world.embedded().connection();
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(connection.http_client())
        .region(Region::new("local"))
        .credentials_provider(connection.credentials())
        .endpoint_url("http://dynamodb.embedded")
        .build();
    let client = Client::from_conf(config);
    let (mut bytes, mut from) = (Vec::new(), None);
    loop {
        let page = client
            .scan()
            .table_name(&world.deps().settings.table_name)
            .set_exclusive_start_key(from)
            .send()
            .await
            .unwrap();
        for item in page.items() {
            for (name, value) in item {
                bytes.extend_from_slice(name.as_bytes());
                write_out(value, &mut bytes);
            }
        }
        from = page.last_evaluated_key;
        if from.is_none() {
            return bytes;
        }
    }
}

fn write_out(value: &AttributeValue, bytes: &mut Vec<u8>) {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => bytes.extend_from_slice(text.as_bytes()),
        AttributeValue::B(blob) => bytes.extend_from_slice(blob.as_ref()),
        AttributeValue::L(items) => items.iter().for_each(|item| write_out(item, bytes)),
        AttributeValue::M(members) => members.values().for_each(|member| write_out(member, bytes)),
        AttributeValue::Bool(_) | AttributeValue::Null(_) => {}
        other => panic!("{other:?} is not looked into"),
    }
    bytes.push(0);
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn the_key_is_shown_once_and_stored_nowhere_in_clear() {
    let world = World::open().await;
    let idempotency_key = "a key that is hard to guess";
    let tenant = world.sign_up().key(idempotency_key).send().await.expect(201);
    let key = tenant["api_key"].as_str().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let admin = world.actor(&text(&tenant["tenant_id"]), &text(&tenant["admin"]["user_id"]), key);
    let own = super::routes::Objects::of(&admin).await;

    for route in super::routes::all() {
        let reply = route.by(&admin, &own).send().await;
        assert!(
            !reply.text.contains(key) && !format!("{:?}", reply.headers).contains(key),
            "{}",
            route.name()
        );
    }
    let stored = every_stored_byte(&world).await;
    assert!(contains(&stored, admin.tenant_id.as_str()), "the scan sees what there is");
    let secret = key.split('_').nth(2).unwrap();
    for clear in [key, secret, &secret[..20], &secret[20..], idempotency_key] {
        assert!(!contains(&stored, clear), "{clear}");
    }
}

async fn world_with_two_sign_ups_a_minute() -> World {
    let signups_per_minute = NonZeroU32::new(2);
    World::open_with(LocalSettings { test_clock: true, signups_per_minute, ..LocalSettings::default() }).await
}

/// Without a socket every caller has the same unknown address.
#[tokio::test]
async fn an_address_that_signs_up_too_often_waits_for_the_next_minute() {
    let world = world_with_two_sign_ups_a_minute().await;
    let at = |second: &str| world.sign_up().at(&format!("2026-02-10T12:00:{second}Z"));
    for _ in 0..2 {
        at("01").send().await.expect(201);
    }

    for (second, wait) in [("01", "59"), ("45.5", "15"), ("59.999999", "1")] {
        let refused = at(second).send().await;
        assert_eq!(refused.detail(429), json!({"error": "rate_limited"}));
        assert_eq!(refused.header("retry-after"), Some(wait), "{second}");
        assert_eq!((refused.cost().round_trips, refused.cost().cancelled), (1, 1));
    }
    world.sign_up().at("2026-02-10T12:01:00Z").send().await.expect(201);
}

#[tokio::test]
async fn sign_ups_that_are_refused_for_another_reason_or_repeated_do_not_count() {
    let world = world_with_two_sign_ups_a_minute().await;
    let replayed = world.sign_up().key("a key that is hard to guess");

    for _ in 0..3 {
        assert_eq!(sign_up(&world, |body| body["name"] = json!("")).send().await.status, 422);
    }
    let first = replayed.clone().send().await;
    first.expect(201);
    for _ in 0..3 {
        assert_eq!(replayed.clone().send().await.text, first.text);
    }
    world.sign_up().send().await.expect(201);
    assert_eq!(world.sign_up().send().await.status, 429);
    assert_eq!(replayed.send().await.text, first.text, "even when nothing new passes");
}

#[tokio::test]
async fn many_sign_ups_at_once_do_not_pass_the_limit() {
    let world = world_with_two_sign_ups_a_minute().await;

    let replies = futures::future::join_all((0..20).map(|_| world.sign_up().send())).await;

    let passed = replies.iter().filter(|reply| reply.status == 201).count();
    let refused = replies.iter().filter(|reply| reply.status == 429).count();
    assert_eq!((passed, refused), (2, 18));
}

#[tokio::test]
async fn where_a_token_is_asked_for_only_the_invited_sign_up() {
    let invite_token = InviteToken::parse("come in");
    let world = World::open_with(LocalSettings { invite_token, ..LocalSettings::default() }).await;

    for stranger in [world.sign_up(), world.sign_up().header("x-invite-token", "come on")] {
        let refused = stranger.send().await;
        assert_eq!(refused.detail(403), "Signing up needs an invite token, in the header X-Invite-Token");
        assert_eq!(refused.cost().round_trips, 0);
    }
    world.sign_up().header("x-invite-token", "come in").send().await.expect(201);
}
