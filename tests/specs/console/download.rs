//! The export.

use bespin_tests::World;
use serde_json::{Value, json};

use super::told::{TABLES, a_busy_tenant, all_rows};

/// The lines of a part.
async fn lines(world: &World, path: &str) -> Vec<Value> {
    let reply = world.console(path).send().await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(reply.header("content-type"), Some("application/x-ndjson"));
    assert!(reply.header("content-disposition").unwrap().starts_with("attachment; filename=\"bespin-"));
    assert!(reply.text.ends_with('\n'));
    reply.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn everything_is_there_a_row_a_line_and_the_last_line_says_that_it_is_complete() {
    let world = World::with_console().await;
    a_busy_tenant(&world).await;
    a_busy_tenant(&world).await;

    let mut lines = lines(&world, "/console/db/download").await;

    assert_eq!(lines.pop().unwrap(), json!({"end": "complete"}));
    for table in TABLES {
        let of_table = lines.iter().filter(|line| line["table"] == table).count();
        let shown = all_rows(&world, &format!("/console/db/{table}?limit=1000")).await.len();
        assert_eq!(of_table, shown, "{table}");
    }
    let event = lines.iter().find(|line| line["table"] == "usage_events").unwrap();
    let columns: Vec<_> = event["row"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(columns[..5], ["id", "tenant_id", "user_id", "activity_type", "units"]);
    let long = lines.iter().find(|line| line["row"]["content"].as_str().is_some_and(|text| text.len() > 150));
    assert!(long.is_some(), "what pages shorten is whole here");
}

#[tokio::test]
async fn one_table_of_one_tenant_may_be_asked_for() {
    let world = World::with_console().await;
    let one = a_busy_tenant(&world).await;
    a_busy_tenant(&world).await;

    let path = format!("/console/db/download?table=users&tenant={}", one.admin.tenant_id);
    let lines = lines(&world, &path).await;

    assert_eq!(lines.len(), 3, "two users and the end");
    assert!(lines[..2].iter().all(|line| line["row"]["tenant_id"] == one.admin.tenant_id.as_str()));
    for (query, fault) in [
        ("table=api_keys", "value_error query.table"),
        ("tenant=acme", "value_error query.tenant"),
        ("from=users:nonsense", "value_error query.from"),
        ("from=nonsense", "value_error query.from"),
    ] {
        let reply = world.console(&format!("/console/db/download?{query}")).send().await;
        assert_eq!(reply.faults(), [fault], "{query}");
    }
}

#[tokio::test]
async fn a_large_export_comes_in_parts_that_lead_on() {
    let world = World::with_console().await;
    let admin = world.tenant().await;
    world.without_limits(&admin).await;
    let description = "x".repeat(4_000);
    for number in 0..1_200 {
        let body = json!({"name": number.to_string(), "description": description});
        admin.post("/v1/kpis").json(&body).send().await.expect(201);
    }
    let (mut all, mut parts, mut path) =
        (Vec::new(), 0, "/console/db/download?table=kpi_definitions".to_owned());

    loop {
        let reply = world.console(&path).send().await;
        assert!(reply.text.len() < 6_000_000, "{} bytes", reply.text.len());
        parts += 1;
        let mut lines: Vec<Value> =
            reply.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let end = lines.pop().unwrap();
        all.extend(lines.into_iter().map(|line| line["row"]["id"].as_str().unwrap().to_owned()));
        match end["end"].as_str().unwrap() {
            "complete" => break,
            "more" => path = end["next"].as_str().unwrap().to_owned(),
            other => panic!("{other}"),
        }
    }

    assert!(parts > 1, "{parts}");
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!((count, all.len()), (1_200, 1_200));
}

#[tokio::test]
async fn an_export_that_breaks_off_says_so() {
    let world = World::with_console().await;
    a_busy_tenant(&world).await;
    world.faults().stop_after(30);

    let reply = world.console("/console/db/download").send().await;

    let last = reply.text.lines().last().unwrap_or_default();
    assert!(last.contains(r#""end":"failed""#), "{last}");
}
