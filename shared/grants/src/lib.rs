//! What single users of a tenant's product are granted on top of the policy of their kind, and what was paid for it
//! (control-plane.md 2). The contract calls a grant a replenishment, or a credit.
//!
//! This crate owns grants, how those that hold add up, and the sums of what was paid. It leaves what they are added to to
//! `policies`, and whether a payment is one to `payments`.
//!
//! What is always true: each grant is a record of its own, and those that hold in a bundle add up (decision D1: ledger);
//! a grant never changes but for being deactivated; all grants of a user that may hold stand in one row, which each
//! change replaces on the condition of its version, so a request reads one row however long the history is; that row, the
//! records, the sums of the month and the audit entry change in one transaction.

mod error;
mod grant;
mod keyed;
mod lists;
mod live;
mod revenue;
mod store;

pub use error::GrantError;
pub use grant::{Grant, GrantOrder, MAX_DAYS, addition_name};
pub use lists::{Ends, GrantListing, UserTotals};
pub use revenue::Revenue;
pub use store::{Grants, Issued, MAX_LIVE_GRANTS, Once};
