//! `Idempotency-Key` where it may be left out: sign-up, users, KPIs (gateway.md 4).

use bespin_table::{Query, keys};
use bespin_tests::{Actor, Request, World};
use serde_json::{Value, json};

const HARD_TO_GUESS: &str = "8f14e45fceea167a";

fn conflict(key: &str) -> String {
    format!("Idempotency key '{key}' was already used with a different request body")
}

async fn tenants(world: &World) -> usize {
    let mut number = 0;
    for first in "0123456789abcdef".chars() {
        let id = format!("{first}0000000-0000-4000-8000-000000000000");
        let id = bespin_primitives::TenantId::parse(&id).unwrap();
        let mut range = keys::users_by_creation(id);
        range.pk = keys::tenant_by_creation(id, bespin_tests::noon()).pk;
        number += world.deps().table.query_whole(Query::of(range)).await.unwrap().len();
    }
    number
}

#[tokio::test]
async fn a_repeated_sign_up_is_answered_byte_for_byte_and_makes_no_second_tenant() {
    let world = World::open().await;
    let sign_up = world.sign_up().key(HARD_TO_GUESS);

    let first = sign_up.clone().send().await;
    let later = sign_up.clone().at("2026-02-17T11:59:59Z").send().await;
    let spelled = world
        .request("POST", "/v1/tenants")
        .key(HARD_TO_GUESS)
        .body(r#" {"admin_email": "owner@example.com", "more": 1, "region": "eu-west-1", "name": "Acme"} "#);

    first.expect(201);
    assert_eq!((later.status, &later.text), (201, &first.text));
    assert_eq!(spelled.send().await.text, first.text, "order, blanks and unknown members do not matter");
    assert_eq!(tenants(&world).await, 1);
}

#[tokio::test]
async fn the_key_of_a_sign_up_is_free_again_after_seven_days() {
    let world = World::open().await;
    let first = world.sign_up().key(HARD_TO_GUESS).send().await.expect(201);

    let after = world.sign_up().key(HARD_TO_GUESS).at("2026-02-17T12:00:00Z").send().await.expect(201);

    assert_ne!(first["tenant_id"], after["tenant_id"]);
}

#[tokio::test]
async fn a_sign_up_with_a_used_key_and_another_body_is_a_conflict_and_shows_nothing() {
    let world = World::open().await;
    let first = world.sign_up().key(HARD_TO_GUESS).send().await.expect(201);

    for (field, value) in [("name", "Acme "), ("region", "eu-west-2"), ("admin_email", "other@example.com")] {
        let mut body = json!({"name": "Acme", "region": "eu-west-1", "admin_email": "owner@example.com"});
        body[field] = json!(value);
        let reply = world.request("POST", "/v1/tenants").key(HARD_TO_GUESS).json(&body).send().await;

        assert_eq!(reply.detail(409), conflict(HARD_TO_GUESS));
        assert!(!reply.text.contains(first["api_key"].as_str().unwrap()));
    }
    assert_eq!(tenants(&world).await, 1);
}

#[tokio::test]
async fn a_key_that_can_be_guessed_may_not_guard_an_api_key() {
    let world = World::open().await;

    for (key, fault) in [
        ("123456789012345", "string_too_short"),
        ("ääääääääääääääa", "string_too_short"),
        (&"k".repeat(256), "string_too_long"),
    ] {
        let reply = world.sign_up().key(key).send().await;
        assert_eq!(reply.faults(), [format!("{fault} header.Idempotency-Key")], "{key}");
    }
    world.sign_up().key("ääääääääääääääää").send().await.expect(201);
    world.sign_up().key(&"k".repeat(255)).send().await.expect(201);
    // An empty key is none.
    let (one, two) =
        (world.sign_up().key("").send().await.expect(201), world.sign_up().key("").send().await.expect(201));
    assert_ne!(one["tenant_id"], two["tenant_id"]);
}

#[tokio::test]
async fn sign_ups_that_race_with_one_key_get_one_tenant() {
    let world = World::open().await;
    let sign_up = world.sign_up().key(HARD_TO_GUESS);

    let replies = futures::future::join_all((0..20).map(|_| sign_up.clone().send())).await;

    for reply in &replies {
        assert_eq!((reply.status, &reply.text), (201, &replies[0].text));
    }
    assert_eq!(tenants(&world).await, 1);
}

/// The two routes on which a key is optional and belongs to a tenant: a good body, another good one, a bad one.
fn routes(admin: &Actor) -> [(&'static str, Value, Value, Value); 2] {
    let user = |email: &str| json!({"tenant_id": admin.tenant_id, "email": email, "role": "member"});
    [
        ("/v1/users", user("one@example.com"), user("two@example.com"), user("nobody")),
        ("/v1/kpis", json!({"name": "MRR"}), json!({"name": "MRR", "unit": "GBP"}), json!({"name": ""})),
    ]
}

async fn users_and_kpis(world: &World, admin: &Actor) -> usize {
    let access = admin.access().await;
    let users = keys::users_by_creation(access.tenant_id());
    let kpis = keys::kpis_by_creation(access.tenant_id());
    let count = async |range| world.deps().table.query_whole(Query::of(range)).await.unwrap().len();
    count(users).await + count(kpis).await
}

#[tokio::test]
async fn with_a_key_the_second_try_gets_the_first_answer_and_has_no_second_effect() {
    let world = World::open().await;
    let admin = world.tenant().await;

    for (path, body, other, bad) in routes(&admin) {
        let post = |body: &Value| -> Request { admin.post(path).key("k").json(body) };
        // A failed attempt does not use the key up.
        assert_eq!(post(&bad).send().await.status, 422);
        let before = users_and_kpis(&world, &admin).await;

        let first = post(&body).send().await;
        let again = post(&body).at("2026-02-11T00:00:00Z").send().await;

        first.expect(201);
        assert_eq!((again.status, &again.text), (201, &first.text), "{path}");
        assert_eq!(post(&other).send().await.detail(409), conflict("k"), "{path}");
        assert_eq!(users_and_kpis(&world, &admin).await, before + 1, "{path}");
    }
    assert_eq!(world.assert_ledger_equals_counters(&admin, "2026-02").await, 1, "one KPI was charged, once");
}

#[tokio::test]
async fn without_a_key_each_try_has_its_own_effect() {
    let world = World::open().await;
    let admin = world.tenant().await;

    for (path, body, ..) in routes(&admin) {
        let one = admin.post(path).json(&body).send().await;
        let two = admin.post(path).json(&body).send().await;
        one.expect(201);
        two.expect(201);
        assert_ne!(one.text, two.text, "{path}");
    }
}

#[tokio::test]
async fn tries_that_race_with_one_key_have_one_effect() {
    let world = World::open().await;
    let admin = world.tenant().await;

    for (path, body, ..) in routes(&admin) {
        let before = users_and_kpis(&world, &admin).await;
        let post = admin.post(path).key("race").json(&body);
        let replies = futures::future::join_all((0..20).map(|_| post.clone().send())).await;
        for reply in &replies {
            assert_eq!((reply.status, &reply.text), (201, &replies[0].text), "{path}");
        }
        assert_eq!(users_and_kpis(&world, &admin).await, before + 1, "{path}");
    }
}

#[tokio::test]
async fn a_stored_answer_is_given_even_when_nothing_more_could_be_paid() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let create = admin.post("/v1/kpis").key("k").json(&json!({"name": "MRR"}));
    let first = create.clone().send().await;

    world.set_plan(&admin, |plan| plan.included_credits = 0).await;

    assert_eq!(create.send().await.text, first.text);
    assert_eq!(admin.post("/v1/kpis").json(&json!({"name": "MRR"})).send().await.status, 429);
}

#[tokio::test]
async fn one_key_is_another_on_every_route_and_users_of_a_tenant_share_it() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let body = json!({"tenant_id": admin.tenant_id, "email": "second@example.com", "role": "admin"});
    let made = admin.post("/v1/users").key(HARD_TO_GUESS).json(&body).send().await;
    let second = admin.as_user(made.expect(201)["user_id"].as_str().unwrap());

    admin.post("/v1/kpis").key(HARD_TO_GUESS).json(&json!({"name": "MRR"})).send().await.expect(201);
    admin.invoke(HARD_TO_GUESS, "echo", &json!({})).send().await.expect(200);
    admin.materialize(HARD_TO_GUESS, "2026-02-10").send().await.expect(200);
    world.sign_up().key(HARD_TO_GUESS).send().await.expect(201);

    let again = second.post("/v1/users").key(HARD_TO_GUESS).json(&body).send().await;
    assert_eq!(again.text, made.text);
}
