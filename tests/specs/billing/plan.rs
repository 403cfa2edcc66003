//! `GET /v1/billing/events` and `GET /v1/billing/plan`, and what of the bill is there without a plan in force
//! (gateway.md 12.1, 12.4).

use bespin_metering::MeteredEvent;
use bespin_table::{Condition, Key, Transaction, keys};
use bespin_tests::{Actor, World};
use serde_json::{Value, json};

use crate::{echo, operate, put_limits, read, weigh};

const PAGES: [&str; 6] = [
    "/v1/limits",
    "/v1/usage/daily",
    "/v1/billing/events",
    "/v1/billing/ledger",
    "/v1/billing/plan",
    "/v1/billing/usage",
];

/// Changes the subscription as the operator.
async fn subscribe(world: &World, tenant: &Actor, body: &str) {
    operate(world, "PUT", &format!("/v1/admin/tenants/{}/subscription", tenant.tenant_id), body).await;
}

/// Takes a row away, as no endpoint does.
async fn remove(world: &World, tenant: &Actor, row: Key) {
    let mut removal = Transaction::new();
    removal.delete(row, Condition::present());
    world.deps().table.commit(removal).await.unwrap();
    world.deps().entitlements.forget_catalogue();
    world.deps().access.forget(tenant.access().await.tenant_id());
}

/// The period a tenant is shown at a moment.
async fn period_at(tenant: &Actor, now: &str) -> (String, String) {
    let plan = tenant.get("/v1/billing/plan").at(now).send().await.expect(200);
    let date = |name: &str| plan[name].as_str().unwrap().to_owned();
    (date("period_start"), date("period_end"))
}

fn dates(start: &str, end: &str) -> (String, String) {
    (start.to_owned(), end.to_owned())
}

#[tokio::test]
async fn the_six_events_of_a_new_platform_are_listed_by_key_with_all_they_cost() {
    let world = World::open().await;
    let member = world.tenant().await.member().await;

    let events = read(&member, "/v1/billing/events").await;

    let told: Vec<String> = events
        .as_array()
        .unwrap()
        .iter()
        .map(|event| {
            format!(
                "{} {} {} {} {} {}",
                event["event_key"],
                event["unit_name"],
                event["credits_per_unit"],
                event["list_price_per_credit"],
                event["billable"],
                event["active"]
            )
            .replace('"', "")
        })
        .collect();
    assert_eq!(
        told,
        [
            "assistant_query call 1 0.02 true true",
            "daily_brief_generated brief 5 0.02 true true",
            "kpi_definition_created kpi 0.5 0.02 true true",
            "kpi_points_ingested row 0.001 0.02 true true",
            "notification_enqueued notification 0.2 0.02 true true",
            "tool_invocation call 2 0.02 true true",
        ]
    );
    for event in events.as_array().unwrap() {
        let members: Vec<&String> = event.as_object().unwrap().keys().collect();
        assert_eq!(
            members,
            [
                "event_key",
                "display_name",
                "description",
                "unit_name",
                "credits_per_unit",
                "list_price_per_credit",
                "billable",
                "active",
                "created_at",
                "updated_at",
            ]
        );
    }
}

#[tokio::test]
async fn a_changed_event_shows_in_the_next_call_and_an_inactive_one_not_at_all() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let create = |key: &str, active: bool| {
        format!(
            r#"{{"event_key":"{key}","display_name":"D","unit_name":"u","credits_per_unit":0.000001,"list_price_per_credit":0,"active":{active}}}"#
        )
    };
    operate(&world, "POST", "/v1/admin/metered-events", &create("a.scan", true)).await;
    operate(&world, "POST", "/v1/admin/metered-events", &create("hidden", false)).await;
    operate(&world, "PUT", "/v1/admin/metered-events/assistant_query", r#"{"active":false}"#).await;
    weigh(&world, MeteredEvent::ToolInvocation, "0.333333", "0.000001").await;

    let events = read(&admin, "/v1/billing/events").await;

    let all = world.operator("GET", "/v1/admin/metered-events").send().await.expect(200);
    assert_eq!(all.as_array().unwrap().len(), 8);
    let active: Value =
        all.as_array().unwrap().iter().filter(|event| event["active"] == true).cloned().collect();
    assert_eq!(events, active, "as the operator sees them, in the same order");
    let keys: Vec<&str> =
        events.as_array().unwrap().iter().map(|event| event["event_key"].as_str().unwrap()).collect();
    assert!(keys.is_sorted() && keys[0] == "a.scan" && keys.len() == 6, "{keys:?}");
    assert_eq!(events[5]["credits_per_unit"].to_string(), "0.333333");
}

#[tokio::test]
async fn a_new_tenant_is_on_the_starter_plan_for_the_month() {
    let world = World::open().await;
    let admin = world.tenant().await;

    let reply = admin.member().await.get("/v1/billing/plan").send().await;

    reply.expect(200);
    let plans = world.operator("GET", "/v1/admin/plans").send().await.expect(200);
    let starter = plans.as_array().unwrap().iter().find(|plan| plan["plan_id"] == "starter").unwrap();
    let expected = format!(
        r#"{{"tenant_id":"{}","plan_id":"starter","status":"active","period_start":"2026-02-01","period_end":"2026-03-01","plan":{starter},"capabilities":["briefs","chat","kpi_ingest","kpi_read","notifications","tools"]}}"#,
        admin.tenant_id
    );
    assert_eq!(reply.text, expected);
    let mut members = starter.clone();
    (members["created_at"], members["updated_at"]) = (json!(""), json!(""));
    assert_eq!(
        members.to_string(),
        r#"{"plan_id":"starter","name":"Starter","included_credits":500,"overage_price_per_credit":0.02,"created_at":"","updated_at":""}"#
    );
}

#[tokio::test]
async fn a_change_of_the_plan_or_to_another_one_shows_in_the_next_call() {
    let world = World::open().await;
    let admin = world.tenant().await;
    read(&admin, "/v1/billing/plan").await;

    operate(
        &world,
        "PUT",
        "/v1/admin/plans/growth",
        r#"{"name":"Grown","overage_price_per_credit":0.012345}"#,
    )
    .await;
    operate(&world, "PUT", "/v1/admin/plans/growth/capabilities", r#"{"capabilities":["tools","briefs"]}"#)
        .await;
    subscribe(&world, &admin, r#"{"plan_id":"growth"}"#).await;

    let shown = read(&admin, "/v1/billing/plan").await;
    assert_eq!((&shown["plan_id"], &shown["plan"]["plan_id"]), (&json!("growth"), &json!("growth")));
    assert_eq!(shown["plan"]["name"], "Grown");
    assert_eq!(shown["plan"]["overage_price_per_credit"].to_string(), "0.012345");
    assert_eq!(shown["capabilities"], json!(["briefs", "tools"]), "sorted");
    assert_eq!(read(&admin, "/v1/billing/usage").await["plan"], shown["plan"]);
}

#[tokio::test]
async fn the_period_is_the_current_month_unless_an_administrator_pinned_one() {
    let world = World::open().await;
    let admin = world.tenant().await;
    for (now, start, end) in [
        ("2026-02-28T23:59:59.999999Z", "2026-02-01", "2026-03-01"),
        ("2026-03-01T00:00:00Z", "2026-03-01", "2026-04-01"),
        ("2026-12-31T23:59:59.999999Z", "2026-12-01", "2027-01-01"),
        ("2028-02-29T12:00:00Z", "2028-02-01", "2028-03-01"),
        ("2026-03-01T00:59:59+01:00", "2026-02-01", "2026-03-01"),
    ] {
        assert_eq!(period_at(&admin, now).await, dates(start, end), "{now}");
    }

    // A change that says nothing of the period pins none.
    subscribe(&world, &admin, r#"{"plan_id":"scale"}"#).await;
    assert_eq!(period_at(&admin, "2027-01-01T00:00:00Z").await, dates("2027-01-01", "2027-02-01"));

    subscribe(&world, &admin, r#"{"plan_id":"starter","period_start":"2027-12-01"}"#).await;

    for now in ["2026-02-10T12:00:00Z", "2027-12-31T12:00:00Z", "2028-02-29T12:00:00Z"] {
        assert_eq!(period_at(&admin, now).await, dates("2027-12-01", "2028-01-01"), "{now}");
    }
    // A change that says nothing of the period leaves the pinned one.
    subscribe(&world, &admin, r#"{"plan_id":"growth"}"#).await;
    assert_eq!(period_at(&admin, "2028-02-29T12:00:00Z").await, dates("2027-12-01", "2028-01-01"));
    // What is counted, and held against the plan, goes by the calendar all the same.
    echo(&admin, "key").send().await.expect(200);
    let usage = read(&admin, "/v1/billing/usage").await;
    assert_eq!((&usage["period_start"], &usage["credits"]["used"]), (&json!("2026-02-01"), &json!(2)));
}

#[tokio::test]
async fn the_whole_bill_is_there_while_the_tenant_is_suspended() {
    let world = World::open().await;
    let admin = world.tenant().await;
    echo(&admin, "key").send().await.expect(200);
    let active: Vec<Value> = read_all(&admin).await;

    subscribe(&world, &admin, r#"{"plan_id":"starter","status":"suspended"}"#).await;

    let mut suspended = read_all(&admin).await;
    assert_eq!(suspended[4]["status"], "suspended");
    suspended[4]["status"] = json!("active");
    assert_eq!(suspended, active);
    put_limits(&admin, [1; 4]).send().await.expect(200);
}

async fn read_all(admin: &Actor) -> Vec<Value> {
    let mut read_so_far = Vec::new();
    for page in PAGES {
        read_so_far.push(read(admin, page).await);
    }
    read_so_far
}

#[tokio::test]
async fn without_a_subscription_there_is_neither_plan_nor_usage_but_all_that_needs_none() {
    let world = World::open().await;
    let admin = world.tenant().await;
    echo(&admin, "key").send().await.expect(200);

    remove(&world, &admin, keys::subscription(admin.access().await.tenant_id())).await;

    for page in ["/v1/billing/plan", "/v1/billing/usage", "/v1/billing/usage?period_start=2025-01-17"] {
        let refused = admin.get(page).send().await;
        assert_eq!(refused.detail(404), "No subscription found for tenant", "{page}");
        assert_eq!(refused.json()["error"], "subscription_not_found");
    }
    for page in &PAGES[..4] {
        read(&admin, page).await;
    }
    assert_eq!(read(&admin, "/v1/billing/ledger").await["items"].as_array().unwrap().len(), 1);
    subscribe(&world, &admin, r#"{"plan_id":"growth"}"#).await;
    assert_eq!(read(&admin, "/v1/billing/usage").await["credits"]["used"], 2, "the usage was kept");
}

#[tokio::test]
async fn a_plan_that_vanished_is_named() {
    let world = World::open().await;
    let admin = world.tenant().await;

    remove(&world, &admin, keys::plan("starter")).await;

    for asked in [admin.get("/v1/billing/plan"), admin.get("/v1/billing/usage"), echo(&admin, "key")] {
        let broken = asked.send().await;
        assert_eq!(broken.detail(500), json!({"error": "plan_not_found", "plan_id": "starter"}));
    }
}
