//! Reads and writes of schedules.

use bespin_access::{TenantAccess, TenantScope};
use bespin_audit::{Author, Changed};
use bespin_primitives::TenantId;
use bespin_table::{CommitError, Condition, Cursor, Query, Row, Table, TableError, Transaction, keys};
use serde_json::Value;

use crate::{LastBrief, Schedule, ScheduleOrder};

/// In how many partitions the schedules of all tenants stand.
pub const PARTITIONS: usize = 16;

/// How often a change is made anew because another one of the same schedule was faster.
const ATTEMPTS: usize = 32;

/// Schedules, by way of the table.
#[derive(Debug, Clone)]
pub struct Schedules {
    table: Table,
}

impl Schedules {
    /// Over `table`.
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// A tenant's schedule; none where it never set any. One round trip.
    pub async fn of(&self, tenant: &impl TenantScope) -> Result<Option<Schedule>, TableError> {
        self.find(tenant.tenant_id()).await
    }

    /// The schedule of a tenant that one of our own messages or the operator's event names. What is done for it asks
    /// `Access::on_order` for whoever set the schedule.
    pub async fn find(&self, tenant_id: TenantId) -> Result<Option<Schedule>, TableError> {
        let row = self.table.get(keys::schedule(tenant_id)).await?;
        Ok(row.as_ref().map(Schedule::read).transpose()?)
    }

    /// Replaces how a tenant wants its brief, with an audit entry. What was dealt with stays so.
    pub async fn set(
        &self,
        author: &Author<'_>,
        access: &TenantAccess,
        order: ScheduleOrder,
    ) -> Result<Schedule, TableError> {
        let tenant_id = access.tenant_id();
        for _ in 0..ATTEMPTS {
            let before = self.find(tenant_id).await?;
            let next = Schedule::ordered(before.as_ref(), tenant_id, order, access.user_id(), author.now);
            let mut transaction = Transaction::new();
            put(&mut transaction, &next, before.as_ref());
            let changed = Changed {
                action: "brief_schedule.set",
                tenant_id: Some(tenant_id),
                subject: String::new(),
                before: before.map_or(Value::Null, |before| before.order.view()),
                after: order.view(),
            };
            author.post(&mut transaction, changed);
            match self.table.commit(transaction).await {
                Ok(()) => return Ok(next),
                Err(CommitError::Refused(_)) => {}
                Err(CommitError::Table(error)) => return Err(error),
            }
        }
        Err(TableError::Contended)
    }

    /// Notes what became of the brief of a date, unless a later one was dealt with or it is not due yet. Whoever notes the
    /// same thing again changes nothing.
    pub async fn note(&self, tenant_id: TenantId, last: &LastBrief) -> Result<(), TableError> {
        for _ in 0..ATTEMPTS {
            let Some(before) = self.find(tenant_id).await? else { return Ok(()) };
            let Some(next) = before.noted(last.clone()) else { return Ok(()) };
            let mut transaction = Transaction::new();
            put(&mut transaction, &next, Some(&before));
            match self.table.commit(transaction).await {
                Ok(()) => return Ok(()),
                Err(CommitError::Refused(_)) => {}
                Err(CommitError::Table(error)) => return Err(error),
            }
        }
        Err(TableError::Contended)
    }

    /// A page of one of the [`PARTITIONS`], and where the next page starts. A row that cannot be read is logged and left
    /// out: it must not keep other tenants waiting.
    pub async fn page(
        &self,
        partition: usize,
        limit: usize,
        after: Option<Cursor>,
    ) -> Result<(Vec<Schedule>, Option<Cursor>), TableError> {
        let query = Query::of(keys::schedules(partition % PARTITIONS)).limit(limit).after(after);
        let page = self.table.query(query).await?;
        let read = page.items.iter().filter_map(|item| {
            Schedule::read(item).inspect_err(|error| tracing::error!(%error, "a schedule is damaged")).ok()
        });
        Ok((read.collect(), page.next))
    }
}

fn put(transaction: &mut Transaction, next: &Schedule, before: Option<&Schedule>) {
    let unchanged = before
        .map_or_else(Condition::absent, |before| Condition::present().and_equals("version", &before.version));
    transaction.put(next.at(keys::schedule(next.tenant_id)), unchanged);
}
