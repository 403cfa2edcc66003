//! What every answer looks like, whatever was asked (gateway.md 1.1, 17).

use std::collections::{BTreeSet, HashSet};

use bespin_local::LocalSettings;
use bespin_tests::{Reply, World};
use serde_json::{Value, json};

use super::routes::{OPEN, Objects, all};

const LARGEST_BODY: usize = 6 * 1024 * 1024;

/// Asserts what is true of every error of any route.
#[track_caller]
pub(crate) fn assert_error_envelope(reply: &Reply) {
    let body = reply.json();
    let names: BTreeSet<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    let own = BTreeSet::from(["status", "error", "message", "request_id", "detail"]);
    let members = body["detail"].as_object();
    let expected: BTreeSet<&str> = members.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, &own | &expected, "{body}");
    if !expected.contains("status") {
        assert_eq!(body["status"], reply.status, "{body}");
    }
    for (name, value) in members.into_iter().flatten() {
        assert_eq!(&body[name], value, "{name} of {body}");
    }
    assert!(body["error"].as_str().is_some_and(|code| !code.is_empty()), "{body}");
    assert!(body["message"].as_str().is_some_and(|sentence| !sentence.is_empty()), "{body}");
    assert_eq!(body["detail"].is_array(), reply.status == 422, "{body}");
    assert_eq!(body["request_id"].as_str(), reply.header("x-request-id"), "{body}");
    assert_eq!(reply.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn errors_of_every_kind_are_one_envelope() {
    let world = World::open().await;
    let admin = world.tenant().await;
    admin.invoke("k", "echo", &json!({})).send().await.expect(200);
    world.set_daily_tool_limit(&admin, 0).await;

    for (reply, status, error) in [
        (admin.get("/v1/kpis").without("x-api-key").send().await, 400, "missing_header"),
        (admin.post("/v1/kpis").body(b"\xff").send().await, 400, "unreadable_body"),
        (admin.get("/v1/kpis").header("x-api-key", "guess").send().await, 401, "invalid_credentials"),
        (admin.get("/v1/kpis").header("x-user-id", "nobody").send().await, 403, "user_not_found"),
        (admin.get("/v1/kpis/none/latest").send().await, 404, "kpi_not_found"),
        (admin.get("/nowhere").send().await, 404, "not_found"),
        (admin.request("DELETE", "/v1/kpis").send().await, 405, "method_not_allowed"),
        (admin.invoke("k", "echo", &json!({"other": 1})).send().await, 409, "idempotency_conflict"),
        (admin.post("/v1/kpis").body(vec![b' '; LARGEST_BODY + 1]).send().await, 413, "body_too_large"),
        (admin.post("/v1/kpis").body("{}").send().await, 422, "invalid_request"),
        (admin.invoke("new", "echo", &json!({})).send().await, 429, "quota_exceeded"),
    ] {
        assert_eq!((reply.status, &reply.json()["error"]), (status, &json!(error)), "{}", reply.text);
        assert_error_envelope(&reply);
    }
}

#[tokio::test]
async fn the_gateway_tells_about_itself_to_anybody_without_reading_the_store() {
    let world = World::open().await;
    let calls = world.faults().total_calls();

    let gateway = world.request("GET", "/").send().await;
    let health = world.request("GET", "/healthz").send().await;
    world.request("GET", "/openapi.json").send().await.expect(200);

    assert!(gateway.expect(200)["message"].is_string() && gateway.json()["version"].is_string());
    assert_eq!(health.expect(200), json!({"status": "ok"}));
    assert_eq!(world.faults().total_calls(), calls);
    // Credentials do not matter, not even wrong ones.
    let wrong = world.request("GET", "/healthz").header("x-tenant-id", "x").header("x-api-key", b"\xff");
    assert_eq!(wrong.send().await.status, 200);
}

#[tokio::test]
async fn every_answer_has_an_id_of_its_own_and_is_not_to_be_stored() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let own = Objects::of(&admin).await;
    let mut replies = vec![
        world.request("GET", "/nowhere").send().await,
        world.request("HEAD", "/v1/kpis").send().await,
        world.request("GET", "/v1/kpis/").send().await,
        world.request("POST", "/v1/kpis").body("{").send().await,
        world.request("GET", "/v1/kpis").header("x-request-id", "chosen by the caller").send().await,
        world.request("POST", "/v1/kpis").body(vec![b' '; LARGEST_BODY + 1]).send().await,
    ];
    for (method, path) in OPEN {
        replies.push(world.request(method, path).send().await);
    }
    for route in all() {
        replies.push(route.by(&admin, &own).send().await);
        let v1 = replies.last().unwrap();
        assert_eq!(v1.header("cache-control"), Some("no-store"), "{}", route.name());
    }

    let mut seen = HashSet::new();
    for reply in &replies {
        let id = reply.header("x-request-id").unwrap();
        let uuid: uuid::Uuid = id.parse().unwrap();
        assert_eq!((uuid.get_version_num(), uuid.to_string().as_str()), (4, id));
        assert!(seen.insert(id), "{id} twice");
    }
}

#[tokio::test]
async fn the_request_id_of_an_answer_is_the_one_in_its_header_and_in_the_ledger() {
    let world = World::open().await;
    let admin = world.tenant().await;

    let reply = admin.invoke("k", "echo", &json!({})).send().await;

    let id = reply.header("x-request-id").unwrap();
    assert_eq!(reply.expect(200)["request_id"], id);
    assert_eq!(world.ledger(&admin, "2026-02").await[0].request_id.to_string(), id);
}

#[track_caller]
fn assert_plain_refusal(reply: &Reply, method: &str, status: u16, detail: &str) {
    if method == "HEAD" {
        // HTTP lets no body follow.
        assert_eq!((reply.status, reply.text.as_str()), (status, ""));
    } else {
        assert_eq!(reply.detail(status), detail, "{method}");
    }
}

#[tokio::test]
async fn an_unknown_route_is_404_and_a_known_one_with_another_method_405() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let own = Objects::of(&admin).await;
    let routes: Vec<(String, String)> = all()
        .map(|route| (route.method.to_owned(), route.path_to(&own)))
        .chain(OPEN.map(|(method, path)| (method.to_owned(), path.to_owned())))
        .collect();

    for path in [
        "/v1",
        "/v2/kpis",
        "/v1/kpi",
        "/V1/kpis",
        "/v1/kpis/x",
        "/v1/kpis/x/y/latest",
        "/v1/tenants/x",
        "/v1//kpis",
        "/healthz/x",
        "/%00",
    ] {
        for method in ["GET", "POST", "HEAD", "DELETE"] {
            let reply = admin.request(method, path).send().await;
            assert_plain_refusal(&reply, method, 404, "Not Found");
        }
    }
    for (_, path) in &routes {
        let known: BTreeSet<&str> =
            routes.iter().filter(|(_, p)| p == path).map(|(method, _)| method.as_str()).collect();
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW"] {
            // Of a date's route `materialize` is no date to be asked for.
            if known.contains(method) || path == "/v1/briefs/materialize" && method == "GET" {
                continue;
            }
            // Without credentials, with a body that is no JSON: the route comes first.
            let reply = world.request(method, path).body("{").send().await;
            assert_plain_refusal(&reply, method, 405, "Method Not Allowed");
            let allowed: BTreeSet<&str> = reply.header("allow").unwrap().split(", ").collect();
            assert!(known.is_subset(&allowed) && !allowed.contains("HEAD"), "{method} {path}: {allowed:?}");
        }
    }
}

#[tokio::test]
async fn a_trailing_slash_leads_to_the_path_without_it_and_keeps_the_query() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let own = Objects::of(&admin).await;

    for route in all() {
        let path = route.path_to(&own);
        // Even strangers are led, before anything is checked.
        let reply = world.request(route.method, &format!("{path}/?a=1&b=%2F")).send().await;
        assert_eq!((reply.status, reply.text.as_str()), (307, ""), "{}", route.name());
        assert_eq!(reply.header("location"), Some(format!("{path}?a=1&b=%2F").as_str()));
    }
    // Never to another host.
    for path in ["//evil.example/", "///", "/\\evil.example/"] {
        let Ok(uri) = path.parse::<axum::http::Uri>() else { continue };
        assert_eq!(uri.path(), path);
        assert_ne!(world.request("GET", path).send().await.status, 307, "{path}");
    }
    assert_eq!(world.request("GET", "/").send().await.status, 200);
}

#[tokio::test]
async fn a_body_may_have_6_mib_and_not_a_byte_more() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let sized = |length: usize| {
        let mut body = r#"{"name": "MRR"}"#.to_owned();
        body.push_str(&" ".repeat(length - body.len()));
        body
    };

    admin.post("/v1/kpis").body(sized(LARGEST_BODY)).send().await.expect(201);
    let refused = admin.post("/v1/kpis").body(sized(LARGEST_BODY + 1)).send().await;
    assert_eq!(refused.detail(413), "Request body too large");
    // What is announced counts for nothing: what comes is measured.
    let announced = admin.post("/v1/kpis").header("content-length", "7").body(sized(LARGEST_BODY + 1));
    assert_eq!(announced.send().await.status, 413);
    let strangers = world.request("POST", "/v1/kpis").body(sized(LARGEST_BODY + 1)).send().await;
    assert_eq!(strangers.status, 413);
}

#[tokio::test]
async fn only_where_tests_may_do_so_a_request_names_its_own_time() {
    let created_at = async |test_clock: bool| {
        let world = World::open_with(LocalSettings { test_clock, ..LocalSettings::default() }).await;
        let tenant = world.sign_up().at("2001-02-03T04:05:06Z").send().await.expect(201);
        tenant["created_at"].as_str().unwrap().to_owned()
    };

    assert!(created_at(true).await.starts_with("2001-02-03T04:05:06"));
    assert!(!created_at(false).await.starts_with("2001"), "nobody can turn back the clock of the product");
}

#[tokio::test]
async fn successes_are_bare_json() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let own = Objects::of(&admin).await;

    for route in all() {
        let reply = route.by(&admin, &own).send().await;
        assert_eq!(reply.header("content-type"), Some("application/json"), "{}", route.name());
        let body: Value = reply.expect(route.success);
        // A plan tells the status of its subscription, which is a word.
        let enveloped = body.get("detail").is_some() || body.get("status").is_some_and(Value::is_number);
        assert!(!enveloped, "{body}");
    }
}
