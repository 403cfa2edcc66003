//! Pages of the ledger: entries of their own rows and those that leases left behind, in one order.

use bespin_access::TenantScope;
use bespin_primitives::Timestamp;
use bespin_table::{Cursor, Key, Query, Range, Row, TableError, keys};

use crate::{
    LedgerEntry, MeteredEvent, Metering,
    lease::{Block, MAX_LEASE_SECONDS},
};

/// How many entries one page looks at to find those of one event.
pub const MAX_EXAMINED: usize = 5_000;

/// How many entries are asked of the store at a time when most of them may not be wanted.
const STORE_PAGE: usize = 1_000;

/// Which entries of a month, and which page of them.
#[derive(Debug, Clone)]
pub struct LedgerListing {
    /// From when on, to the end of that month.
    pub from: Timestamp,
    /// Only those of one event.
    pub event: Option<MeteredEvent>,
    /// At most so many, at least 1.
    pub limit: usize,
    /// Continues behind the page that gave this cursor.
    pub after: Option<Cursor>,
}

impl LedgerListing {
    /// The rows it is about, for reading a cursor.
    pub fn range(tenant: &impl TenantScope, from: Timestamp) -> Range {
        keys::ledger_from(tenant.tenant_id(), from.period(), from)
    }

    fn takes(&self, entry: &LedgerEntry) -> bool {
        self.event.is_none_or(|event| event == entry.event)
    }

    /// Whether an entry belongs behind the pages that were given before.
    fn is_ahead(&self, entry: &LedgerEntry) -> bool {
        entry.created_at >= self.from
            && self.after.as_ref().is_none_or(|after| place(entry).sk.as_str() < after.sk())
    }
}

/// Where an entry stands in the order of its month, or would if a lease did not hold it.
fn place(entry: &LedgerEntry) -> Key {
    keys::ledger_entry(entry.tenant_id, entry.created_at, entry.id)
}

/// Entries that were read of one of the two lists, and from which place down nothing was read yet.
#[derive(Debug, Default)]
struct Known {
    entries: Vec<LedgerEntry>,
    unknown_below: Option<String>,
}

impl Known {
    fn reaches(&self, place: &str) -> bool {
        self.unknown_below.as_deref().is_none_or(|below| place >= below)
    }
}

impl Metering {
    /// A page of entries, newest first, and where the next page starts. A page that only takes one event looks at no
    /// more than [`MAX_EXAMINED`] rows, so it may hold fewer than asked for, even none, and still lead on.
    ///
    /// What is spent of a lease that was not ended is not there yet; see [`Metering::lapse`].
    pub async fn entries(
        &self,
        tenant: &impl TenantScope,
        listing: LedgerListing,
    ) -> Result<(Vec<LedgerEntry>, Option<Cursor>), TableError> {
        let blocks = Blocks::of(tenant, &listing);
        let ((rows, next), mut blocks) =
            futures::try_join!(self.rows(tenant, &listing), self.more_blocks(&listing, blocks))?;
        let unknown_below = next.as_ref().map(|next| next.sk().to_owned());
        let rows = Known { entries: rows, unknown_below };
        // Mostly nothing was made under leases, and one look is enough.
        while blocks.next.is_some() && !blocks.are_enough(&rows, listing.limit) {
            blocks = self.more_blocks(&listing, blocks).await?;
        }
        let mut entries: Vec<_> = rows.entries.iter().chain(&blocks.known.entries).cloned().collect();
        entries.retain(|entry| rows.reaches(&place(entry).sk) && blocks.known.reaches(&place(entry).sk));
        entries.sort_by_cached_key(|entry| std::cmp::Reverse(place(entry).sk));
        if entries.len() > listing.limit {
            entries.truncate(listing.limit);
            let last = entries.last().map(|last| Cursor::behind(&place(last)));
            return Ok((entries, last));
        }
        Ok((entries, next))
    }

    /// A page of the entries that have rows of their own.
    async fn rows(
        &self,
        tenant: &impl TenantScope,
        listing: &LedgerListing,
    ) -> Result<(Vec<LedgerEntry>, Option<Cursor>), TableError> {
        let range = LedgerListing::range(tenant, listing.from);
        let limit = listing.limit;
        let (mut entries, mut after) = (Vec::new(), listing.after.clone());
        let mut left = MAX_EXAMINED;
        loop {
            // One more than is wanted tells whether there are more: where the store stops at its limit, it leads on
            // even from the last item.
            let page_limit = if listing.event.is_some() { left.min(STORE_PAGE) } else { limit + 1 };
            let query = Query::of(range.clone()).newest_first().limit(page_limit).after(after);
            let page = self.table.query(query).await?;
            left = left.saturating_sub(page.items.len());
            for (number, item) in page.items.iter().enumerate() {
                let entry = LedgerEntry::read(item)?;
                if listing.takes(&entry) {
                    entries.push(entry);
                }
                let more = number + 1 < page.items.len() || page.next.is_some();
                if entries.len() == limit {
                    return Ok((entries, more.then(|| Cursor::behind(&item.key()))));
                }
            }
            after = page.next;
            if after.is_none() || left == 0 {
                return Ok((entries, after));
            }
        }
    }

    /// One page of the store (1 MB) more of what leases left behind.
    async fn more_blocks(&self, listing: &LedgerListing, blocks: Blocks) -> Result<Blocks, TableError> {
        let Blocks { range, mut known, next } = blocks;
        let page = self.table.query(Query::of(range.clone()).newest_first().after(next)).await?;
        for row in &page.items {
            let block = Block::read(row)?;
            let wanted = |entry: &LedgerEntry| listing.takes(entry) && listing.is_ahead(entry);
            known.entries.extend(block.entries.into_iter().filter(wanted));
            // Whatever block follows, none of its entries is newer than the newest of this one.
            known.unknown_below = page.next.is_some().then(|| format!("{}~", block.newest.sortable()));
        }
        Ok(Blocks { range, known, next: page.next })
    }
}

/// What leases left behind, as far as it was read.
struct Blocks {
    range: Range,
    known: Known,
    next: Option<Cursor>,
}

impl Blocks {
    /// Nothing yet of what can hold entries of a listing.
    fn of(tenant: &impl TenantScope, listing: &LedgerListing) -> Self {
        let newest = listing.after.as_ref().and_then(|after| keys::instant_of_place(after.sk()));
        let within = (listing.from, newest.unwrap_or(Timestamp::MAX));
        let span = MAX_LEASE_SECONDS.into();
        let range = keys::leased_ledger_within(tenant.tenant_id(), listing.from.period(), within, span);
        Self { range, known: Known::default(), next: None }
    }

    /// Whether nothing that was not read can stand on a page beside these rows.
    fn are_enough(&self, rows: &Known, limit: usize) -> bool {
        let reached = |entry: &&LedgerEntry| self.known.reaches(&place(entry).sk);
        let count = rows.entries.iter().chain(&self.known.entries).filter(reached).count();
        count > limit || self.known.unknown_below <= rows.unknown_below
    }
}
