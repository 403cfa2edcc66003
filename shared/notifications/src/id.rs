//! Ids of notifications: integers that grow with time and are unique over all tenants, without a counter that all
//! tenants would share.
//!
//! An id is a millisecond, counted from 1970, and an index in it. Whoever puts the row of a millisecond owns its
//! indices; who finds it taken tries the next one, in order, so that what is made later at the same instant gets a
//! larger id. 32 indices are enough for one chunk of a run and leave ids below 2^53, which every reader of JSON keeps
//! exactly, until the end of year 9999.

use bespin_primitives::Timestamp;
use bespin_table::{Condition, Item, Slot, Table, TableError, Transaction, keys};

/// How many ids a millisecond has.
pub(crate) const IDS_IN_A_MILLISECOND: u64 = 32;

/// For how long a millisecond counts as taken. Clocks that differ by more than a day are broken in other ways first.
const TAKEN_SECONDS: i64 = 86_400;

/// How many milliseconds are looked at together for one that is not taken.
const LOOKED_AT_TOGETHER: u64 = 100;

/// The millisecond of an instant; clocks before 1970 stand at 1970.
pub(crate) fn millisecond(at: Timestamp) -> u64 {
    u64::try_from(at.micros() / 1_000).unwrap_or(0)
}

/// The id of an index in a millisecond.
pub(crate) fn id(millisecond: u64, index: usize) -> u64 {
    millisecond * IDS_IN_A_MILLISECOND + index as u64
}

/// Adds to `transaction` that this millisecond is ours.
pub(crate) fn take(transaction: &mut Transaction, millisecond: u64, now: Timestamp) -> Slot {
    let row = Item::new(keys::notification_ids(millisecond))
        .with("expires_at", &now.plus_seconds(TAKEN_SECONDS).epoch_seconds());
    transaction.put(row, Condition::absent())
}

/// The first millisecond after `taken` that is not taken. One round trip for each hundred that are.
pub(crate) async fn next_free(table: &Table, taken: u64) -> Result<u64, TableError> {
    let mut first = taken + 1;
    loop {
        let milliseconds = first..first + LOOKED_AT_TOGETHER;
        let rows: Vec<_> = milliseconds.clone().map(keys::notification_ids).collect();
        let found = table.get_all(&rows).await?;
        let free = milliseconds.zip(&rows).find(|(_, row)| !found.contains_key(row));
        match free {
            Some((free, _)) => return Ok(free),
            None => first += LOOKED_AT_TOGETHER,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn ids_grow_and_stay_exact_in_json_until_the_end_of_time() {
        let last = id(millisecond(Timestamp::MAX), 31);
        let first = Timestamp::parse_rfc3339("2026-02-10T12:00:00.000999Z").unwrap();

        assert!(last <= keys::MAX_NOTIFICATION_ID);
        assert_eq!(id(millisecond(first), 31) + 1, id(millisecond(first) + 1, 0));
        assert_eq!(millisecond(Timestamp::MIN), 0);
    }
}
