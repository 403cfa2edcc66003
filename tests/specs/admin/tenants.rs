//! All tenants, and one of them with what it has and uses.

use std::collections::BTreeSet;

use bespin_tests::{Actor, World};
use serde_json::{Value, json};

use super::subscriptions::subscribe;

async fn sign_up(world: &World, name: &str, now: &str) -> String {
    let body = json!({"name": name, "region": "eu", "admin_email": "owner@example.com"});
    let tenant = world.sign_up().at(now).json(&body).send().await.expect(201);
    tenant["tenant_id"].as_str().unwrap().to_owned()
}

/// All pages of so many tenants; `between` happens after each.
async fn all(world: &World, limit: usize, between: impl AsyncFn()) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/admin/tenants?limit={limit}{cursor}");
        let page = world.operator("GET", &path).send().await.expect(200);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit, "{page}");
        ids.extend(items.iter().map(|item| item["tenant_id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
        between().await;
    }
}

#[tokio::test]
async fn tenants_are_listed_newest_first_in_pages_of_any_size() {
    let world = World::open().await;
    let mut expected = Vec::new();
    for number in 0..40 {
        // Four at a time at the same instant.
        let now = format!("2026-02-10T12:00:{:02}Z", number / 4);
        expected.push((now.clone(), sign_up(&world, "T", &now).await));
    }
    expected.sort();
    expected.reverse();
    let expected: Vec<String> = expected.into_iter().map(|(_, id)| id).collect();

    for limit in [1, 3, 7, 39, 40, 41, 500] {
        assert_eq!(all(&world, limit, async || ()).await, expected, "in pages of {limit}");
    }
}

#[tokio::test]
async fn who_signs_up_meanwhile_neither_hides_nor_doubles_anybody() {
    let world = World::open().await;
    let mut before = BTreeSet::new();
    for second in 10..30 {
        before.insert(sign_up(&world, "T", &format!("2026-02-10T12:00:{second}Z")).await);
    }

    let listed = all(&world, 3, async || {
        sign_up(&world, "newer", "2026-02-10T12:00:40Z").await;
        sign_up(&world, "by a slow clock", "2026-02-10T12:00:00Z").await;
    })
    .await;

    let distinct: BTreeSet<String> = listed.iter().cloned().collect();
    assert_eq!(distinct.len(), listed.len(), "nobody twice");
    assert!(before.is_subset(&distinct), "nobody missed");
}

#[tokio::test]
async fn one_tenant_is_shown_with_its_plan_its_limits_and_its_usage() {
    let world = World::open().await;
    let admin = world.tenant().await;
    admin.invoke("k", "echo", &json!({})).send().await.expect(200);
    subscribe(&world, &admin, &json!({"plan_id": "growth"})).await.expect(200);
    let path = format!("/v1/admin/tenants/{}", admin.tenant_id);

    let shown = world.operator("GET", &path).send().await.expect(200);

    assert_eq!((&shown["name"], &shown["region"]), (&json!("Acme"), &json!("eu-west-1")));
    assert_eq!(shown["subscription"]["plan_id"], "growth");
    assert_eq!(shown["limits"], of(&admin, "/v1/limits").await);
    let usage = of(&admin, "/v1/billing/usage").await;
    for member in ["period_start", "period_end", "credits", "breakdown"] {
        assert_eq!(shown["usage"][member], usage[member]);
    }
    let listed = world.operator("GET", "/v1/admin/tenants").send().await.expect(200);
    for member in ["tenant_id", "name", "region", "created_at"] {
        assert_eq!(listed["items"][0][member], shown[member]);
    }
}

async fn of(admin: &Actor, path: &str) -> Value {
    admin.get(path).send().await.expect(200)
}

#[tokio::test]
async fn what_is_no_tenant_and_no_page_is_refused_by_name() {
    let world = World::open().await;

    for id in ["770e8400-e29b-41d4-a716-446655440000", "me"] {
        let missing = world.operator("GET", &format!("/v1/admin/tenants/{id}")).send().await;
        assert_eq!(missing.detail(404), format!("Tenant '{id}' not found"));
    }
    let listing = |query: &str| world.operator("GET", &format!("/v1/admin/tenants?{query}")).send();
    assert_eq!(listing("cursor=made-up").await.faults(), ["value_error query.cursor"]);
    assert_eq!(listing("limit=all").await.faults(), ["int_parsing query.limit"]);
}
