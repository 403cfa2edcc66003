//! Posting many units of one event, each with an entry of its own, and one move of the counters for all of them.

use bespin_access::TenantAccess;
use bespin_primitives::{Credits, EntryId, Random, RawUnits, RequestId, Timestamp, Usd, UserId};
use bespin_table::{Condition, Row, Slot, Transaction, keys};

use crate::{Charge, Counter, LedgerEntry, store::move_counters};

/// Why and by whom single units are posted.
#[derive(Debug, Clone)]
pub struct UnitPosting {
    /// What one unit costs.
    pub unit: Charge,
    /// The request that causes them.
    pub request_id: RequestId,
    /// Who acted: whoever began what is posted here, which another request may have taken up.
    pub user_id: UserId,
    /// The tool, `daily_brief`, `chat`, or none.
    pub tool_name: Option<String>,
    /// When; also decides the month and the day they count for.
    pub at: Timestamp,
}

impl Charge {
    /// What so many of these together cost; `None` past the largest amount.
    pub fn times(&self, count: u64) -> Option<Self> {
        let picos = self.list_cost.picos().checked_mul(u128::from(count))?;
        Some(Self {
            event: self.event,
            raw_units: self.raw_units.checked_mul(count)?,
            credits: self.credits.checked_mul(count)?,
            list_cost: Usd::from_picos(picos),
        })
    }

    /// What so many of its units cost, each as much as the others; all of them where it has fewer.
    #[must_use]
    pub fn part(&self, raw_units: RawUnits) -> Self {
        // A charge is a whole multiple of what a unit costs, so nothing is lost by the division.
        let of = |whole: u128| whole / u128::from(self.raw_units.max(1)) * u128::from(raw_units);
        if raw_units >= self.raw_units {
            return *self;
        }
        let credits = u64::try_from(of(self.credits.micros().into())).unwrap_or(u64::MAX);
        Self {
            event: self.event,
            raw_units,
            credits: Credits::from_micros(credits),
            list_cost: Usd::from_picos(of(self.list_cost.picos())),
        }
    }

    /// Both together, of one event; `None` past the largest amount.
    pub fn and(&self, more: &Self) -> Option<Self> {
        Some(Self {
            event: self.event,
            raw_units: self.raw_units.checked_add(more.raw_units)?,
            credits: self.credits.checked_add(more.credits)?,
            list_cost: self.list_cost.checked_add(more.list_cost)?,
        })
    }
}

/// Adds to `transaction` one ledger entry for each of `subjects`, and one move of the month's counters by `total`, the
/// charge for all of them together ([`Charge::times`]), on the condition that each counter of `ceilings` is not above
/// its number beforehand. The slot is the counters'.
pub fn post_units(
    transaction: &mut Transaction,
    access: &TenantAccess,
    posting: &UnitPosting,
    subjects: impl IntoIterator<Item = String>,
    total: &Charge,
    ceilings: &[(Counter, u64)],
    random: &dyn Random,
) -> Slot {
    let UnitPosting { unit, request_id, user_id, tool_name, at } = posting;
    for subject in subjects {
        let entry = LedgerEntry {
            id: EntryId::random(random),
            tenant_id: access.tenant_id(),
            event: unit.event,
            raw_units: unit.raw_units,
            credits: unit.credits,
            list_cost: unit.list_cost,
            tool_name: tool_name.clone(),
            request_id: *request_id,
            user_id: *user_id,
            action: None,
            subject: Some(subject),
            created_at: *at,
        };
        let key = keys::ledger_entry(access.tenant_id(), *at, entry.id);
        transaction.put(entry.at(key), Condition::absent());
    }
    move_counters(transaction, access, total, *at, ceilings)
}
