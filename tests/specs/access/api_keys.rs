//! The life of an API key: made, used, replaced with overlap, taken back (gateway.md 2, WEAK).

use std::{collections::BTreeSet, sync::Arc};

use bespin_api_keys::MAX_KEYS;
use bespin_primitives::{OsRandom, SeededRandom};
use bespin_table::{Condition, Transaction, keys};
use bespin_testing::StoppedClock;
use bespin_tests::{Actor, NOON, Reply, World, noon};
use futures::future::join_all;
use serde_json::{Value, json};

async fn create(admin: &Actor, body: Value) -> Value {
    admin.post("/v1/api-keys").json(&body).send().await.expect(201)
}

async fn rotate(admin: &Actor, key: &Value, overlap_seconds: u32) -> Value {
    let path = format!("/v1/api-keys/{}/rotate", text(&key["key_id"]));
    admin.post(&path).json(&json!({"overlap_seconds": overlap_seconds})).send().await.expect(201)
}

async fn revoke(admin: &Actor, key: &Value) -> Reply {
    admin.request("DELETE", &format!("/v1/api-keys/{}", text(&key["key_id"]))).send().await
}

async fn list(admin: &Actor) -> Vec<Value> {
    let listed = admin.get("/v1/api-keys").send().await.expect(200);
    listed["items"].as_array().unwrap().clone()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value}"))
}

fn holding(admin: &Actor, shown: &Value) -> Actor {
    admin.with_key(text(&shown["api_key"]))
}

async fn assert_opens(actor: &Actor) {
    actor.get("/v1/limits").send().await.expect(200);
}

async fn assert_opens_nothing(actor: &Actor) {
    assert_eq!(actor.get("/v1/limits").send().await.detail(401), "Invalid tenant ID or API key");
}

#[tokio::test]
async fn a_key_is_shown_by_the_answer_that_makes_it_and_listed_by_its_beginning() {
    let world = World::open().await;
    let admin = world.tenant().await;

    let shown = create(&admin, json!({"name": "ci"})).await;
    let listed = list(&admin).await;

    let mut view = shown.clone();
    let api_key = view.as_object_mut().unwrap().remove("api_key").unwrap();
    assert_eq!(
        view,
        json!({
            "key_id": shown["key_id"], "name": "ci", "prefix": &text(&api_key)[..16], "user_id": null,
            "created_at": "2026-02-10T12:00:00.000000Z", "last_used_on": null, "expires_at": null,
        })
    );
    assert!(text(&api_key).starts_with("bsp_local_"));
    assert_eq!(listed.len(), 2, "the one that the tenant was founded with, too");
    assert!(listed.contains(&view), "{listed:?}");
    assert_opens(&holding(&admin, &shown)).await;
    assert_opens(&admin).await;
}

#[tokio::test]
async fn the_day_of_the_last_use_is_noted_once_a_day_and_costs_a_call_no_more_than_one_write() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let shown = create(&admin, json!({})).await;
    let actor = holding(&admin, &shown);
    let last_used = async || list(&admin).await.last().unwrap()["last_used_on"].clone();
    let call_at = async |now: &str| {
        world.deps().access.forget(actor.access().await.tenant_id());
        actor.get("/v1/limits").at(now).send().await.cost().write_units
    };
    assert_eq!(last_used().await, Value::Null);

    let (first, second) = (call_at("2026-02-10T23:59:59Z").await, call_at(NOON).await);
    assert_eq!(last_used().await, "2026-02-10");
    let (next_day, set_back) = (call_at("2026-02-11T00:00:00Z").await, call_at(NOON).await);

    // `Actor::access`, which looks behind the requests, is a use at noon already.
    assert_eq!((first + second, next_day, set_back), (0.0, 2.0, 0.0));
    assert_eq!(last_used().await, "2026-02-11", "a clock set back takes nothing back");
}

#[tokio::test]
async fn a_key_of_one_user_opens_for_nobody_else() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let member = admin.member().await;

    let shown = create(&admin, json!({"user_id": member.user_id})).await;

    assert_eq!(shown["user_id"], json!(member.user_id));
    assert_opens(&holding(&member, &shown)).await;
    assert_opens_nothing(&holding(&admin, &shown)).await;
    let rotated = rotate(&admin, &shown, 0).await;
    assert_opens(&holding(&member, &rotated)).await;
    assert_opens_nothing(&holding(&admin, &rotated)).await;
}

#[tokio::test]
async fn a_key_cannot_be_bound_to_who_is_no_user_of_the_tenant() {
    let world = World::open().await;
    let (admin, stranger) = (world.tenant().await, world.tenant().await);

    for user_id in [stranger.user_id.as_str(), "770e8400-e29b-41d4-a716-446655440000", &"x".repeat(36)] {
        let refused = admin.post("/v1/api-keys").json(&json!({"user_id": user_id})).send().await;
        assert_eq!(refused.detail(404), format!("User '{user_id}' not found"));
    }
    assert_eq!(list(&admin).await.len(), 1);
}

#[tokio::test]
async fn a_replaced_key_stays_good_to_the_end_of_the_overlap_and_not_a_moment_longer() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let old = create(&admin, json!({"name": "ci"})).await;

    let new = rotate(&admin, &old, 3_600).await;

    assert_eq!(new["name"], "ci");
    assert_eq!(
        new["replaces"],
        json!({"key_id": old["key_id"], "expires_at": "2026-02-10T13:00:00.000000Z"})
    );
    assert_opens(&holding(&admin, &new)).await;
    for (now, status) in [
        ("2026-02-10T12:59:59.999999Z", 200),
        ("2026-02-10T13:00:00Z", 401),
        ("2026-02-10T12:30:00Z", 200),
        ("2027-02-10T12:30:00Z", 401),
    ] {
        let reply = holding(&admin, &old).get("/v1/limits").at(now).send().await;
        assert_eq!(reply.status, status, "{now}: {}", reply.text);
    }
    let later = admin.get("/v1/api-keys").at("2026-02-10T13:00:00Z").send().await.expect(200);
    assert!(!later.to_string().contains(text(&old["key_id"])), "{later}");
}

#[tokio::test]
async fn without_overlap_the_old_key_ends_at_once_and_an_earlier_end_is_not_put_off() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let first = create(&admin, json!({})).await;
    let second = rotate(&admin, &first, 60).await;

    let third = rotate(&admin, &first, 3_600).await;
    assert_eq!(third["replaces"]["expires_at"], "2026-02-10T12:01:00.000000Z");
    let fourth = rotate(&admin, &second, 0).await;

    assert_opens_nothing(&holding(&admin, &second)).await;
    for good in [&first, &third, &fourth] {
        assert_opens(&holding(&admin, good)).await;
    }
}

#[tokio::test]
async fn a_revoked_key_is_refused_in_the_next_call_here_and_within_five_seconds_elsewhere() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let shown = create(&admin, json!({})).await;
    let clock = StoppedClock::at(noon());
    let elsewhere = world.another(Arc::new(clock.clone()), Arc::new(OsRandom));
    let (tenant_id, user_id) = (&admin.tenant_id, &admin.user_id);
    let there = elsewhere.actor(tenant_id, user_id, text(&shown["api_key"]));
    assert_opens(&there).await;
    assert_opens(&holding(&admin, &shown)).await;

    let mut revoked = revoke(&admin, &shown).await.expect(200);

    revoked["api_key"] = shown["api_key"].clone();
    revoked["last_used_on"] = Value::Null;
    assert_eq!(revoked, shown, "the key as it was, but for its last use");
    assert_opens_nothing(&holding(&admin, &shown)).await;
    clock.advance_seconds(4);
    assert_opens(&there).await;
    clock.advance_seconds(1);
    assert_opens_nothing(&there).await;
    let again = revoke(&admin, &shown).await;
    assert_eq!(again.detail(404), format!("API key '{}' not found", text(&shown["key_id"])));
}

#[tokio::test]
async fn the_last_key_without_an_end_stays_with_the_tenant_whoever_races() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let founding = list(&admin).await.remove(0);
    let only = revoke(&admin, &founding).await;
    assert_eq!(only.detail(409), "This is the only API key without an end; create another one first");
    // One that ends does not count.
    let ending = create(&admin, json!({})).await;
    let lasting = rotate(&admin, &ending, 60).await;
    revoke(&admin, &lasting).await.expect(200);
    assert_eq!(revoke(&admin, &founding).await.json()["error"], "last_api_key");
    let other = create(&admin, json!({})).await;

    let replies = join_all([revoke(&admin, &founding), revoke(&admin, &other)]).await;

    let statuses: BTreeSet<u16> = replies.iter().map(|reply| reply.status).collect();
    assert!(statuses == [200, 401].into() || statuses == [200, 409].into(), "{statuses:?}");
    let last = if replies[0].status == 200 { holding(&admin, &other) } else { admin.clone() };
    assert_eq!(list(&last).await.iter().filter(|key| key["expires_at"].is_null()).count(), 1);
}

#[tokio::test]
async fn a_tenant_has_at_most_a_hundred_keys_whoever_races() {
    let world = World::open().await;
    let admin = world.tenant().await;
    for _ in 2..MAX_KEYS {
        create(&admin, json!({})).await;
    }

    let body = json!({});
    let replies = join_all((0..4).map(|_| admin.post("/v1/api-keys").json(&body).send())).await;

    let made = replies.iter().filter(|reply| reply.status == 201).count();
    assert_eq!((made, list(&admin).await.len()), (1, MAX_KEYS));
    let refused = replies.iter().find(|reply| reply.status != 201).unwrap();
    assert_eq!(refused.detail(409), "A tenant has at most 100 API keys; revoke one first");
    let some = list(&admin).await.remove(0);
    let path = format!("/v1/api-keys/{}/rotate", text(&some["key_id"]));
    let rotate = |overlap: u32| admin.post(&path).json(&json!({"overlap_seconds": overlap})).send();
    assert_eq!(rotate(1).await.json()["error"], "too_many_api_keys");
    rotate(0).await.expect(201);
}

#[tokio::test]
async fn a_repeat_under_a_key_that_is_hard_to_guess_shows_the_same_key() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let hard = "a key that is hard to guess";
    let send =
        |key: &str, name: &str| admin.post("/v1/api-keys").key(key).json(&json!({"name": name})).send();
    let replies = join_all((0..8).map(|_| send(hard, "ci"))).await;

    assert!(replies.iter().all(|reply| reply.status == 201 && reply.text == replies[0].text));
    assert_eq!(list(&admin).await.len(), 2);
    assert_eq!(send(hard, "cd").await.json()["error"], "idempotency_conflict");
    assert_eq!(send("guessable", "ci").await.faults(), ["string_too_short header.Idempotency-Key"]);
    // The key counts for seven days.
    let later = admin.post("/v1/api-keys").key(hard).json(&json!({"name": "cd"})).at("2026-02-17T12:00:00Z");
    assert_ne!(later.send().await.expect(201)["api_key"], replies[0].json()["api_key"]);
}

#[tokio::test]
async fn a_key_that_dies_on_the_way_leaves_nothing_behind_and_a_repeat_makes_one() {
    for calls in 0..6 {
        let world = World::open().await;
        let admin = world.tenant().await;
        let process = world.another(Arc::new(StoppedClock::at(noon())), Arc::new(SeededRandom::new(calls)));
        let there = process.actor(&admin.tenant_id, &admin.user_id, &admin.api_key);
        let create = |actor: &Actor| {
            actor.post("/v1/api-keys").key("a key that is hard to guess").json(&json!({"name": "ci"})).send()
        };
        process.faults().stop_after(calls);
        let first = create(&there).await;

        let second = create(&admin).await;

        second.expect(201);
        assert!(first.status == 503 || first.text == second.text, "{}", first.text);
        assert_eq!(list(&admin).await.len(), 2, "died after {calls} calls");
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_named_and_changes_nothing() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let founding = list(&admin).await.remove(0);
    let rotate = format!("/v1/api-keys/{}/rotate", text(&founding["key_id"]));
    for (path, body, fault) in [
        ("/v1/api-keys", json!({"name": ""}), "string_too_short body.name"),
        ("/v1/api-keys", json!({"name": "x".repeat(256)}), "string_too_long body.name"),
        ("/v1/api-keys", json!({"name": 7, "user_id": "me"}), "string_type body.name"),
        ("/v1/api-keys", json!({"user_id": "me"}), "string_too_short body.user_id"),
        ("/v1/api-keys", json!(null), "missing body"),
        (&rotate, json!({"overlap_seconds": -1}), "greater_than_equal body.overlap_seconds"),
        (&rotate, json!({"overlap_seconds": 2_592_001}), "less_than_equal body.overlap_seconds"),
        (&rotate, json!({"overlap_seconds": 1.5}), "int_from_float body.overlap_seconds"),
    ] {
        let reply = admin.post(path).json(&body).send().await;
        assert_eq!(reply.faults()[0], fault, "{body}");
    }
    for unknown in ["nope", "770e8400-e29b-41d4-a716-446655440000"] {
        let reply = admin.post(&format!("/v1/api-keys/{unknown}/rotate")).json(&json!({})).send().await;
        assert_eq!(reply.detail(404), format!("API key '{unknown}' not found"));
    }
    let mut unchanged = list(&admin).await.remove(0);
    unchanged["last_used_on"] = founding["last_used_on"].clone();
    assert_eq!(unchanged, founding);
}

#[tokio::test]
async fn each_change_is_in_the_audit_and_no_entry_holds_a_secret() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let made = create(&admin, json!({"name": "ci"})).await;
    let replaced = rotate(&admin, &made, 60).await;
    revoke(&admin, &replaced).await.expect(200);

    let path = format!("/v1/admin/audit?tenant_id={}", admin.tenant_id);
    let audit = world.operator("GET", &path).send().await;

    let entries = audit.expect(200)["items"].clone();
    let told: BTreeSet<(&str, &str)> = entries
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (text(&entry["action"]), text(&entry["subject"])))
        .collect();
    assert_eq!(
        told,
        BTreeSet::from([
            ("api_key.create", text(&made["key_id"])),
            ("api_key.rotate", text(&replaced["key_id"])),
            ("api_key.revoke", text(&replaced["key_id"])),
        ])
    );
    for shown in [&made, &replaced] {
        assert!(!audit.text.contains(text(&shown["api_key"])), "{}", audit.text);
    }
}

#[tokio::test]
async fn the_operator_lets_a_tenant_back_in_and_may_take_every_key() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let path = format!("/v1/admin/tenants/{}/api-keys", admin.tenant_id);
    let founding = list(&admin).await.remove(0);
    let delete = |key: &Value| {
        let path = format!("{path}/{}", text(&key["key_id"]));
        world.operator("DELETE", &path).send()
    };

    delete(&founding).await.expect(200);
    assert_opens_nothing(&admin).await;
    let given = world.operator("POST", &path).json(&json!({"name": "found again"})).send().await.expect(201);

    assert_opens(&holding(&admin, &given)).await;
    let listed = world.operator("GET", &path).send().await.expect(200);
    assert_eq!(listed["items"][0]["name"], "found again");
    assert_eq!(delete(&founding).await.status, 404);
    let nowhere = "/v1/admin/tenants/770e8400-e29b-41d4-a716-446655440000/api-keys";
    for request in [world.operator("GET", nowhere), world.operator("POST", nowhere).json(&json!({}))] {
        let refused = request.send().await;
        assert_eq!(refused.detail(404), "Tenant '770e8400-e29b-41d4-a716-446655440000' not found");
    }
}

#[tokio::test]
async fn a_tenant_from_before_the_lock_of_keys_has_keys_like_any_other() {
    let world = World::open().await;
    let admin = world.tenant().await;
    create(&admin, json!({})).await;
    let mut write = Transaction::new();
    write.delete(keys::keyring(admin.access().await.tenant_id()), Condition::present());
    world.deps().table.commit(write).await.unwrap();

    create(&admin, json!({})).await;

    assert_eq!(list(&admin).await.len(), 3);
}
