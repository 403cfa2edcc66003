//! The things that are counted (gateway.md 12.1).

use bespin_primitives::{Credits, Micros, PricePerCredit, Timestamp, Usd};
use bespin_table::{CorruptItem, Item, Row};
use serde_json::{Value, json};

use crate::Charge;

/// The six events the product meters. Further keys may stand in the catalogue and meter nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MeteredEvent {
    /// One answered chat message.
    AssistantQuery,
    /// One tool call.
    ToolInvocation,
    /// One new brief.
    DailyBriefGenerated,
    /// One notification.
    NotificationEnqueued,
    /// One KPI definition.
    KpiDefinitionCreated,
    /// One new point.
    KpiPointsIngested,
}

impl MeteredEvent {
    /// All six, in the order of the catalogue.
    pub const ALL: [Self; 6] = [
        Self::AssistantQuery,
        Self::ToolInvocation,
        Self::DailyBriefGenerated,
        Self::NotificationEnqueued,
        Self::KpiDefinitionCreated,
        Self::KpiPointsIngested,
    ];

    /// The key in the catalogue and in answers.
    pub fn key(self) -> &'static str {
        match self {
            Self::AssistantQuery => "assistant_query",
            Self::ToolInvocation => "tool_invocation",
            Self::DailyBriefGenerated => "daily_brief_generated",
            Self::NotificationEnqueued => "notification_enqueued",
            Self::KpiDefinitionCreated => "kpi_definition_created",
            Self::KpiPointsIngested => "kpi_points_ingested",
        }
    }

    /// The event with this key.
    pub fn parse(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.key() == key)
    }

    /// Whether its units are counted by day, too: those of the four activities that have a daily limit and a place
    /// in the daily usage (gateway.md 11). The others have none, and their counters would make the month's item
    /// larger than one unit of writing.
    pub fn is_counted_by_day(self) -> bool {
        match self {
            Self::AssistantQuery
            | Self::ToolInvocation
            | Self::DailyBriefGenerated
            | Self::NotificationEnqueued => true,
            Self::KpiDefinitionCreated | Self::KpiPointsIngested => false,
        }
    }

    /// The letter that stands for the event in names of counters. Short, because a month of counters must stay
    /// within 1 KB, the unit of writing; unique; never reused.
    pub(crate) fn letter(self) -> char {
        match self {
            Self::AssistantQuery => 'a',
            Self::ToolInvocation => 't',
            Self::DailyBriefGenerated => 'b',
            Self::NotificationEnqueued => 'n',
            Self::KpiDefinitionCreated => 'k',
            Self::KpiPointsIngested => 'p',
        }
    }
}

/// One metered event as the catalogue has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventDefinition {
    /// 1 to 100 characters.
    pub event_key: String,
    /// For people.
    pub display_name: String,
    /// For people.
    pub description: Option<String>,
    /// What one raw unit is.
    pub unit_name: String,
    /// What one raw unit costs.
    pub credits_per_unit: Credits,
    /// What one credit costs by the list.
    pub list_price_per_credit: PricePerCredit,
    /// For bills; never for enforcement.
    pub billable: bool,
    /// An inactive event cannot happen.
    pub active: bool,
    /// When it came into the catalogue.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl EventDefinition {
    /// What `raw_units` of this event cost now; `None` when the amount is beyond what can be counted.
    pub fn charge(&self, event: MeteredEvent, raw_units: u64) -> Option<Charge> {
        let credits = self.credits_per_unit.checked_mul(raw_units)?;
        let list_cost: Usd = credits.priced(self.list_price_per_credit);
        Some(Charge { event, raw_units, credits, list_cost })
    }
}

impl EventDefinition {
    /// The dearest unit: a thousand million credits. Any amount of fewer than ten thousand units can be counted.
    pub const MAX_CREDITS_PER_UNIT: Micros = Micros::new(1_000_000_000_000_000);
    /// The highest list price: a million dollars a credit, so that no sum of list costs passes the 38 digits that
    /// the table keeps.
    pub const MAX_LIST_PRICE: Micros = Micros::new(1_000_000_000_000);

    /// As the API shows it (gateway.md 12.4).
    pub fn view(&self) -> Value {
        json!({
            "event_key": self.event_key, "display_name": self.display_name, "description": self.description,
            "unit_name": self.unit_name, "credits_per_unit": self.credits_per_unit,
            "list_price_per_credit": self.list_price_per_credit, "billable": self.billable, "active": self.active,
            "created_at": self.created_at, "updated_at": self.updated_at,
        })
    }
}

impl Row for EventDefinition {
    fn write(&self, item: &mut Item) {
        item.set("event_key", &self.event_key);
        item.set("display_name", &self.display_name);
        item.set_some("description", self.description.as_ref());
        item.set("unit_name", &self.unit_name);
        item.set("credits_per_unit", &self.credits_per_unit);
        item.set("list_price_per_credit", &self.list_price_per_credit);
        item.set("billable", &self.billable);
        item.set("active", &self.active);
        item.set("created_at", &self.created_at);
        item.set("updated_at", &self.updated_at);
    }

    fn read(item: &Item) -> Result<Self, CorruptItem> {
        Ok(Self {
            event_key: item.get("event_key")?,
            display_name: item.get("display_name")?,
            description: item.get_some("description")?,
            unit_name: item.get("unit_name")?,
            credits_per_unit: item.get("credits_per_unit")?,
            list_price_per_credit: item.get("list_price_per_credit")?,
            billable: item.get("billable")?,
            active: item.get("active")?,
            created_at: item.get("created_at")?,
            updated_at: item.get("updated_at")?,
        })
    }
}
