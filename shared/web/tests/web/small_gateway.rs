//! A gateway of a few routes that do nothing but show what they were given.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::routing::{get, post, put};
use bespin_primitives::{Clock, Fault, FaultKind, SeededRandom, Timestamp};
use bespin_web::describe::router;
use bespin_web::{
    Answer, Call, Fields, Problem, ProcessClock, Surface, clamped, email, float, integer, list, meta, object,
    one_of, text,
};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Map, Value, json};
use tower::ServiceExt;

pub(crate) const NOON: &str = "2026-02-01T12:00:00.000000Z";

/// A clock that stands still.
#[derive(Debug)]
struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::parse_rfc3339(NOON).unwrap()
    }
}

pub(crate) fn a_surface() -> Surface {
    Surface {
        clock: Arc::new(ProcessClock(Arc::new(Noon))),
        random: Arc::new(SeededRandom::new(1)),
        cors_origins: vec!["http://localhost:3000".to_owned()],
        expose_cost: false,
        per_tenant_per_second: None,
        per_address_per_second: None,
    }
}

pub(crate) fn gateway() -> Router {
    a_surface().wrap(routes())
}

/// Two routers merged, as the local cloud does it.
pub(crate) fn routes() -> Router {
    let kpis = Router::new()
        .route("/v1/kpis", post(create_kpi).get(list_kpis))
        .route("/v1/kpis/{kpi_id}/points:bulk", post(ingest_points))
        .route("/v1/kpis/{kpi_id}/latest", get(latest));
    let others = Router::new()
        .route("/v1/users", post(create_user))
        .route("/v1/tools/invoke", post(invoke))
        .route("/v1/limits", put(|_: Call| async { Answer::ok(&json!({})) }))
        .route("/v1/arrival", get(arrival))
        .route("/v1/bytes", post(|body: Bytes| async move { body.len().to_string() }))
        .route("/v1/suspended", get(|| async { Err::<Answer, Problem>(Suspended.into()) }))
        .route("/v1/throttled", get(|| async { Err::<Answer, Problem>(Throttled(Inner).into()) }))
        .route("/v1/panic", get(panics));
    kpis.merge(others).merge(router(meta::api))
}

async fn create_kpi(call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    call.optional_idempotency_key()?;
    let tenant_id = call.required_header("X-Tenant-ID")?.into_owned();
    let mut fields = body.fields()?;
    let name = fields.required("name", text(1..=255));
    let unit = fields.optional("unit", text(..=50));
    let window_days = fields.or("window_days", 7, integer(1..=365));
    fields.finish(|| {
        Some(Answer::created(&json!({
            "tenant_id": tenant_id, "name": name?, "unit": unit?, "window_days": window_days?,
        })))
    })
}

async fn list_kpis(call: Call) -> Result<Answer, Problem> {
    let mut query = call.query();
    let limit = query.or("limit", 100, clamped(1..=500));
    let offset = query.or("offset", 0, clamped(0..));
    let after = query.optional("after", text(..));
    query.finish(|| Some(Answer::ok(&json!({"limit": limit?, "offset": offset?, "after": after?}))))
}

async fn ingest_points(call: Call) -> Result<Answer, Problem> {
    let body = call.json_with_non_finite()?;
    let mut fields = body.fields()?;
    let points = fields.required(
        "points",
        list(1..=10_000, |point: &mut Fields| {
            let ts = point.required("ts", text(..=64));
            let value = point.required("value", float());
            Some((ts?, value?))
        }),
    );
    let kpi_id = call.path("kpi_id");
    fields.finish(|| Some(Answer::ok(&json!({"kpi_id": kpi_id, "inserted": points?.len()}))))
}

async fn latest(call: Call) -> Answer {
    Answer::ok(&json!({"kpi_id": call.path("kpi_id"), "nothing": call.path("nothing")}))
}

async fn create_user(call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    let mut fields = body.fields()?;
    let tenant_id = fields.required("tenant_id", text(36..=36));
    let email = fields.required("email", email());
    let role = fields.required("role", one_of(&["admin", "member"]));
    fields.finish(|| Some(Answer::created(&json!([tenant_id?, email?, role?]))))
}

async fn invoke(call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    let key = call.idempotency_key()?;
    let mut fields = body.fields()?;
    let payload = fields.or("payload", Map::new(), object());
    fields.finish(|| Some(Answer::ok(&json!({"key": key.as_str(), "payload": payload?}))))
}

async fn arrival(call: Call) -> Answer {
    let Call { request_id, now, address, .. } = call;
    Answer::ok(&json!({"request_id": request_id, "now": now, "address": address}))
}

async fn panics() -> Answer {
    panic!("a secret of the inside")
}

#[derive(Debug, thiserror::Error)]
#[error("Subscription is not active")]
struct Suspended;

impl Fault for Suspended {
    fn kind(&self) -> FaultKind {
        FaultKind::Forbidden
    }

    fn code(&self) -> &'static str {
        "subscription_inactive"
    }

    fn detail(&self) -> Option<Map<String, Value>> {
        json!({"error": "subscription_inactive", "status": "suspended"}).as_object().cloned()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("The store does not answer")]
struct Throttled(#[source] Inner);

#[derive(Debug, thiserror::Error)]
#[error("a secret of the inside")]
struct Inner;

impl Fault for Throttled {
    fn kind(&self) -> FaultKind {
        FaultKind::Unavailable
    }

    fn code(&self) -> &'static str {
        "unavailable"
    }

    fn retry_after_seconds(&self) -> Option<u64> {
        Some(3)
    }
}

/// An answer, its body read as JSON where it is JSON.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answered {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).expect("the answer is JSON")
    }

    pub(crate) fn detail(&self) -> Value {
        self.json()["detail"].clone()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// `(type, loc)` of each faulty field.
    pub(crate) fn faults(&self) -> Vec<(String, Value)> {
        let detail = self.detail();
        let faults = detail.as_array().expect("the detail is a list of faults");
        faults
            .iter()
            .map(|fault| (fault["type"].as_str().unwrap().to_owned(), fault["loc"].clone()))
            .collect()
    }
}

pub(crate) async fn ask(router: &Router, request: Request<Body>) -> Answered {
    let response: Response<Body> = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answered { status: parts.status, headers: parts.headers, text: String::from_utf8(body.into()).unwrap() }
}

pub(crate) fn a_request(method: &str, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path).header("X-Tenant-ID", "a tenant")
}

pub(crate) async fn get_path(path: &str) -> Answered {
    ask(&gateway(), a_request("GET", path).body(Body::empty()).unwrap()).await
}

/// Posts bytes as `application/json` under an idempotency key.
pub(crate) async fn post_body(path: &str, body: impl Into<Body>) -> Answered {
    let request =
        a_request("POST", path).header("content-type", "application/json").header("idempotency-key", "k");
    ask(&gateway(), request.body(body.into()).unwrap()).await
}

pub(crate) fn from_address(mut request: Request<Body>, address: &str) -> Request<Body> {
    let peer: SocketAddr = format!("{address}:5000").parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(peer));
    request
}
