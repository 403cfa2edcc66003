//! Reads and writes of briefs. A brief is kept as the text of its answer: it is never changed, so whoever asks
//! gets the same bytes.

use bespin_access::{TenantAccess, TenantScope};
use bespin_kpi::Kpis;
use bespin_primitives::{BriefId, Date, RequestId};
use bespin_table::{
    Condition, Cursor, Item, Key, Query, Slot, StoredText, Table, TableError, Transaction, keys,
};

use crate::{Brief, BriefOrder, Movement};

/// Briefs, by way of the table.
#[derive(Debug, Clone)]
pub struct Briefs {
    table: Table,
}

/// A brief as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBrief {
    /// Which brief.
    pub id: BriefId,
    /// The date it is for.
    pub date: Date,
    /// The request that made it.
    pub request_id: RequestId,
    /// The text of its answer: a [`Brief`] as JSON.
    pub text: String,
}

impl Briefs {
    /// Over `table`.
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// The row of the brief of a date.
    pub fn row(&self, access: &TenantAccess, date: Date) -> Key {
        keys::brief(access.tenant_id(), date)
    }

    /// The text of a brief whose row was read.
    pub async fn text(&self, access: &TenantAccess, row: &Item) -> Result<String, TableError> {
        self.table.whole_text(access.tenant_id(), StoredText::read(row)?).await
    }

    /// The brief of a date, as text.
    pub async fn of_date(&self, access: &TenantAccess, date: Date) -> Result<Option<String>, TableError> {
        match self.table.get(self.row(access, date)).await? {
            Some(row) => self.text(access, &row).await.map(Some),
            None => Ok(None),
        }
    }

    /// The brief of the greatest date, as text: not the one made last (gateway.md 7.3).
    pub async fn latest(&self, access: &TenantAccess) -> Result<Option<String>, TableError> {
        let newest = Query::of(keys::briefs(access.tenant_id())).newest_first().limit(1);
        match self.table.query(newest).await?.items.first() {
            Some(row) => self.text(access, row).await.map(Some),
            None => Ok(None),
        }
    }

    /// A page of a tenant's briefs, of the greatest date first, and where the next page starts. One round trip, and one
    /// for each brief that is too large for its row.
    pub async fn page(
        &self,
        tenant: &impl TenantScope,
        limit: usize,
        after: Option<Cursor>,
    ) -> Result<(Vec<StoredBrief>, Option<Cursor>), TableError> {
        let tenant_id = tenant.tenant_id();
        let query = Query::of(keys::briefs(tenant_id)).newest_first().limit(limit).after(after);
        let page = self.table.query(query).await?;
        let mut briefs = Vec::with_capacity(page.items.len());
        for row in &page.items {
            let text = self.table.whole_text(tenant_id, StoredText::read(row)?).await?;
            let (id, date, request_id) = (row.get("brief_id")?, row.get("date")?, row.get("request_id")?);
            briefs.push(StoredBrief { id, date, request_id, text });
        }
        Ok((briefs, page.next))
    }

    /// How each KPI of the tenant moved. Reads three rows and at most three leaves for each KPI, whatever the
    /// number of its points.
    pub async fn movements(
        &self,
        access: &TenantAccess,
        kpis: &Kpis,
        order: &BriefOrder,
    ) -> Result<Vec<Movement>, TableError> {
        let all = kpis.all(access).await?;
        let with_points = all.into_iter().filter_map(|(kpi, head)| Some((kpi, head?))).collect();
        let changes =
            kpis.changes(access, with_points, order.last_instant(), order.window_days.into()).await?;
        Ok(changes.into_iter().map(|(kpi, change)| Movement { kpi, change }).collect())
    }

    /// Adds the brief to `transaction`, unless there is one of its date. The slot is that condition's.
    pub async fn put(
        &self,
        transaction: &mut Transaction,
        access: &TenantAccess,
        brief: &Brief,
        text: String,
    ) -> Result<Slot, TableError> {
        let date = brief.content.date;
        let text = self.table.put_text(transaction, access.tenant_id(), &brief.id.to_string(), text).await?;
        let mut row = Item::new(self.row(access, date))
            .with("brief_id", &brief.id)
            .with("date", &date)
            .with("request_id", &brief.request_id);
        text.write(&mut row);
        Ok(transaction.put(row, Condition::absent()))
    }
}
