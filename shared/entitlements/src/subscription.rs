//! Subscriptions: which plan a tenant is on.

use bespin_primitives::{Date, Timestamp};
use bespin_table::{CorruptItem, Item, Row};

/// Whether a subscription lets its tenant use anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscriptionStatus {
    /// It does.
    Active,
    /// It does not, until an administrator says so.
    Suspended,
}

impl SubscriptionStatus {
    /// The spelling.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }

    /// Reads `active` or `suspended`.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Suspended].into_iter().find(|status| status.name() == text)
    }
}

/// The subscription of one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The plan.
    pub plan_id: String,
    /// Whether it is in force.
    pub status: SubscriptionStatus,
    /// The first day of the period it was made in. Enforcement always uses the current calendar month.
    pub period_start: Date,
    /// The exclusive end of that period.
    pub period_end: Date,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Row for Subscription {
    fn write(&self, item: &mut Item) {
        item.set("plan_id", &self.plan_id);
        item.set("status", &self.status.name().to_owned());
        item.set("period_start", &self.period_start);
        item.set("period_end", &self.period_end);
        item.set("created_at", &self.created_at);
        item.set("updated_at", &self.updated_at);
    }

    fn read(item: &Item) -> Result<Self, CorruptItem> {
        let status: String = item.get("status")?;
        Ok(Self {
            plan_id: item.get("plan_id")?,
            status: SubscriptionStatus::parse(&status).ok_or_else(|| item.corrupt("status"))?,
            period_start: item.get("period_start")?,
            period_end: item.get("period_end")?,
            created_at: item.get("created_at")?,
            updated_at: item.get("updated_at")?,
        })
    }
}
