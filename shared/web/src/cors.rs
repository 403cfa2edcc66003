//! Which pages of other origins may read our answers (gateway.md 17).

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

/// Pages of this machine: who develops a client needs no setting.
const LOCAL_ORIGINS: [&str; 4] =
    ["http://localhost:3000", "http://localhost:8000", "http://127.0.0.1:3000", "http://127.0.0.1:8000"];

const METHODS: &str = "GET, POST, PUT, DELETE, OPTIONS";

/// The origins of the setting `CORS_ORIGINS`, separated by commas; without it those of gateway.md 16.
pub fn cors_origins(setting: Option<&str>) -> Vec<String> {
    let origins: Vec<_> = match setting {
        Some(setting) => setting.split(',').map(str::trim).filter(|origin| !origin.is_empty()).collect(),
        None => LOCAL_ORIGINS.to_vec(),
    };
    origins.into_iter().map(|origin| origin.trim_end_matches('/').to_owned()).collect()
}

/// The answer to the question a browser asks before it sends a request; `None` for any other request.
pub(crate) fn preflight(allowed: &[String], method: &Method, asked: &HeaderMap) -> Option<Response> {
    if method != Method::OPTIONS || !asked.contains_key(header::ORIGIN) {
        return None;
    }
    let wanted = asked.get(header::ACCESS_CONTROL_REQUEST_METHOD)?;
    let refusals = [
        (allowed_origin(allowed, asked).is_none(), "origin"),
        (!METHODS.split(", ").any(|method| wanted == method), "method"),
    ];
    let refused: Vec<_> = refusals.iter().filter(|(refused, _)| *refused).map(|(_, what)| *what).collect();
    let (status, text) = if refused.is_empty() {
        (StatusCode::OK, "OK".to_owned())
    } else {
        (StatusCode::BAD_REQUEST, format!("Disallowed CORS {}", refused.join(", ")))
    };
    let mut answer = Response::new(Body::from(text));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    if let Some(names) = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
    }
    Some(answer)
}

/// Lets a page of an allowed origin read this answer. `Vary` stands on every answer, so that no cache gives
/// one origin what was meant for another.
pub(crate) fn open(allowed_origin: Option<HeaderValue>, answer: &mut HeaderMap) {
    answer.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = allowed_origin {
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        answer.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
}

/// The origin of a request, where it is one of the allowed.
pub(crate) fn allowed_origin(allowed: &[String], asked: &HeaderMap) -> Option<HeaderValue> {
    let origin = asked.get(header::ORIGIN)?;
    allowed.iter().any(|allowed| origin == allowed.as_str()).then(|| origin.clone())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use super::*;

    #[test]
    fn origins_are_a_list_with_commas_and_this_machine_without_a_setting() {
        assert_eq!(
            cors_origins(Some(" https://a.example/, ,https://b.example")),
            ["https://a.example", "https://b.example"]
        );
        assert!(cors_origins(Some("")).is_empty());
        assert_eq!(cors_origins(None), LOCAL_ORIGINS);
    }
}
