//! gateway.md 1.1: what every answer looks like.

use std::sync::Arc;

use axum::body::Body;
use bespin_primitives::{FaultKind, Timestamp};
use bespin_web::{Answer, Call, Problem, Surface, TimeSource};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::small_gateway::{NOON, a_request, a_surface, ask, gateway, get_path, post_body, routes};

#[tokio::test]
async fn a_success_is_a_bare_object() {
    let answer = post_body("/v1/kpis", r#"{"name": "MRR", "unit": null, "more": 1}"#).await;

    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.text, r#"{"tenant_id":"a tenant","name":"MRR","unit":null,"window_days":7}"#);
}

#[tokio::test]
async fn a_stored_answer_is_given_again_byte_for_byte() {
    let stored = "{ \"value\" : 1.50 }";
    let router = axum::Router::new()
        .route("/", axum::routing::get(move || async move { Answer::json_text(StatusCode::OK, stored) }));

    let answer = ask(&a_surface().wrap(router), a_request("GET", "/").body(Body::empty()).unwrap()).await;

    assert_eq!(answer.text, stored);
}

#[tokio::test]
async fn an_unknown_route_is_404_whatever_the_method() {
    for method in ["GET", "POST", "HEAD", "OPTIONS", "PATCH"] {
        let answer = ask(&gateway(), a_request(method, "/v1/nothing").body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method}");
    }
    let answer = get_path("/v1/nothing").await;
    assert_eq!(answer.detail(), "Not Found");
    assert_eq!(answer.json()["error"], "not_found");
}

#[tokio::test]
async fn a_known_route_refuses_other_methods_and_head() {
    for (method, path) in
        [("PUT", "/v1/kpis"), ("HEAD", "/v1/kpis"), ("HEAD", "/healthz"), ("GET", "/v1/users")]
    {
        let answer = ask(&gateway(), a_request(method, path).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        assert!(!answer.header("allow").contains("HEAD"), "{method} {path}");
    }
    let answer = ask(&gateway(), a_request("DELETE", "/v1/kpis").body(Body::empty()).unwrap()).await;
    assert_eq!(answer.detail(), "Method Not Allowed");
    assert_eq!(answer.json()["error"], "method_not_allowed");
    let mut allowed: Vec<_> = answer.header("allow").split(", ").collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["GET", "POST"]);
}

#[tokio::test]
async fn a_trailing_slash_leads_to_the_path_without_it_and_keeps_the_query() {
    for (asked, location) in [
        ("/v1/kpis/", "/v1/kpis"),
        ("/v1/kpis/?limit=1&x=%2F", "/v1/kpis?limit=1&x=%2F"),
        ("/v1/kpis//", "/v1/kpis"),
    ] {
        let answer = get_path(asked).await;
        assert_eq!(answer.status, StatusCode::TEMPORARY_REDIRECT, "{asked}");
        assert_eq!(answer.header("location"), location);
        assert_eq!(answer.header("x-request-id").len(), 36);
    }
    assert_eq!(get_path("/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_trailing_slash_never_leads_to_another_host() {
    for path in ["//evil.example/", "///evil.example/", "//"] {
        let request = http::Request::builder().uri(path).body(Body::empty());
        // Some of these are no URI at all, which is as good.
        let Ok(request) = request else { continue };
        let answer = ask(&gateway(), request).await;
        assert_eq!(answer.header("location"), "", "{path}");
    }
}

#[tokio::test]
async fn every_error_has_status_code_sentence_request_id_and_detail() {
    for (answer, status, code) in [
        (get_path("/v1/nothing").await, 404, "not_found"),
        (post_body("/v1/kpis", "{").await, 422, "invalid_request"),
        (post_body("/v1/kpis", vec![0xff]).await, 400, "unreadable_body"),
        (get_path("/v1/throttled").await, 503, "unavailable"),
        (get_path("/v1/panic").await, 500, "internal_error"),
    ] {
        let body = answer.json();
        assert_eq!((body["status"].as_u64(), body["error"].as_str()), (Some(status), Some(code)));
        assert_eq!(u64::from(answer.status.as_u16()), status);
        assert!(!body["message"].as_str().unwrap().is_empty());
        assert_eq!(body["request_id"], answer.header("x-request-id"));
        assert_ne!(body["detail"], Value::Null);
        assert_eq!(answer.header("content-type"), "application/json");
    }
}

#[tokio::test]
async fn the_members_of_an_object_detail_stand_at_the_top_too() {
    let answer = get_path("/v1/suspended").await;

    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.detail(), json!({"error": "subscription_inactive", "status": "suspended"}));
    let body = answer.json();
    assert_eq!(body["status"], "suspended");
    assert_eq!(body["message"], "Subscription is not active");
    assert_eq!(body["request_id"], answer.header("x-request-id"));
}

#[tokio::test]
async fn a_retryable_answer_says_when() {
    assert_eq!(get_path("/v1/throttled").await.header("retry-after"), "3");
}

#[tokio::test]
async fn what_is_internal_stays_inside() {
    for path in ["/v1/panic", "/v1/throttled"] {
        assert!(!get_path(path).await.text.contains("secret of the inside"), "{path}");
    }
}

#[tokio::test]
async fn a_panic_does_not_end_the_gateway() {
    let gateway = gateway();
    let ask_path = |path: &'static str| ask(&gateway, a_request("GET", path).body(Body::empty()).unwrap());

    assert_eq!(ask_path("/v1/panic").await.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(ask_path("/v1/arrival").await.status, StatusCode::OK);
}

#[tokio::test]
async fn every_answer_has_its_own_request_id_and_the_handler_knows_it() {
    let gateway = gateway();
    let arrival = || ask(&gateway, a_request("GET", "/v1/arrival").body(Body::empty()).unwrap());

    let (first, second) = (arrival().await, arrival().await);

    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
    assert_eq!(first.json()["request_id"], first.header("x-request-id"));
    assert_eq!(first.json()["now"], NOON);
    assert_eq!(first.header("x-request-id").as_bytes()[14], b'4');
}

#[tokio::test]
async fn answers_are_not_stored_by_caches_and_not_sniffed() {
    for path in ["/v1/arrival", "/v1/nothing", "/v1/panic", "/v1/kpis/"] {
        let answer = get_path(path).await;
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    }
    assert_eq!(get_path("/healthz").await.header("cache-control"), "");
}

#[tokio::test]
async fn the_cost_is_told_only_where_it_is_asked_for() {
    let open = Surface { expose_cost: true, ..a_surface() }.wrap(routes());
    let request = || a_request("GET", "/healthz").body(Body::empty()).unwrap();

    assert_eq!(
        ask(&open, request()).await.header("x-cost"),
        "round_trips=0; read_units=0; write_units=0; items_read=0; cancelled=0"
    );
    assert_eq!(ask(&gateway(), request()).await.header("x-cost"), "");
}

#[tokio::test]
async fn a_path_may_end_in_a_custom_method_and_is_decoded() {
    let answer = post_body("/v1/kpis/a%2Fb%20c/points:bulk", r#"{"points":[{"ts":"t","value":1}]}"#).await;

    assert_eq!(answer.json(), json!({"kpi_id": "a/b c", "inserted": 1}));
    assert_eq!(post_body("/v1/kpis/a/points", "{}").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_path_that_is_no_utf8_names_nothing() {
    let answer = get_path("/v1/kpis/%FF%FE/latest").await;

    assert_eq!(answer.json(), json!({"kpi_id": "\u{fffd}", "nothing": ""}));
}

/// A clock that a header can stop.
#[derive(Debug)]
struct Stopped;

impl TimeSource for Stopped {
    fn now(&self, _: &HeaderMap) -> Result<Timestamp, Problem> {
        Err(Problem::new(FaultKind::Malformed, "bad_test_time", "X-Test-Now is no instant"))
    }
}

#[tokio::test]
async fn a_time_source_may_refuse_and_its_refusal_is_dressed_like_any_other() {
    let surface = Surface { clock: Arc::new(Stopped), ..a_surface() };

    let answer =
        ask(&surface.wrap(routes()), a_request("GET", "/healthz").body(Body::empty()).unwrap()).await;

    assert_eq!(
        (answer.status, answer.detail()),
        (StatusCode::BAD_REQUEST, json!("X-Test-Now is no instant"))
    );
    assert_eq!(answer.json()["request_id"], answer.header("x-request-id"));
}

#[tokio::test]
async fn a_router_without_a_surface_says_so_in_the_log_and_answers_500() {
    let bare = axum::Router::new()
        .route("/", axum::routing::get(|_: Call| async { Ok::<_, Problem>(Answer::ok(&1)) }));

    let answer = ask(&bare, a_request("GET", "/").body(Body::empty()).unwrap()).await;

    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
}
