//! gateway.md 17: how much and how often.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::num::NonZeroU32;

use axum::Router;
use axum::body::{Body, Bytes};
use bespin_web::{MAX_BODY_BYTES, Surface};
use http::{Request, StatusCode};
use lambda_http::RequestExt;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;
use lambda_http::request::RequestContext;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::small_gateway::{Answered, a_request, a_surface, ask, from_address, gateway, post_body, routes};

fn limited(per_tenant: Option<u32>, per_address: Option<u32>) -> Router {
    Surface {
        per_tenant_per_second: per_tenant.and_then(NonZeroU32::new),
        per_address_per_second: per_address.and_then(NonZeroU32::new),
        ..a_surface()
    }
    .wrap(routes())
}

fn arrival() -> Request<Body> {
    a_request("GET", "/v1/arrival").header("X-API-Key", "key").body(Body::empty()).unwrap()
}

/// A body that comes in pieces and announces no length.
fn in_pieces(bytes: usize) -> Body {
    let piece = Bytes::from(vec![b' '; 64 * 1024]);
    let pieces = (0..bytes.div_ceil(piece.len())).map(move |_| Ok::<_, Infallible>(piece.clone()));
    Body::from_stream(futures::stream::iter(pieces))
}

fn assert_too_large(answer: &Answered) {
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.detail(), "Request body too large");
    assert_eq!(answer.json()["error"], "body_too_large");
}

#[tokio::test]
async fn a_body_above_six_megabytes_is_413_whether_announced_or_not() {
    assert_too_large(&post_body("/v1/kpis", vec![b' '; MAX_BODY_BYTES + 1]).await);
    assert_too_large(&post_body("/v1/kpis", in_pieces(MAX_BODY_BYTES + 1)).await);
    assert_too_large(&post_body("/v1/bytes", in_pieces(MAX_BODY_BYTES + 1)).await);
    let announced = a_request("POST", "/v1/kpis").header("content-length", "99999999999").body(Body::empty());
    assert_too_large(&ask(&gateway(), announced.unwrap()).await);
}

#[tokio::test]
async fn a_client_that_is_still_sending_reads_the_refusal() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, gateway()).await });
    let mut client = TcpStream::connect(address).await.unwrap();
    let length = 2 * MAX_BODY_BYTES;
    let head =
        format!("POST /v1/kpis HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");

    client.write_all(head.as_bytes()).await.unwrap();
    client.write_all(&vec![b' '; length]).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();

    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("Request body too large"), "{answer}");
    server.abort();
}

#[tokio::test]
async fn a_body_of_six_megabytes_arrives_whole() {
    assert_eq!(
        post_body("/v1/kpis", vec![b' '; MAX_BODY_BYTES]).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let answer = post_body("/v1/bytes", vec![b' '; 3_000_000]).await;
    // The default of axum's own extractor is 2 MB and stays in force for who uses it.
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_400() {
    let broken = futures::stream::iter([Ok(Bytes::from("{")), Err(std::io::Error::other("gone"))]);

    let answer = post_body("/v1/kpis", Body::from_stream(broken)).await;

    assert_eq!(
        (answer.status, answer.json()["error"].as_str()),
        (StatusCode::BAD_REQUEST, Some("unreadable_body"))
    );
}

#[tokio::test]
async fn a_tenant_that_asks_too_often_is_told_when_to_come_back() {
    let gateway = limited(Some(2), None);
    for _ in 0..2 {
        assert_eq!(ask(&gateway, arrival()).await.status, StatusCode::OK);
    }

    let refused = ask(&gateway, arrival()).await;

    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.detail(), json!({"error": "rate_limited"}));
    assert_eq!(refused.json()["error"], "rate_limited");
    assert_eq!(refused.json()["status"], 429);
    assert_eq!(refused.header("retry-after"), "1");
}

#[tokio::test]
async fn a_stranger_who_knows_a_tenants_id_cannot_use_up_its_rate() {
    let gateway = limited(Some(1), None);
    let stranger =
        || a_request("GET", "/v1/arrival").header("X-API-Key", "guess").body(Body::empty()).unwrap();
    for _ in 0..5 {
        ask(&gateway, stranger()).await;
    }

    assert_eq!(ask(&gateway, arrival()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_address_that_asks_too_often_is_refused_and_others_are_not() {
    let gateway = limited(None, Some(1));
    let ask_from = |address| ask(&gateway, from_address(arrival(), address));

    assert_eq!(ask_from("192.0.2.1").await.status, StatusCode::OK);
    assert_eq!(ask_from("192.0.2.1").await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(ask_from("192.0.2.2").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_household_of_ipv6_is_one_address() {
    let gateway = limited(None, Some(1));
    let ask_from = |address| ask(&gateway, from_address(arrival(), address));

    assert_eq!(ask_from("[2001:db8::1]").await.status, StatusCode::OK);
    assert_eq!(ask_from("[2001:db8::2]").await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(ask_from("[2001:db8:0:1::1]").await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_address_is_what_the_network_says_never_what_a_header_claims() {
    let claimed =
        || a_request("GET", "/v1/arrival").header("X-Forwarded-For", "203.0.113.9").body(Body::empty());

    let unknown = ask(&gateway(), claimed().unwrap()).await;
    assert_eq!(unknown.json()["address"], Value::Null);
    let local = ask(&gateway(), from_address(claimed().unwrap(), "192.0.2.1")).await;
    assert_eq!(local.json()["address"], "192.0.2.1");
    let mut context = ApiGatewayV2httpRequestContext::default();
    context.http.source_ip = Some("198.51.100.7".to_owned());
    let request = claimed().unwrap().with_request_context(RequestContext::ApiGatewayV2(context));
    assert_eq!(ask(&gateway(), request).await.json()["address"], "198.51.100.7");
}
