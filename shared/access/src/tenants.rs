//! All tenants of the platform.

use std::collections::VecDeque;

use bespin_primitives::TenantId;
use bespin_table::{Cursor, Item, Key, Query, Range, Row, Table, TableError, keys};
use futures::future::try_join_all;

use crate::{OperatedTenant, Tenant, TenantScope, User};

/// Reads over all tenants, for the operator and for what runs on behalf of the platform.
#[derive(Debug, Clone)]
pub struct Tenants {
    table: Table,
}

/// What was read ahead of one of the partitions.
struct Ahead {
    range: Range,
    read: VecDeque<Item>,
    next: Option<Cursor>,
}

impl Tenants {
    /// Over `table`.
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// One tenant.
    pub async fn find(&self, tenant_id: TenantId) -> Result<Option<Tenant>, TableError> {
        let row = self.table.get(keys::tenant(tenant_id)).await?;
        Ok(row.as_ref().map(Tenant::read).transpose()?)
    }

    /// The proof that a payment may be turned into something of the tenant it names, if there is one. The account that is
    /// paid is the operator's, and so is what its provider signed: only what proved that signature asks here.
    pub async fn paid(&self, tenant_id: TenantId) -> Result<Option<OperatedTenant>, TableError> {
        let row = self.table.get(keys::tenant(tenant_id)).await?;
        Ok(row.map(|_| OperatedTenant::existing(tenant_id)))
    }

    /// A page of all tenants, newest first, and where the next page starts ([`Tenants::parse_cursor`] reads it back).
    ///
    /// The sixteen partitions are read side by side and merged, so a page costs sixteen queries and some more where
    /// one partition holds most of the page. A tenant that was there when the first page was read is on one page
    /// exactly, whoever signs up meanwhile.
    pub async fn page(
        &self,
        limit: usize,
        after: Option<Cursor>,
    ) -> Result<(Vec<Tenant>, Option<Cursor>), TableError> {
        // Ids are random, so each partition holds about a sixteenth.
        let chunk = limit / 16 + 2;
        let first = |range: Range| {
            let start = after.as_ref().map(|after| behind(&range, after.sk()));
            self.ahead(range, start, chunk)
        };
        let mut partitions = try_join_all(keys::tenants_by_creation().map(first)).await?;
        let mut tenants = Vec::new();
        let mut last = None;
        while let Some(newest) = newest(&partitions) {
            if tenants.len() == limit {
                return Ok((tenants, last));
            }
            let partition = &mut partitions[newest];
            let Some(item) = partition.read.pop_front() else { break };
            tenants.push(Tenant::read(&item)?);
            last = Some(Cursor::behind(&Key { pk: keys::all_tenants().pk, sk: item.sk().to_owned() }));
            if partition.read.is_empty() && partition.next.is_some() {
                *partition = self.ahead(partition.range.clone(), partition.next.take(), chunk).await?;
            }
        }
        Ok((tenants, None))
    }

    /// A page of a tenant's users, newest first, and where the next page starts. One round trip.
    pub async fn users(
        &self,
        tenant: &impl TenantScope,
        limit: usize,
        after: Option<Cursor>,
    ) -> Result<(Vec<User>, Option<Cursor>), TableError> {
        let range = keys::users_by_creation(tenant.tenant_id());
        let page = self.table.query(Query::of(range).newest_first().limit(limit).after(after)).await?;
        let users = page.items.iter().map(User::read).collect::<Result<_, _>>()?;
        Ok((users, page.next))
    }

    /// Reads the place that a page gave; `None` for anything else.
    pub fn parse_cursor(text: &str) -> Option<Cursor> {
        Cursor::parse(text, &keys::all_tenants())
    }

    async fn ahead(&self, range: Range, start: Option<Cursor>, chunk: usize) -> Result<Ahead, TableError> {
        let query = Query::of(range.clone()).newest_first().limit(chunk).after(start);
        let page = self.table.query(query).await?;
        Ok(Ahead { range, read: page.items.into(), next: page.next })
    }
}

fn behind(range: &Range, sk: &str) -> Cursor {
    Cursor::behind(&Key { pk: range.pk.clone(), sk: sk.to_owned() })
}

/// The partition whose next tenant is the newest. Instant and id make an order without ties.
fn newest(partitions: &[Ahead]) -> Option<usize> {
    let heads =
        partitions.iter().enumerate().filter_map(|(number, ahead)| Some((ahead.read.front()?, number)));
    heads.max_by(|one, other| one.0.sk().cmp(other.0.sk())).map(|(_, number)| number)
}
