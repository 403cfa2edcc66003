//! The only crate that knows SQS: typed messages, and batches with partial failure.
//!
//! [`Queue`] sends messages of one type to a standard queue; [`handle_batch`] is the other end, in the Lambda
//! the queue invokes. A message travels as JSON.
//!
//! SQS delivers at least once and in no promised order, and sending may double a message, too: a lost reply is
//! sent again. What a handler does must therefore be safe to do twice.

mod batch;
mod client;
mod dead_letters;
mod depth;
mod error;
mod queue;

pub use batch::handle_batch;
pub use client::{Sqs, sqs_client};
pub use dead_letters::{DeadLetters, MAX_RECEIVES};
pub use depth::Depth;
pub use error::QueueError;
pub use queue::{Queue, Unsent};
