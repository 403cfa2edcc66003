//! Subscriptions: which plan a tenant is on.

use bespin_primitives::{BillingPeriod, TenantId, Timestamp};
use bespin_table::{CorruptItem, Item, Row};
use serde_json::{Value, json};

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
    /// The period it was made in, or the one that an administrator pinned. Enforcement always uses the current
    /// calendar month.
    pub period: BillingPeriod,
    /// Whether an administrator set the period: then it is shown as it is, and otherwise the current month.
    pub pinned: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Subscription {
    /// The period that is shown at a moment.
    pub fn period_at(&self, now: Timestamp) -> BillingPeriod {
        if self.pinned { self.period } else { now.period() }
    }

    /// As the API shows it at a moment (gateway.md 13).
    pub fn view(&self, tenant_id: TenantId, now: Timestamp) -> Value {
        let period = self.period_at(now);
        json!({
            "tenant_id": tenant_id, "plan_id": self.plan_id, "status": self.status.name(),
            "period_start": period.start().to_string(), "period_end": period.end().to_string(),
            "created_at": self.created_at, "updated_at": self.updated_at,
        })
    }
}

impl Row for Subscription {
    fn write(&self, item: &mut Item) {
        item.set("plan_id", &self.plan_id);
        item.set("status", &self.status.name().to_owned());
        item.set("period_start", &self.period.start());
        item.set("pinned", &self.pinned);
        item.set("created_at", &self.created_at);
        item.set("updated_at", &self.updated_at);
    }

    fn read(item: &Item) -> Result<Self, CorruptItem> {
        let status: String = item.get("status")?;
        Ok(Self {
            plan_id: item.get("plan_id")?,
            status: SubscriptionStatus::parse(&status).ok_or_else(|| item.corrupt("status"))?,
            period: BillingPeriod::containing(item.get("period_start")?),
            pinned: item.get_some("pinned")?.unwrap_or(false),
            created_at: item.get("created_at")?,
            updated_at: item.get("updated_at")?,
        })
    }
}
