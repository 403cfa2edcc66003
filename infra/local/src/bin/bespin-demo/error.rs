//! Why the demo ends early, each in one sentence.

use std::io;

use bespin_local::LocalError;

/// Why the demo ends early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    /// No cloud could be started, or it did not end well.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// The thread of the cloud could not be made, or died.
    #[error("the cloud of this demo cannot run: {0}")]
    Thread(String),
    /// A request got no answer that can be read.
    #[error("{what} got no answer: {reason}")]
    NoAnswer {
        /// What was asked for.
        what: String,
        /// What the HTTP client says.
        reason: ureq::Error,
    },
    /// A request got another answer than 2xx.
    #[error("{what} was refused with status {status}: {message}")]
    Refused {
        /// What was asked for.
        what: String,
        /// The status.
        status: u16,
        /// The server's own sentence.
        message: String,
    },
    /// An answer lacks a member.
    #[error("{what} was answered without {member}")]
    Incomplete {
        /// What was asked for.
        what: String,
        /// The JSON pointer to what is not there.
        member: String,
    },
    /// An embedded file is not what we think it is.
    #[error("{file} cannot be read: {reason}")]
    Data {
        /// The file.
        file: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Nobody takes what we print.
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
}
