//! What each user of a tenant's product did and is doing, what each provider cost, and the turns that may run
//! (control-plane.md 5 to 7).
//!
//! A [`Tally`] counts one subject in one bundle, a [`Spend`] one provider in one bundle or in a whole project; both also know
//! what running turns hold of them. Whether more fits is asked of the same [`bespin_entitlements::Limit`] that guards tool
//! calls, and what a turn may use of its tenant's plan is held among the very counters of tool calls ([`plan`]). This crate
//! leaves to `policies`, grants and entitlements what the ceilings are.
//!
//! What is always true: a row is replaced on the condition of the version it was planned on, so of many who want the last
//! of something one gets it; what is held counts against every limit and ends by its own expiry, because what a row says
//! at an instant is a pure function of the row and the instant; a turn is settled once.

mod budget;
mod count;
mod error;
mod limiter;
mod limits;
mod plan;
mod rows;
mod settings;
mod spend;
mod spending;
mod store;
mod tally;
mod turn;
mod verdict;

pub use budget::{BudgetVerdict, ProviderBudget};
pub use error::TurnError;
pub use limiter::{LockOrder, Subject};
pub use limits::{Allowed, FALLBACK};
pub use spend::Spend;
pub use store::{Room, Settlement, Turns};
pub use tally::{AtExpiry, Snapshot, Tally};
pub use turn::{Amounts, SettledAmounts, Turn, TurnOrder, TurnState};
pub use verdict::{Reason, Verdict};
