//! What a tenant has and used, as it is stored now: for showing it. Admission never reads this.

use bespin_access::TenantScope;
use bespin_audit::{Author, Changed};
use bespin_metering::Usage;
use bespin_primitives::BillingPeriod;
use bespin_table::{CommitError, Condition, Row, TableError, Transaction, keys};

use crate::{DailyLimits, Entitlements, Subscription};

/// How often limits are set anew because another change of them was faster.
const ATTEMPTS: usize = 32;

/// What a tenant has and what it used in one month.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its daily limits.
    pub limits: DailyLimits,
    /// Its subscription, if it has one.
    pub subscription: Option<Subscription>,
    /// What it used in the month.
    pub usage: Usage,
}

impl Entitlements {
    /// The account of a tenant with its usage of a month. One round trip, three items, whatever the history.
    pub async fn account(
        &self,
        tenant: &impl TenantScope,
        period: BillingPeriod,
    ) -> Result<Account, TableError> {
        let tenant_id = tenant.tenant_id();
        let [limits, subscription, usage] =
            [keys::daily_limits(tenant_id), keys::subscription(tenant_id), keys::usage(tenant_id, period)];
        let mut found = self.table.get_all(&[limits.clone(), subscription.clone(), usage.clone()]).await?;
        Ok(Account {
            limits: found.get(&limits).map(DailyLimits::read).transpose()?.unwrap_or_default(),
            subscription: found.get(&subscription).map(Subscription::read).transpose()?,
            usage: Usage::of(period, found.remove(&usage)),
        })
    }

    /// The daily limits of a tenant. One round trip.
    pub async fn daily_limits(&self, tenant: &impl TenantScope) -> Result<DailyLimits, TableError> {
        let row = self.table.get(keys::daily_limits(tenant.tenant_id())).await?;
        Ok(row.as_ref().map(DailyLimits::read).transpose()?.unwrap_or_default())
    }

    /// Sets all daily limits of a tenant and notes who did. Whoever caches callers forgets this tenant's.
    pub async fn set_daily_limits(
        &self,
        author: &Author<'_>,
        tenant: &impl TenantScope,
        limits: DailyLimits,
    ) -> Result<(), TableError> {
        let key = keys::daily_limits(tenant.tenant_id());
        for _ in 0..ATTEMPTS {
            let row = self.table.get(key.clone()).await?;
            let before = row.as_ref().map(DailyLimits::read).transpose()?;
            // The entry tells what was there before, so that must be what is replaced.
            let unchanged = match before {
                None => Condition::absent(),
                Some(before) => {
                    before.fields().iter().fold(Condition::present(), |condition, (event, limit)| {
                        condition.and_equals(event.key(), limit)
                    })
                }
            };
            let changed = Changed {
                action: "limits.update",
                tenant_id: Some(tenant.tenant_id()),
                subject: String::new(),
                before: before.unwrap_or_default().view(tenant.tenant_id()),
                after: limits.view(tenant.tenant_id()),
            };
            let mut transaction = Transaction::new();
            transaction.put(limits.at(key.clone()), unchanged);
            author.post(&mut transaction, changed);
            match self.table.commit(transaction).await {
                Ok(()) => return Ok(()),
                Err(CommitError::Refused(_)) => {}
                Err(CommitError::Table(error)) => return Err(error),
            }
        }
        Err(TableError::Contended)
    }
}
