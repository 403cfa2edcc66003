//! What the operator of the platform asks for (gateway.md 13): the pure part of every change.

use bespin_metering::EventDefinition;
use bespin_primitives::{BillingPeriod, Credits, PricePerCredit, Timestamp};

use crate::{Plan, Subscription, SubscriptionStatus};

/// A metered event that shall be. Keys beyond the six of [`MeteredEvent`](bespin_metering::MeteredEvent) meter nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// 1 to 100 of `[A-Za-z0-9_.:-]`.
    pub event_key: String,
    /// 1 to 255 characters.
    pub display_name: String,
    /// At most 1,000 characters.
    pub description: Option<String>,
    /// 1 to 50 characters.
    pub unit_name: String,
    /// At most [`EventDefinition::MAX_CREDITS_PER_UNIT`].
    pub credits_per_unit: Credits,
    /// At most [`EventDefinition::MAX_LIST_PRICE`].
    pub list_price_per_credit: PricePerCredit,
    /// For bills; never for enforcement.
    pub billable: bool,
    /// An inactive event cannot happen.
    pub active: bool,
}

impl NewEvent {
    /// The event, made at `now`.
    pub fn define(self, now: Timestamp) -> EventDefinition {
        EventDefinition {
            event_key: self.event_key,
            display_name: self.display_name,
            description: self.description,
            unit_name: self.unit_name,
            credits_per_unit: self.credits_per_unit,
            list_price_per_credit: self.list_price_per_credit,
            billable: self.billable,
            active: self.active,
            created_at: now,
            updated_at: now,
        }
    }
}

/// What shall change of a metered event; what is `None` stays. Bounds as of [`NewEvent`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventUpdate {
    /// For people.
    pub display_name: Option<String>,
    /// For people; cannot be cleared.
    pub description: Option<String>,
    /// What one raw unit is.
    pub unit_name: Option<String>,
    /// Of events from now on.
    pub credits_per_unit: Option<Credits>,
    /// Of events from now on.
    pub list_price_per_credit: Option<PricePerCredit>,
    /// For bills.
    pub billable: Option<bool>,
    /// An inactive event cannot happen.
    pub active: Option<bool>,
}

impl EventUpdate {
    /// The event after this change at `now`, even where nothing changes.
    pub fn apply(&self, event: EventDefinition, now: Timestamp) -> EventDefinition {
        EventDefinition {
            event_key: event.event_key,
            display_name: self.display_name.clone().unwrap_or(event.display_name),
            description: self.description.clone().or(event.description),
            unit_name: self.unit_name.clone().unwrap_or(event.unit_name),
            credits_per_unit: self.credits_per_unit.unwrap_or(event.credits_per_unit),
            list_price_per_credit: self.list_price_per_credit.unwrap_or(event.list_price_per_credit),
            billable: self.billable.unwrap_or(event.billable),
            active: self.active.unwrap_or(event.active),
            created_at: event.created_at,
            updated_at: now,
        }
    }
}

/// A plan that shall be. It includes nothing and caps nothing until that is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPlan {
    /// 1 to 100 of `[A-Za-z0-9_.:-]`.
    pub plan_id: String,
    /// 1 to 255 characters.
    pub name: String,
    /// At most [`Plan::MAX_INCLUDED_CREDITS`].
    pub included_credits: u64,
    /// At most [`Plan::MAX_OVERAGE_PRICE`].
    pub overage_price_per_credit: PricePerCredit,
}

impl NewPlan {
    /// The plan, made at `now`.
    pub fn define(self, now: Timestamp) -> Plan {
        Plan {
            plan_id: self.plan_id,
            name: self.name,
            included_credits: self.included_credits,
            overage_price_per_credit: self.overage_price_per_credit,
            capabilities: [].into(),
            caps: [].into(),
            created_at: now,
            updated_at: now,
        }
    }
}

/// What shall change of a plan; what is `None` stays. Applies to all its subscribers at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanUpdate {
    /// For people.
    pub name: Option<String>,
    /// Whole credits a calendar month.
    pub included_credits: Option<u64>,
    /// For bills.
    pub overage_price_per_credit: Option<PricePerCredit>,
}

impl PlanUpdate {
    /// The plan after this change at `now`, even where nothing changes.
    pub fn apply(&self, plan: Plan, now: Timestamp) -> Plan {
        Plan {
            name: self.name.clone().unwrap_or(plan.name),
            included_credits: self.included_credits.unwrap_or(plan.included_credits),
            overage_price_per_credit: self.overage_price_per_credit.unwrap_or(plan.overage_price_per_credit),
            updated_at: now,
            ..plan
        }
    }
}

/// The subscription a tenant shall have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionOrder {
    /// A plan of the catalogue.
    pub plan_id: String,
    /// Whether it is in force.
    pub status: SubscriptionStatus,
    /// The period to pin; `None` leaves the period as it is.
    pub period: Option<BillingPeriod>,
}

impl SubscriptionOrder {
    /// The subscription after this order at `now`. Usage is counted by tenant and month, so it stays.
    pub fn apply(&self, before: Option<&Subscription>, now: Timestamp) -> Subscription {
        Subscription {
            plan_id: self.plan_id.clone(),
            status: self.status,
            period: self.period.or(before.map(|before| before.period)).unwrap_or(now.period()),
            pinned: self.period.is_some() || before.is_some_and(|before| before.pinned),
            created_at: before.map_or(now, |before| before.created_at),
            updated_at: now,
        }
    }
}
