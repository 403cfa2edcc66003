//! The ledger: what happened, when, and what it cost. Entries are never changed.

use bespin_primitives::{Credits, EntryId, RawUnits, RequestId, TenantId, Timestamp, Usd, UserId};
use bespin_table::{CorruptItem, Item, Row, keys};
use serde_json::{Value, json};

use crate::{MeteredEvent, lease::Block};

/// One entry. It carries what the audit needs, too, so that a request writes one item for both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEntry {
    /// Its own id.
    pub id: EntryId,
    /// Whose it is. The partition says so, too; an entry that lies in another one is told by this.
    pub tenant_id: TenantId,
    /// What happened.
    pub event: MeteredEvent,
    /// How often.
    pub raw_units: RawUnits,
    /// At the weight of the moment.
    pub credits: Credits,
    /// At the list price of the moment.
    pub list_cost: Usd,
    /// The tool, `daily_brief`, `chat`, or none.
    pub tool_name: Option<String>,
    /// The request that caused it, as its answer says.
    pub request_id: RequestId,
    /// Who acted.
    pub user_id: UserId,
    /// The audited action, where the contract has one (gateway.md 14).
    pub action: Option<String>,
    /// Which of several things that one request did: the id of a notification. None where a request does one.
    pub subject: Option<String>,
    /// When.
    pub created_at: Timestamp,
}

impl LedgerEntry {
    /// The id of an entry that is charged to a lease: that of its request, which has no other entry there.
    pub fn leased_id(request_id: RequestId) -> EntryId {
        EntryId::from_bytes(request_id.to_bytes())
    }

    /// The entries of a lease that is over, of the one row that holds them all ([`keys::leased_ledger`]).
    pub fn read_leased(row: &Item) -> Result<Vec<Self>, CorruptItem> {
        Block::read(row).map(|block| block.entries)
    }

    /// As the API shows it (gateway.md 12.4).
    pub fn view(&self) -> Value {
        json!({
            "event_key": self.event.key(), "raw_units": self.raw_units, "credits": self.credits,
            "list_cost_estimate": self.list_cost, "tool_name": self.tool_name, "request_id": self.request_id,
            "created_at": self.created_at,
        })
    }
}

impl Row for LedgerEntry {
    fn write(&self, item: &mut Item) {
        item.set("entry_id", &self.id);
        item.set("tenant_id", &self.tenant_id);
        item.set("event", &self.event.key().to_owned());
        item.set("units", &self.raw_units);
        item.set("credits", &self.credits);
        item.set("list_cost", &self.list_cost);
        item.set_some("tool", self.tool_name.as_ref());
        item.set("request_id", &self.request_id);
        item.set("user_id", &self.user_id);
        item.set_some("action", self.action.as_ref());
        item.set_some("subject", self.subject.as_ref());
        item.set("created_at", &self.created_at);
    }

    fn read(item: &Item) -> Result<Self, CorruptItem> {
        let event: String = item.get("event")?;
        Ok(Self {
            id: item.get("entry_id")?,
            // The first entries did not say whose they are.
            tenant_id: match item.get_some("tenant_id")? {
                Some(tenant_id) => tenant_id,
                None => keys::tenant_of(item.pk()).ok_or_else(|| item.corrupt("tenant_id"))?,
            },
            event: MeteredEvent::parse(&event).ok_or_else(|| item.corrupt("event"))?,
            raw_units: item.get("units")?,
            credits: item.get("credits")?,
            list_cost: item.get("list_cost")?,
            tool_name: item.get_some("tool")?,
            request_id: item.get("request_id")?,
            user_id: item.get("user_id")?,
            action: item.get_some("action")?,
            subject: item.get_some("subject")?,
            created_at: item.get("created_at")?,
        })
    }
}
