//! gateway.md 17: pages of other origins.

use axum::body::Body;
use http::StatusCode;

use crate::small_gateway::{Answered, ask, gateway};

const FRIEND: &str = "http://localhost:3000";
const STRANGER: &str = "http://localhost:3001";

async fn from_origin(method: &str, path: &str, origin: &str) -> Answered {
    let request = http::Request::builder().method(method).uri(path).header("origin", origin);
    ask(&gateway(), request.body(Body::empty()).unwrap()).await
}

async fn preflight(origin: &str, method: &str) -> Answered {
    let request = http::Request::options("/v1/kpis")
        .header("origin", origin)
        .header("access-control-request-method", method)
        .header("access-control-request-headers", "x-tenant-id, X-Odd");
    ask(&gateway(), request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn an_allowed_origin_may_read_every_answer_including_errors() {
    for path in ["/healthz", "/v1/nothing", "/v1/panic", "/v1/users", "/v1/kpis/"] {
        let answer = from_origin("GET", path, FRIEND).await;
        assert_eq!(answer.header("access-control-allow-origin"), FRIEND, "{path}");
        assert_eq!(answer.header("access-control-allow-credentials"), "true", "{path}");
        assert_eq!(answer.header("vary"), "Origin", "{path}");
        assert_eq!(answer.header("access-control-expose-headers"), "", "{path}");
    }
}

#[tokio::test]
async fn a_foreign_origin_is_answered_but_may_not_read() {
    for origin in [STRANGER, "null", "http://localhost:3000.evil.example", ""] {
        let answer = from_origin("GET", "/healthz", origin).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
        assert_eq!(answer.header("access-control-allow-credentials"), "", "{origin}");
        assert_eq!(answer.header("vary"), "Origin");
    }
}

#[tokio::test]
async fn a_preflight_echoes_the_headers_asked_for() {
    let answer = preflight(FRIEND, "PUT").await;

    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("access-control-allow-origin"), FRIEND);
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    assert_eq!(answer.header("access-control-allow-methods"), "GET, POST, PUT, DELETE, OPTIONS");
    assert_eq!(answer.header("access-control-allow-headers"), "x-tenant-id, X-Odd");
    assert_eq!(answer.header("access-control-max-age"), "600");
    assert_eq!(answer.header("vary"), "Origin");
    assert_eq!(answer.header("x-request-id").len(), 36);
}

#[tokio::test]
async fn a_preflight_of_a_foreign_origin_or_another_method_is_400_text() {
    for (origin, method, text) in [
        (STRANGER, "GET", "Disallowed CORS origin"),
        (FRIEND, "PATCH", "Disallowed CORS method"),
        (STRANGER, "PATCH", "Disallowed CORS origin, method"),
    ] {
        let answer = preflight(origin, method).await;
        assert_eq!((answer.status, answer.text.as_str()), (StatusCode::BAD_REQUEST, text));
        assert!(answer.header("content-type").starts_with("text/plain"));
    }
    assert_eq!(preflight(STRANGER, "GET").await.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn options_without_a_preflights_headers_is_a_method_nobody_serves() {
    assert_eq!(from_origin("OPTIONS", "/v1/kpis", FRIEND).await.status, StatusCode::METHOD_NOT_ALLOWED);
}
