//! A tenant that has something of everything, and how pages are read.

use std::sync::Arc;

use axum::Router;
use bespin_edge::{Deps, Settings};
use bespin_local::RequestClock;
use bespin_primitives::{OsRandom, SystemClock, TenantId};
use bespin_tests::{Actor, Reply, World};
use serde_json::{Value, json};

/// All tables of the contract.
pub(crate) const TABLES: [&str; 19] = [
    "tenants",
    "users",
    "kpi_definitions",
    "kpi_points",
    "briefs",
    "audit_logs",
    "usage_events",
    "idempotency_keys",
    "notification_prefs",
    "notification_outbox",
    "conversations",
    "messages",
    "metered_event_types",
    "plans",
    "plan_capabilities",
    "plan_event_caps",
    "capabilities",
    "tenant_subscriptions",
    "usage_rollups_period",
];

/// A page for somebody who is signed in.
pub(crate) async fn look(world: &World, path: &str) -> Reply {
    let reply = world.console(path).send().await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.text);
    assert_eq!(reply.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
    reply
}

/// The texts of a table's head.
pub(crate) fn columns(html: &str) -> Vec<String> {
    let head = between(html, "<thead>", "</thead>");
    head.split("<th scope=\"col\">")
        .skip(1)
        .map(|part| part.split("</th>").next().unwrap().to_owned())
        .collect()
}

/// The cells of a table's body, row by row; `<em>null</em>` where there is nothing.
pub(crate) fn rows(html: &str) -> Vec<Vec<String>> {
    let body = between(html, "<tbody>", "</tbody>");
    body.split("<tr>")
        .skip(1)
        .map(|row| row.split("<td").skip(1).map(|cell| cell.split_once('>').unwrap().1).map(cell).collect())
        .collect()
}

fn cell(rest: &str) -> String {
    let cell = rest.split("</td>").next().unwrap();
    let text = cell.strip_prefix("<bdi>").and_then(|cell| cell.strip_suffix("</bdi>")).unwrap_or(cell);
    let escapes = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
    escapes.iter().fold(text.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}

pub(crate) fn between<'a>(html: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = html.split_once(from).unwrap_or_else(|| panic!("{from} is not in {html}"));
    rest.split_once(to).unwrap_or_else(|| panic!("{to} is not in {html}")).0
}

/// Where the link to the next page leads.
pub(crate) fn next(html: &str) -> Option<String> {
    let (_, rest) = html.split_once("rel=\"next\" href=\"")?;
    Some(rest.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&"))
}

/// All rows of a table, page by page.
pub(crate) async fn all_rows(world: &World, path: &str) -> Vec<Vec<String>> {
    let (mut all, mut path) = (Vec::new(), path.to_owned());
    loop {
        let page = look(world, &path).await.text;
        all.extend(rows(&page));
        match next(&page) {
            Some(next) => path = next,
            None => return all,
        }
    }
}

/// The function over the world's table, under settings that differ.
pub(crate) fn served(world: &World, change: impl FnOnce(&mut Settings)) -> Router {
    let mut settings = (*world.deps().settings).clone();
    change(&mut settings);
    let clock = Arc::new(RequestClock { clock: Arc::new(SystemClock), header_counts: true });
    let surface = settings.surface(clock, Arc::new(OsRandom), true);
    let deps =
        Deps::new(&world.table_of(world.embedded()), settings, Arc::new(SystemClock), Arc::new(OsRandom));
    surface.wrap(bespin_fn_console::routes(deps))
}

/// What [`a_busy_tenant`] has.
pub(crate) struct Busy {
    pub(crate) admin: Actor,
    pub(crate) member: Actor,
    pub(crate) kpi_id: String,
    /// Keys that open something, in clear.
    pub(crate) secrets: Vec<String>,
}

/// A tenant with at least one row in every table.
pub(crate) async fn a_busy_tenant(world: &World) -> Busy {
    let unique = TenantId::random(&OsRandom);
    let key = format!("a client's key for {unique}");
    let sign_up = world.sign_up().key(&key).send().await.expect(201);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let api_key = text(&sign_up["api_key"]);
    let admin = world.actor(&text(&sign_up["tenant_id"]), &text(&sign_up["admin"]["user_id"]), &api_key);
    world.without_limits(&admin).await;
    let spare_key = format!("a client's key for a spare of {unique}");
    let spare = admin.post("/v1/api-keys").key(&spare_key).json(&json!({"name": "spare"}));
    let spare = text(&spare.send().await.expect(201)["api_key"]);
    let member = admin.member().await;

    let kpi_id = admin.kpi("MRR").await;
    let points = [("2026-01-24T00:00:00Z", 1000.0), ("2026-01-31T00:00:00Z", 1250.5)];
    admin.points(&kpi_id, &points).send().await.expect(200);
    admin.kpi("Churn").await;
    admin.invoke("call-1", "echo", &json!({"text": "hi"})).send().await.expect(200);
    let job = admin.post("/v1/jobs/daily-brief").key("job-1").json(&json!({"date": "2026-01-31"}));
    job.send().await.expect(200);
    admin.materialize("brief-1", "2026-01-30").send().await.expect(200);
    let prefs = json!({"daily_brief_enabled": false});
    member.request("PUT", "/v1/notifications/prefs").json(&prefs).send().await.expect(200);
    for user in [&admin, &member] {
        for message in ["help", "kpis"] {
            user.post("/v1/cofounder/chat").json(&json!({"message": message})).send().await.expect(200);
        }
    }
    let secrets = vec![api_key, spare, key, spare_key];
    Busy { admin, member, kpi_id, secrets }
}
