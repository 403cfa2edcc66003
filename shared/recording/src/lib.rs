//! Exactly once: the change, its ledger entry, the counters with their limits, and the answer kept under the
//! client's idempotency key are one transaction.
//!
//! What is always true: what was answered with 2xx is in the ledger, because the answer is given only after the
//! transaction that holds both; one idempotency key has one effect, because its record is a condition of that
//! transaction; a refused or failed attempt writes nothing, so its key stays free.
//!
//! ```text
//!   put     ledger entry         if absent
//!   update  counters of a month  if every limited counter is at most (ceiling - requested)
//!   put     idempotency record   if absent or expired
//!   ...     the change itself    on the concept's own conditions
//! ```

mod error;
mod fingerprint;
mod idempotency;
mod kept;
mod leased;
mod recorder;
mod refused;
mod sealed;

pub use error::{IdempotencyConflict, RecordError};
pub use fingerprint::Fingerprint;
pub use idempotency::{Claim, Earlier, KEPT_SECONDS};
pub use kept::KeptKey;
pub use leased::{InvalidLeaseSetting, LeaseTerms, MeteredCall};
pub use recorder::{Look, Looked, Outcome, Recorder, Recording};
pub use sealed::{GuessableKey, ReplayError, SealedClaim};
