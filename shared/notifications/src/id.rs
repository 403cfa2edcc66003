//! Ids of notifications: integers that grow with time and are unique over all tenants, without a counter that all
//! tenants would share.
//!
//! An id is a moment, a sixteenth of a millisecond counted from 1970, and an index in it. Whoever puts the row of a
//! moment owns its indices; who finds it taken tries the next one, in order, so that what is made later at the same
//! instant gets a larger id. 32 indices are enough for one chunk of a run, 16,000 chunks a second for all tenants
//! whose briefs are due at the same hour, and ids stay below 2^53, which every reader of JSON keeps exactly, until
//! the year 2527.
//!
//! Each tenant begins to look a little behind the instant, always as much: ids of one tenant are in order all the same,
//! and the tenants of a batch of messages, which have one instant, do not try for the same moment one after the other.

use bespin_primitives::{TenantId, Timestamp};
use bespin_table::{Condition, Item, Slot, Table, TableError, Transaction, keys};

/// How many ids a moment has.
pub(crate) const IDS_IN_A_MOMENT: u64 = 32;

/// How many moments a millisecond has.
const MOMENTS_IN_A_MILLISECOND: u64 = 16;

/// For how long a moment counts as taken. Clocks that differ by more than a day are broken in other ways first.
const TAKEN_SECONDS: i64 = 86_400;

/// How many moments are looked at together for one that is not taken: few at first, because the next one mostly is
/// free, and what a batched read takes where many are taken.
const LOOKED_AT_FIRST: u64 = 8;
const LOOKED_AT_TOGETHER: u64 = 96;

/// The first moment that a tenant tries at an instant, at most a quarter of a second behind it; clocks before 1970 stand
/// at 1970.
pub(crate) fn moment(tenant: TenantId, at: Timestamp) -> u64 {
    let instant = u64::try_from(at.micros()).unwrap_or(0) * MOMENTS_IN_A_MILLISECOND / 1_000;
    let behind = u64::from_str_radix(&tenant.to_string()[..3], 16).unwrap_or_default();
    instant + behind
}

/// The id of an index in a moment.
pub(crate) fn id(moment: u64, index: usize) -> u64 {
    moment * IDS_IN_A_MOMENT + index as u64
}

/// Adds to `transaction` that this moment is ours.
pub(crate) fn take(transaction: &mut Transaction, moment: u64, now: Timestamp) -> Slot {
    let row = Item::new(keys::notification_ids(moment))
        .with("expires_at", &now.plus_seconds(TAKEN_SECONDS).epoch_seconds());
    transaction.put(row, Condition::absent())
}

/// The first moment after `taken` that is not taken. One round trip for the first 8, then one for each 96.
pub(crate) async fn next_free(table: &Table, taken: u64) -> Result<u64, TableError> {
    let (mut first, mut together) = (taken + 1, LOOKED_AT_FIRST);
    loop {
        let moments = first..first + together;
        let rows: Vec<_> = moments.clone().map(keys::notification_ids).collect();
        let found = table.get_all(&rows).await?;
        if let Some((free, _)) = moments.zip(&rows).find(|(_, row)| !found.contains_key(row)) {
            return Ok(free);
        }
        (first, together) = (first + together, LOOKED_AT_TOGETHER);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn tenant(text: &str) -> TenantId {
        TenantId::parse(text).unwrap()
    }

    fn at(text: &str) -> u64 {
        let early = tenant("000f0000-0000-4000-8000-000000000000");
        moment(early, Timestamp::parse_rfc3339(text).unwrap())
    }

    #[test]
    fn ids_grow_and_stay_exact_in_json_for_five_hundred_years() {
        let first = at("2026-02-10T12:00:00.000999Z");

        assert_eq!(first + 1, at("2026-02-10T12:00:00.001Z"));
        assert_eq!(id(first, 31) + 1, id(first + 1, 0));
        assert_eq!(at("2026-02-10T12:00:01Z") - at("2026-02-10T12:00:00Z"), 16_000);
        assert!(id(at("2527-01-01T00:00:00Z"), 31) <= keys::MAX_NOTIFICATION_ID);
    }

    #[test]
    fn no_clock_is_so_wrong_that_it_has_no_moment() {
        let late = tenant("ffff0000-0000-4000-8000-000000000000");

        assert_eq!(moment(late, Timestamp::MIN), 4_095);
        assert!(id(moment(late, Timestamp::MAX), 31) > id(at("2527-01-01T00:00:00Z"), 31));
    }
}
