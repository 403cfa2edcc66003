//! gateway.md 2 and 4: headers that must be there.

use axum::body::Body;
use http::{HeaderValue, StatusCode};
use serde_json::json;

use crate::small_gateway::{Answered, ask, gateway};

async fn invoke(key: Option<&[u8]>) -> Answered {
    let mut request = http::Request::post("/v1/tools/invoke").body(Body::from("{}")).unwrap();
    if let Some(key) = key {
        request.headers_mut().insert("idempotency-key", HeaderValue::from_bytes(key).unwrap());
    }
    ask(&gateway(), request).await
}

async fn create_kpi(tenant_id: Option<&[u8]>) -> Answered {
    let mut request = http::Request::post("/v1/kpis").body(Body::from(r#"{"name": "MRR"}"#)).unwrap();
    if let Some(tenant_id) = tenant_id {
        request.headers_mut().insert("x-tenant-id", HeaderValue::from_bytes(tenant_id).unwrap());
    }
    ask(&gateway(), request).await
}

#[tokio::test]
async fn an_absent_and_an_empty_header_are_named_as_the_contract_spells_them() {
    for absent in [None, Some(&b""[..]), Some(b"  ")] {
        let answer = invoke(absent).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.detail(), "Missing required header: Idempotency-Key");
        assert_eq!(answer.json()["error"], "missing_header");
        assert_eq!(create_kpi(absent).await.detail(), "Missing required header: X-Tenant-ID");
    }
}

#[tokio::test]
async fn a_header_that_is_no_text_is_there_and_matches_nothing() {
    let answer = create_kpi(Some(b"t\xff")).await;

    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(answer.json()["tenant_id"], "t\u{fffd}");
}

#[tokio::test]
async fn an_idempotency_key_has_at_most_255_characters() {
    assert_eq!(invoke(Some(&[b'k'; 255])).await.status, StatusCode::OK);
    assert_eq!(invoke(Some("é".repeat(255).as_bytes())).await.status, StatusCode::OK);

    let answer = invoke(Some(&[b'k'; 256])).await;

    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.faults(), [("string_too_long".to_owned(), json!(["header", "Idempotency-Key"]))]);
}

#[tokio::test]
async fn an_idempotency_key_that_is_no_text_is_refused() {
    let answer = invoke(Some(b"\xff\xfe")).await;

    assert_eq!(answer.faults(), [("string_type".to_owned(), json!(["header", "Idempotency-Key"]))]);
}

#[tokio::test]
async fn the_syntax_of_the_body_is_judged_before_the_headers() {
    let request = http::Request::post("/v1/tools/invoke").body(Body::from("{")).unwrap();

    assert_eq!(ask(&gateway(), request).await.faults()[0].0, "json_invalid");
}

#[tokio::test]
async fn the_fields_of_the_body_are_judged_after_the_headers() {
    let request = http::Request::post("/v1/kpis").body(Body::from("{}")).unwrap();

    assert_eq!(ask(&gateway(), request).await.status, StatusCode::BAD_REQUEST);
}
