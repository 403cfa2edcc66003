//! Who may use the control plane, and in which tenant (control-plane.md 10.2; cases G4, G5).

use bespin_edge::CONTROL_PLANE;
use bespin_embedded::Fault;
use bespin_tests::World;
use serde_json::{Value, json};

use super::words::{CP, cp, credits, get, set_quota, top_up};

const NOW: &str = "2026-02-10T12:00:00Z";

#[tokio::test]
async fn g4_without_credentials_401_and_without_the_role_403() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let member = admin.member().await;
    for prefix in CONTROL_PLANE {
        let path = format!("{prefix}/replenishments");
        for request in [
            world.request("GET", &path),
            world.request("GET", &path).header("authorization", "Bearer nonsense"),
            world.request("GET", &path).header("authorization", format!("Basic {}", admin.api_key)),
            world.request("GET", &path).header("x-platform-admin-key", "wrong"),
            admin.get(&path).header("x-api-key", "wrong"),
            admin.get(&path).without("x-api-key"),
        ] {
            assert_eq!(request.send().await.detail(401), "Invalid tenant ID or API key");
        }
        let refused = member.get(&path).send().await;
        assert_eq!(refused.detail(403), "Role 'member' is not authorized to manage grants");
        let refused = member.get(&format!("{prefix}/policies/quota")).send().await;
        assert_eq!(refused.detail(403), "Role 'member' is not authorized to manage policies");
    }
    // Who may not is told nothing about the rest, and broken JSON is told before anything.
    let senseless = member.post(&cp("/policies/quota")).json(&json!({})).send().await;
    assert_eq!(senseless.status, 403);
    assert_eq!(world.request("POST", &cp("/policies/quota")).body("{").send().await.status, 422);
}

#[tokio::test]
async fn a_key_alone_acts_as_its_user_or_as_an_admin_of_its_tenant() {
    let world = World::unhurried().await;
    let admin = world.tenant().await;
    let member = admin.member().await;
    let key_of = async |user: Option<&str>| {
        let reply = admin.post("/v1/api-keys").json(&json!({"user_id": user})).send().await.expect(201);
        (reply["api_key"].as_str().unwrap().to_owned(), reply["key_id"].as_str().unwrap().to_owned())
    };
    let bearer = |key: &str, method: &str, path: &str| {
        world.request(method, &cp(path)).header("authorization", format!("Bearer {key}"))
    };
    let (of_admin, _) = key_of(Some(&admin.user_id)).await;
    let (of_member, _) = key_of(Some(&member.user_id)).await;
    let (of_all, of_all_id) = key_of(None).await;

    assert_eq!(bearer(&of_member, "GET", "/policies/quota").send().await.status, 403);
    let set = |key: &str| bearer(key, "POST", "/policies/quota").json(&json!({"user_type": "free"}));
    let by_admin = set(&of_admin).send().await.expect(201);
    let by_all = set(&of_all).send().await.expect(201);
    let by_first = set(&admin.api_key).send().await.expect(201);
    assert_eq!(by_admin["policy"]["created_by"], admin.user_id);
    assert_eq!(by_all["policy"]["created_by"], format!("api_key:{of_all_id}"));
    assert_eq!(by_first["policy"]["tenant"], admin.tenant_id, "the key of the sign-up is one, too");

    let cold = bearer(&of_all, "GET", "/health").at(NOW).send().await.cost();
    assert_eq!(cold.round_trips, 1, "a warm key costs no read; the one is the health's own");
    let path = format!("/v1/api-keys/{of_all_id}");
    admin.request("DELETE", &path).send().await.expect(200);
    assert_eq!(bearer(&of_all, "GET", "/policies/quota").send().await.status, 401, "at once");
}

#[tokio::test]
async fn a_key_that_is_replaced_opens_until_its_end() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let first = admin.post("/v1/api-keys").json(&json!({})).send().await.expect(201);
    let rotate = format!("/v1/api-keys/{}/rotate", first["key_id"].as_str().unwrap());
    let second = admin.post(&rotate).json(&json!({"overlap_seconds": 60})).send().await.expect(201);
    let status = async |key: &Value, now: &str| {
        let header = format!("bearer {}", key["api_key"].as_str().unwrap());
        world.request("GET", &cp("/health")).header("authorization", header).at(now).send().await.status
    };

    assert_eq!(status(&first, "2026-02-10T12:00:59Z").await, 200);
    assert_eq!(status(&first, "2026-02-10T12:01:00Z").await, 401);
    assert_eq!(status(&second, "2026-02-10T12:01:00Z").await, 200);
}

#[tokio::test]
async fn the_operator_names_the_tenant_and_leaves_entries_in_both_audits() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let body = json!({"tenant": admin.tenant_id, "user_id": "maria", "additional_requests_per_day": 5});

    let granted = world.operator("POST", &cp("/replenishments/top-up")).json(&body).send().await;
    let in_query = json!({"user_type": "free", "requests_per_day": 1});
    let path = cp(&format!("/policies/quota?tenant={}", admin.tenant_id));
    world.operator("POST", &path).json(&in_query).send().await.expect(201);

    granted.expect(201);
    assert_eq!(credits(&admin, NOW, "maria").await.len(), 1);
    assert_eq!(get(&admin, NOW, "/policies/quota").await["count"], 1);
    let audit = world.operator("GET", "/v1/admin/audit").send().await.expect(200);
    let actions: Vec<_> =
        audit["items"].as_array().unwrap().iter().map(|item| item["action"].clone()).collect();
    assert_eq!(actions.len(), 2);
    assert!(actions.contains(&json!("grant.issue")) && actions.contains(&json!("quota_policy.set")));
    let unnamed = world.operator("GET", &cp("/replenishments")).send().await;
    assert_eq!(unnamed.faults(), ["missing query.tenant"]);
}

#[tokio::test]
async fn another_tenants_id_is_as_good_as_one_that_there_is_not() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let other = world.tenant().await;
    top_up(&other, NOW, json!({"user_id": "maria", "additional_requests_per_day": 5})).await;
    set_quota(&other, NOW, json!({"user_type": "free", "requests_per_day": 5})).await;
    let never = bespin_primitives::TenantId::random(&bespin_primitives::OsRandom).to_string();

    for named in [&other.tenant_id, &never, &"acme".to_owned()] {
        for path in ["/replenishments", "/replenishments/user/maria", "/policies/quota", "/reports/revenue"] {
            let reply = admin.get(&cp(&format!("{path}?tenant={named}"))).send().await;
            assert_eq!(reply.detail(404), format!("Tenant '{named}' not found"), "{path}");
        }
        let body = json!({"user_id": "maria", "tenant": named});
        let reply = admin.post(&cp("/replenishments/top-up")).json(&body).send().await;
        assert_eq!(reply.status, 404);
    }
    for named in [&never, &"acme".to_owned()] {
        let reply = world.operator("GET", &cp(&format!("/replenishments?tenant={named}"))).send().await;
        assert_eq!(reply.detail(404), format!("Tenant '{named}' not found"));
    }
    let own = format!("/replenishments?tenant={}", admin.tenant_id);
    assert_eq!(get(&admin, NOW, &own).await["count"], 0);
    for path in
        ["/replenishments/users", "/policies/quota", "/reports/active-credits", "/webhooks/deliveries"]
    {
        assert_eq!(get(&admin, NOW, path).await["next_cursor"], Value::Null, "{path}");
    }
    admin.request("DELETE", &cp("/replenishments/maria/*")).send().await.expect(200);
    assert_eq!(credits(&other, NOW, "maria").await.len(), 1);
}

#[tokio::test]
async fn a_cursor_of_another_tenant_or_list_is_none() {
    let world = World::open().await;
    let (admin, other) = (world.tenant().await, world.tenant().await);
    for tenant in [&admin, &other] {
        for user in ["maria", "mario"] {
            top_up(tenant, NOW, json!({"user_id": user})).await;
        }
    }
    let page = get(&other, NOW, "/replenishments?limit=1").await;
    let cursor = page["next_cursor"].as_str().unwrap();

    for path in ["/replenishments", "/replenishments/user/maria", "/policies/quota"] {
        let reply = admin.get(&cp(&format!("{path}?cursor={cursor}"))).send().await;
        assert_eq!(reply.faults(), ["value_error query.cursor"], "{path}");
    }
}

#[tokio::test]
async fn g5_a_healthy_system_says_so_and_an_ailing_one_too() {
    let world = World::unhurried().await;
    let admin = world.tenant().await;
    let healthy = get(&admin, NOW, "/health").await;
    let all = json!({"status": "ok", "service": "control_plane", "postgresql": "ready", "redis": "ready"});
    assert_eq!(healthy, all);

    world.faults().times("GetItem", Fault::NotSent, 40);
    let ailing = get(&admin, NOW, "/health").await;
    world.faults().clear();

    assert_eq!((&ailing["status"], &ailing["postgresql"]), (&json!("error"), &json!("not initialized")));
    world.faults().stop_after(0);
    let strict = admin.get(&cp("/health?strict=true")).send().await;
    world.faults().clear();
    assert_eq!(strict.detail(503), "the store of record does not answer");
}

#[tokio::test]
async fn answers_are_not_kept_by_anybody_on_the_way() {
    let world = World::open().await;
    let admin = world.tenant().await;

    let reply = admin.get(&format!("{CP}/health")).send().await;

    assert_eq!(reply.header("cache-control"), Some("no-store"));
}
