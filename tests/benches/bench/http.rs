//! A client that keeps its connections, and one that needs none.

use std::{net::SocketAddr, sync::Arc};

use axum::{Router, body::Bytes, http::HeaderMap};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpStream, sync::Mutex};
use tower::ServiceExt;

use bespin_tests::Actor;

/// As many connections as there were ever callers at once.
#[derive(Clone)]
pub(crate) struct Client {
    address: SocketAddr,
    idle: Arc<Mutex<Vec<SendRequest<Full<Bytes>>>>>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, idle: Arc::default() }
    }

    /// Sends a request of an actor; its answer has to have this status.
    pub(crate) async fn send(
        &self,
        actor: &Actor,
        route: (&str, &str),
        key: Option<String>,
        body: Bytes,
        status: u16,
    ) -> Bytes {
        self.ask(actor, route, key, body, status).await.1
    }

    /// The same, with what the store did for it.
    pub(crate) async fn ask(
        &self,
        actor: &Actor,
        (method, path): (&str, &str),
        key: Option<String>,
        body: Bytes,
        status: u16,
    ) -> (HeaderMap, Bytes) {
        let idle = self.idle.lock().await.pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => self.connect().await,
        };
        connection.ready().await.expect("the product keeps its connections");
        let response = connection.send_request(request(actor, (method, path), key, body)).await.unwrap();
        let (parts, text) = response.into_parts();
        let answered = parts.status.as_u16();
        let text = text.collect().await.unwrap().to_bytes();
        assert_eq!(answered, status, "{method} {path}: {}", String::from_utf8_lossy(&text));
        self.idle.lock().await.push(connection);
        (parts.headers, text)
    }

    /// The same for a body of JSON, and an answer of JSON.
    pub(crate) async fn json(
        &self,
        actor: &Actor,
        route: (&str, &str),
        key: Option<String>,
        body: &Value,
        status: u16,
    ) -> Value {
        let text = self.send(actor, route, key, Bytes::from(body.to_string()), status).await;
        serde_json::from_slice(&text).unwrap()
    }

    async fn connect(&self) -> SendRequest<Full<Bytes>> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender
    }
}

/// A client in the product's own process: its requests go to the router as Lambda's events do, through no socket.
#[derive(Clone)]
pub(crate) struct Inside(Router);

impl Inside {
    pub(crate) fn new(router: Router) -> Self {
        Self(router)
    }

    /// Sends a request of an actor; its answer has to have this status.
    pub(crate) async fn send(
        &self,
        actor: &Actor,
        route: (&str, &str),
        key: Option<String>,
        body: Bytes,
        status: u16,
    ) -> Bytes {
        let response = self.0.clone().oneshot(request(actor, route, key, body)).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{route:?}");
        response.into_body().collect().await.unwrap().to_bytes()
    }
}

fn request(
    actor: &Actor,
    (method, path): (&str, &str),
    key: Option<String>,
    body: Bytes,
) -> hyper::Request<Full<Bytes>> {
    let mut request = hyper::Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("x-tenant-id", &actor.tenant_id)
        .header("x-user-id", &actor.user_id)
        .header("x-api-key", &actor.api_key);
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    request.body(Full::new(body)).unwrap()
}
