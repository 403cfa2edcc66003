//! The clock of a request.

use std::sync::Arc;

use axum::http::HeaderMap;
use bespin_primitives::{Clock, FaultKind, Timestamp};
use bespin_web::{Problem, TimeSource};

const HEADER: &str = "X-Test-Now";

/// The time of each request: the process's clock, or, where tests from outside are allowed to say so, the request's
/// `X-Test-Now` header. No Lambda knows this header.
#[derive(Debug, Clone)]
pub struct RequestClock {
    /// The process's clock.
    pub clock: Arc<dyn Clock>,
    /// Whether the header counts (`TEST_CLOCK`).
    pub header_counts: bool,
}

impl TimeSource for RequestClock {
    fn now(&self, headers: &HeaderMap) -> Result<Timestamp, Problem> {
        let Some(header) = headers.get(HEADER).filter(|_| self.header_counts) else {
            return Ok(self.clock.now());
        };
        header.to_str().ok().and_then(Timestamp::parse_rfc3339).ok_or_else(|| {
            Problem::new(
                FaultKind::Malformed,
                "invalid_test_clock",
                format!("{HEADER} must be an RFC 3339 date-time"),
            )
        })
    }
}
