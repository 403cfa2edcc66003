//! One request in the making.

use std::net::SocketAddr;

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{self, HeaderName, HeaderValue, Method},
};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use crate::{NOON, Reply, contract};

/// One request in the making. Without more it is a stranger's, at noon.
#[derive(Debug, Clone)]
#[must_use]
pub struct Request {
    router: Router,
    method: Method,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    address: Option<SocketAddr>,
}

impl Request {
    pub(crate) fn new(router: Router, method: &str, path: &str) -> Self {
        let headers = vec![("x-test-now".to_owned(), NOON.into())];
        let (method, path) = (method.parse().unwrap(), path.to_owned());
        Self { router, method, path, headers, body: Vec::new(), address: None }
    }

    /// Sets a header, in place of one of the same name.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self = self.without(name);
        self.headers.push((name.to_ascii_lowercase(), value.as_ref().to_vec()));
        self
    }

    /// Leaves a header out.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(set, _)| !set.eq_ignore_ascii_case(name));
        self
    }

    /// The present of the request, RFC 3339.
    pub fn at(self, now: &str) -> Self {
        self.header("x-test-now", now)
    }

    /// Another method.
    pub fn method(mut self, method: &str) -> Self {
        self.method = method.parse().unwrap();
        self
    }

    /// The `Idempotency-Key`.
    pub fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    /// A JSON body.
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    /// A body as it is.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// As if it came over a socket from this address.
    pub fn from_address(mut self, ip: &str) -> Self {
        self.address = Some(SocketAddr::new(ip.parse().unwrap(), 5000));
        self
    }

    /// Goes to this router instead of the world's.
    pub fn through(mut self, router: &Router) -> Self {
        self.router = router.clone();
        self
    }

    /// The route that it is for, as the OpenAPI document has it: `GET /v1/kpis/{kpi_id}/latest`.
    pub fn route(&self) -> Option<String> {
        contract::route(self.method.as_str(), &self.path)
    }

    /// Sends it through the whole router, and holds the answer against the OpenAPI document.
    pub async fn send(self) -> Reply {
        let (method, path) = (self.method.to_string(), self.path.clone());
        let mut request = http::Request::builder().method(self.method).uri(self.path);
        for (name, value) in self.headers {
            request = request.header(
                HeaderName::try_from(name).unwrap(),
                HeaderValue::from_bytes(&value).expect("a header value"),
            );
        }
        let mut request = request.body(Body::from(self.body)).unwrap();
        if let Some(address) = self.address {
            request.extensions_mut().insert(ConnectInfo(address));
        }
        let response = self.router.oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).expect("answers are UTF-8");
        let reply = Reply { status: parts.status.as_u16(), headers: parts.headers, text };
        contract::check(&method, &path, &reply);
        reply
    }
}
