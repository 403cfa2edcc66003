//! What pages ask of the store: a bounded number of reads, whatever there is, and no write.

use bespin_tests::World;
use serde_json::json;

use super::told::{TABLES, a_busy_tenant};

#[tokio::test]
async fn a_table_of_one_tenant_is_one_query() {
    let world = World::with_console().await;
    let busy = a_busy_tenant(&world).await;

    for table in [
        "users",
        "kpi_definitions",
        "briefs",
        "notification_prefs",
        "usage_rollups_period",
        "tenant_subscriptions",
    ] {
        let path = format!("/console/db/{table}?tenant={}", busy.admin.tenant_id);
        let cost = world.console(&path).send().await.cost();
        assert_eq!((cost.round_trips, cost.write_units), (1, 0.0), "{table}");
    }
}

#[tokio::test]
async fn no_page_asks_the_store_more_than_its_bound_however_many_tenants_have_nothing() {
    let world = World::with_console().await;
    for number in 0..150 {
        let body = json!({"name": format!("T{number}"), "region": "eu", "admin_email": "o@example.com"});
        world.sign_up().json(&body).send().await.expect(201);
    }

    for table in TABLES {
        let cost = world.console(&format!("/console/db/{table}?limit=1000")).send().await.cost();
        assert!(cost.round_trips <= 140 && cost.write_units == 0.0, "{table}: {cost:?}");
    }
    let (mut path, mut pages) = ("/console/db/kpi_points?limit=10".to_owned(), 0);
    loop {
        let page = world.console(&path).send().await;
        assert!(page.text.contains("Showing 0 rows"), "nobody has points");
        pages += 1;
        match super::told::next(&page.text) {
            Some(next) => path = next,
            None => break,
        }
    }
    assert!(pages > 1, "empty pages lead on to the end");
    let overview = world.console("/console").send().await;
    assert!(overview.cost().round_trips <= 16 + 15 * 60 + 20, "{:?}", overview.cost());
    assert!(overview.text.contains("the 25 newest tenants"), "{}", overview.text);
}

#[tokio::test]
async fn looking_writes_nothing() {
    let world = World::with_console().await;
    let busy = a_busy_tenant(&world).await;
    let tenant = format!("/console/tenants/{}", busy.admin.tenant_id);

    for page in
        ["/console", "/console/tenants", &tenant, "/console/billing", "/console/billing/plans/starter"]
    {
        let cost = world.console(page).send().await.cost();
        assert!(cost.write_units == 0.0, "{page}: {cost:?}");
    }
}
