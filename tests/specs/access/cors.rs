//! Which pages may read our answers (gateway.md 16, 17).

use bespin_local::LocalSettings;
use bespin_tests::{Reply, World};

const LOCAL: [&str; 4] =
    ["http://localhost:3000", "http://localhost:8000", "http://127.0.0.1:3000", "http://127.0.0.1:8000"];
const FOREIGN: [&str; 6] = [
    "https://evil.example",
    "https://localhost:3000",
    "http://localhost:3001",
    "http://localhost:3000.evil.example",
    "null",
    "*",
];

/// One answer of each sort: good, unknown, refused, invalid, led away.
async fn answers(world: &World, origin: &str) -> Vec<Reply> {
    let mut replies = Vec::new();
    for (method, path, body) in [
        ("GET", "/healthz", ""),
        ("GET", "/nowhere", ""),
        ("DELETE", "/v1/kpis", ""),
        ("GET", "/v1/kpis", ""),
        ("POST", "/v1/tenants", "{"),
        ("GET", "/v1/kpis/", ""),
        ("OPTIONS", "/v1/kpis", ""),
    ] {
        replies.push(world.request(method, path).header("origin", origin).body(body).send().await);
    }
    replies
}

fn opened_to(reply: &Reply) -> (Option<&str>, Option<&str>) {
    (reply.header("access-control-allow-origin"), reply.header("access-control-allow-credentials"))
}

#[tokio::test]
async fn pages_of_this_machine_may_read_every_answer_errors_included_and_others_none() {
    let world = World::open().await;

    for origin in LOCAL {
        for reply in answers(&world, origin).await {
            assert_eq!(opened_to(&reply), (Some(origin), Some("true")), "{}", reply.status);
            assert_eq!(reply.header("vary"), Some("Origin"));
            assert_eq!(reply.header("access-control-expose-headers"), None);
        }
    }
    for origin in FOREIGN {
        for reply in answers(&world, origin).await {
            assert_eq!(opened_to(&reply), (None, None), "{origin}");
            assert_eq!(reply.header("vary"), Some("Origin"), "no cache may mix them up");
        }
    }
    let without = world.request("GET", "/healthz").send().await;
    assert_eq!((opened_to(&without), without.header("vary")), ((None, None), Some("Origin")));
}

#[tokio::test]
async fn a_preflight_is_answered_for_allowed_origins_and_methods_on_any_path() {
    let world = World::open().await;
    let ask = |origin: &str, method: &str, path: &str| {
        world
            .request("OPTIONS", path)
            .header("origin", origin)
            .header("access-control-request-method", method)
            .header("access-control-request-headers", "x-tenant-id, X-API-Key")
    };

    for path in ["/v1/kpis", "/v1/tools/invoke", "/v1/kpis/", "/nowhere"] {
        for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS"] {
            let reply = ask(LOCAL[0], method, path).send().await;
            assert_eq!(reply.status, 200, "{method} {path}: {}", reply.text);
            assert_eq!(opened_to(&reply), (Some(LOCAL[0]), Some("true")));
            assert_eq!(reply.header("access-control-allow-methods"), Some("GET, POST, PUT, DELETE, OPTIONS"));
            assert_eq!(reply.header("access-control-max-age"), Some("600"));
            assert_eq!(reply.header("access-control-allow-headers"), Some("x-tenant-id, X-API-Key"));
        }
    }
    for (origin, method) in FOREIGN.map(|origin| (origin, "GET")).into_iter().chain([(LOCAL[0], "PATCH")]) {
        let reply = ask(origin, method, "/v1/kpis").send().await;
        assert_eq!(reply.status, 400, "{origin} {method}");
        assert!(reply.header("content-type").unwrap().starts_with("text/plain"));
        assert_eq!(opened_to(&reply).0.is_some(), origin == LOCAL[0]);
    }
    // Without the question it is no preflight, and no route has this method.
    assert_eq!(world.request("OPTIONS", "/v1/kpis").header("origin", LOCAL[0]).send().await.status, 405);
}

#[tokio::test]
async fn the_setting_takes_the_place_of_the_default_origins() {
    let cors_origins = Some("https://app.example, https://admin.example".to_owned());
    let world =
        World::open_with(LocalSettings { cors_origins, test_clock: true, ..LocalSettings::default() }).await;

    for (origin, allowed) in [
        ("https://app.example", true),
        ("https://admin.example", true),
        ("https://app.example:444", false),
        ("http://app.example", false),
        (LOCAL[0], false),
    ] {
        for reply in answers(&world, origin).await {
            assert_eq!(opened_to(&reply).0, allowed.then_some(origin));
        }
    }
}
