//! Where a tenant stands at one moment: its plan, its limits, and what a charge would meet.

use bespin_access::TenantAccess;
use bespin_metering::{Charge, MeteredEvent};
use bespin_primitives::{Credits, RawUnits, Timestamp};
use bespin_table::{Row, TableError};

use crate::{
    Admission, Capability, Catalogue, DailyLimits, EntitlementError, Limit, Measure, Origin, Plan,
    Subscription, SubscriptionStatus, Window,
};

/// What a tenant may use at one moment.
#[derive(Debug, Clone)]
pub struct Standing<'c> {
    catalogue: &'c Catalogue,
    plan: &'c Plan,
    daily: DailyLimits,
    now: Timestamp,
}

impl<'c> Standing<'c> {
    /// Checks subscription, status and capability, in this order (gateway.md 1.4, step 8).
    pub fn entitled(
        access: &TenantAccess,
        catalogue: &'c Catalogue,
        capability: Capability,
        now: Timestamp,
    ) -> Result<Self, EntitlementError> {
        let row = access.subscription_row().ok_or(EntitlementError::NoSubscription)?;
        let subscription = Subscription::read(row).map_err(TableError::from)?;
        if subscription.status == SubscriptionStatus::Suspended {
            return Err(EntitlementError::Suspended);
        }
        let plan_id = subscription.plan_id;
        let Some(plan) = catalogue.plans.get(&plan_id) else {
            return Err(EntitlementError::PlanNotFound { plan_id });
        };
        if !plan.capabilities.contains(&capability) {
            return Err(EntitlementError::CapabilityDenied { capability, plan_id });
        }
        let daily = access.limits_row().map(DailyLimits::read).transpose().map_err(TableError::from)?;
        Ok(Self { catalogue, plan, daily: daily.unwrap_or_default(), now })
    }

    /// The charge for so many units of an event now, with every limit it must keep.
    pub fn admission(&self, event: MeteredEvent, raw_units: RawUnits) -> Result<Admission, EntitlementError> {
        let unknown = EntitlementError::UnknownEvent { event_key: event.key() };
        let Some(definition) = self.catalogue.events.get(event.key()).filter(|definition| definition.active)
        else {
            return Err(unknown);
        };
        // A charge beyond what can be counted is beyond every ceiling, too: the largest amount says so.
        let charge = definition.charge(event, raw_units).unwrap_or(Charge {
            event,
            raw_units,
            credits: Credits::from_micros(u64::MAX),
            list_cost: Credits::from_micros(u64::MAX).priced(definition.list_price_per_credit),
        });
        Ok(Admission::new(charge, self.limits(event), self.plan.caps.get(event.key()).copied(), self.now))
    }

    /// The limits on an event, in the order in which they refuse: credits, cap, day (gateway.md 1.4, step 10).
    fn limits(&self, event: MeteredEvent) -> Vec<Limit> {
        let period = Window::Period(self.now.period());
        let limit = Limit::of_tenant;
        let credits = Credits::whole(self.plan.included_credits).micros();
        let cap = self.plan.caps.get(event.key()).map(|cap| cap.get() / 1_000_000);
        let day = self.daily.of(event);
        [
            Some(limit(Measure::Credits, period, credits, Origin::PlanCredits)),
            cap.map(|units| limit(Measure::Units(event), period, units, Origin::PlanCap)),
            day.map(|units| {
                limit(Measure::Units(event), Window::Day(self.now.date()), units, Origin::TenantSetting)
            }),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
