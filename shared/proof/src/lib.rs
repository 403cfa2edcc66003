//! The proof that the numbers are right: every ledger is read, every counter is computed anew from it, and what does not
//! agree is told with both numbers (I3).
//!
//! Used, remaining and overage credits, costs and the breakdown that tenants see are read from these counters and nowhere
//! else, so when the counters are the sums of the ledger, so is everything shown.
//!
//! A proof may run while tenants work. Entries and counters move in one transaction and reads are strongly consistent,
//! so a sum of the ledger lies between the counters read before it and those read after it; where nobody works, both are
//! the same number. Entries are read page by page and only sums are kept.

mod difference;
mod month;
mod prover;

pub use difference::{Difference, Problem};
pub use prover::{MAX_DIFFERENCES, Prover, TenantProof};
