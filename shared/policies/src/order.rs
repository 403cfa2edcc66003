//! What an administrator orders of a policy, and what it makes of the one that is there.

use bespin_primitives::Timestamp;

use crate::{
    Budget, BudgetPolicy, BudgetWindow, Dimension, Project, QuotaPolicy, Quotas, StoredBudget, record::Origin,
};

/// A quota policy that shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaOrder {
    /// Which kind of user.
    pub user_type: String,
    /// Which bundle, or `*`.
    pub bundle_id: String,
    /// The limits that are given; the others stay.
    pub given: Quotas,
    /// The limits that are taken off.
    pub unset: Vec<Dimension>,
    /// For people; what was noted before goes.
    pub notes: Option<String>,
}

/// A budget policy that shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetOrder {
    /// Which bundle, or `*` for a ceiling over all of them together.
    pub bundle_id: String,
    /// Which provider.
    pub provider: String,
    /// The ceilings that are given; the others stay.
    pub given: Budget,
    /// The ceilings that are taken off.
    pub unset: Vec<BudgetWindow>,
    /// For people; what was noted before goes.
    pub notes: Option<String>,
}

impl QuotaOrder {
    pub(crate) fn apply(
        &self,
        before: Option<&QuotaPolicy>,
        project: &Project,
        by: &str,
        now: Timestamp,
    ) -> QuotaPolicy {
        let stored = before.map(|before| before.quotas).unwrap_or_default();
        let quotas = stored.updated_by(&self.given);
        QuotaPolicy {
            user_type: self.user_type.clone(),
            bundle_id: self.bundle_id.clone(),
            quotas: self.unset.iter().fold(quotas, |quotas, dimension| quotas.with(*dimension, None)),
            origin: Origin::of(before.map(|before| &before.origin), project, self.notes.clone(), by, now),
        }
    }
}

impl BudgetOrder {
    pub(crate) fn apply(
        &self,
        before: Option<&StoredBudget>,
        project: &Project,
        by: &str,
        now: Timestamp,
    ) -> StoredBudget {
        let stored = before.map(|before| before.policy.budget).unwrap_or_default();
        let budget = stored.updated_by(&self.given);
        let policy = BudgetPolicy {
            bundle_id: self.bundle_id.clone(),
            provider: self.provider.clone(),
            budget: self.unset.iter().fold(budget, |budget, window| budget.with(*window, None)),
        };
        let origin = Origin::of(before.map(|before| &before.origin), project, self.notes.clone(), by, now);
        StoredBudget { policy, origin }
    }
}

impl Origin {
    /// Of a policy that is set, and so holds.
    fn of(
        before: Option<&Self>,
        project: &Project,
        notes: Option<String>,
        created_by: &str,
        now: Timestamp,
    ) -> Self {
        Self {
            project: project.clone(),
            notes,
            created_by: created_by.to_owned(),
            active: true,
            created_at: before.map_or(now, |before| before.created_at),
            updated_at: now,
            version: before.map_or(0, |before| before.version) + 1,
        }
    }

    /// Of a policy that does not hold any more.
    pub(crate) fn deactivated(&self, now: Timestamp) -> Self {
        Self { active: false, updated_at: now, version: self.version + 1, ..self.clone() }
    }
}
