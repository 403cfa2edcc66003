//! What kind of failure an error is. Concepts say the kind; only the edge turns it into a status.

use serde_json::{Map, Value};

/// The kinds of failure a caller can act on differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The request lacks something every request needs. 400
    Malformed,
    /// The caller is not who it says it is. 401
    Unauthenticated,
    /// The caller is known and may not do this. 403
    Forbidden,
    /// There is no such thing, or it is another tenant's. 404
    Missing,
    /// It contradicts what is already there. 409
    Conflict,
    /// It is larger than we take. 413
    TooLarge,
    /// A field is wrong. 422
    Invalid,
    /// A limit is reached. 429
    Exhausted,
    /// Too many at once; the same request may pass in a moment. 429
    Busy,
    /// Something we stand on does not answer; the same request may pass later. 503
    Unavailable,
    /// Our own mistake. 500
    Broken,
}

/// An error that reaches a caller. Its `Display` is the sentence the caller reads, so it never carries
/// internal detail: that belongs in the log.
pub trait Fault: std::error::Error {
    /// What kind of failure this is.
    fn kind(&self) -> FaultKind;

    /// The stable code clients switch on.
    fn code(&self) -> &'static str;

    /// The members of a structured `detail`, where the contract gives one; otherwise `detail` is the sentence.
    fn detail(&self) -> Option<Map<String, Value>> {
        None
    }

    /// After how many seconds the same request may pass, where that is known.
    fn retry_after_seconds(&self) -> Option<u64> {
        None
    }
}
