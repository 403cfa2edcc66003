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
mod ledger;
mod store;
mod units;

pub use charge::Charge;
pub use counter::{Counter, Usage, attributes_of, counter_held_by};
pub use event::{EventDefinition, MeteredEvent};
pub use hold::{PlanHold, TurnPosting};
pub use ledger::LedgerEntry;
pub use store::{LedgerListing, MAX_EXAMINED, Metering, Posting, post};
pub use units::{UnitPosting, post_units};
