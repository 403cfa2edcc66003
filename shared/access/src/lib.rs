//! Tenants, users, roles and API keys: who may do what.
//!
//! What is always true: an API key is stored only as a keyed hash; a key that was not made by us is refused
//! before anything is read; only [`Caller::authorise`] makes a [`TenantAccess`], and every tenant-scoped read
//! and write elsewhere asks for one, so an unscoped one does not compile. What a tenant may use (plans, limits)
//! is the business of the entitlements; this crate only fetches their rows in the same round trip.

mod action;
mod api_key;
mod caller;
mod console;
mod error;
mod platform;
mod sealed;
mod store;
mod stored_key;
mod tenant;
mod tenants;
mod user;

pub use action::Action;
pub use api_key::{ApiKey, KeyHash, Pepper};
pub use caller::{Caller, Credentials, TenantAccess};
pub use console::{ConsoleAccess, ConsoleKey};
pub use error::AccessError;
pub use platform::{
    AdministeredTenant, Administrator, OperatedTenant, PlatformAccess, PlatformKeys, Sender, ServedTenant,
    TenantScope,
};
pub use sealed::Seal;
pub use store::{Access, CACHED_SECONDS, FoundedTenant, NewTenant};
pub use stored_key::StoredKey;
pub use tenant::Tenant;
pub use tenants::Tenants;
pub use user::{Role, User};
