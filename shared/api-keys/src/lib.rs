//! The life of a tenant's API keys: list, create, rotate with overlap, revoke. What a key is, how it is recognised and
//! for how long a caller is believed is the business of `access`.
//!
//! What is always true: a key is shown once, in the answer that makes it; a tenant has at most [`MAX_KEYS`] good keys
//! at a time, and its own admins cannot take its last lasting one; each change is made of the keys as they are when it
//! is written, because all changes of a tenant's keys move one row on; each change and its audit entry are one
//! transaction, and no entry holds a secret.

mod error;
mod store;

pub use error::ApiKeyError;
pub use store::{ApiKeys, MAX_KEYS, NewKey, Rotation};
