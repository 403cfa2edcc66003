//! The end of leases: nobody spends them any more, and what was spent is posted.

use bespin_access::TenantScope;
use bespin_primitives::{TenantId, Timestamp};
use bespin_table::{CommitError, Condition, Item, Query, Row, TableError, Transaction, keys};
use futures::future::try_join_all;

use super::{Block, ENDED, Lease, is_end, journal_end};
use crate::{Charge, LedgerEntry, Metering, counter::Moves};

/// How many leases one transaction settles at most: two thirds of its writes, and far below its 4 MB.
const SETTLED_AT_A_TIME: usize = 20;

/// How many leases that a process left behind are looked at together in each of the sixteen partitions.
const SWEPT_AT_A_TIME: usize = 100;

impl Metering {
    /// Ends leases and posts what was spent of them, whoever spends them and whoever else ends them. Four round trips, and
    /// one for each further twenty.
    pub async fn settle_leases(&self, tenant: &impl TenantScope, leases: &[Lease]) -> Result<(), TableError> {
        for batch in leases.chunks(SETTLED_AT_A_TIME) {
            self.settle(tenant.tenant_id(), batch).await?;
        }
        Ok(())
    }

    async fn settle(&self, tenant_id: TenantId, leases: &[Lease]) -> Result<(), TableError> {
        let spent = try_join_all(leases.iter().map(|lease| self.end(tenant_id, lease))).await?;
        let mut open: Vec<(&Lease, Vec<LedgerEntry>)> = leases.iter().zip(spent).collect();
        while !open.is_empty() {
            let mut transaction = Transaction::new();
            let mut moves = Moves::default();
            let mut slots = Vec::with_capacity(open.len());
            for (lease, entries) in &open {
                let row = keys::lease(tenant_id, lease.until, lease.id);
                slots.push(transaction.delete(row, Condition::present()));
                let mark = keys::open_lease(tenant_id, lease.until, lease.id);
                transaction.delete(mark, Condition::default());
                moves.give_back(&lease.charge, lease.from.date());
                for entry in entries {
                    moves.post(&charge(entry), entry.created_at.date());
                }
                if let Some(block) = Block::of(lease.id, entries.clone()) {
                    transaction.put(block.row(), Condition::default());
                }
            }
            moves.write(&mut transaction, tenant_id, &Condition::default());
            match self.table.commit(transaction).await {
                Ok(()) => return Ok(()),
                Err(CommitError::Table(error)) => return Err(error),
                Err(CommitError::Refused(refusals)) => {
                    // Somebody else settled those meanwhile.
                    let mut slots = slots.into_iter();
                    open.retain(|_| slots.next().is_some_and(|slot| refusals.of(slot).is_none()));
                }
            }
        }
        Ok(())
    }

    /// Makes sure that nothing more is spent of a lease; all that was.
    async fn end(&self, tenant_id: TenantId, lease: &Lease) -> Result<Vec<LedgerEntry>, TableError> {
        loop {
            let mut rows =
                self.table.query_whole(Query::of(keys::lease_journal(tenant_id, lease.id))).await?;
            let ended = rows.pop_if(|row| is_end(row)).is_some();
            let entries: Vec<LedgerEntry> = rows.iter().map(LedgerEntry::read).collect::<Result<_, _>>()?;
            let number = entries.len() as u64;
            // Each entry is of a unit at least, so nothing can follow.
            if ended || number >= lease.charge.raw_units {
                return Ok(entries);
            }
            let mark = Item::new(keys::lease_entry(tenant_id, lease.id, number))
                .with(ENDED, &true)
                .with("expires_at", &journal_end(lease.until));
            // Where another entry was faster, there is one more to be read.
            if self.table.put(mark, Condition::absent()).await?.is_none() {
                return Ok(entries);
            }
        }
    }

    /// Settles the leases of all tenants that were over before an instant and that nobody missed since. How many. One that
    /// cannot be settled keeps no other from it; the last such failure is told at the end.
    pub async fn sweep_leases(&self, before: Timestamp) -> Result<usize, TableError> {
        let (mut settled, mut failure) = (0, None);
        for range in keys::leases_over_before(before) {
            let mut after = None;
            loop {
                let query = Query::of(range.clone()).limit(SWEPT_AT_A_TIME).after(after);
                let page = self.table.query(query).await?;
                for mark in &page.items {
                    match self.settle_marked(mark).await {
                        Ok(was_open) => settled += usize::from(was_open),
                        Err(error) => failure = Some(error),
                    }
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        failure.map_or(Ok(settled), Err)
    }

    /// Settles the lease that a mark tells of; whether it was still there.
    async fn settle_marked(&self, mark: &Item) -> Result<bool, TableError> {
        let (tenant_id, until) = (mark.get("tenant_id")?, mark.get("until")?);
        let Some(row) = self.table.get(keys::lease(tenant_id, until, mark.get("lease")?)).await? else {
            return Ok(false);
        };
        self.settle(tenant_id, &[Lease::read(&row)?]).await?;
        Ok(true)
    }
}

fn charge(entry: &LedgerEntry) -> Charge {
    let LedgerEntry { event, raw_units, credits, list_cost, .. } = *entry;
    Charge { event, raw_units, credits, list_cost }
}
