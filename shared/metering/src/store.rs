//! Posting charges, and reading what was posted.

use bespin_access::{TenantAccess, TenantScope};
use bespin_primitives::{BillingPeriod, EntryId, Random, RequestId, Timestamp};
use bespin_table::{Condition, Cursor, Item, Query, Row, Slot, Table, TableError, Transaction, keys};

use crate::{Charge, Counter, LedgerEntry, Usage, counter};

/// Why and by whom a charge is posted.
#[derive(Debug, Clone)]
pub struct Posting {
    /// What is charged.
    pub charge: Charge,
    /// The request that causes it.
    pub request_id: RequestId,
    /// The tool, `daily_brief`, `chat`, or none.
    pub tool_name: Option<String>,
    /// The audited action, where the contract has one.
    pub action: Option<&'static str>,
    /// When; also decides the month and the day it counts for.
    pub at: Timestamp,
}

/// Adds to `transaction` the ledger entry of a posting and the move of the month's counters, the latter on the
/// condition that each counter of `ceilings` is not above its number beforehand. The slot is the counters'.
pub fn post(
    transaction: &mut Transaction,
    access: &TenantAccess,
    posting: &Posting,
    ceilings: &[(Counter, u64)],
    random: &dyn Random,
) -> Slot {
    let Posting { charge, request_id, tool_name, action, at } = posting;
    let entry = LedgerEntry {
        id: EntryId::random(random),
        tenant_id: access.tenant_id(),
        event: charge.event,
        raw_units: charge.raw_units,
        credits: charge.credits,
        list_cost: charge.list_cost,
        tool_name: tool_name.clone(),
        request_id: *request_id,
        user_id: access.user_id(),
        action: action.map(str::to_owned),
        subject: None,
        created_at: *at,
    };
    transaction.put(entry.at(keys::ledger_entry(access.tenant_id(), *at, entry.id)), Condition::absent());
    move_counters(transaction, access, charge, *at, ceilings)
}

/// Adds to `transaction` the move of the month's counters, on the condition of `ceilings`. Each month has one such row,
/// so a transaction moves it once.
pub(crate) fn move_counters(
    transaction: &mut Transaction,
    access: &TenantAccess,
    charge: &Charge,
    at: Timestamp,
    ceilings: &[(Counter, u64)],
) -> Slot {
    transaction.update(
        keys::usage(access.tenant_id(), at.period()),
        counter::change(charge, at.date()),
        counter::within(ceilings),
    )
}

/// Reads of what was posted.
#[derive(Debug, Clone)]
pub struct Metering {
    pub(crate) table: Table,
}

impl Metering {
    /// Over `table`.
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// What the tenant used in a month. One read, whatever the history.
    pub async fn usage(&self, tenant: &impl TenantScope, period: BillingPeriod) -> Result<Usage, TableError> {
        let item = self.table.get(keys::usage(tenant.tenant_id(), period)).await?;
        Ok(Usage::of(period, item))
    }

    /// The usage of a tenant's months that have any, newest first, and where the next page starts. One round trip.
    pub async fn months(
        &self,
        tenant: &impl TenantScope,
        limit: usize,
        after: Option<Cursor>,
    ) -> Result<(Vec<Usage>, Option<Cursor>), TableError> {
        let query = Query::of(keys::usages(tenant.tenant_id())).newest_first().limit(limit).after(after);
        let page = self.table.query(query).await?;
        let usage = |item: Item| {
            let period = keys::period_of_usage(item.sk()).ok_or_else(|| item.corrupt("sk"))?;
            Ok(Usage::of(period, Some(item)))
        };
        let months = page.items.into_iter().map(usage).collect::<Result<_, TableError>>()?;
        Ok((months, page.next))
    }
}
