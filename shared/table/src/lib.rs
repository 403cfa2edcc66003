//! The only crate that knows DynamoDB: the key schema, the item codec, transactions, pages, retries, and what
//! each call costs.
//!
//! What is always true: only [`keys`] spells keys; every read is strongly consistent; every write goes through
//! [`Table::commit`], where a refused condition says which one it was and brings the old item, or through [`Table::put`],
//! which writes one item for half of a transaction's units; every call is counted ([`counted`]).

pub mod cost;
mod error;
mod expression;
mod item;
pub mod keys;
mod page;
mod retry;
mod schema;
mod store;
mod text;
mod transaction;

pub use cost::{Cost, counted};
pub use error::TableError;
pub use expression::{Change, Condition};
pub use item::{Attribute, CorruptItem, Item, Row};
pub use keys::{Key, Range};
pub use page::{Cursor, Order, Page, Query};
pub use retry::RetryPolicy;
pub use store::Table;
pub use text::StoredText;
pub use transaction::{CommitError, MAX_WRITES, Refusals, Refused, Slot, Transaction};
