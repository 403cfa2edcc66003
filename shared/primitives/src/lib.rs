//! The words everything else is written in: ids, credits, money, time, randomness, faults.
//!
//! Nothing here reads or writes anything. What is always true: an amount is a whole number of a small
//! unit and its arithmetic is checked; a time is an instant in UTC; an id is a version 4 UUID whose text is
//! lower case; nothing asks the wall clock or the operating system for randomness except through the two
//! traits [`Clock`] and [`Random`].

mod amount;
mod cache;
mod decimal;
mod fault;
mod id;
mod period;
mod random;
mod time;

pub use amount::{Credits, PricePerCredit, RawUnits, Usd, WeightPerUnit};
pub use cache::{Cache, cache};
pub use decimal::{DecimalError, Micros};
pub use fault::{Fault, FaultKind};
pub use id::{
    ApiKeyId, AuditEntryId, BriefId, ConversationId, EntryId, GrantId, KpiId, LeaseId, MessageId, RequestId,
    TenantId, TurnId, UserId, WebhookSecretId,
};
pub use period::{BillingPeriod, Date, parse_date};
pub use random::{OsRandom, Random, SeededRandom};
pub use time::{Clock, SystemClock, Timestamp};
