//! The routes that tell about the gateway itself (gateway.md 17). No caller is asked for, nothing is read.

use http::StatusCode;
use serde_json::json;

use crate::answer::Answer;
use crate::describe::{Api, Audience, Operation, Shape};

const EVERYBODY: Audience = Audience { schemes: &[], refusals: &[] };

/// Tells `GET /` and `GET /healthz`.
pub fn api<S>(api: &mut impl Api<S>)
where
    S: Clone + Send + Sync + 'static,
{
    api.get("/", gateway, || {
        let members = [
            ("message", Shape::constant(json!("Bespin Tool Invocation Gateway"))),
            ("version", Shape::text().like("0.1.0")),
        ];
        Operation::new("getGateway", "Name and version of the gateway", &EVERYBODY).answers(
            200,
            "The gateway",
            Shape::object(members).named("Gateway"),
        )
    });
    api.get("/healthz", health, || {
        let members = [("status", Shape::constant(json!("ok")))];
        Operation::new("getHealth", "Whether the process answers; reads no store", &EVERYBODY).answers(
            200,
            "It answers",
            Shape::object(members).named("Health"),
        )
    });
}

async fn gateway() -> Answer {
    constant(r#"{"message":"Bespin Tool Invocation Gateway","version":"0.1.0"}"#)
}

async fn health() -> Answer {
    constant(r#"{"status":"ok"}"#)
}

fn constant(json: &str) -> Answer {
    Answer::json_text(StatusCode::OK, json)
}
