//! The tenant's own limits on a day (gateway.md 11).

use bespin_metering::MeteredEvent;
use bespin_table::{CorruptItem, Item, Row};

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
    /// The limit on one event; `None` for events that have no daily limit.
    pub fn of(&self, event: MeteredEvent) -> Option<u64> {
        match event {
            MeteredEvent::AssistantQuery => Some(self.assistant_query),
            MeteredEvent::ToolInvocation => Some(self.tool_invocation),
            MeteredEvent::DailyBriefGenerated => Some(self.daily_brief_generated),
            MeteredEvent::NotificationEnqueued => Some(self.notification_enqueued),
            MeteredEvent::KpiDefinitionCreated | MeteredEvent::KpiPointsIngested => None,
        }
    }
}

impl Row for DailyLimits {
    fn write(&self, item: &mut Item) {
        item.set("assistant_query", &self.assistant_query);
        item.set("tool_invocation", &self.tool_invocation);
        item.set("daily_brief_generated", &self.daily_brief_generated);
        item.set("notification_enqueued", &self.notification_enqueued);
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
