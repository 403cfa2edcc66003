//! Plans, capabilities, caps, subscriptions, every kind of limit, and admission: what a tenant may use.
//!
//! What is always true: every limit of every source (the plan's credits, its caps, the tenant's daily limits) is
//! one [`Limit`]; whether a charge fits is decided by one pure function, [`admit`], and held by the conditions
//! that [`Admission::ceilings`] puts into the recording transaction; a refusal names the limit that refused.

mod account;
mod administration;
mod admission;
mod allowance;
mod catalogue;
mod daily;
mod error;
mod limit;
mod order;
mod plan;
mod seed;
mod standing;
mod store;
mod subscription;
mod summary;

pub use account::Account;
pub use administration::MAX_CATALOGUE;
pub use admission::{Admission, Admissions, Refusal, admit};
pub use allowance::Allowance;
pub use catalogue::Catalogue;
pub use daily::DailyLimits;
pub use error::{AdministrationError, EntitlementError};
pub use limit::{Enforcement, Limit, Measure, Origin, Scope, Window};
pub use order::{EventUpdate, NewEvent, NewPlan, PlanUpdate, SubscriptionOrder};
pub use plan::{Capability, Plan, cap_view};
pub use standing::Standing;
pub use store::{Entitlements, start_tenant};
pub use subscription::{Subscription, SubscriptionStatus};
pub use summary::UsageSummary;
