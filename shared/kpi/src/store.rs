//! Reads and writes of definitions and series.
//!
//! A series is one head and its leaves. The head is the lock: every ingest is conditional on its version, so the
//! leaves that an ingest was planned on are still the leaves it writes over. It also holds the newest point, so
//! that the latest values of many KPIs are one batched read.

use bespin_access::{TenantAccess, TenantScope};
use bespin_primitives::{KpiId, TenantId, Timestamp};
use bespin_table::Condition;
use bespin_table::{Cursor, Item, Key, Page, Query, Range, Row, Table, TableError, Transaction, keys};
use futures::{StreamExt, TryStreamExt, stream};

use crate::rows::{SeriesHead, stored_leaf};
use crate::writes::{Written, fits_one_transaction, put_head, put_journal, put_leaves};
use crate::{Batch, Change, IngestPlan, Kpi, Point, StoredLeaf, plan, window_start};

/// How many leaves one query asks for at most: a bound on what is read in vain between the points of a call.
pub(crate) const LEAVES_A_PAGE: usize = 32;

/// How many series are read at the same time.
const AT_A_TIME: usize = 16;

/// How often series are read anew because a wide ingest was being brought in meanwhile.
const ATTEMPTS: u32 = 20;

/// KPIs and their points, by way of the table.
#[derive(Debug, Clone)]
pub struct Kpis {
    pub(crate) table: Table,
}

/// Which KPIs a list shows.
#[derive(Debug, Clone)]
pub struct KpiListing {
    /// At most so many.
    pub limit: usize,
    /// So many of the newest are left out.
    pub offset: usize,
    /// Continues behind this place; `offset` counts from there.
    pub after: Option<Cursor>,
}

impl Kpis {
    /// Over `table`.
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// Adds a new definition to `transaction`.
    pub fn create(&self, transaction: &mut Transaction, access: &TenantAccess, kpi: &Kpi) {
        let tenant = access.tenant_id();
        transaction.put(kpi.at(keys::kpi(tenant, kpi.id)), Condition::absent());
        transaction.put(kpi.at(keys::kpi_by_creation(tenant, kpi.created_at, kpi.id)), Condition::absent());
    }

    /// The rows that tell of one KPI: its definition, and the head of its series.
    pub fn rows(&self, access: &TenantAccess, kpi: KpiId) -> [Key; 2] {
        [keys::kpi(access.tenant_id(), kpi), keys::series_head(access.tenant_id(), kpi)]
    }

    /// One definition and the head of its series, which is absent while it has no points. One round trip.
    pub async fn find(
        &self,
        access: &TenantAccess,
        kpi: KpiId,
    ) -> Result<Option<(Kpi, Option<SeriesHead>)>, TableError> {
        let rows = self.rows(access, kpi);
        let found = self.table.get_all(&rows).await?;
        self.read(rows.map(|row| found.get(&row)))
    }

    /// What the rows of [`Kpis::rows`] tell.
    pub fn read(
        &self,
        [kpi, head]: [Option<&Item>; 2],
    ) -> Result<Option<(Kpi, Option<SeriesHead>)>, TableError> {
        let Some(kpi) = kpi else { return Ok(None) };
        Ok(Some((Kpi::read(kpi)?, head.map(SeriesHead::read).transpose()?)))
    }

    /// Where a list's cursors point into.
    pub fn listing_range(&self, tenant: &impl TenantScope) -> Range {
        keys::kpis_by_creation(tenant.tenant_id())
    }

    /// A page of definitions, newest first, and where the next page starts.
    pub async fn list(
        &self,
        tenant: &impl TenantScope,
        listing: KpiListing,
    ) -> Result<(Vec<Kpi>, Option<Cursor>), TableError> {
        let KpiListing { limit, offset, after } = listing;
        let query = Query::of(self.listing_range(tenant)).newest_first();
        let Page { items, next } =
            self.table.query(query.limit(offset.saturating_add(limit)).after(after)).await?;
        let kpis = items.iter().skip(offset).map(Kpi::read).collect::<Result<_, _>>()?;
        Ok((kpis, next))
    }

    /// All definitions of the tenant with the heads of their series, in order of creation. Reads two items a KPI,
    /// in pages.
    pub async fn all(&self, access: &TenantAccess) -> Result<Vec<(Kpi, Option<SeriesHead>)>, TableError> {
        let kpis = self.definitions(access).await?;
        self.with_heads(access, kpis).await
    }

    /// All definitions of the tenant, in order of creation. Reads one item a KPI, in pages.
    pub async fn definitions(&self, access: &TenantAccess) -> Result<Vec<Kpi>, TableError> {
        let range = keys::kpis_by_creation(access.tenant_id());
        let items = self.table.query_whole(Query::of(range)).await?;
        Ok(items.iter().map(Kpi::read).collect::<Result<_, _>>()?)
    }

    /// The same KPIs with the heads of their series. One round trip for each 100.
    pub async fn with_heads(
        &self,
        access: &TenantAccess,
        kpis: Vec<Kpi>,
    ) -> Result<Vec<(Kpi, Option<SeriesHead>)>, TableError> {
        let tenant = access.tenant_id();
        let heads: Vec<Key> = kpis.iter().map(|kpi| keys::series_head(tenant, kpi.id)).collect();
        let found = self.table.get_all(&heads).await?;
        kpis.into_iter()
            .zip(heads)
            .map(|(kpi, head)| Ok((kpi, found.get(&head).map(SeriesHead::read).transpose()?)))
            .collect()
    }

    /// How one KPI, whose head was just read, moved in the `window_days` up to its newest point. All points count,
    /// future ones, too (gateway.md 5.3).
    pub async fn latest_change(
        &self,
        access: &TenantAccess,
        kpi: Kpi,
        head: SeriesHead,
        window_days: u64,
    ) -> Result<Option<(Kpi, Change)>, TableError> {
        Ok(self.changes(access, vec![(kpi, head)], Timestamp::MAX, window_days).await?.pop())
    }

    /// How KPIs, whose heads were just read, moved in the `window_days` up to their newest point at or before
    /// `until`; those without such a point are left out. In any order.
    ///
    /// Reads at most three leaves of each, however long the series, and their heads once more: a wide ingest is
    /// never seen half brought in. One that was left so is finished first, and whatever was read meanwhile is read
    /// again.
    pub async fn changes(
        &self,
        access: &TenantAccess,
        kpis: Vec<(Kpi, SeriesHead)>,
        until: Timestamp,
        window_days: u64,
    ) -> Result<Vec<(Kpi, Change)>, TableError> {
        let tenant = access.tenant_id();
        let (mut changes, mut left) = (Vec::with_capacity(kpis.len()), kpis);
        for _ in 0..ATTEMPTS {
            for (kpi, head) in &left {
                if head.is_pending() {
                    self.roll_forward(access, kpi.id).await?;
                }
            }
            let read: Vec<_> = stream::iter(left)
                .map(|(kpi, head)| async move {
                    let change = self.change(tenant, kpi.id, until, window_days).await?;
                    Ok::<_, TableError>((kpi, head, change))
                })
                .buffer_unordered(AT_A_TIME)
                .try_collect()
                .await?;
            let heads: Vec<Key> = read.iter().map(|(kpi, ..)| keys::series_head(tenant, kpi.id)).collect();
            let found = self.table.get_all(&heads).await?;
            left = Vec::new();
            for ((kpi, earlier, change), head) in read.into_iter().zip(heads) {
                let now = found.get(&head).map(SeriesHead::read).transpose()?;
                match now.filter(|now| now.was_unsettled_since(&earlier)) {
                    Some(now) => left.push((kpi, now)),
                    None => changes.extend(change.map(|change| (kpi, change))),
                }
            }
            if left.is_empty() {
                return Ok(changes);
            }
        }
        Err(TableError::Contended)
    }

    async fn change(
        &self,
        tenant: TenantId,
        kpi: KpiId,
        until: Timestamp,
        window_days: u64,
    ) -> Result<Option<Change>, TableError> {
        let Some(last) = self.floor_leaf(tenant, kpi, until).await? else { return Ok(None) };
        let Some(latest) = last.leaf.at_or_before(until).cloned() else { return Ok(None) };
        let from = window_start(latest.at(), window_days);
        let start = if last.key <= from {
            last.leaf.at_or_after(from).cloned()
        } else {
            self.first_at_or_after(tenant, kpi, from).await?
        };
        // The latest point itself lies in the window, so a start is always found.
        Ok(Some(Change::between(start.unwrap_or_else(|| latest.clone()), latest)))
    }

    async fn first_at_or_after(
        &self,
        tenant: TenantId,
        kpi: KpiId,
        from: Timestamp,
    ) -> Result<Option<Point>, TableError> {
        let floor = self.floor_leaf(tenant, kpi, from).await?;
        if let Some(point) = floor.and_then(|floor| floor.leaf.at_or_after(from).cloned()) {
            return Ok(Some(point));
        }
        let later = keys::series_leaves(tenant, kpi, from, Timestamp::MAX);
        let page = self.table.query(Query::of(later).limit(1)).await?;
        let next = page.items.first().map(stored_leaf).transpose()?;
        Ok(next.and_then(|next| next.leaf.first().cloned()))
    }

    /// The newest points of a series before an instant, newest first: those of one leaf; none when there are no earlier
    /// ones. Also whether there may be any before them. Points of a wide ingest that are not yet in their leaves are not
    /// among them. One round trip.
    pub async fn points_before(
        &self,
        tenant: &impl TenantScope,
        kpi: KpiId,
        before: Option<Timestamp>,
    ) -> Result<(Vec<Point>, bool), TableError> {
        let until = match before {
            None => Timestamp::MAX,
            Some(Timestamp::MIN) => return Ok((Vec::new(), false)),
            Some(before) => Timestamp::from_micros(before.micros() - 1).unwrap_or(Timestamp::MIN),
        };
        let found = self.floor_leaf(tenant.tenant_id(), kpi, until).await?;
        let Some(StoredLeaf { key, leaf, .. }) = found else { return Ok((Vec::new(), false)) };
        let points = leaf.points().iter().rev().filter(|point| point.at() <= until).cloned().collect();
        // The first leaf covers all of time before the second.
        Ok((points, key > Timestamp::MIN))
    }

    /// The leaf that covers an instant.
    async fn floor_leaf(
        &self,
        tenant: TenantId,
        kpi: KpiId,
        at: Timestamp,
    ) -> Result<Option<StoredLeaf<()>>, TableError> {
        let range = keys::series_leaves(tenant, kpi, Timestamp::MIN, at);
        let page = self.table.query(Query::of(range).newest_first().limit(1)).await?;
        Ok(page.items.first().map(stored_leaf).transpose()?)
    }

    /// Plans the ingest of `batch` into the series as `head` knows it. One round trip when the points lie close
    /// together, none for a new series.
    pub async fn plan_ingest(
        &self,
        access: &TenantAccess,
        kpi: KpiId,
        head: Option<&SeriesHead>,
        batch: &Batch,
    ) -> Result<IngestPlan<()>, TableError> {
        let Some(head) = head else {
            return planned(batch, Vec::new(), None);
        };
        let appends = batch.points().first().is_some_and(|first| first.at() > head.latest.at());
        let leaves_a_page = if appends { 1 } else { LEAVES_A_PAGE };
        let covering = self.covering(access.tenant_id(), kpi, batch.points(), leaves_a_page).await?;
        planned(batch, covering, Some(head.latest.at()))
    }

    /// The leaves that cover `points`, which are sorted. Walks from the newest point down: each page starts at the
    /// leaf of the newest point that is not covered yet, so what lies between far-apart points is skipped, and
    /// the work is bounded by the points, not by the history.
    pub(crate) async fn covering(
        &self,
        tenant: TenantId,
        kpi: KpiId,
        points: &[Point],
        leaves_a_page: usize,
    ) -> Result<Vec<StoredLeaf<()>>, TableError> {
        let mut leaves: Vec<StoredLeaf<()>> = Vec::new();
        let mut left = points;
        while let Some(newest) = left.last() {
            let range = keys::series_leaves(tenant, kpi, Timestamp::MIN, newest.at());
            let limit = left.len().min(leaves_a_page);
            let page = self.table.query(Query::of(range).newest_first().limit(limit)).await?;
            if page.items.is_empty() {
                break;
            }
            for item in &page.items {
                let leaf = stored_leaf(item)?;
                let covered = left.partition_point(|point| point.at() < leaf.key);
                if covered < left.len() {
                    left = &left[..covered];
                    leaves.push(leaf);
                }
            }
        }
        Ok(leaves)
    }

    /// Adds to `transaction` the writes of a plan, on the condition that nobody ingested into the series since
    /// `head` was read. A plan too wide for one transaction writes its batch into the journal instead, and the
    /// caller owes a [`Kpis::roll_forward`].
    pub fn write(
        &self,
        transaction: &mut Transaction,
        access: &TenantAccess,
        kpi: KpiId,
        head: Option<&SeriesHead>,
        batch: &Batch,
        plan: IngestPlan<()>,
    ) -> Written {
        let tenant = access.tenant_id();
        let newest = plan.newest().cloned();
        if fits_one_transaction(&plan) {
            put_head(transaction, tenant, kpi, head, newest, 0);
            put_leaves(transaction, tenant, kpi, plan);
            return Written::Whole;
        }
        let pages = put_journal(transaction, tenant, kpi, batch);
        put_head(transaction, tenant, kpi, head, newest, pages);
        Written::Journaled
    }
}

pub(crate) fn planned(
    batch: &Batch,
    found: Vec<StoredLeaf<()>>,
    series_end: Option<Timestamp>,
) -> Result<IngestPlan<()>, TableError> {
    // The first leaf covers all of time before the second, so a point that nothing covers is damage.
    plan(batch, found, series_end).map_err(|uncovered| TableError::Rejected(uncovered.into()))
}
