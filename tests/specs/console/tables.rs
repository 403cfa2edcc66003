//! The tables: which there are, their columns, and what their parameters may be.

use bespin_tests::World;
use serde_json::json;

use super::told::{TABLES, a_busy_tenant, columns, look, rows, served};

#[tokio::test]
async fn every_table_has_its_columns_in_their_order() {
    let world = World::with_console().await;

    for (table, expected) in [
        ("audit_logs", "id, tenant_id, user_id, action, tool_name, request_id, created_at"),
        (
            "usage_events",
            "id, tenant_id, user_id, activity_type, units, credits, list_cost_estimate, tool_name, request_id, \
             created_at",
        ),
        ("tenants", "id, name, region, created_at"),
        ("kpi_points", "tenant_id, kpi_id, ts, value"),
        ("plan_event_caps", "plan_id, event_key, period, cap_raw_units"),
    ] {
        let page = look(&world, &format!("/console/db/{table}")).await.text;
        assert_eq!(columns(&page).join(", "), expected, "{table}");
    }
}

#[tokio::test]
async fn every_table_shows_its_rows_one_cell_for_each_column() {
    let world = World::with_console().await;
    let busy = a_busy_tenant(&world).await;

    for table in TABLES {
        let page = look(&world, &format!("/console/db/{table}")).await.text;
        let found = rows(&page);
        assert!(!found.is_empty(), "{table} has rows");
        assert!(page.contains(&format!("Showing {} rows (limit: 200)", found.len())), "{table}");
        for row in &found {
            assert_eq!(row.len(), columns(&page).len(), "{table}: {row:?}");
        }
        let of_tenant =
            look(&world, &format!("/console/db/{table}?tenant={}", busy.admin.tenant_id)).await.text;
        assert_eq!(rows(&of_tenant), found, "{table}: there is one tenant only");
    }
}

#[tokio::test]
async fn rows_are_as_the_api_tells_them() {
    let world = World::with_console().await;
    let busy = a_busy_tenant(&world).await;
    let (tenant, admin) = (busy.admin.tenant_id.as_str(), busy.admin.user_id.as_str());
    let table = async |table: &str| rows(&look(&world, &format!("/console/db/{table}")).await.text);

    let points = table("kpi_points").await;
    assert_eq!(points[0], [tenant, &busy.kpi_id, "2026-01-31T00:00:00Z", "1250.5"]);
    assert_eq!(points[1], [tenant, &busy.kpi_id, "2026-01-24T00:00:00Z", "1000.0"]);

    let mut audited: Vec<_> =
        table("audit_logs").await.iter().map(|row| (row[3].clone(), row[4].clone())).collect();
    audited.sort();
    audited.dedup();
    let audited: Vec<_> = audited.iter().map(|(action, tool)| (action.as_str(), tool.as_str())).collect();
    assert_eq!(
        audited,
        [
            ("briefs.materialize", "daily_brief"),
            ("cofounder.chat", "chat"),
            ("notifications.enqueue", "daily_brief"),
            ("tools.invoke", "echo"),
        ]
    );

    let events = table("usage_events").await;
    let points = events.iter().find(|row| row[3] == "kpi_points_ingested").unwrap();
    assert_eq!(points[4..8], ["2", "0.002", "0.00004", "<em>null</em>"]);
    assert_eq!((points[1].as_str(), points[2].as_str()), (tenant, admin));

    let prefs = table("notification_prefs").await;
    assert_eq!(prefs[0][..4], [tenant, &busy.member.user_id, "false", "in_app"]);

    let messages = table("messages").await;
    assert_eq!(messages.iter().filter(|row| row[4] == "user").count(), 4);
    let help = messages.iter().find(|row| row[5].starts_with("Available commands")).unwrap();
    assert!(help[5].ends_with('…') && help[5].chars().count() == 101, "{help:?}");

    let keys = table("idempotency_keys").await;
    let mut endpoints: Vec<_> = keys.iter().map(|row| (row[1].as_str(), row[2].as_str())).collect();
    endpoints.sort_unstable();
    assert_eq!(endpoints[0], ("/v1/briefs/materialize", "brief-1"));
    assert!(
        endpoints.contains(&("<em>null</em>", "<em>null</em>")),
        "a key that opens a secret is not shown"
    );
}

#[tokio::test]
async fn the_newest_row_comes_first() {
    let world = World::with_console().await;
    let admin = world.tenant().await;
    for second in 10..15 {
        let now = format!("2026-02-10T12:00:{second}Z");
        admin.post("/v1/kpis").json(&json!({"name": format!("K{second}")})).at(&now).send().await.expect(201);
    }

    let kpis = rows(&look(&world, "/console/db/kpi_definitions").await.text);
    let names: Vec<_> = kpis.iter().map(|row| row[2].as_str()).collect();
    assert_eq!(names, ["K14", "K13", "K12", "K11", "K10"]);

    let events = rows(&look(&world, "/console/db/usage_events").await.text);
    let mut times: Vec<_> = events.iter().map(|row| row[9].clone()).collect();
    assert_eq!(times.len(), 5);
    times.reverse();
    assert!(times.is_sorted(), "{times:?}");
}

#[tokio::test]
async fn a_table_that_is_not_in_the_list_is_not_allowed() {
    let world = World::with_console().await;

    for table in
        ["api_keys", "daily_limits", "sqlite_master", "Tenants", "tenants;drop", "%F0%28", "usage_daily"]
    {
        let reply = world.console(&format!("/console/db/{table}?limit=0")).send().await;
        assert_eq!(reply.detail(404), "Table not allowed", "{table}");
    }
}

#[tokio::test]
async fn the_limit_is_a_whole_number_from_1_to_1000() {
    let world = World::with_console().await;

    for (limit, fault) in [
        ("0", "greater_than_equal query.limit"),
        ("-1", "greater_than_equal query.limit"),
        ("1001", "less_than_equal query.limit"),
        ("many", "int_parsing query.limit"),
        ("", "int_parsing query.limit"),
        ("7.5", "int_parsing query.limit"),
    ] {
        let reply = world.console(&format!("/console/db/plans?limit={limit}")).send().await;
        assert_eq!(reply.faults(), [fault], "{limit}");
    }
    for limit in [1, 1000] {
        let page = look(&world, &format!("/console/db/plans?limit={limit}")).await.text;
        assert!(page.contains(&format!("Showing {} rows (limit: {limit})", limit.min(3))), "{page}");
    }
}

#[tokio::test]
async fn a_tenant_or_a_cursor_that_cannot_be_is_named() {
    let world = World::with_console().await;
    let one = world.tenant().await;
    let other = world.tenant().await;
    one.kpi("A").await;
    one.kpi("B").await;
    let page =
        look(&world, &format!("/console/db/kpi_definitions?tenant={}&limit=1", one.tenant_id)).await.text;
    let cursor = super::told::next(&page).unwrap().split("cursor=").nth(1).unwrap().to_owned();

    let faults = async |path: String| world.console(&path).send().await.faults();
    assert_eq!(faults("/console/db/users?tenant=acme".into()).await, ["value_error query.tenant"]);
    for strange in ["nonsense", ".", "~", "~x", "~-1", "..", "%00", &format!("{cursor}.{cursor}")] {
        let path = format!("/console/db/kpi_definitions?cursor={strange}");
        if strange != "nonsense" && world.console(&path).send().await.status == 200 {
            continue;
        }
        assert_eq!(faults(path).await, ["value_error query.cursor"], "{strange}");
    }
    // A place is one of its table and tenant only.
    for path in [
        format!("/console/db/users?tenant={}&cursor={cursor}", one.tenant_id),
        format!("/console/db/kpi_definitions?tenant={}&cursor={cursor}", other.tenant_id),
    ] {
        assert_eq!(faults(path.clone()).await, ["value_error query.cursor"], "{path}");
    }
    let nobody = "770e8400-e29b-41d4-a716-446655440000";
    let empty = look(&world, &format!("/console/db/users?tenant={nobody}")).await.text;
    assert!(empty.contains("Showing 0 rows"), "{empty}");
}

#[tokio::test]
async fn idempotency_keys_are_listed_on_ones_own_machine_only_because_nothing_else_finds_them() {
    let world = World::with_console().await;
    a_busy_tenant(&world).await;
    let router = served(&world, |settings| settings.console_may_scan = false);

    let page = world.console("/console/db/idempotency_keys").through(&router).send().await;
    assert!(
        page.text.contains("Showing 0 rows") && page.text.contains("Nothing lists them"),
        "{}",
        page.text
    );
    assert_eq!(page.cost().round_trips, 0);
    let overview = world.console("/console").through(&router).send().await;
    assert!(overview.text.contains("not counted"), "{}", overview.text);
}
