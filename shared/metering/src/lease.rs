//! Leases: a part of a tenant's allowance that one process spends by itself, so that a metered call of a busy tenant
//! writes no row that all its calls share.
//!
//! ```text
//!   take    held counters of the month   if every limited counter is at most (ceiling - the lease)   1 transaction
//!           lease
//!   spend   idempotency record, names the lease and the number of the entry   if absent or expired   1 put
//!           entry of the lease, under that number                             if absent              1 put
//!   end     mark of the end, under the first free number                      if absent              1 put
//!   settle  counters: what was held is given back, what was spent is posted                          1 transaction
//!           entries, all in one row of the ledger; no lease any more          if the lease is there
//! ```
//!
//! What is always true:
//! - All that a lease can spend is held beforehand, so no limit is ever passed.
//! - A call is answered when its entry stands in the lease. Entries have numbers without gaps, and the mark of the end
//!   takes the first free one: an entry that comes later finds it and is not written, whatever any clock says. So what is
//!   settled is all that was ever answered. The mark stands for eight days; no request lives that long.
//! - Anybody may end any lease at any time. Clocks only decide when that is worth it: whoever reads what the tenant used
//!   and whoever would be refused ends them all, so neither sees less room or less usage than there is.
//! - A record without its entry (its process died in between) was not answered. Whoever repeats the call writes the entry
//!   while the lease lasts; later the record counts for nothing.

mod block;
mod settle;

use bespin_primitives::{LeaseId, Random, TenantId, Timestamp};
use bespin_table::{Condition, CorruptItem, Item, Row, Slot, TableError, Transaction, keys};

use crate::{
    Charge, Counter, LedgerEntry, MeteredEvent, Metering,
    counter::{self, Moves},
};

pub(crate) use block::Block;

/// The longest time that a lease may be spent. Entries of one lease lie no further apart.
pub const MAX_LEASE_SECONDS: u32 = 60;

/// The most calls of one lease: what is read and written at once when it is settled, 60 bytes for each.
pub const MAX_LEASE_CALLS: u64 = 1_000;

/// For how long the entries of a lease stand by themselves: longer than the idempotency records that name them.
const JOURNAL_SECONDS: i64 = 8 * 86_400;

/// The attribute of the mark that ends a lease.
const ENDED: &str = "ended";

/// A part of a tenant's allowance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Its own id.
    pub id: LeaseId,
    /// All that it may spend.
    pub charge: Charge,
    /// When it was taken; also decides the month and the day whose counters hold it.
    pub from: Timestamp,
    /// When nobody spends it any more; exclusive.
    pub until: Timestamp,
}

/// The place of an entry in a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeasePlace {
    /// The lease.
    pub lease: LeaseId,
    /// Which of its entries, counted from 0.
    pub number: u64,
}

/// What became of an entry that was to be written into a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It counts, whoever wrote it.
    Counts,
    /// It never will: the lease was ended before.
    Ended,
}

impl Lease {
    /// A lease from `from` on of all that `charge` is.
    pub fn new(charge: Charge, from: Timestamp, seconds: u32, random: &dyn Random) -> Self {
        let until = from.plus_seconds(seconds.min(MAX_LEASE_SECONDS).into());
        Self { id: LeaseId::random(random), charge, from, until }
    }

    /// Adds to `transaction` that all of it is held, on the condition that each counter of `ceilings` is not above its
    /// number beforehand. The slot is the counters'; `None` where nothing moves them.
    pub fn take(
        &self,
        transaction: &mut Transaction,
        tenant_id: TenantId,
        ceilings: &[(Counter, u64)],
    ) -> Option<Slot> {
        transaction.put(self.at(keys::lease(tenant_id, self.until, self.id)), Condition::absent());
        let mark = Item::new(keys::open_lease(tenant_id, self.until, self.id))
            .with("tenant_id", &tenant_id)
            .with("lease", &self.id)
            .with("until", &self.until);
        transaction.put(mark, Condition::absent());
        let mut moves = Moves::default();
        moves.take(&self.charge, self.from.date());
        moves.write(transaction, tenant_id, &counter::within(ceilings))
    }
}

impl LeasePlace {
    /// Puts the place, and the entry that belongs there, into the record of what was answered.
    pub fn write(&self, record: &mut Item, entry: &LedgerEntry) {
        entry.write(record);
        record.set("lease", &self.lease);
        record.set("lease_entry", &self.number);
    }

    /// The place that a record names, and what belongs there; `None` where the answer was not given under a lease.
    pub fn read(record: &Item) -> Result<Option<(Self, LedgerEntry)>, CorruptItem> {
        let Some(lease) = record.get_some("lease")? else { return Ok(None) };
        let place = Self { lease, number: record.get("lease_entry")? };
        Ok(Some((place, LedgerEntry::read(record)?)))
    }

    /// That a record is still the one which names this place.
    pub fn unchanged(&self) -> Condition {
        Condition::present().and_equals("lease", &self.lease).and_equals("lease_entry", &self.number)
    }
}

impl Metering {
    /// Writes an entry at its place, unless it stands there. One round trip, one write unit.
    pub async fn append(&self, place: LeasePlace, entry: &LedgerEntry) -> Result<Appended, TableError> {
        let key = keys::lease_entry(entry.tenant_id, place.lease, place.number);
        let row = entry.at(key).with("expires_at", &journal_end(entry.created_at));
        let Some(refused) = self.table.put(row, Condition::absent()).await? else {
            return Ok(Appended::Counts);
        };
        counted(refused.old.as_ref(), entry)
    }

    /// Whether the entry of a record counts; one that is missing is written while its lease lasts. One round trip, mostly.
    pub async fn confirm(&self, place: LeasePlace, entry: &LedgerEntry) -> Result<Appended, TableError> {
        let key = keys::lease_entry(entry.tenant_id, place.lease, place.number);
        match self.table.get(key).await? {
            None => self.append(place, entry).await,
            there => counted(there.as_ref(), entry),
        }
    }
}

/// Whether what stands at an entry's place is that entry.
fn counted(there: Option<&Item>, entry: &LedgerEntry) -> Result<Appended, TableError> {
    let Some(there) = there.filter(|there| !is_end(there)) else { return Ok(Appended::Ended) };
    let same = LedgerEntry::read(there)?.request_id == entry.request_id;
    Ok(if same { Appended::Counts } else { Appended::Ended })
}

fn is_end(row: &Item) -> bool {
    row.names().any(|name| name == ENDED)
}

fn journal_end(at: Timestamp) -> i64 {
    at.plus_seconds(JOURNAL_SECONDS).epoch_seconds()
}

impl Row for Lease {
    fn write(&self, item: &mut Item) {
        item.set("lease", &self.id);
        item.set("event", &self.charge.event.key().to_owned());
        item.set("units", &self.charge.raw_units);
        item.set("credits", &self.charge.credits);
        item.set("list_cost", &self.charge.list_cost);
        item.set("from", &self.from);
        item.set("until", &self.until);
    }

    fn read(item: &Item) -> Result<Self, CorruptItem> {
        let event: String = item.get("event")?;
        let charge = Charge {
            event: MeteredEvent::parse(&event).ok_or_else(|| item.corrupt("event"))?,
            raw_units: item.get("units")?,
            credits: item.get("credits")?,
            list_cost: item.get("list_cost")?,
        };
        Ok(Self { id: item.get("lease")?, charge, from: item.get("from")?, until: item.get("until")? })
    }
}
