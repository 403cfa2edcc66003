//! The routes that tell about the gateway itself (gateway.md 17). No caller is asked for, nothing is read.

use axum::Router;
use axum::routing::{MethodRouter, get};
use http::StatusCode;

use crate::answer::Answer;

/// Written by hand, because it is a promise to clients and not a mirror of the code.
const OPENAPI: &str = include_str!("openapi.json");

/// `GET /`, `GET /healthz`, `GET /openapi.json`.
pub fn routes() -> Router {
    Router::new()
        .route("/", constant(r#"{"message":"Bespin Tool Invocation Gateway","version":"0.1.0"}"#))
        .route("/healthz", constant(r#"{"status":"ok"}"#))
        .route("/openapi.json", constant(OPENAPI))
}

fn constant(json: &'static str) -> MethodRouter {
    get(move || async move { Answer::json_text(StatusCode::OK, json) })
}
