//! Who changed what: every change of the operator leaves one entry, in the transaction of the change.

use bespin_embedded::Fault;
use bespin_tests::World;
use serde_json::{Value, json};

use super::subscriptions::subscribe;

async fn listed(world: &World, query: &str) -> Vec<Value> {
    let audit = world.operator("GET", &format!("/v1/admin/audit{query}")).send().await.expect(200);
    audit["items"].as_array().unwrap().clone()
}

fn actions(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["action"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn each_change_tells_who_made_what_of_what() {
    let world = World::open().await;
    let body = json!({"included_credits": 750});

    let reply = world.operator("PUT", "/v1/admin/plans/starter").json(&body).send().await;

    let [entry] = &listed(&world, "").await[..] else { panic!("one change, one entry") };
    let plan = |credits, updated_at: &Value| {
        let mut plan = reply.json();
        (plan["included_credits"], plan["updated_at"]) = (json!(credits), updated_at.clone());
        plan
    };
    let expected = json!({
        "id": entry["id"], "actor": {"kind": "platform", "key": entry["actor"]["key"]}, "action": "plan.update",
        "tenant_id": null, "subject": "starter", "before": plan(500, &entry["before"]["updated_at"]),
        "after": plan(750, &reply.json()["updated_at"]), "request_id": reply.header("x-request-id"),
        "created_at": "2026-02-10T12:00:00.000000Z",
    });
    assert_eq!(entry, &expected);
    assert_eq!(entry["actor"]["key"].as_str().unwrap().len(), 8, "enough to tell keys apart");
}

#[tokio::test]
async fn every_kind_of_change_is_there_and_no_refused_one() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let event = json!({
        "event_key": "scan", "display_name": "Scan", "unit_name": "page", "credits_per_unit": 1,
        "list_price_per_credit": 1,
    });
    let plan = json!({"plan_id": "p1", "name": "Pro", "included_credits": 20, "overage_price_per_credit": 0});
    let tenant = format!("/v1/admin/tenants/{}", admin.tenant_id);
    let changes = [
        ("POST", "/v1/admin/metered-events".to_owned(), event, "metered_event.create"),
        ("PUT", "/v1/admin/metered-events/scan".to_owned(), json!({}), "metered_event.update"),
        ("POST", "/v1/admin/plans".to_owned(), plan, "plan.create"),
        ("PUT", "/v1/admin/plans/p1".to_owned(), json!({"name": "Q"}), "plan.update"),
        (
            "PUT",
            "/v1/admin/plans/p1/capabilities".to_owned(),
            json!({"capabilities": ["chat"]}),
            "plan.set_capabilities",
        ),
        (
            "PUT",
            "/v1/admin/plans/p1/caps".to_owned(),
            json!({"caps": [{"event_key": "scan", "cap_raw_units": 2}]}),
            "plan.set_caps",
        ),
        ("PUT", format!("{tenant}/subscription"), json!({"plan_id": "p1"}), "subscription.set"),
        ("POST", format!("{tenant}/suspend"), json!({}), "subscription.suspend"),
        ("POST", format!("{tenant}/resume"), json!({}), "subscription.resume"),
    ];
    for (second, (method, path, body, _)) in changes.iter().enumerate() {
        let now = format!("2026-02-10T12:00:{second:02}Z");
        let reply = world.operator(method, path).at(&now).json(body).send().await;
        assert!(reply.status < 300, "{}", reply.text);
    }
    for (method, path, body) in [
        (
            "POST",
            "/v1/admin/plans",
            json!({"plan_id": "p1", "name": "Again", "included_credits": 1, "overage_price_per_credit": 0}),
        ),
        ("PUT", "/v1/admin/plans/p1", json!({"name": ""})),
        ("PUT", "/v1/admin/plans/p2", json!({"name": "Q"})),
        ("PUT", "/v1/admin/plans/p1/capabilities", json!({"capabilities": ["fly"]})),
        ("POST", &format!("{tenant}/resume"), json!({})),
    ] {
        let reply = world.operator(method, path).json(&body).send().await;
        assert!(reply.status >= 400 || path.ends_with("resume"), "it is active already: {}", reply.text);
    }

    let items = listed(&world, "").await;

    assert_eq!(actions(&items), changes.iter().rev().map(|(_, _, _, action)| *action).collect::<Vec<_>>());
    let of_tenant = listed(&world, &format!("?tenant_id={}", admin.tenant_id)).await;
    assert_eq!(actions(&of_tenant), ["subscription.resume", "subscription.suspend", "subscription.set"]);
    assert!(of_tenant.iter().all(|item| item["tenant_id"] == admin.tenant_id.as_str()));
}

#[tokio::test]
async fn the_audit_is_paged_newest_first_by_month() {
    let world = World::open().await;
    let change = async |now: String| {
        let body = json!({"included_credits": 1});
        world.operator("PUT", "/v1/admin/plans/starter").at(&now).json(&body).send().await.expect(200);
    };
    for day in 1..=7 {
        change(format!("2026-02-{day:02}T00:00:00Z")).await;
    }
    change("2026-03-01T00:00:00Z".to_owned()).await;

    let mut days = Vec::new();
    let mut cursor = String::new();
    loop {
        let page =
            world.operator("GET", &format!("/v1/admin/audit?limit=3{cursor}")).send().await.expect(200);
        assert_eq!(page["period_start"], "2026-02-01", "the month of the call");
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 3);
        days.extend(items.iter().map(|item| item["created_at"].as_str().unwrap()[..10].to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }

    assert_eq!(days, (1..=7).rev().map(|day| format!("2026-02-{day:02}")).collect::<Vec<_>>());
    assert_eq!(listed(&world, "?period_start=2026-03-31").await.len(), 1);
    for (query, fault) in [
        ("?cursor=made-up", "value_error query.cursor"),
        ("?period_start=2026-02-30", "value_error query.period_start"),
        ("?tenant_id=me", "value_error query.tenant_id"),
        ("?limit=many", "int_parsing query.limit"),
        (&format!("?period_start=2026-03-01{cursor}"), "value_error query.cursor"),
    ] {
        let reply = world.operator("GET", &format!("/v1/admin/audit{query}")).send().await;
        assert_eq!(reply.faults(), [fault], "{query}");
    }
}

#[tokio::test]
async fn a_change_whose_reply_was_lost_is_made_and_noted_once() {
    let world = World::open().await;
    let admin = world.tenant().await;
    for fault in [Fault::ReplyLost, Fault::Conflict, Fault::Throttled] {
        world.faults().next("TransactWriteItems", fault);
        subscribe(&world, &admin, &json!({"plan_id": "growth"})).await.expect(200);
    }

    assert_eq!(listed(&world, "").await.len(), 3);
}
