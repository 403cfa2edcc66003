//! What tenants write shows as text, whatever it is.

use bespin_tests::World;
use serde_json::json;

use super::told::{TABLES, look};

const HOSTILE: [&str; 6] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "{{ 7*7 }}{% raw %}</title></h1>",
    "\u{202e}evil\u{202c}",
    "javascript:alert(1)",
];

#[tokio::test]
async fn names_titles_and_questions_are_text_on_every_page() {
    let world = World::with_console().await;
    for text in HOSTILE {
        let body = json!({"name": text, "region": text, "admin_email": "o@example.com"});
        let sign_up = world.sign_up().json(&body).send().await.expect(201);
        let id = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let admin = world.actor(
            &id(&sign_up["tenant_id"]),
            &id(&sign_up["admin"]["user_id"]),
            &id(&sign_up["api_key"]),
        );
        let kpi = json!({"name": text, "unit": text, "description": text.repeat(100)});
        let kpi = admin.post("/v1/kpis").json(&kpi).send().await.expect(201);
        let points = [("2026-01-24T00:00:00Z", 10.0), ("2026-01-31T00:00:00Z", 5.0)];
        admin.points(kpi["kpi_id"].as_str().unwrap(), &points).send().await.expect(200);
        admin.materialize("brief", "2026-01-31").send().await.expect(200);
        admin.post("/v1/cofounder/chat").json(&json!({"message": text})).send().await.expect(200);
        admin.post("/v1/conversations").json(&json!({"title": text})).send().await.expect(201);
        let page = look(&world, &format!("/console/tenants/{}", admin.tenant_id)).await.text;
        assert_harmless(&page);
    }

    for table in TABLES {
        assert_harmless(&look(&world, &format!("/console/db/{table}")).await.text);
    }
    assert_harmless(&look(&world, "/console/tenants").await.text);
    for path in [
        "/console/db/%3Cscript%3E",
        "/console/tenants/%3Cscript%3Ealert(1)",
        "/console/db/users?tenant=%22%3E%3Cscript%3E",
    ] {
        let reply = world.console(path).header("accept", "text/html").send().await;
        assert_harmless(&reply.text);
    }
}

/// Nothing of [`HOSTILE`] is markup: no tag begins there, and no attribute ends.
fn assert_harmless(page: &str) {
    let lower = page.to_lowercase();
    for forbidden in ["<script", "<img", "' onmouseover", "\"><img", "</title></h1>", "href=\"javascript"] {
        let found = lower.find(forbidden).map(|at| lower.get(at.saturating_sub(80)..at + 40));
        assert_eq!(found, None, "{forbidden}");
    }
    // The direction of a text ends with it.
    for (at, _) in page.match_indices('\u{202e}') {
        let before = &page[..at];
        let is_title = before.ends_with("<title>");
        assert!(
            before.ends_with("<bdi>") || is_title || before.ends_with("\u{202c}"),
            "{}",
            &before[before.len() - 80..]
        );
    }
}
