//! What does not agree.

use std::fmt;

use bespin_metering::MeteredEvent;
use bespin_primitives::{BillingPeriod, EntryId, RequestId, TenantId};

/// Something in a tenant's month that does not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The month.
    pub period: BillingPeriod,
    /// What.
    pub problem: Problem,
}

/// What does not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// A counter is not the sum of the ledger.
    Counter {
        /// What is counted, for people.
        counter: String,
        /// What the counter said before the ledger was read, in its smallest unit.
        before: u128,
        /// What it said after.
        after: u128,
        /// The sum of the ledger.
        ledger: u128,
    },
    /// An entry lies in the ledger of a tenant that is not its own.
    OtherTenant {
        /// The entry.
        entry: EntryId,
        /// Whose it says it is.
        owner: TenantId,
    },
    /// An entry lies in a month that is not its own.
    OtherPeriod {
        /// The entry.
        entry: EntryId,
        /// When it says it happened.
        owner: BillingPeriod,
    },
    /// An entry does not lie at its own instant and id.
    Misplaced {
        /// The entry.
        entry: EntryId,
        /// Where it lies.
        sk: String,
    },
    /// A request has two entries of one event at one instant, and both are about the same subject or none.
    Doubled {
        /// The second of them.
        entry: EntryId,
        /// The request.
        request_id: RequestId,
        /// The event.
        event: MeteredEvent,
    },
    /// A row is not what any version of the product writes.
    Unreadable {
        /// Which row, and what is wrong with it.
        reason: String,
    },
}

/// One line.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.period, self.problem)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Counter { counter, before, after, ledger } if before == after => {
                write!(f, "{counter}: the counter says {after}, the ledger {ledger}")
            }
            Self::Counter { counter, before, after, ledger } => {
                write!(f, "{counter}: the counter went from {before} to {after}, the ledger says {ledger}")
            }
            Self::OtherTenant { entry, owner } => write!(f, "entry {entry} is of another tenant, {owner}"),
            Self::OtherPeriod { entry, owner } => write!(f, "entry {entry} is of another period, {owner}"),
            Self::Misplaced { entry, sk } => write!(f, "entry {entry} lies at {sk}, which is not its place"),
            Self::Doubled { entry, request_id, event } => {
                write!(f, "entry {entry} doubles another one of {} of request {request_id}", event.key())
            }
            Self::Unreadable { reason } => write!(f, "cannot be read: {reason}"),
        }
    }
}
