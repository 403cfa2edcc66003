//! gateway.md 1.2: how bad fields are named.

use axum::body::Body;
use http::StatusCode;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::small_gateway::{Answered, a_request, ask, gateway, get_path, post_body};

const POINTS: &str = "/v1/kpis/k/points:bulk";

fn fault(kind: &str, loc: Value) -> Vec<(String, Value)> {
    vec![(kind.to_owned(), loc)]
}

async fn post_as(content_type: Option<&str>, body: &'static str) -> Answered {
    let mut request = a_request("POST", "/v1/kpis");
    if let Some(content_type) = content_type {
        request = request.header("content-type", content_type);
    }
    ask(&gateway(), request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn a_fault_has_the_members_of_the_contract() {
    let answer = post_body("/v1/kpis", r#"{"name": ""}"#).await;

    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        answer.detail(),
        json!([{"type": "string_too_short", "loc": ["body", "name"],
                "msg": "String should have at least 1 character", "input": "", "ctx": {"min_length": 1}}])
    );
}

#[tokio::test]
async fn all_faults_are_told_together_in_the_order_of_declaration() {
    let answer = post_body("/v1/kpis", r#"{"window_days": 7.5, "unit": 7}"#).await;

    assert_eq!(
        answer.faults(),
        [
            fault("missing", json!(["body", "name"])),
            fault("string_type", json!(["body", "unit"])),
            fault("int_from_float", json!(["body", "window_days"]))
        ]
        .concat()
    );
    assert_eq!(answer.detail()[0]["input"], json!({"window_days": 7.5, "unit": 7}));
}

#[tokio::test]
async fn faults_inside_a_list_name_the_index() {
    let answer = post_body(POINTS, r#"{"points":[{"ts":"t","value":1},{"ts":2},7]}"#).await;

    assert_eq!(
        answer.faults(),
        [
            fault("string_type", json!(["body", "points", 1, "ts"])),
            fault("missing", json!(["body", "points", 1, "value"])),
            fault("model_attributes_type", json!(["body", "points", 2]))
        ]
        .concat()
    );
}

#[tokio::test]
async fn malformed_json_is_named_by_its_character() {
    assert_eq!(post_body("/v1/kpis", r#"{"é": }"#).await.faults(), fault("json_invalid", json!(["body", 6])));
    assert_eq!(post_body("/v1/kpis", r#"["\ud800"]"#).await.faults()[0].0, "json_invalid");
    assert_eq!(post_body("/v1/kpis", "[".repeat(100_000)).await.faults()[0].0, "json_invalid");
    assert_eq!(post_body("/v1/kpis", "  ").await.faults()[0].0, "json_invalid");
}

#[tokio::test]
async fn no_body_and_null_are_a_missing_body() {
    for body in ["", "null", " null "] {
        assert_eq!(post_body("/v1/kpis", body).await.faults(), fault("missing", json!(["body"])), "{body}");
    }
}

#[tokio::test]
async fn a_body_that_is_no_object_is_refused_as_one() {
    for body in ["[]", "7", "\"text\"", "true"] {
        let answer = post_body("/v1/kpis", body).await;
        assert_eq!(answer.faults(), fault("model_attributes_type", json!(["body"])), "{body}");
    }
}

#[tokio::test]
async fn a_body_that_is_no_utf8_is_400() {
    let answer = post_body("/v1/kpis", vec![b'{', 0xff, b'}']).await;

    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.detail(), "There was an error parsing the body");
}

#[tokio::test]
async fn json_is_read_under_json_content_types_and_under_none() {
    let body = r#"{"name": "MRR"}"#;
    for json in [
        None,
        Some(""),
        Some("application/json"),
        Some("Application/JSON; charset=utf-8"),
        Some("application/vnd.api+json"),
    ] {
        assert_eq!(post_as(json, body).await.status, StatusCode::CREATED, "{json:?}");
    }
    for other in
        ["text/plain", "application/jsonp", "text/json", "application/x-www-form-urlencoded", "json", ";"]
    {
        let answer = post_as(Some(other), body).await;
        assert_eq!(answer.faults(), fault("model_attributes_type", json!(["body"])), "{other}");
    }
    assert_eq!(post_as(Some("text/plain"), "{").await.faults()[0].0, "model_attributes_type");
}

#[tokio::test]
async fn a_byte_order_mark_is_not_part_of_the_body() {
    assert_eq!(post_body("/v1/kpis", "\u{feff}{\"name\": \"MRR\"}").await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn null_for_a_field_that_may_be_left_out_equals_leaving_it_out() {
    let answer = post_body("/v1/kpis", r#"{"name": "MRR", "unit": null, "window_days": null}"#).await;

    assert_eq!(answer.json()["window_days"], 7);
    assert_eq!(answer.json()["unit"], Value::Null);
}

#[tokio::test]
async fn a_payload_defaults_to_an_empty_object_and_is_refused_as_null() {
    assert_eq!(post_body("/v1/tools/invoke", "{}").await.json()["payload"], json!({}));
    for other in ["null", "[]", "7", "\"{}\""] {
        let answer = post_body("/v1/tools/invoke", format!("{{\"payload\": {other}}}")).await;
        assert_eq!(answer.faults(), fault("dict_type", json!(["body", "payload"])), "{other}");
    }
}

#[tokio::test]
async fn a_payload_comes_back_as_it_was_sent() {
    let payload = r#"{"b":[1,1.0,123456789012345678901234567890,-0.10,null,{"é":"\u0000"}],"a":true}"#;

    let answer = post_body("/v1/tools/invoke", format!("{{\"payload\":{payload}}}")).await;

    assert_eq!(answer.text, format!(r#"{{"key":"k","payload":{payload}}}"#));
}

#[tokio::test]
async fn numbers_that_are_not_finite_are_no_json() {
    for number in ["NaN", "Infinity", "-Infinity", "1e999"] {
        let answer = post_body("/v1/tools/invoke", format!("{{\"payload\":{{\"x\":{number}}}}}")).await;
        assert_eq!(answer.faults(), fault("json_invalid", json!(["body", 16])), "{number}");
    }
}

#[tokio::test]
async fn a_point_that_is_not_finite_is_named_at_its_place() {
    for number in ["NaN", "Infinity", "-Infinity", "1e999", "\"nan\"", "\"inf\""] {
        let body = format!(r#"{{"points":[{{"ts":"NaN","value":1}},{{"ts":"b","value":{number}}}]}}"#);
        let answer = post_body(POINTS, body).await;
        assert_eq!(
            answer.faults(),
            fault("finite_number", json!(["body", "points", 1, "value"])),
            "{number}"
        );
    }
}

#[tokio::test]
async fn an_email_that_is_none_is_a_value_error() {
    let body = json!({"tenant_id": "x".repeat(36), "email": "a@b.test", "role": "owner"}).to_string();

    let answer = post_body("/v1/users", body).await;

    assert_eq!(
        answer.faults(),
        [
            fault("value_error", json!(["body", "email"])),
            fault("string_pattern_mismatch", json!(["body", "role"]))
        ]
        .concat()
    );
}

#[tokio::test]
async fn ten_thousand_bad_points_make_a_short_answer() {
    let points = vec![json!({"ts": "t", "value": "x"}); 10_000];

    let answer = post_body(POINTS, json!({"points": points}).to_string()).await;

    assert_eq!(answer.faults().len(), 100);
    assert!(answer.text.len() < 50_000);
    let one_more = vec![json!({"ts": "t", "value": 1}); 10_001];
    let answer = post_body(POINTS, json!({"points": one_more}).to_string()).await;
    assert_eq!(answer.faults(), fault("too_long", json!(["body", "points"])));
}

#[tokio::test]
async fn large_and_secret_values_are_not_sent_back() {
    let secret = "k3J9-secret";
    let large = "x".repeat(5_000);

    let answer = post_body("/v1/kpis", json!({"name": large, "unit": 7}).to_string()).await;
    assert_eq!(answer.detail()[0].get("input"), None);
    assert!(answer.text.len() < 1_000);
    let answer = post_body("/v1/kpis", json!({"api_key": secret}).to_string()).await;
    assert!(!answer.text.contains(secret));
}

#[tokio::test]
async fn a_query_is_decoded_and_its_last_repetition_wins() {
    let answer = get_path("/v1/kpis?limit=1&limit=%32%30&after=a+b%26&offset=99999999999999999999").await;

    assert_eq!(answer.json(), json!({"limit": 20, "offset": i64::MAX, "after": "a b&"}));
    assert_eq!(
        get_path("/v1/kpis?limit=0&offset=-5").await.json(),
        json!({"limit": 1, "offset": 0, "after": null})
    );
    assert_eq!(get_path("/v1/kpis?limit=x").await.faults(), fault("int_parsing", json!(["query", "limit"])));
    assert_eq!(get_path("/v1/kpis?limit=").await.faults(), fault("int_parsing", json!(["query", "limit"])));
    assert_eq!(get_path("/v1/kpis?after=%FF").await.json()["after"], "\u{fffd}");
}

fn any_content_type() -> impl Strategy<Value = Option<&'static str>> {
    prop::sample::select(vec![None, Some("application/json"), Some("text/plain"), Some("application/x+json")])
}

fn any_body() -> impl Strategy<Value = Vec<u8>> {
    let member = r#""(name|unit|window_days|payload|points|ts|value|tenant_id|email|role)":"#;
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..60),
        r#"[\[\]{}",:0-9eE+.\\ NaInfuty-]{0,30}"#.prop_map(String::into_bytes),
        prop::collection::vec(
            (member, r#"(null|true|1e999|-7|7\.5|"a@b\.com"|"\\\\ud800"|\[\{\}\]|\{\}|NaN)"#),
            0..6
        )
        .prop_map(|members| {
            let members: Vec<_> = members.iter().map(|(name, value)| format!("{name}{value}")).collect();
            format!("{{{}}}", members.join(",")).into_bytes()
        }),
    ]
}

proptest! {
    #[test]
    fn no_body_makes_a_panic_or_a_5xx(
        path in prop::sample::select(vec!["/v1/kpis", POINTS, "/v1/tools/invoke", "/v1/users", "/v1/limits"]),
        content_type in any_content_type(),
        body in any_body(),
    ) {
        let mut request = a_request("POST", path).header("idempotency-key", "k");
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let request = request.body(Body::from(body)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();

        let answer = runtime.block_on(ask(&gateway(), request));

        prop_assert!(answer.status.as_u16() < 500, "{answer:?}");
        if !answer.status.is_success() {
            prop_assert!(!answer.detail().is_null());
        }
    }

    #[test]
    fn no_path_or_query_makes_a_panic_or_a_5xx(path in "[ -~]{0,12}", query in "[ -~]{0,20}") {
        let uri = format!("/v1/kpis{path}?{query}");
        if let Ok(request) = a_request("GET", &uri).body(Body::empty()) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let answer = runtime.block_on(ask(&gateway(), request));
            prop_assert!(answer.status.as_u16() < 500, "{answer:?}");
        }
    }
}
