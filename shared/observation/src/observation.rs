//! What the operator may ask for.

use std::sync::Arc;

use bespin_access::{ConsoleAccess, Tenant, Tenants};
use bespin_audit::Audit;
use bespin_briefs::Briefs;
use bespin_conversations::Conversations;
use bespin_entitlements::Entitlements;
use bespin_kpi::Kpis;
use bespin_metering::Metering;
use bespin_notifications::Notifications;
use bespin_primitives::{TenantId, Timestamp};
use bespin_table::{Table, TableError};
use serde_json::Value;

use crate::{
    Kind, Place,
    walk::{Bounds, Walk},
};

/// How many rows of a kind are counted at most.
const MAX_COUNTED: usize = 1_000;
/// How often the store is asked to count one kind, at most.
const COUNTING_READS: usize = 60;
/// How many tenants a count looks at, the newest.
const COUNTED_TENANTS: usize = 25;

/// The stores that rows come from.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each is what its type says")]
pub struct Stores {
    pub table: Table,
    pub tenants: Tenants,
    pub entitlements: Arc<Entitlements>,
    pub metering: Metering,
    pub audit: Audit,
    pub kpis: Kpis,
    pub briefs: Briefs,
    pub notifications: Notifications,
    pub conversations: Conversations,
}

/// What the operator sees of all tenants.
#[derive(Debug, Clone)]
pub struct Observation {
    pub(crate) stores: Stores,
    /// Whether the whole table may be looked through for what nothing lists.
    pub(crate) may_scan: bool,
}

/// A page of rows, each with a value for each column of its kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// At most as many as asked for.
    pub rows: Vec<Vec<Value>>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<Place>,
}

/// How many rows there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// So many were counted.
    pub rows: usize,
    /// Whether there may be more.
    pub or_more: bool,
}

impl Observation {
    /// Over the stores. `may_scan` is for a store on one's own machine ([`Table::scan`]): elsewhere idempotency keys are
    /// not listed, because nothing but a look through the whole table finds them.
    pub fn new(stores: Stores, may_scan: bool) -> Self {
        Self { stores, may_scan }
    }

    /// Whether rows of this kind can be listed here.
    pub fn lists(&self, kind: Kind) -> bool {
        self.may_scan || kind != Kind::IdempotencyKeys
    }

    /// A page of rows of a kind: of one tenant, or of all, the newest tenant first and of each its newest row first.
    pub async fn page(
        &self,
        access: &ConsoleAccess,
        kind: Kind,
        tenant: Option<TenantId>,
        limit: usize,
        after: Option<&Place>,
        now: Timestamp,
    ) -> Result<Page, TableError> {
        let walk = Walk::new(self, access, kind, now, Bounds { rows: limit, ..Bounds::default() });
        walk.from(tenant, after).await
    }

    /// The newest tenants that counts look at, and whether there are more.
    pub async fn counted_tenants(&self) -> Result<(Vec<Tenant>, bool), TableError> {
        let (tenants, next) = self.stores.tenants.page(COUNTED_TENANTS, None).await?;
        Ok((tenants, next.is_some()))
    }

    /// How many rows of a kind these tenants have: at most a thousand are counted, by at most sixty reads. `None` for
    /// what cannot be listed.
    pub async fn count(
        &self,
        access: &ConsoleAccess,
        kind: Kind,
        tenants: &[Tenant],
        now: Timestamp,
    ) -> Result<Option<Count>, TableError> {
        if !self.lists(kind) {
            return Ok(None);
        }
        let bounds =
            Bounds { rows: MAX_COUNTED, reads: COUNTING_READS, counts_only: true, ..Bounds::default() };
        let walk = Walk::new(self, access, kind, now, bounds);
        let page = match kind {
            Kind::Tenants => walk.from(None, None).await?,
            _ => walk.over(tenants).await?,
        };
        Ok(Some(Count { rows: page.rows.len(), or_more: page.next.is_some() }))
    }
}
