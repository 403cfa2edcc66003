//! What each kind of user may do in a project, and what each model provider may cost there (control-plane.md 3, 4).

mod budget;
mod name;
mod quota;

pub use budget::{Budget, BudgetWindow};
pub use name::{EVERY_BUNDLE, MAX_NAME, Project};
pub use quota::{Dimension, Quotas};
