//! Random histories: tenants at work through several processes at once, a store that falters, processes that die, an
//! operator who changes plans and prices meanwhile, and clocks that step over midnights and month ends. Whatever
//! happens, every limit holds (I1), every key has one effect (I2), and the ledger is what was answered and what every
//! counter says (I3); every brief is made and every user told once, however messages come (I8).
//!
//! A history is plain data and follows from its seed ([`History::draw`]). Playing it ([`play`]) is repeatable to the last
//! byte: one thread, time that passes at once, ids and waits from the seed. A history that fails is cut down to a
//! shortest one that still fails ([`shrink`]). [`Sabotage`] breaks what the product sends to the store; histories must
//! notice each kind.
//!
//! The rule that looks for due briefs fires in any process and any round, and messages come twice, late, out of order,
//! or again because the queue never heard that they were handled.
//!
//! Turns of the tenants' users hold estimates against user, providers and plan while clocks step over their ends; they are
//! settled twice, late, by other amounts, or never. Whatever they hold counts, and in the end nothing is held.
//!
//! In half of all histories processes charge calls to leases: they die with them, sleep past their end, and others end them
//! by looking or by being refused.

mod check;
mod draw;
mod history;
mod play;
mod sabotage;
mod shrink;
mod telling;
mod turns;

pub use history::{Call, Ceilings, Death, Delivery, Estimate, History, Order, OrderKind, Round, Wish};
pub use play::{Played, play};
pub use sabotage::Sabotage;
pub use shrink::shrink;

use std::fmt;

/// Which promise was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// I1: no hard limit is passed.
    Limits,
    /// I2: one key, one effect, one answer.
    Keys,
    /// I3: what was answered is in the ledger once, and nothing else is.
    Ledger,
    /// I4: nobody sees what is another tenant's.
    Walls,
    /// Faults that pass are never seen by a client; every answer is one that the contract allows.
    Answers,
    /// I8: whatever dies or comes twice, a brief is made once and a user told once of it.
    Once,
    /// I3 from inside: every counter is the sum of the ledger.
    Proof,
}

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub promise: Promise,
    /// What was seen.
    pub seen: String,
}

impl Violation {
    /// `Err` with what was seen, unless `kept`.
    pub(crate) fn unless(kept: bool, promise: Promise, seen: impl FnOnce() -> String) -> Result<(), Self> {
        if kept { Ok(()) } else { Err(Self { promise, seen: seen() }) }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.promise, self.seen)
    }
}
