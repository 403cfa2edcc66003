//! What providers cost, against their budgets (control-plane.md 6).

use std::collections::BTreeSet;

use bespin_access::TenantScope;
use bespin_policies::Project;
use bespin_primitives::Timestamp;
use bespin_table::{CommitError, Key, TableError, Transaction, keys};

use crate::{
    BudgetVerdict, ProviderBudget, Spend, Turns,
    rows::{ATTEMPTS, Spends, put_mark, spend_of},
};

impl Turns {
    /// What a provider cost in a bundle, or in the whole project where that is `*`. One round trip.
    pub async fn spend(
        &self,
        tenant: &impl TenantScope,
        project: &Project,
        bundle_id: &str,
        provider: &str,
        now: Timestamp,
    ) -> Result<Spend, TableError> {
        let key = keys::spend(tenant.tenant_id(), project.as_str(), bundle_id, provider);
        spend_of(self.table.get(key).await?.as_ref(), now)
    }

    /// What is left of each budget (control-plane.md 6). One round trip; changes nothing.
    pub async fn check(
        &self,
        tenant: &impl TenantScope,
        project: &Project,
        budgets: &[ProviderBudget],
        now: Timestamp,
    ) -> Result<Vec<BudgetVerdict>, TableError> {
        let key = |budget: &ProviderBudget| {
            keys::spend(tenant.tenant_id(), project.as_str(), &budget.scope, &budget.provider)
        };
        let wanted: BTreeSet<(String, String)> =
            budgets.iter().map(key).map(|key| (key.pk, key.sk)).collect();
        let wanted: Vec<Key> = wanted.into_iter().map(|(pk, sk)| Key { pk, sk }).collect();
        let found = self.table.get_all(&wanted).await?;
        let verdict = |budget: &ProviderBudget| {
            Ok(BudgetVerdict::of(budget, &spend_of(found.get(&key(budget)), now)?, 0, now))
        };
        budgets.iter().map(verdict).collect()
    }

    /// Counts what a provider cost, in its bundle and in the whole project (control-plane.md 6). A `commit_id` counts once
    /// in 24 hours; whether it was counted before.
    pub async fn commit_spend(
        &self,
        tenant: &impl TenantScope,
        project: &Project,
        (bundle_id, provider): (&str, &str),
        micros: u64,
        commit_id: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, TableError> {
        let tenant_id = tenant.tenant_id();
        let mark = commit_id
            .map(|id| keys::commit(tenant_id, &["spend", project.as_str(), bundle_id, provider, id]));
        let mut rows = Spends::of(tenant_id, project, bundle_id, [provider]);
        rows.read(&self.table.get_all(&rows.keys()).await?);
        for _ in 0..ATTEMPTS {
            let mut transaction = Transaction::new();
            rows.put(&mut transaction, now, |_, spend| {
                spend.commit(micros, now);
                true
            })?;
            let counted = mark.clone().map(|mark| put_mark(&mut transaction, mark, now));
            match self.table.commit(transaction).await {
                Ok(()) => return Ok(false),
                Err(CommitError::Refused(refusals)) => {
                    if counted.is_some_and(|counted| refusals.of(counted).is_some()) {
                        return Ok(true);
                    }
                    rows.learn(&refusals);
                }
                Err(CommitError::Table(error)) => return Err(error),
            }
        }
        Err(TableError::Contended)
    }
}
