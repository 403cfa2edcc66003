//! A limit, whoever sets it and whatever it counts.

use bespin_metering::{Counter, MeteredEvent};
use bespin_primitives::{BillingPeriod, Date, Timestamp};

/// One ceiling on one count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Whose use is counted together.
    pub scope: Scope,
    /// What is counted.
    pub measure: Measure,
    /// Over what time.
    pub window: Window,
    /// The most that may be counted: micro-credits, or raw units.
    pub ceiling: u64,
    /// What happens at the ceiling.
    pub enforcement: Enforcement,
    /// Who set it.
    pub origin: Origin,
}

/// Whose use a limit counts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All users of the tenant.
    Tenant,
}

impl Scope {
    /// The word in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
        }
    }
}

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Credits of all events together, in micro-credits.
    Credits,
    /// Raw units of one event.
    Units(MeteredEvent),
}

/// The time over which a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// One UTC day.
    Day(Date),
    /// One billing period.
    Period(BillingPeriod),
}

impl Window {
    /// The instant from which the count starts again at zero.
    pub fn resets_at(self) -> Timestamp {
        match self {
            Self::Day(day) => Timestamp::midnight(day).map_or(Timestamp::MAX, Timestamp::next_midnight),
            Self::Period(period) => Timestamp::midnight(period.end()).unwrap_or(Timestamp::MAX),
        }
    }

    /// The word in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Day(_) => "day",
            Self::Period(_) => "billing_period",
        }
    }
}

/// What happens at the ceiling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enforcement {
    /// What would pass the ceiling is refused.
    Hard,
}

/// Who set a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The credits that the plan includes.
    PlanCredits,
    /// A cap that the plan sets on one event.
    PlanCap,
    /// The tenant's own daily limit.
    TenantSetting,
}

impl Limit {
    /// A hard limit on what all users of the tenant do together.
    pub fn of_tenant(measure: Measure, window: Window, ceiling: u64, origin: Origin) -> Self {
        Self { scope: Scope::Tenant, measure, window, ceiling, enforcement: Enforcement::Hard, origin }
    }

    /// The most that may have been counted before `requested` more fits: the one place where a ceiling is compared.
    /// `None` when no usage lets the request through. The largest number stands for a charge that cannot even be
    /// counted, which no ceiling admits.
    pub fn room_before(&self, requested: u64) -> Option<u64> {
        self.ceiling.checked_sub(requested).filter(|_| requested < u64::MAX)
    }

    /// The counter this limit is a ceiling on. The credits of a single day are not counted apart, so a limit on
    /// them counts the month's.
    pub fn counter(&self) -> Counter {
        match (self.measure, self.window) {
            (Measure::Credits, _) => Counter::Credits,
            (Measure::Units(event), Window::Period(_)) => Counter::Units(event),
            (Measure::Units(event), Window::Day(day)) => Counter::UnitsOfDay(event, day),
        }
    }
}
