//! The audit: who changed what an administrator can change. Metered requests are not here; their ledger entries carry
//! what their audit needs.
//!
//! What is always true: an entry is written in the transaction of the change it tells of, so there is none without
//! the other; entries are never changed; they hold no secret.

mod entry;
mod store;

pub use entry::{AuditActor, AuditEntry};
pub use store::{Audit, AuditScope, Author, Changed, post};
