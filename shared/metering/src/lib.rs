//! Metered events, what they cost, the ledger, and the usage counters.
//!
//! What is always true: a charge is worked out once, from the weight and price of its moment, and frozen into
//! its ledger entry; entries are never changed; the counters of a month move in the same transaction as the
//! entry, so the sum of a month's entries equals its counters without what is held. Limits on the counters are the
//! business of the entitlements.

mod charge;
mod counter;
mod event;
mod hold;
mod lease;
mod ledger;
mod listing;
mod store;
mod units;

pub use charge::Charge;
pub use counter::{Counter, Usage, attributes_of, counter_held_by};
pub use event::{EventDefinition, MeteredEvent};
pub use hold::{PlanHold, TurnPosting};
pub use lease::{Appended, Lease, LeasePlace, MAX_LEASE_CALLS, MAX_LEASE_SECONDS};
pub use ledger::LedgerEntry;
pub use listing::{LedgerListing, MAX_EXAMINED};
pub use store::{Metering, Posting, post};
pub use units::{UnitPosting, post_units};
