//! The tenant's own limits on a day (gateway.md 11).

use bespin_metering::MeteredEvent;
use bespin_primitives::TenantId;
use bespin_table::{CorruptItem, Item, Row};
use serde_json::{Value, json};

/// How often each of four activities may happen in one UTC day. 0 blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyLimits {
    /// Chat messages.
    pub assistant_query: u64,
    /// Tool calls.
    pub tool_invocation: u64,
    /// New briefs.
    pub daily_brief_generated: u64,
    /// Notifications.
    pub notification_enqueued: u64,
}

impl Default for DailyLimits {
    /// What a new tenant starts with.
    fn default() -> Self {
        Self {
            assistant_query: 100,
            tool_invocation: 100,
            daily_brief_generated: 10,
            notification_enqueued: 500,
        }
    }
}

impl DailyLimits {
    /// Each event that has a daily limit, in the order of the API, with its limit (gateway.md 11).
    pub fn fields(&self) -> [(MeteredEvent, u64); 4] {
        [
            (MeteredEvent::AssistantQuery, self.assistant_query),
            (MeteredEvent::ToolInvocation, self.tool_invocation),
            (MeteredEvent::DailyBriefGenerated, self.daily_brief_generated),
            (MeteredEvent::NotificationEnqueued, self.notification_enqueued),
        ]
    }

    /// As the API shows it: `<event>_daily_limit` of each.
    pub fn view(&self, tenant_id: TenantId) -> Value {
        let mut view = json!({"tenant_id": tenant_id});
        for (event, limit) in self.fields() {
            view[format!("{}_daily_limit", event.key())] = json!(limit);
        }
        view
    }

    /// The limit on one event; `None` for events that have no daily limit.
    pub fn of(&self, event: MeteredEvent) -> Option<u64> {
        self.fields().into_iter().find(|(limited, _)| *limited == event).map(|(_, limit)| limit)
    }
}

impl Row for DailyLimits {
    fn write(&self, item: &mut Item) {
        for (event, limit) in self.fields() {
            item.set(event.key(), &limit);
        }
    }

    fn read(item: &Item) -> Result<Self, CorruptItem> {
        Ok(Self {
            assistant_query: item.get("assistant_query")?,
            tool_invocation: item.get("tool_invocation")?,
            daily_brief_generated: item.get("daily_brief_generated")?,
            notification_enqueued: item.get("notification_enqueued")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daily_limit_is_only_on_what_is_counted_by_day() {
        for event in MeteredEvent::ALL {
            assert_eq!(DailyLimits::default().of(event).is_some(), event.is_counted_by_day(), "{event:?}");
        }
    }
}
