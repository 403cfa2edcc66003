//! A tenant sees and touches its own objects only; another's look as if they had never existed (I4).

use bespin_tests::{Cost, Reply, World};
use serde_json::json;
use uuid::Uuid;

use super::routes::{LATEST_BRIEF, Objects, ROUTES, Route};

fn never_existed() -> String {
    Uuid::from_u128(0x0bad_cafe_0000_4000_8000_0000_0000_0001).to_string()
}

/// What a caller can tell from a reply, apart from the id it asked for itself and the id of the request: status,
/// text, the names of the headers, and the work that was done, which shows in the time it took.
fn impression(reply: &Reply, asked_for: &str) -> (u16, String, Vec<String>, Cost) {
    let request_id = reply.header("x-request-id").unwrap();
    let text = reply.text.replace(request_id, "<request>").replace(asked_for, "<id>");
    let mut headers: Vec<String> = reply.headers.keys().map(ToString::to_string).collect();
    headers.sort();
    (reply.status, text, headers, reply.cost())
}

#[tokio::test]
async fn anothers_object_in_a_path_or_payload_answers_exactly_like_one_that_never_existed() {
    let world = World::open().await;
    let owner = world.tenant().await;
    let theirs = Objects::of(&owner).await;
    let none = Objects {
        key_id: never_existed(),
        kpi_id: never_existed(),
        date: "2026-02-04".to_owned(),
        run_id: "0".repeat(40),
        notification_id: "7".repeat(theirs.notification_id.len()),
        conversation_id: never_existed(),
        secret_id: never_existed(),
        delivery_id: "msg_0000000000000007".to_owned(),
        ..theirs.clone()
    };
    let caller = world.tenant().await;
    caller.invoke("warm", "echo", &json!({})).send().await.expect(200);
    let id = |route: &Route, objects: &Objects| {
        let named = [
            ("{date}", &objects.date),
            ("{key_id}", &objects.key_id),
            ("{run_id}", &objects.run_id),
            ("{notification_id}", &objects.notification_id),
            ("{conversation_id}", &objects.conversation_id),
            ("{secret_id}", &objects.secret_id),
            ("{delivery_id}", &objects.delivery_id),
        ];
        let named = named.into_iter().find(|(placeholder, _)| route.path.contains(placeholder));
        named.map_or(&objects.kpi_id, |(_, id)| id).clone()
    };

    let naming: Vec<Route> =
        ROUTES.into_iter().filter(|r| r.path.contains('{') || r.path == "/v1/tools/invoke").collect();
    for route in &naming {
        let anothers = route.by(&caller, &theirs).send().await;
        let nothings = route.by(&caller, &none).send().await;

        let seen = impression(&anothers, &id(route, &theirs));
        assert_eq!(seen, impression(&nothings, &id(route, &none)), "{}", route.name());
        let told = ["'<id>' not found", "Notification <id> not found", "Conversation not found"]
            .iter()
            .any(|told| seen.1.contains(told));
        assert!(told, "{}: {}", route.name(), seen.1);
        assert_eq!(seen.0, if route.keyed { 200 } else { 404 }, "{}", route.name());
    }
    assert_eq!(naming.len(), 12);
    let points = owner.get(&format!("/v1/kpis/{}/latest", theirs.kpi_id)).send().await.expect(200);
    assert_eq!(points["value"].as_f64(), Some(1.0), "nobody else's point came in");
}

#[tokio::test]
async fn lists_briefs_and_summaries_are_the_callers_own() {
    let world = World::open().await;
    let owner = world.tenant().await;
    let theirs = Objects::of(&owner).await;
    let caller = world.tenant().await;

    assert_eq!(caller.get("/v1/kpis").send().await.expect(200), json!([]));
    let brief = caller.get(&format!("/v1/briefs/{}", theirs.date)).send().await;
    assert_eq!(brief.detail(404), format!("Brief for date '{}' not found", theirs.date));
    assert_eq!(LATEST_BRIEF.by(&caller, &theirs).send().await.detail(404), "No briefs found for this tenant");
    // The date of another's brief is free: this makes the caller's own, over its own KPIs.
    let own = caller.materialize("k", &theirs.date).send().await.expect(200);
    assert_eq!(own["content"]["highlights"], json!([]));
    let theirs_still = owner.get(&format!("/v1/briefs/{}", theirs.date)).send().await.expect(200);
    assert_ne!(own["brief_id"], theirs_still["brief_id"]);
}

#[tokio::test]
async fn one_key_of_idempotency_is_another_in_another_tenant() {
    let world = World::open().await;
    let (one, two) = (world.tenant().await, world.tenant().await);

    let first = one.invoke("same key", "echo", &json!({"of": 1})).send().await.expect(200);
    let second = two.invoke("same key", "echo", &json!({"of": 2})).send().await.expect(200);

    assert_eq!(first["result"]["echo"], json!({"of": 1}));
    assert_eq!(second["result"]["echo"], json!({"of": 2}));
}

#[tokio::test]
async fn a_user_of_a_different_tenant_is_not_made_whether_that_tenant_exists_or_not() {
    let world = World::open().await;
    let (admin, other) = (world.tenant().await, world.tenant().await);

    for tenant_id in
        [other.tenant_id.clone(), never_existed(), admin.tenant_id.to_uppercase(), "x".repeat(36)]
    {
        let body = json!({"tenant_id": tenant_id, "email": "spy@example.com", "role": "admin"});
        let reply = admin.post("/v1/users").json(&body).send().await;
        assert_eq!(reply.detail(403), "Cannot create users for a different tenant", "{tenant_id}");
    }
}
