//! `GET /v1/billing/events` and `GET /v1/billing/plan` (gateway.md 12.4).

use bespin_table::{Condition, Transaction, keys};
use bespin_tests::World;
use serde_json::{Value, json};

use crate::{operate, read};

#[tokio::test]
async fn the_active_events_are_listed_by_key_with_weights_as_exact_decimals() {
    let world = World::open().await;
    let admin = world.tenant().await;
    operate(&world, "PUT", "/v1/admin/metered-events/tool_invocation", json!({"credits_per_unit": 0.333333}))
        .await;
    operate(&world, "PUT", "/v1/admin/metered-events/daily_brief_generated", json!({"active": false})).await;

    let events = read(&admin, "/v1/billing/events").await;

    let shown: Vec<String> = events
        .as_array()
        .unwrap()
        .iter()
        .map(|event| format!("{} {} {}", event["event_key"], event["unit_name"], event["credits_per_unit"]))
        .collect();
    assert_eq!(
        shown,
        [
            r#""assistant_query" "call" 1"#,
            r#""kpi_definition_created" "kpi" 0.5"#,
            r#""kpi_points_ingested" "row" 0.001"#,
            r#""notification_enqueued" "notification" 0.2"#,
            r#""tool_invocation" "call" 0.333333"#,
        ]
    );
    let names: Vec<&String> = events[0].as_object().unwrap().keys().collect();
    assert_eq!(
        names,
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
            "updated_at"
        ]
    );
}

#[tokio::test]
async fn the_plan_is_shown_with_the_present_period_and_what_it_includes() {
    let world = World::open().await;
    let admin = world.tenant().await;

    let mut shown = read(&admin, "/v1/billing/plan").await;

    for time in ["created_at", "updated_at"] {
        assert!(shown["plan"].as_object_mut().unwrap().remove(time).unwrap().is_string());
    }
    assert_eq!(
        shown,
        json!({
            "tenant_id": admin.tenant_id, "plan_id": "starter", "status": "active",
            "period_start": "2026-02-01", "period_end": "2026-03-01",
            "plan": {"plan_id": "starter", "name": "Starter", "included_credits": 500, "overage_price_per_credit": 0.02},
            "capabilities": ["briefs", "chat", "kpi_ingest", "kpi_read", "notifications", "tools"],
        })
    );
}

#[tokio::test]
async fn the_period_moves_on_with_the_months_unless_an_operator_pinned_one() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let period = async |now: &str| {
        let shown = admin.get("/v1/billing/plan").at(now).send().await.expect(200);
        format!("{} {}", shown["period_start"], shown["period_end"]).replace('"', "")
    };
    for (now, expected) in [
        ("2026-02-28T23:59:59.999999Z", "2026-02-01 2026-03-01"),
        ("2026-03-01T00:00:00Z", "2026-03-01 2026-04-01"),
        ("2026-12-31T12:00:00Z", "2026-12-01 2027-01-01"),
        ("2028-02-29T12:00:00Z", "2028-02-01 2028-03-01"),
    ] {
        assert_eq!(period(now).await, expected, "{now}");
    }
    let path = format!("/v1/admin/tenants/{}/subscription", admin.tenant_id);
    operate(&world, "PUT", &path, json!({"plan_id": "growth", "period_start": "2026-05-01"})).await;
    assert_eq!(period("2026-08-01T00:00:00Z").await, "2026-05-01 2026-06-01");
}

#[tokio::test]
async fn a_suspended_tenant_reads_its_bill_and_a_tenant_without_subscription_is_told() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let suspend = format!("/v1/admin/tenants/{}/suspend", admin.tenant_id);
    world.operator("POST", &suspend).send().await.expect(200);
    assert_eq!(read(&admin, "/v1/billing/plan").await["status"], "suspended");
    for path in
        ["/v1/limits", "/v1/usage/daily", "/v1/billing/events", "/v1/billing/usage", "/v1/billing/ledger"]
    {
        read(&admin, path).await;
    }

    let mut write = Transaction::new();
    write.delete(keys::subscription(admin.access().await.tenant_id()), Condition::present());
    world.deps().table.commit(write).await.unwrap();

    for path in ["/v1/billing/plan", "/v1/billing/usage"] {
        let reply = admin.get(path).send().await;
        assert_eq!(reply.detail(404), "No subscription found for tenant");
    }
    let items: Value = read(&admin, "/v1/billing/ledger").await["items"].clone();
    assert_eq!(items, json!([]));
}
