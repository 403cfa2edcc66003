//! Who hears of what: each user's preferences, each user's outbox, and the run that fills the outboxes.
//!
//! This crate leaves to `briefs` what a brief says, to `entitlements` how many notifications a tenant may have, and to
//! `metering` the ledger entry that each of them makes.
//!
//! What is always true: a user has at most one notification of a type and date, whatever its status (gateway.md 9);
//! ids grow and are unique over all tenants, and no counter is shared to make them so; a notification, its
//! ledger entry, what of it leaves the building and the progress of the run that made it are one transaction. By what
//! way it leaves is the business of `webhooks`.

mod chunk;
mod enqueue;
mod id;
mod notification;
mod observed;
mod outbox;
mod outgoing;
mod prefs;
mod recipients;
mod run;
mod tell;

pub use enqueue::Driver;
pub use notification::{Envelope, Notification, NotificationType, Status};
pub use observed::SavedPrefs;
pub use outbox::{Listing, MAX_EXAMINED, Notifications};
pub use outgoing::{Departure, Outgoing};
pub use prefs::{DeliveryMethod, Prefs};
pub use run::{Counts, Run, RunOrder};
pub use tell::{Telling, Told};
