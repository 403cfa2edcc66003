//! Events that a payment provider signs, and the grants they pay for (control-plane.md 9).
//!
//! This crate owns whether an event is genuine, what a payment is worth, and the record of every delivery with what
//! became of it. It leaves grants to `grants`.
//!
//! What is always true: nothing is read from a body whose signature is not proved; a payment is granted at most once,
//! because a mark of its own id is put in the transaction of its grant; a delivery that is answered with 2xx is stored with
//! its outcome, and one that was granted in the very transaction of the grant; what can never succeed is stored for an
//! administrator and never sent back to be tried again.

mod delivery;
mod error;
mod event;
mod package;
mod settings;
mod signature;
mod store;

pub use delivery::{Delivery, Outcome};
pub use error::PaymentError;
pub use event::{Event, MalformedEvent};
pub use package::{PACKAGES, Package};
pub use settings::{InvalidStripeSetting, StripeSettings, WebhookSecret};
pub use signature::{FUTURE_SECONDS, InvalidSignature, verify};
pub use store::{DeliveryScope, Payments, Receipt};
