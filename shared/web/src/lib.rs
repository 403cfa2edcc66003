//! What every HTTP function shares: reading a call, naming bad fields, answering, refusing.
//!
//! A handler takes a [`Call`] and gives `Result<Answer, Problem>`:
//!
//! ```
//! # use bespin_web::{Answer, Call, Problem, text};
//! async fn create_kpi(call: Call) -> Result<Answer, Problem> {
//!     let body = call.json()?;
//!     let tenant_id = call.required_header("X-Tenant-ID")?;
//!     // Here the caller is authenticated; only then are the fields looked at (gateway.md 1.4).
//!     let mut fields = body.fields()?;
//!     let name = fields.required("name", text(1..=255));
//!     let name = fields.finish(|| name)?;
//!     Ok(Answer::created(&serde_json::json!({ "tenant_id": tenant_id, "name": name })))
//! }
//! ```
//!
//! [`Surface::wrap`] puts around a router what every answer has and every request passes. This crate knows
//! nothing of tenants, keys or roles: whoever asks is the business of `access`. What is always true: every
//! error is the one envelope of [`Problem`] with a request id; no input makes an answer of 5xx or a panic;
//! nothing that is internal or secret is sent back.

mod answer;
mod arrival;
mod call;
mod cors;
pub mod describe;
mod field_fault;
mod fields;
mod json;
pub mod meta;
mod page;
mod problem;
mod rate;
pub mod read;
mod serve;
mod surface;

pub use answer::Answer;
pub use arrival::MAX_BODY_BYTES;
pub use call::{Call, IdempotencyKey};
pub use cors::cors_origins;
pub use field_fault::{Faults, FieldFault, MAX_REPORTED_FAULTS, Step};
pub use fields::{Body, Fields};
pub use page::{Asset, Download, Page, STYLESHEET};
pub use problem::Problem;
pub use rate::{FailureLimiter, RateLimiter};
pub use read::{
    Input, Read, boolean, clamped, code, date, decimal, email, float, integer, list, list_of, map_by, map_of,
    members, object, one_of, parsed, text,
};
pub use serve::{init_logging, serve};
pub use surface::{ProcessClock, Surface, TimeSource};
