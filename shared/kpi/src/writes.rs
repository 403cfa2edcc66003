//! What a plan becomes in the table: a moved head, and leaves or a journal.

use bespin_primitives::{KpiId, TenantId};
use bespin_table::{Change as ItemChange, Condition, Item, MAX_WRITES, Row, Transaction, keys};

use crate::rows::{SeriesHead, packed};
use crate::{Batch, IngestPlan, LeafWrite, Point};

/// Writes of one transaction that are not leaves: the ledger entry, the counters, the head, with room to spare.
const OTHER_WRITES: usize = 10;

/// The most bytes of leaves in one transaction, of the store's 4 MB.
const MAX_BYTES: usize = 3_000_000;

/// Points of a journal page: in the longest spelling below 64 KB.
const POINTS_A_PAGE: usize = 700;

/// How an ingest was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// With the transaction every point is in its leaf.
    Whole,
    /// With the transaction every point is promised; [`Kpis::roll_forward`](crate::Kpis::roll_forward) brings them into their leaves.
    Journaled,
}

/// Whether the leaves of a plan can be written together.
pub(crate) fn fits_one_transaction(plan: &IngestPlan<()>) -> bool {
    let bytes: usize = plan
        .writes()
        .iter()
        .map(|write| match write {
            LeafWrite::Replace { leaf, .. } | LeafWrite::Create { leaf, .. } => leaf.encoded_len(),
        })
        .sum();
    plan.writes().len() <= MAX_WRITES - OTHER_WRITES && bytes <= MAX_BYTES
}

/// Adds the journal of a batch to `transaction`, and tells how many pages it has.
pub(crate) fn put_journal(transaction: &mut Transaction, tenant: TenantId, kpi: KpiId, batch: &Batch) -> u32 {
    let mut pages = 0;
    for (number, points) in batch.points().chunks(POINTS_A_PAGE).enumerate() {
        let key = keys::series_journal(tenant, kpi, number);
        let page = Item::new(key).with("points", &packed(points.iter().cloned()));
        transaction.put(page, Condition::absent());
        pages += 1;
    }
    pages
}

/// Moves the head to the next version. The newest point only ever moves forward.
pub(crate) fn put_head(
    transaction: &mut Transaction,
    tenant: TenantId,
    kpi: KpiId,
    head: Option<&SeriesHead>,
    newest: Option<Point>,
    journal_pages: u32,
) {
    let key = keys::series_head(tenant, kpi);
    let known = head.map(SeriesHead::latest);
    let latest = [known.cloned(), newest].into_iter().flatten().max_by_key(Point::at);
    let Some(latest) = latest else { return };
    match head {
        None => {
            let head = SeriesHead { version: 1, latest, journal_pages, settled_at: 0 };
            transaction.put(head.at(key), Condition::absent());
        }
        Some(head) => {
            let version = head.version + 1;
            let finishes = head.is_pending() && journal_pages == 0;
            let change = ItemChange::default()
                .set("version", &version)
                .set("latest", &packed([latest]))
                .set("journal_pages", &journal_pages)
                .set("settled_at", &if finishes { version } else { head.settled_at });
            transaction.update(key, change, Condition::default().and_equals("version", &head.version));
        }
    }
}

/// Writes the leaves of a plan. The head's version stands for theirs.
pub(crate) fn put_leaves(transaction: &mut Transaction, tenant: TenantId, kpi: KpiId, plan: IngestPlan<()>) {
    for write in plan.into_writes() {
        let (key, leaf, condition) = match write {
            LeafWrite::Replace { key, leaf, .. } => (key, leaf, Condition::present()),
            LeafWrite::Create { key, leaf } => (key, leaf, Condition::absent()),
        };
        let item =
            Item::new(keys::series_leaf(tenant, kpi, key)).with("first", &key).with("points", &leaf.encode());
        transaction.put(item, condition);
    }
}
