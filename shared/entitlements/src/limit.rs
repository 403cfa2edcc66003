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
    /// The most that may be counted: micro-credits, micro-dollars, raw units, requests, tokens or turns.
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
    /// One user of the tenant's own product, in one bundle.
    User,
    /// One provider of models or tools, in one bundle or in a whole project.
    Provider,
}

impl Scope {
    /// The word in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::User => "user",
            Self::Provider => "provider",
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
    /// Requests to a model or an agent.
    Requests,
    /// Tokens of a model.
    Tokens,
    /// What a provider costs, in micro-dollars.
    Dollars,
    /// Turns that are under way.
    Turns,
}

/// The time over which a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// The present moment: what is under way.
    Now,
    /// The UTC clock hour that starts then.
    Hour(Timestamp),
    /// One UTC day.
    Day(Date),
    /// One billing period, which is a UTC calendar month.
    Period(BillingPeriod),
    /// All time.
    Lifetime,
}

impl Window {
    /// The instant from which the count starts again at zero; `None` where no instant does that.
    pub fn resets_at(self) -> Option<Timestamp> {
        match self {
            Self::Now | Self::Lifetime => None,
            Self::Hour(starts) => Some(starts.plus_seconds(3_600)),
            Self::Day(day) => Some(Timestamp::midnight(day).map_or(Timestamp::MAX, Timestamp::next_midnight)),
            Self::Period(period) => Some(Timestamp::midnight(period.end()).unwrap_or(Timestamp::MAX)),
        }
    }

    /// The word in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::Hour(_) => "hour",
            Self::Day(_) => "day",
            Self::Period(_) => "billing_period",
            Self::Lifetime => "lifetime",
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
    /// What the tenant lets a kind of user do, with what was granted to the user on top.
    QuotaPolicy,
    /// What the tenant lets a provider cost.
    BudgetPolicy,
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

    /// Whether so much more does not fit on top of what was counted.
    pub fn refuses(&self, used: u64, requested: u64) -> bool {
        self.room_before(requested).is_none_or(|room| used > room)
    }

    /// The counter of the tenant's usage that this limit is a ceiling on; `None` where it counts something else. The
    /// credits of a single day are not counted apart, so a limit on them counts the month's.
    pub fn counter(&self) -> Option<Counter> {
        match (self.measure, self.window) {
            (Measure::Credits, _) => Some(Counter::Credits),
            (Measure::Units(event), Window::Day(day)) => Some(Counter::UnitsOfDay(event, day)),
            (Measure::Units(event), _) => Some(Counter::Units(event)),
            (Measure::Requests | Measure::Tokens | Measure::Dollars | Measure::Turns, _) => None,
        }
    }
}
