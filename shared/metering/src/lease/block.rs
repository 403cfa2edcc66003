//! The entries of one lease in one row of the ledger: 58 bytes for each, where a row of its own is charged as 1,024.

use bespin_primitives::{Credits, LeaseId, RequestId, TenantId, Timestamp, Usd, UserId};
use bespin_table::{CorruptItem, Item, Row, keys};

use crate::{LedgerEntry, MeteredEvent};

/// What all calls of one kind have in common: who called which tool, and what the audit calls that.
type Kind = (UserId, Option<String>, Option<String>);

/// The entries of a lease, of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// Whose they are.
    pub(crate) tenant_id: TenantId,
    /// The lease.
    pub(crate) lease: LeaseId,
    /// What happened.
    pub(crate) event: MeteredEvent,
    /// When the newest of them happened; they lie in its month.
    pub(crate) newest: Timestamp,
    /// The entries, in the order in which they were made.
    pub(crate) entries: Vec<LedgerEntry>,
}

impl Block {
    /// The block of entries; `None` of no entry.
    pub(crate) fn of(lease: LeaseId, entries: Vec<LedgerEntry>) -> Option<Self> {
        let newest = entries.iter().map(|entry| entry.created_at).max()?;
        let LedgerEntry { tenant_id, event, .. } = entries.first()?;
        Some(Self { tenant_id: *tenant_id, lease, event: *event, newest, entries })
    }

    /// Its row.
    pub(crate) fn row(&self) -> Item {
        self.at(keys::leased_entries(self.tenant_id, self.newest, self.lease))
    }
}

const LENGTH: usize = 16 + 8 + 8 + 8 + 16 + 2;

impl Row for Block {
    fn write(&self, item: &mut Item) {
        let mut kinds: Vec<Kind> = Vec::new();
        let mut bytes = Vec::with_capacity(self.entries.len() * LENGTH);
        for entry in &self.entries {
            let kind = (entry.user_id, entry.tool_name.clone(), entry.action.clone());
            let known = kinds.iter().position(|known| *known == kind).unwrap_or_else(|| {
                kinds.push(kind);
                kinds.len() - 1
            });
            bytes.extend(entry.request_id.to_bytes());
            bytes.extend(entry.created_at.micros().to_be_bytes());
            bytes.extend(entry.raw_units.to_be_bytes());
            bytes.extend(entry.credits.micros().to_be_bytes());
            bytes.extend(entry.list_cost.picos().to_be_bytes());
            // A lease has at most a thousand entries, so a thousand kinds.
            bytes.extend(u16::try_from(known).unwrap_or(u16::MAX).to_be_bytes());
        }
        let texts = |text: fn(&Kind) -> String| kinds.iter().map(text).collect::<Vec<_>>();
        item.set("tenant_id", &self.tenant_id);
        item.set("lease", &self.lease);
        item.set("event", &self.event.key().to_owned());
        item.set("newest", &self.newest);
        item.set("users", &texts(|(user_id, ..)| user_id.to_string()));
        item.set("tools", &texts(|(_, tool, _)| tool.clone().unwrap_or_default()));
        item.set("actions", &texts(|(.., action)| action.clone().unwrap_or_default()));
        item.set("entries", &bytes);
    }

    fn read(item: &Item) -> Result<Self, CorruptItem> {
        let event: String = item.get("event")?;
        let event = MeteredEvent::parse(&event).ok_or_else(|| item.corrupt("event"))?;
        let tenant_id = item.get("tenant_id")?;
        let texts = |name| item.get::<Vec<String>>(name);
        let (users, tools, actions) = (texts("users")?, texts("tools")?, texts("actions")?);
        let some = |texts: &[String], kind: usize| texts.get(kind).filter(|text| !text.is_empty()).cloned();
        let bytes: Vec<u8> = item.get("entries")?;
        let read = |bytes: &[u8]| {
            let mut bytes = Bytes(bytes);
            let request_id = RequestId::from_bytes(bytes.take()?);
            let created_at = Timestamp::from_micros(i64::from_be_bytes(bytes.take()?))?;
            let raw_units = u64::from_be_bytes(bytes.take()?);
            let credits = Credits::from_micros(u64::from_be_bytes(bytes.take()?));
            let list_cost = Usd::from_picos(u128::from_be_bytes(bytes.take()?));
            let kind = usize::from(u16::from_be_bytes(bytes.take()?));
            Some(LedgerEntry {
                id: LedgerEntry::leased_id(request_id),
                tenant_id,
                event,
                raw_units,
                credits,
                list_cost,
                tool_name: some(&tools, kind),
                request_id,
                user_id: UserId::parse(users.get(kind)?)?,
                action: some(&actions, kind),
                subject: None,
                created_at,
            })
        };
        let entries: Option<Vec<_>> = bytes.chunks(LENGTH).map(read).collect();
        Ok(Self {
            tenant_id,
            lease: item.get("lease")?,
            event,
            newest: item.get("newest")?,
            entries: entries.ok_or_else(|| item.corrupt("entries"))?,
        })
    }
}

/// What is left to read.
struct Bytes<'b>(&'b [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, left) = self.0.split_first_chunk()?;
        self.0 = left;
        Some(*taken)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use bespin_primitives::SeededRandom;
    use proptest::prelude::*;

    use super::*;

    /// What a few calls of two users left behind.
    fn entries(calls: &[(i64, u64, u64, u128, bool)]) -> Vec<LedgerEntry> {
        let random = SeededRandom::new(7);
        let (tenant_id, users) =
            (TenantId::random(&random), [UserId::random(&random), UserId::random(&random)]);
        let call = |(micros, raw_units, credits, picos, odd): &(i64, u64, u64, u128, bool)| {
            let request_id = RequestId::random(&random);
            LedgerEntry {
                id: LedgerEntry::leased_id(request_id),
                tenant_id,
                event: MeteredEvent::ToolInvocation,
                raw_units: *raw_units,
                credits: Credits::from_micros(*credits),
                list_cost: Usd::from_picos(*picos),
                tool_name: odd.then(|| "echo".to_owned()),
                request_id,
                user_id: users[usize::from(*odd)],
                action: (!odd).then(|| "tools.invoke".to_owned()),
                subject: None,
                created_at: Timestamp::from_micros(*micros).unwrap(),
            }
        };
        calls.iter().map(call).collect()
    }

    proptest! {
        #[test]
        fn a_block_reads_back_as_it_was_written(
            calls in prop::collection::vec((0i64..4_000_000_000_000_000, any::<u64>(), any::<u64>(), any::<u128>(), any::<bool>()), 1..20),
        ) {
            let block = Block::of(LeaseId::random(&SeededRandom::new(8)), entries(&calls)).unwrap();

            prop_assert_eq!(Block::read(&block.row()).unwrap(), block);
        }
    }

    #[test]
    fn a_block_that_was_cut_short_or_names_nobody_is_told() {
        let block =
            Block::of(LeaseId::random(&SeededRandom::new(8)), entries(&[(5, 1, 2, 3, true)])).unwrap();
        let row = block.row();
        let bytes: Vec<u8> = row.get("entries").unwrap();

        for bad in [&bytes[..57], &bytes[1..], &[&bytes[..56], &[0, 9]].concat()] {
            let mut row = block.row();
            row.set("entries", &bad.to_vec());
            assert!(Block::read(&row).is_err(), "{} bytes", bad.len());
        }
    }
}
