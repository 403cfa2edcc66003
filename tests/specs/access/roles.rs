//! What members may not do, in the exact words (gateway.md 2).

use bespin_tests::World;
use serde_json::json;

use super::routes::{Objects, Roles, all};

#[tokio::test]
async fn a_member_is_refused_in_the_exact_words_and_changes_nothing() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let member = admin.member().await;
    let own = Objects::of(&admin).await;
    member.get("/v1/kpis").send().await.expect(200);
    let before = (world.ledger(&admin, "2026-02").await, admin.get("/v1/kpis").send().await.json());

    for route in all() {
        let Roles::AdminOnly(words) = route.roles else { continue };
        let reply = route.by(&member, &own).send().await;

        route.assert_refused(&reply, 403, &json!(format!("Role 'member' is not authorized to {words}")));
        assert_eq!(reply.json()["error"], "role_not_authorized");
        assert_eq!(reply.cost().round_trips, 0, "{}: nothing is read or written", route.name());
    }
    assert_eq!((world.ledger(&admin, "2026-02").await, admin.get("/v1/kpis").send().await.json()), before);
}

#[tokio::test]
async fn a_second_admin_may_do_what_the_first_may() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let body = json!({"tenant_id": admin.tenant_id, "email": "second@example.com", "role": "admin"});
    let second = admin.post("/v1/users").json(&body).send().await.expect(201);
    let second = admin.as_user(second["user_id"].as_str().unwrap());
    let own = Objects::of(&admin).await;

    for route in all() {
        let reply = route.by(&second, &own).send().await;
        // The notification is the first admin's own.
        let anothers = route.roles == Roles::Own && route.path.contains('{');
        assert_eq!(
            reply.status,
            if anothers { 404 } else { route.success },
            "{}: {}",
            route.name(),
            reply.text
        );
    }
}

/// Roles are checked before the key is looked up (gateway.md 4).
#[tokio::test]
async fn a_member_does_not_get_what_an_admin_was_answered_under_the_same_key() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let member = admin.member().await;
    admin.invoke("k", "echo", &json!({"secret": 1})).send().await.expect(200);

    let reply = member.invoke("k", "echo", &json!({"secret": 1})).send().await;

    assert_eq!(reply.detail(403), "Role 'member' is not authorized to invoke tools");
}
