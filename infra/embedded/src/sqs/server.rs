//! The queues on a port, in the JSON protocol that the SDKs and the AWS CLI speak today.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::EmbeddedSqs;
use super::error::SqsError;
use crate::connector::{CONTENT_TYPE, Call, QUERY_ERROR, Reply};

/// A batch of 1 MiB, with every character escaped.
const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;

#[derive(Clone)]
struct Served {
    sqs: EmbeddedSqs,
    closing: watch::Receiver<bool>,
}

pub(super) async fn serve(
    sqs: EmbeddedSqs,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let (close, closing) = watch::channel(false);
    // Older clients post to the URL of the queue, newer ones to the root.
    let router = Router::new()
        .fallback(post(handle))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(Served { sqs, closing });
    let shutdown = async move {
        shutdown.await;
        close.send_replace(true);
    };
    axum::serve(listener, router).with_graceful_shutdown(shutdown).await
}

async fn handle(State(served): State<Served>, headers: HeaderMap, body: Bytes) -> Response {
    let target = text(&headers, "x-amz-target");
    let Some(operation) = target.strip_prefix("AmazonSQS.") else {
        let reason = "only the JSON protocol is spoken here: use an SDK or AWS CLI from 2024 on";
        return SqsError::UnsupportedOperation(reason.to_owned()).into_reply().into_response();
    };
    let origin = format!("http://{}", text(&headers, header::HOST.as_str()));
    let mut closing = served.closing.clone();
    let call = Call { operation, body: &body, origin: &origin };
    // Long polls must not hold up a shutdown. A poll holds no message while it waits, so none is lost.
    tokio::select! {
        biased;
        reply = served.sqs.answer(call) => reply.into_response(),
        _ = closing.wait_for(|is_closing| *is_closing) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, [(header::CONTENT_TYPE, CONTENT_TYPE)], self.body).into_response();
        if let Some(code) = self.query_error.and_then(|code| code.try_into().ok()) {
            response.headers_mut().insert(QUERY_ERROR, code);
        }
        response
    }
}
