//! The pages that are not tables.

use bespin_tests::World;
use serde_json::json;

use super::told::{a_busy_tenant, between, columns, look, next, rows};

const LABELS: [&str; 15] = [
    "Tenants",
    "Users",
    "KPI Definitions",
    "KPI Points",
    "Briefs",
    "Audit Logs",
    "Usage Events",
    "Idempotency Keys",
    "Notification Prefs",
    "Notification Outbox",
    "Conversations",
    "Messages",
    "Metered Events",
    "Plans",
    "Subscriptions",
];

/// Label and number of each count, in order.
fn counts(html: &str) -> Vec<(String, String)> {
    let list = between(html, "<dl class=\"counts\">", "</dl>");
    let part = |part: &str| {
        let label = between(part, "\">", "</a>").to_owned();
        (label, between(part, "<dd>", "</dd>").to_owned())
    };
    list.split("<div>").skip(1).map(part).collect()
}

#[tokio::test]
async fn the_overview_counts_everything_and_links_every_table() {
    let world = World::with_console().await;
    a_busy_tenant(&world).await;
    world.tenant().await;

    let page = look(&world, "/console").await.text;

    let counted = counts(&page);
    let labels: Vec<_> = counted.iter().map(|(label, _)| label.as_str()).collect();
    assert_eq!(labels, LABELS);
    let numbers: Vec<_> = counted.iter().map(|(_, number)| number.as_str()).collect();
    // Messages: four questions and their answers. Ledger: two KPIs, points, tool, two briefs, two notifications,
    // four chats. Audited: the tool, the briefs, the run, the chats. Keys: the sign-up's is no tenant's; those of the spare,
    // the tool, the job and the brief are.
    assert_eq!(
        numbers,
        ["2", "3", "2", "2", "2", "8", "12", "4", "1", "2", "4", "8", "6", "4", "2"],
        "{counted:?}"
    );
    for table in super::told::TABLES {
        assert!(page.contains(&format!("href=\"/console/db/{table}\"")), "{table}");
    }
    assert!(page.contains("bespin-brief-runs"), "the queue is shown");
}

#[tokio::test]
async fn counts_stop_at_a_thousand_and_say_so() {
    let world = World::with_console().await;
    let admin = world.tenant().await;
    world.without_limits(&admin).await;
    let kpi = admin.kpi("K").await;
    let points: Vec<_> = (0..1_001)
        .map(|n| json!({"ts": format!("2026-01-01T00:{:02}:{:02}Z", n / 60, n % 60), "value": 1}))
        .collect();
    admin
        .post(&format!("/v1/kpis/{kpi}/points:bulk"))
        .json(&json!({"points": points}))
        .send()
        .await
        .expect(200);

    let page = look(&world, "/console").await.text;

    assert!(counts(&page).contains(&("KPI Points".to_owned(), "1,000+".to_owned())));
}

#[tokio::test]
async fn tenants_are_listed_newest_first_with_the_beginning_of_their_key() {
    let world = World::with_console().await;
    for number in 0..60 {
        let body = json!({"name": format!("T{number}"), "region": "eu", "admin_email": "o@example.com"});
        world.sign_up().at(&format!("2026-02-10T12:00:{number:02}Z")).json(&body).send().await.expect(201);
    }

    let first = look(&world, "/console/tenants").await.text;
    let second = look(&world, &next(&first).expect("a second page")).await.text;

    assert_eq!(columns(&first), ["id", "name", "region", "API key", "created"]);
    let names = |page: &str| rows(page).iter().map(|row| row[1].clone()).collect::<Vec<_>>();
    let all: Vec<_> = names(&first).into_iter().chain(names(&second)).collect();
    assert_eq!(all, (0..60).rev().map(|number| format!("T{number}")).collect::<Vec<_>>());
    assert_eq!(next(&second), None);
    let newest = &rows(&first)[0];
    assert!(newest[0].contains("href=\"/console/tenants/"), "{newest:?}");
    assert!(
        newest[3].starts_with("bsp_local_") && newest[3].chars().count() == "bsp_local_".len() + 7,
        "{newest:?}"
    );
    let strange = world.console("/console/tenants?cursor=nonsense").send().await;
    assert_eq!(strange.faults(), ["value_error query.cursor"]);
}

#[tokio::test]
async fn a_tenant_is_shown_with_all_it_has() {
    let world = World::with_console().await;
    let busy = a_busy_tenant(&world).await;

    let page = look(&world, &format!("/console/tenants/{}", busy.admin.tenant_id)).await.text;

    for shown in [
        "Acme",
        &busy.admin.tenant_id,
        "eu-west-1",
        "2026-02-10 12:00:00",
        "and 1 more",
        "active",
        "2026-02-01 to 2026-03-01",
        "1,000,000",
        "owner@example.com",
        "member@example.com",
        "MRR",
        "1,250.5",
        "Churn",
        "no points yet",
        "Brief for 2026-01-31",
        "Brief for 2026-01-30",
        "25.05%",
        "assistant_query: 4",
        "daily_brief_generated: 2",
        "kpi_points_ingested",
        "<th scope=\"row\">Daily briefs",
        "<th scope=\"row\">Outbox",
        "queued",
    ] {
        assert!(page.contains(shown), "{shown} is not in {page}");
    }
    assert!(page.find("Brief for 2026-01-31") < page.find("Brief for 2026-01-30"), "by date, latest first");
    assert_eq!(page.matches("<svg").count(), 1 + 4 + 1, "credits, four activities, one course");
    assert_eq!(page.matches("role=\"img\" aria-label=\"").count(), 5, "each chart says what it shows");
}

#[tokio::test]
async fn a_tenant_without_anything_is_shown_too() {
    let world = World::with_console().await;
    let admin = world.tenant().await;

    let page = look(&world, &format!("/console/tenants/{}", admin.tenant_id)).await.text;
    assert!(page.contains("Nothing was used yet") && page.contains("0 % used"), "{page}");
}

#[tokio::test]
async fn who_is_not_there_is_not_found() {
    let world = World::with_console().await;

    for tenant in ["770e8400-e29b-41d4-a716-446655440000", "nonsense", "%F0%28"] {
        let reply = world.console(&format!("/console/tenants/{tenant}")).send().await;
        assert_eq!(reply.detail(404), "Tenant not found", "{tenant}");
    }
    for plan in ["gold", "starter%00", "..%2Fplans"] {
        let reply = world.console(&format!("/console/billing/plans/{plan}")).send().await;
        assert_eq!(reply.detail(404), "Plan not found", "{plan}");
    }
    let read = world.console("/console/tenants/nonsense").header("accept", "text/html").send().await;
    assert!(read.status == 404 && read.text.contains("<h1>Tenant not found</h1>"), "{}", read.text);
}

#[tokio::test]
async fn billing_shows_events_plans_subscriptions_and_usage() {
    let world = World::with_console().await;
    let busy = a_busy_tenant(&world).await;

    let page = look(&world, "/console/billing").await.text;

    for shown in
        ["tool_invocation", "starter", "growth", "scale", "kpi_points_ingested", &busy.admin.tenant_id]
    {
        assert!(page.contains(shown), "{shown}");
    }
    assert!(page.contains("href=\"/console/billing/plans/starter\""));
}

#[tokio::test]
async fn a_plan_is_shown_with_its_capabilities_and_caps() {
    let world = World::with_console().await;

    let page = look(&world, "/console/billing/plans/starter").await.text;

    for shown in ["Starter", "500", "0.02", "kpi_ingest", "daily_brief_generated", "2,000"] {
        assert!(page.contains(shown), "{shown} is not in {page}");
    }
    assert!(look(&world, "/console/billing/plans/scale").await.text.contains("None."), "no caps");
}
