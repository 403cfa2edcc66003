//! Notifications that leave the building: a tenant's endpoint, and each delivery to it, signed by the Standard Webhooks
//! scheme.
//!
//! What must leave is a row that `notifications` writes in the transaction which makes the notifications. Here it becomes
//! deliveries, one for each notification, and each delivery is tried until the endpoint took it or the schedule ends.
//! Messages of a queue make all of that soon; the table alone says what is to be done, and a sweep finds what no message
//! tells any more.
//!
//! What is always true: every notification of a tenant with an enabled endpoint has one delivery, whoever dies when;
//! of one delivery no two attempts are under way at the same time, and each attempt that was recorded is recorded once;
//! a delivery that is not done with has exactly one mark in the order of what is due; an endpoint that fails is probed by
//! one delivery at a time; secrets are shown once and stand in no row, no entry and no log; nothing but public addresses
//! is called, except this machine where a setting says so.

mod delivery;
mod dispatch;
mod endpoint;
mod error;
mod guard;
mod health;
mod log;
mod outbox;
mod schedule;
mod secret;
mod sender;
mod signature;
mod store;
mod sweep;
mod verdict;

pub use delivery::{Attempt, Delivery, DeliveryId, DeliveryState, End, Event, KEPT_SECONDS};
pub use endpoint::{
    DisabledReason, Endpoint, EndpointState, EndpointUrl, Host, MAX_URL_CHARACTERS, UrlFault,
};
pub use error::WebhookError;
pub use guard::{Guard, is_public};
pub use health::Health;
pub use log::{DeliveryListing, MAX_EXAMINED};
pub use outbox::{Due, Outbox, OutboxMessage, Task};
pub use schedule::MAX_ATTEMPTS;
pub use secret::{MAX_SECRETS, SealedSecret, Secret};
pub use sender::{Letter, PATIENCE, Reply, Resolve, RetryAfter, SendError, Sender, Sent, SystemResolver};
pub use store::{Registered, Registration, Webhooks};
pub use sweep::Swept;
