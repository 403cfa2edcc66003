//! Plans: what a subscription includes.

use std::collections::{BTreeMap, BTreeSet};

use bespin_metering::MeteredEvent;
use bespin_primitives::{Micros, PricePerCredit, Timestamp};
use bespin_table::{CorruptItem, Item, Row};
use serde_json::{Value, json};

/// Something a plan can include. The set is fixed (gateway.md 12.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// Making briefs.
    Briefs,
    /// The cofounder chat.
    Chat,
    /// Defining KPIs, sending points.
    KpiIngest,
    /// Reading KPIs.
    KpiRead,
    /// Notifications of the daily job.
    Notifications,
    /// Invoking tools.
    Tools,
}

impl Capability {
    /// All six, in order of their keys.
    pub const ALL: [Self; 6] =
        [Self::Briefs, Self::Chat, Self::KpiIngest, Self::KpiRead, Self::Notifications, Self::Tools];

    /// The key in plans and answers.
    pub fn key(self) -> &'static str {
        match self {
            Self::Briefs => "briefs",
            Self::Chat => "chat",
            Self::KpiIngest => "kpi_ingest",
            Self::KpiRead => "kpi_read",
            Self::Notifications => "notifications",
            Self::Tools => "tools",
        }
    }

    /// The capability without which an event cannot happen.
    pub fn of(event: MeteredEvent) -> Self {
        match event {
            MeteredEvent::AssistantQuery => Self::Chat,
            MeteredEvent::ToolInvocation => Self::Tools,
            MeteredEvent::DailyBriefGenerated => Self::Briefs,
            MeteredEvent::NotificationEnqueued => Self::Notifications,
            MeteredEvent::KpiDefinitionCreated | MeteredEvent::KpiPointsIngested => Self::KpiIngest,
        }
    }

    /// The capability with this key.
    pub fn parse(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|capability| capability.key() == key)
    }
}

/// One plan of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// 1 to 100 characters.
    pub plan_id: String,
    /// For people.
    pub name: String,
    /// Whole credits a calendar month.
    pub included_credits: u64,
    /// For bills; never for enforcement.
    pub overage_price_per_credit: PricePerCredit,
    /// What it includes.
    pub capabilities: BTreeSet<Capability>,
    /// The most raw units of an event a month, by event key. May be fractional: what counts is whole units, so
    /// only the whole part binds.
    pub caps: BTreeMap<String, Micros>,
    /// When it came into the catalogue.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Plan {
    /// The most credits a plan includes: more cannot be counted in micro-credits of 64 bits.
    pub const MAX_INCLUDED_CREDITS: i64 = 18_446_744_073_709;
    /// The highest price of overage: a million dollars a credit.
    pub const MAX_OVERAGE_PRICE: Micros = Micros::new(1_000_000_000_000);
    /// The highest cap: the most units that have six decimal places in 64 bits.
    pub const MAX_CAP: Micros = Micros::new(u64::MAX);

    /// As the API shows it to tenants (gateway.md 12.4).
    pub fn view(&self) -> Value {
        json!({
            "plan_id": self.plan_id, "name": self.name, "included_credits": self.included_credits,
            "overage_price_per_credit": self.overage_price_per_credit, "created_at": self.created_at,
            "updated_at": self.updated_at,
        })
    }

    /// The keys of what it includes, sorted.
    pub fn capabilities_view(&self) -> Value {
        self.capabilities.iter().map(|capability| capability.key()).collect()
    }

    /// Its caps, sorted by event.
    pub fn caps_view(&self) -> Value {
        self.caps.iter().map(|(event_key, cap)| cap_view(event_key, *cap)).collect()
    }
}

/// One cap as the API shows it. All caps are monthly (gateway.md 13).
pub fn cap_view(event_key: &str, cap: Micros) -> Value {
    json!({"event_key": event_key, "period": "monthly", "cap_raw_units": cap})
}

impl Row for Plan {
    fn write(&self, item: &mut Item) {
        item.set("plan_id", &self.plan_id);
        item.set("name", &self.name);
        item.set("included_credits", &self.included_credits);
        item.set("overage_price_per_credit", &self.overage_price_per_credit);
        item.set("capabilities", &self.capabilities.iter().map(|c| c.key().to_owned()).collect::<Vec<_>>());
        item.set("capped_events", &self.caps.keys().cloned().collect::<Vec<_>>());
        for (event_key, cap) in &self.caps {
            item.set(&cap_attribute(event_key), cap);
        }
        item.set("created_at", &self.created_at);
        item.set("updated_at", &self.updated_at);
    }

    fn read(item: &Item) -> Result<Self, CorruptItem> {
        let capabilities: Vec<String> = item.get("capabilities")?;
        let capped: Vec<String> = item.get("capped_events")?;
        Ok(Self {
            plan_id: item.get("plan_id")?,
            name: item.get("name")?,
            included_credits: item.get("included_credits")?,
            overage_price_per_credit: item.get("overage_price_per_credit")?,
            capabilities: capabilities
                .iter()
                .map(|key| Capability::parse(key).ok_or_else(|| item.corrupt("capabilities")))
                .collect::<Result<_, _>>()?,
            caps: capped
                .into_iter()
                .map(|key| item.get(&cap_attribute(&key)).map(|cap| (key, cap)))
                .collect::<Result<_, _>>()?,
            created_at: item.get("created_at")?,
            updated_at: item.get("updated_at")?,
        })
    }
}

fn cap_attribute(event_key: &str) -> String {
    format!("cap.{event_key}")
}
