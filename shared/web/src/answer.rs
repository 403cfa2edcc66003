//! The answer of a success.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::problem::Problem;

/// A success: a status and a bare JSON body.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    status: StatusCode,
    body: String,
    headers: HeaderMap,
    /// Our own mistake in making it, which is answered instead.
    broken: Option<Problem>,
}

impl Answer {
    /// 200 with this body.
    pub fn ok(body: &impl Serialize) -> Self {
        Self::json(StatusCode::OK, body)
    }

    /// 201 with this body.
    pub fn created(body: &impl Serialize) -> Self {
        Self::json(StatusCode::CREATED, body)
    }

    /// Text that is JSON already, byte for byte: what a first try stored, given to its retry.
    pub fn json_text(status: StatusCode, body: impl Into<String>) -> Self {
        Self { status, body: body.into(), headers: HeaderMap::new(), broken: None }
    }

    /// The body as text, to be stored for a retry.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The same with one more header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// A view that cannot be printed is our own mistake: it answers 500.
    fn json(status: StatusCode, body: &impl Serialize) -> Self {
        let (body, broken) = match serde_json::to_string(body) {
            Ok(body) => (body, None),
            Err(error) => (String::new(), Some(Problem::broken(&error.to_string()))),
        };
        Self { broken, ..Self::json_text(status, body) }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        if let Some(problem) = self.broken {
            return problem.into_response();
        }
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_view_that_cannot_be_printed_is_our_own_mistake() {
        let response = Answer::ok(&BTreeMap::from([((1, 2), 3)])).into_response();

        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(response.extensions().get::<Problem>().is_some());
    }

    #[test]
    fn an_answer_may_carry_more_headers_but_stays_json() {
        let plain = HeaderValue::from_static("text/plain");
        let answer = Answer::created(&1).with_header(header::CONTENT_TYPE, plain);

        assert_eq!((answer.status(), answer.body()), (StatusCode::CREATED, "1"));
        assert_eq!(answer.into_response().headers()[header::CONTENT_TYPE], "application/json");
    }
}
