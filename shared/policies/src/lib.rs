//! What each kind of user may do in a project, and what each model provider may cost there (control-plane.md 3, 4).
//!
//! This crate owns the policies: their limits, how they join, and their rows. It leaves what is counted against them to
//! `turns`, and what is granted to single users on top to `grants`.
//!
//! What is always true: a policy is replaced on the condition of the version it was made from, with its audit entry; the
//! budgets of a bundle that hold also stand in one row, changed in the same transaction, so that a turn reads all policies
//! it needs at once; a project has at most [`MAX_POLICIES`] of each kind, so lists read all of them.

mod budget;
mod error;
mod name;
mod order;
mod quota;
mod record;
mod store;

pub use budget::{Budget, BudgetWindow};
pub use error::PolicyError;
pub use name::{EVERY_BUNDLE, MAX_NAME, Project};
pub use order::{BudgetOrder, QuotaOrder};
pub use quota::{Dimension, Quotas};
pub use record::{
    BudgetPolicy, Origin, QuotaPolicy, StoredBudget, budget_view, quotas_view, read_quotas, write_quotas,
};
pub use store::{CACHED_SECONDS, MAX_POLICIES, MAX_PROVIDERS, Policies};
