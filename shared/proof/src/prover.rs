//! Reading what is to be proved.

use std::collections::{BTreeMap, BTreeSet};

use bespin_access::{Tenant, Tenants};
use bespin_primitives::{BillingPeriod, TenantId, Timestamp, parse_date};
use bespin_table::{Cursor, Query, Table, TableError, keys};

use crate::{
    Difference, Problem,
    month::{Sums, numbers},
};

/// How many differences of one tenant are kept; the others are only counted.
pub const MAX_DIFFERENCES: usize = 1_000;

/// How many tenants are listed at a time.
const TENANTS_AT_A_TIME: usize = 160;

/// Reads ledgers and counters. For the operator's own machine and for tests: it asks for no proof of access.
#[derive(Debug, Clone)]
pub struct Prover {
    table: Table,
    tenants: Tenants,
}

/// What was found of one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantProof {
    /// Whose numbers they are.
    pub tenant_id: TenantId,
    /// How many entries each month has that has any, or any counter.
    pub months: BTreeMap<BillingPeriod, u64>,
    /// What does not agree, by month; the first [`MAX_DIFFERENCES`].
    pub differences: Vec<Difference>,
    /// How many there are in all.
    pub differing: usize,
}

impl TenantProof {
    /// How many entries were read.
    pub fn entries(&self) -> u64 {
        self.months.values().sum()
    }

    fn note(&mut self, period: BillingPeriod, problem: Problem) {
        self.differing += 1;
        if self.differences.len() < MAX_DIFFERENCES {
            self.differences.push(Difference { period, problem });
        }
    }
}

impl Prover {
    /// Over `table`.
    pub fn new(table: Table) -> Self {
        Self { tenants: Tenants::new(table.clone()), table }
    }

    /// How many tenants there are, counted page by page.
    pub async fn count_tenants(&self) -> Result<u64, TableError> {
        let (mut count, mut after) = (0, None);
        loop {
            let (tenants, next) = self.tenants.page(TENANTS_AT_A_TIME, after).await?;
            count += tenants.len() as u64;
            after = next;
            if after.is_none() {
                return Ok(count);
            }
        }
    }

    /// Proves all tenants, newest first, and hands each proof to `proved`. `read` hears of each page of entries.
    pub async fn all(
        &self,
        now: Timestamp,
        mut proved: impl FnMut(&Tenant, TenantProof),
        read: &(dyn Fn(u64) + Sync),
    ) -> Result<(), TableError> {
        let mut after: Option<Cursor> = None;
        loop {
            let (tenants, next) = self.tenants.page(TENANTS_AT_A_TIME, after).await?;
            for tenant in &tenants {
                proved(tenant, self.tenant(tenant, now, read).await?);
            }
            after = next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// One tenant by its id; `None` where there is none.
    pub async fn find(&self, tenant_id: TenantId) -> Result<Option<Tenant>, TableError> {
        self.tenants.find(tenant_id).await
    }

    /// Proves one tenant: every month from its sign-up to `now`, one more at either end for clocks that differ, and
    /// every other month that has counters. `read` hears of each page of entries.
    pub async fn tenant(
        &self,
        tenant: &Tenant,
        now: Timestamp,
        read: &(dyn Fn(u64) + Sync),
    ) -> Result<TenantProof, TableError> {
        let mut proof = TenantProof {
            tenant_id: tenant.id,
            months: BTreeMap::new(),
            differences: Vec::new(),
            differing: 0,
        };
        for period in self.months(tenant, now, &mut proof).await? {
            self.month(&mut proof, period, read).await?;
        }
        Ok(proof)
    }

    async fn months(
        &self,
        tenant: &Tenant,
        now: Timestamp,
        proof: &mut TenantProof,
    ) -> Result<BTreeSet<BillingPeriod>, TableError> {
        let (first, last) = (tenant.created_at.period().previous(), now.period().next());
        let lived = std::iter::successors(Some(first), |period| Some(period.next()));
        let mut months: BTreeSet<BillingPeriod> = lived.take_while(|period| *period <= last).collect();
        // One small row a month.
        for row in self.table.query_whole(Query::of(keys::usages(tenant.id))).await? {
            match parse_date(&format!("{}-01", row.sk())) {
                Some(date) => drop(months.insert(BillingPeriod::containing(date))),
                None => proof.note(first, Problem::Unreadable { reason: format!("usage of '{}'", row.sk()) }),
            }
        }
        Ok(months)
    }

    async fn month(
        &self,
        proof: &mut TenantProof,
        period: BillingPeriod,
        read: &(dyn Fn(u64) + Sync),
    ) -> Result<(), TableError> {
        let tenant_id = proof.tenant_id;
        let (before, _) = numbers(self.table.get(keys::usage(tenant_id, period)).await?.as_ref());
        let mut sums = Sums::of(tenant_id, period);
        let (mut entries, mut after) = (0, None);
        loop {
            let page = self.table.query(Query::of(keys::ledger(tenant_id, period)).after(after)).await?;
            for row in &page.items {
                if let Err(problem) = sums.take(row) {
                    proof.note(period, problem);
                }
            }
            entries += page.items.len() as u64;
            read(page.items.len() as u64);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let mut after = None;
        loop {
            let page =
                self.table.query(Query::of(keys::leased_ledger(tenant_id, period)).after(after)).await?;
            for row in &page.items {
                let (count, problems) = sums.take_leased(row);
                entries += count;
                read(count);
                for problem in problems {
                    proof.note(period, problem);
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let row = self.table.get(keys::usage(tenant_id, period)).await?;
        let (counted, unreadable) = numbers(row.as_ref());
        for problem in unreadable.into_iter().chain(sums.compare(&before, &counted)) {
            proof.note(period, problem);
        }
        if entries > 0 || row.is_some() {
            proof.months.insert(period, entries);
        }
        Ok(())
    }
}
