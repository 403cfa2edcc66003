//! The front door of a function's binary.

use std::env;
use std::future::Future;
use std::io::{self, IsTerminal};
use std::pin::Pin;

use axum::Router;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use http_body_util::BodyExt;
use tower::ServiceExt;
use tracing::Level;
use tracing_subscriber::{filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

use crate::problem::Problem;

/// What starts a function's binary sets this to the address of its events.
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";

/// Serves a router with the events of Lambda, until its runtime ends. Fails at once where there are none: a server of ports
/// is no part of a function, which `make invoke` starts as Lambda does.
pub async fn serve(router: Router) -> Result<(), lambda_http::Error> {
    if !in_lambda() {
        return Err(format!(
            "{RUNTIME_API} is not set: this is a Lambda function; `make run` serves them all, `make invoke` runs one"
        )
        .into());
    }
    lambda_http::run(ServiceExt::<lambda_http::Request>::map_response(router, Outgoing)).await
}

/// An answer on its way to Lambda, which takes bytes as text where they are UTF-8, and as base64 otherwise.
///
/// `lambda_http` would tell text by its content type, and decode it by any encoding of the web. All our text is UTF-8, and
/// the tables of the others are a tenth of a MB in each zip. It would also panic over a body that breaks off.
struct Outgoing(Response);

impl lambda_http::IntoResponse for Outgoing {
    fn into_response(
        self,
    ) -> Pin<Box<dyn Future<Output = http::Response<lambda_http::Body>> + Send + 'static>> {
        Box::pin(async move {
            let (mut parts, body) = self.0.into_parts();
            match body.collect().await {
                Ok(body) => http::Response::from_parts(parts, lambda_body(body.to_bytes().into())),
                Err(error) => {
                    tracing::error!(%error, "the body of an answer broke off");
                    // What every answer has stays; what was said of this body goes.
                    parts.status = StatusCode::INTERNAL_SERVER_ERROR;
                    for of_body in [header::CONTENT_LENGTH, header::CONTENT_DISPOSITION] {
                        parts.headers.remove(of_body);
                    }
                    let json = HeaderValue::from_static("application/json");
                    parts.headers.insert(header::CONTENT_TYPE, json);
                    let text = Problem::internal_error().to_json(None).to_string();
                    http::Response::from_parts(parts, lambda_http::Body::Text(text))
                }
            }
        })
    }
}

fn lambda_body(bytes: Vec<u8>) -> lambda_http::Body {
    match String::from_utf8(bytes) {
        Ok(text) => lambda_http::Body::Text(text),
        Err(error) => lambda_http::Body::Binary(error.into_bytes()),
    }
}

/// Sends the log to standard output: lines of JSON in Lambda, text for people elsewhere. `BESPIN_LOG`, or
/// else `RUST_LOG`, filters it, such as `warn,bespin_web=info`; without them `info` and above. A second call changes nothing.
///
/// The filter knows levels and targets. One that knows the fields of spans, too, would bring regular expressions along.
pub fn init_logging() {
    let filter = ["BESPIN_LOG", "RUST_LOG"]
        .iter()
        .find_map(|name| env::var(name).ok().filter(|directives| !directives.is_empty()))
        .and_then(|directives| directives.parse().ok())
        .unwrap_or_else(|| Targets::new().with_default(Level::INFO));
    let subscriber = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer();
    // An error means that somebody has set up logging before, which is as good.
    let _ = if in_lambda() {
        let lines = lines.json().flatten_event(true).with_current_span(true).with_span_list(false);
        subscriber.with(lines).try_init()
    } else {
        subscriber.with(lines.with_ansi(io::stdout().is_terminal())).try_init()
    };
}

fn in_lambda() -> bool {
    env::var_os(RUNTIME_API).is_some()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use axum::body::Body;
    use bytes::Bytes;
    use futures::stream;
    use lambda_http::IntoResponse as _;

    use super::*;

    async fn sent(body: Body) -> http::Response<lambda_http::Body> {
        Outgoing(Response::new(body)).into_response().await
    }

    #[tokio::test]
    async fn what_is_utf_8_goes_as_text_and_all_else_as_base64() {
        let text = sent(Body::from("Gr\u{fc}\u{df}e")).await;
        assert_eq!(text.body(), &lambda_http::Body::Text("Gr\u{fc}\u{df}e".to_owned()));

        let picture = sent(Body::from(vec![0x89, b'P', b'N', b'G'])).await;
        assert_eq!(picture.body(), &lambda_http::Body::Binary(vec![0x89, b'P', b'N', b'G']));
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_a_failure_and_not_half_an_answer() {
        let parts = [Ok(Bytes::from_static(b"half")), Err(io::Error::other("the store went away"))];

        let mut response = Response::new(Body::from_stream(stream::iter(parts)));
        response.headers_mut().insert("x-request-id", HeaderValue::from_static("kept"));
        response.headers_mut().insert("content-disposition", HeaderValue::from_static("attachment"));

        let answer = Outgoing(response).into_response().await;

        assert_eq!(answer.status(), 500);
        assert_eq!(answer.headers()["x-request-id"], "kept");
        assert_eq!(answer.headers()["content-type"], "application/json");
        assert!(!answer.headers().contains_key("content-disposition"));
        let told: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(told["error"], "internal_error");
    }
}
