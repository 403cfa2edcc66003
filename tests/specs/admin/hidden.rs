//! Without a platform admin key there is no admin API.

use bespin_access::PlatformKeys;
use bespin_local::LocalSettings;
use bespin_tests::{Reply, Request, World};
use serde_json::Value;

/// What an answer shows, but for what differs between any two answers.
fn shown(reply: &Reply) -> (u16, Value, Vec<(String, String)>) {
    let mut body = reply.json();
    body.as_object_mut().unwrap().remove("request_id");
    let header = |name: &str| reply.header(name).unwrap_or_default().to_owned();
    let mut headers: Vec<_> = reply
        .headers
        .keys()
        .map(|name| (name.as_str().to_owned(), header(name.as_str())))
        .filter(|(name, _)| name != "x-request-id")
        .collect();
    headers.sort();
    (reply.status, body, headers)
}

/// Every path of the admin API, with every method, with and without a body that makes sense.
fn everything(world: &World) -> Vec<Request> {
    let paths = [
        "/v1/admin/metered-events",
        "/v1/admin/metered-events/tool_invocation",
        "/v1/admin/plans",
        "/v1/admin/plans/starter",
        "/v1/admin/plans/starter/capabilities",
        "/v1/admin/plans/starter/caps",
        "/v1/admin/tenants",
        "/v1/admin/tenants/770e8400-e29b-41d4-a716-446655440000",
        "/v1/admin/tenants/770e8400-e29b-41d4-a716-446655440000/subscription",
        "/v1/admin/tenants/770e8400-e29b-41d4-a716-446655440000/suspend",
        "/v1/admin/tenants/770e8400-e29b-41d4-a716-446655440000/resume",
        "/v1/admin/tenants/770e8400-e29b-41d4-a716-446655440000/api-keys",
        "/v1/admin/audit",
    ];
    let methods = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"];
    let bodies: [&[u8]; 4] = [b"", b"{}", b"{", b"\xff"];
    let mut requests = Vec::new();
    for path in paths {
        for method in methods {
            requests.extend(bodies.map(|body| world.request(method, path).body(body)));
        }
    }
    requests
}

async fn assert_hidden(world: &World, key: &[u8]) {
    let nowhere = world.request("POST", "/v1/admin/nowhere").header("x-platform-admin-key", key).send().await;
    let nothing = shown(&nowhere);
    assert_eq!(nothing.0, 404);
    for request in everything(world) {
        let reply = request.clone().header("x-platform-admin-key", key).send().await;
        if reply.text.is_empty() {
            assert_eq!(reply.status, 404, "{request:?}");
            continue;
        }
        assert_eq!(shown(&reply), nothing, "{request:?}");
    }
}

#[tokio::test]
async fn with_a_wrong_key_every_route_is_like_a_path_that_does_not_exist() {
    let world = World::open().await;

    for key in [&b"wrong"[..], b"the key of the operato", b"the key of the operator2", b"\xff\xfe"] {
        assert_hidden(&world, key).await;
    }
    let nothing = shown(&world.request("GET", "/v1/admin/nowhere").send().await);
    for request in everything(&world) {
        let reply = request.send().await;
        assert!(reply.text.is_empty() || shown(&reply) == nothing, "{}", reply.text);
    }
}

#[tokio::test]
async fn where_no_key_is_configured_none_opens() {
    let world = World::open_with(LocalSettings { test_clock: true, ..LocalSettings::default() }).await;

    assert_hidden(&world, b"the key of the operator").await;
    assert_hidden(&world, b" ").await;
}

#[tokio::test]
async fn a_tenants_credentials_neither_help_nor_are_needed() {
    let world = World::open().await;
    let admin = world.tenant().await;

    admin.get("/v1/admin/plans").send().await.detail(404);

    world.operator("GET", "/v1/admin/plans").send().await.expect(200);
}

#[tokio::test]
async fn a_key_may_be_told_by_its_hash_and_two_may_open_at_once() {
    // Of `first` and `second`.
    let hashes = "a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e,\
                  16367aacb67a4a017c8da8ab95682ccb390863780f7114dda0a0e0c55644c7c4";
    let platform_keys = PlatformKeys::parse("", hashes).unwrap();
    let world = World::open_with(LocalSettings { platform_keys, ..World::settings() }).await;
    let plans =
        |key: &str| world.request("GET", "/v1/admin/plans").header("x-platform-admin-key", key).send();

    plans("first").await.expect(200);
    plans("second").await.expect(200);
    plans("third").await.detail(404);
    plans("16367aacb67a4a017c8da8ab95682ccb390863780f7114dda0a0e0c55644c7c4").await.detail(404);
}

#[tokio::test]
async fn the_wrong_method_and_a_broken_body_are_told_to_the_operator() {
    let world = World::open().await;

    let reply = world.operator("DELETE", "/v1/admin/plans").send().await;
    assert_eq!(reply.detail(405), "Method Not Allowed");
    let reply = world.operator("POST", "/v1/admin/plans").body("{").send().await;
    assert_eq!(reply.faults(), ["json_invalid body.1"]);
    let reply = world.operator("POST", "/v1/admin/plans").body(vec![0xff]).send().await;
    assert_eq!(reply.detail(400), "There was an error parsing the body");
}
