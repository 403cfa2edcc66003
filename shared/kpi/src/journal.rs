//! Ingests too wide for one transaction.
//!
//! A call's points may lie in more leaves than one transaction can write. Such a call is committed as a promise:
//! the transaction that charges it writes the points into journal pages and marks the head of the series as
//! pending. Then the points are brought into their leaves, a group at a time. Whoever meets a pending series,
//! reader or writer, finishes the work first, so a crash in between loses nothing, and nobody sees half a call.
//! Bringing a point in twice changes nothing, because the first value of an instant stays.

use bespin_access::TenantAccess;
use bespin_primitives::{KpiId, TenantId};
use bespin_table::{CommitError, Condition, Query, Row, TableError, Transaction, keys};

use crate::rows::{SeriesHead, unpacked};
use crate::store::{LEAVES_A_PAGE, planned};
use crate::writes::{fits_one_transaction, put_head, put_leaves};
use crate::{Batch, IngestPlan, Kpis, Point};

/// How many points are tried together at first; afterwards twice what last fitted.
const FIRST_GROUP: usize = 1_024;

/// How often the work is taken up anew because somebody else did a part of it at the same time.
const ATTEMPTS: u32 = 100;

impl Kpis {
    /// Brings every promised point of a series into its leaf. Nothing to do nearly always.
    pub async fn roll_forward(&self, access: &TenantAccess, kpi: KpiId) -> Result<(), TableError> {
        let tenant = access.tenant_id();
        for _ in 0..ATTEMPTS {
            let Some(head) = self.table.get(keys::series_head(tenant, kpi)).await? else { return Ok(()) };
            let head = SeriesHead::read(&head)?;
            if !head.is_pending() || self.finish(tenant, kpi, head).await? {
                return Ok(());
            }
        }
        Err(TableError::Contended)
    }

    /// Brings in the points and takes the journal away. False when the series changed meanwhile: then somebody
    /// else does the same work, and what is left of it must be looked at anew.
    async fn finish(&self, tenant: TenantId, kpi: KpiId, mut head: SeriesHead) -> Result<bool, TableError> {
        let pages = self.table.query_whole(Query::of(keys::series_journals(tenant, kpi))).await?;
        let mut points = Vec::new();
        for page in &pages {
            points.extend(unpacked(page, "points")?);
        }
        let mut left = points.as_slice();
        let mut size = FIRST_GROUP;
        while !left.is_empty() {
            let (brought_in, plan) = self.plan_group(tenant, kpi, left, size, &head).await?;
            left = &left[brought_in..];
            size = brought_in * 2;
            if plan.inserted() > 0 {
                let mut transaction = Transaction::new();
                put_head(&mut transaction, tenant, kpi, Some(&head), None, head.journal_pages);
                put_leaves(&mut transaction, tenant, kpi, plan);
                if !self.committed(transaction).await? {
                    return Ok(false);
                }
                head.version += 1;
            }
        }
        let mut transaction = Transaction::new();
        put_head(&mut transaction, tenant, kpi, Some(&head), None, 0);
        for page in pages {
            transaction.delete(page.key(), Condition::default());
        }
        self.committed(transaction).await
    }

    /// A group of the first points, `size` or fewer, whose leaves fit one transaction. A single point always does.
    async fn plan_group(
        &self,
        tenant: TenantId,
        kpi: KpiId,
        points: &[Point],
        size: usize,
        head: &SeriesHead,
    ) -> Result<(usize, IngestPlan<()>), TableError> {
        let mut size = size.min(points.len());
        loop {
            let batch = Batch::of(points[..size].to_vec());
            let covering = self.covering(tenant, kpi, batch.points(), LEAVES_A_PAGE).await?;
            let plan = planned(&batch, covering, Some(head.latest.at()))?;
            if fits_one_transaction(&plan) || size == 1 {
                return Ok((size, plan));
            }
            size = size.div_ceil(2);
        }
    }

    async fn committed(&self, transaction: Transaction) -> Result<bool, TableError> {
        match self.table.commit(transaction).await {
            Ok(()) => Ok(true),
            Err(CommitError::Refused(_)) => Ok(false),
            Err(CommitError::Table(error)) => Err(error),
        }
    }
}
