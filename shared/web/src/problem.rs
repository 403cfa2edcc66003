//! The one error answer (gateway.md 1.1).

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bespin_primitives::{Fault, FaultKind, RequestId};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::field_fault::FieldFault;

/// After how many seconds to try again where the fault itself does not say.
const RETRY_AFTER_SECONDS: u64 = 1;

/// An answer that refuses or fails: `{status, error, message, request_id, detail}`.
///
/// `detail` is a sentence, an object, or the list of faulty fields. Members of an object `detail` stand at
/// the top level too, and win where names collide, because clients of the documentation read them there. The
/// request id is added by [`Surface`](crate::Surface), which knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem(Box<Parts>);

#[derive(Debug, Clone, PartialEq)]
struct Parts {
    status: StatusCode,
    code: &'static str,
    message: String,
    detail: Detail,
    retry_after_seconds: Option<u64>,
}

#[derive(Debug, Clone, PartialEq)]
enum Detail {
    /// The message once more.
    Sentence,
    Members(Map<String, Value>),
    Fields(Vec<FieldFault>),
}

/// The one place where a kind of failure becomes a status.
fn status_of(kind: FaultKind) -> StatusCode {
    match kind {
        FaultKind::Malformed => StatusCode::BAD_REQUEST,
        FaultKind::Unauthenticated => StatusCode::UNAUTHORIZED,
        FaultKind::Forbidden => StatusCode::FORBIDDEN,
        FaultKind::Missing => StatusCode::NOT_FOUND,
        FaultKind::Conflict => StatusCode::CONFLICT,
        FaultKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        FaultKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        FaultKind::Exhausted | FaultKind::Busy => StatusCode::TOO_MANY_REQUESTS,
        FaultKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        FaultKind::Broken => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl Problem {
    /// A failure of this kind: a stable code for clients, a sentence for people.
    pub fn new(kind: FaultKind, code: &'static str, sentence: impl Into<String>) -> Self {
        let problem = Self::of_status(status_of(kind), code, sentence);
        match kind {
            FaultKind::Busy | FaultKind::Unavailable => problem.retry_after(RETRY_AFTER_SECONDS),
            _ => problem,
        }
    }

    fn of_status(status: StatusCode, code: &'static str, sentence: impl Into<String>) -> Self {
        let message = sentence.into();
        Self(Box::new(Parts { status, code, message, detail: Detail::Sentence, retry_after_seconds: None }))
    }

    /// 400 `Missing required header: <name>` (gateway.md 2).
    pub fn missing_header(name: &str) -> Self {
        Self::new(FaultKind::Malformed, "missing_header", format!("Missing required header: {name}"))
    }

    /// 422 with every faulty field (gateway.md 1.2).
    pub fn invalid(faults: Vec<FieldFault>) -> Self {
        let mut problem = Self::new(FaultKind::Invalid, "invalid_request", "The request is not valid");
        problem.0.detail = Detail::Fields(faults);
        problem
    }

    /// 404 `Not Found`: no such route, or one that hides.
    pub fn not_found() -> Self {
        Self::new(FaultKind::Missing, "not_found", "Not Found")
    }

    /// 405 `Method Not Allowed`.
    pub fn method_not_allowed() -> Self {
        Self::of_status(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Method Not Allowed")
    }

    /// 413 `Request body too large` (gateway.md 17).
    pub fn body_too_large() -> Self {
        Self::new(FaultKind::TooLarge, "body_too_large", "Request body too large")
    }

    /// 400 `There was an error parsing the body`: it is not UTF-8, or it did not arrive whole.
    pub fn unreadable_body() -> Self {
        Self::new(FaultKind::Malformed, "unreadable_body", "There was an error parsing the body")
    }

    /// 429 with `detail` `{"error": "rate_limited"}` (gateway.md 17).
    pub fn rate_limited(retry_after_seconds: u64) -> Self {
        let members = Map::from_iter([("error".to_owned(), "rate_limited".into())]);
        Self::new(FaultKind::Busy, "rate_limited", "Too many requests; try again later")
            .with_detail(members)
            .retry_after(retry_after_seconds)
    }

    /// 500. The reason goes to the log, not to the caller.
    pub fn broken(reason: &str) -> Self {
        tracing::error!(reason, "internal error");
        Self::internal_error()
    }

    pub(crate) fn internal_error() -> Self {
        Self::new(FaultKind::Broken, "internal_error", "Internal Server Error")
    }

    /// The same with a structured `detail`.
    #[must_use]
    pub fn with_detail(mut self, members: Map<String, Value>) -> Self {
        self.0.detail = Detail::Members(members);
        self
    }

    /// The same, telling after how many seconds the request may pass.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after_seconds = Some(seconds);
        self
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The stable code clients switch on.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// The sentence for people.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The faulty fields of a 422; empty otherwise.
    pub fn faults(&self) -> &[FieldFault] {
        match &self.0.detail {
            Detail::Fields(faults) => faults,
            Detail::Sentence | Detail::Members(_) => &[],
        }
    }

    /// The body of the answer.
    pub(crate) fn to_json(&self, request_id: Option<RequestId>) -> Value {
        let parts = &*self.0;
        let mut body = Map::new();
        body.insert("status".into(), parts.status.as_u16().into());
        body.insert("error".into(), parts.code.into());
        body.insert("message".into(), parts.message.as_str().into());
        if let Some(request_id) = request_id {
            body.insert("request_id".into(), request_id.to_string().into());
        }
        if let Detail::Members(members) = &parts.detail {
            body.extend(members.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        let detail = match &parts.detail {
            Detail::Sentence => json!(parts.message),
            Detail::Members(members) => Value::Object(members.clone()),
            Detail::Fields(faults) => json!(faults),
        };
        body.insert("detail".into(), detail);
        Value::Object(body)
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.0.status.as_u16(), self.0.code, self.0.message)
    }
}

impl From<FieldFault> for Problem {
    fn from(fault: FieldFault) -> Self {
        Self::invalid(vec![fault])
    }
}

/// What a concept refuses becomes an answer. Our own mistakes are logged with all that caused them.
impl<F: Fault> From<F> for Problem {
    fn from(fault: F) -> Self {
        let kind = fault.kind();
        match kind {
            FaultKind::Broken => {
                tracing::error!(code = fault.code(), error = %fault, causes = causes(&fault), "internal error");
            }
            FaultKind::Unavailable => {
                tracing::warn!(code = fault.code(), error = %fault, causes = causes(&fault), "unavailable");
            }
            _ => {}
        }
        let mut problem = Self::new(kind, fault.code(), fault.to_string());
        if let Some(members) = fault.detail() {
            problem = problem.with_detail(members);
        }
        match fault.retry_after_seconds() {
            Some(seconds) => problem.retry_after(seconds),
            None => problem,
        }
    }
}

fn causes(fault: &dyn std::error::Error) -> String {
    let causes: Vec<_> =
        std::iter::successors(fault.source(), |cause| cause.source()).map(ToString::to_string).collect();
    causes.join(": ")
}

/// Renders without a request id and leaves itself in the extensions, where [`Surface`](crate::Surface) finds
/// it and renders it again with one.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.to_json(None).to_string()));
        *response.status_mut() = self.0.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(seconds) = self.0.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("Subscription is suspended")]
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

        fn retry_after_seconds(&self) -> Option<u64> {
            Some(60)
        }
    }

    #[test]
    fn members_of_an_object_detail_stand_at_the_top_too_and_win() {
        let problem = Problem::from(Suspended);

        assert_eq!(
            problem.to_json(None),
            json!({"status": "suspended", "error": "subscription_inactive", "message": "Subscription is suspended",
                   "detail": {"error": "subscription_inactive", "status": "suspended"}})
        );
        assert_eq!(problem.status(), StatusCode::FORBIDDEN);
        assert_eq!(problem.into_response().headers()[header::RETRY_AFTER], "60");
    }

    #[test]
    fn a_detail_that_has_a_detail_does_not_hide_the_whole() {
        let members = json!({"detail": 1}).as_object().cloned().unwrap();
        let problem = Problem::not_found().with_detail(members);

        assert_eq!(problem.to_json(None)["detail"], json!({"detail": 1}));
    }

    #[test]
    fn what_may_pass_later_says_when() {
        for kind in [FaultKind::Busy, FaultKind::Unavailable] {
            let response = Problem::new(kind, "later", "Later").into_response();
            assert_eq!(response.headers()[header::RETRY_AFTER], "1", "{kind:?}");
        }
        assert!(!Problem::not_found().into_response().headers().contains_key(header::RETRY_AFTER));
    }

    #[test]
    fn a_handler_without_a_surface_still_answers_in_the_envelope() {
        let body = Problem::missing_header("X-Tenant-ID").to_json(None);

        assert_eq!(body["detail"], "Missing required header: X-Tenant-ID");
        assert_eq!((&body["status"], &body["error"]), (&json!(400), &json!("missing_header")));
    }
}
