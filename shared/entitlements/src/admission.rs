//! Whether a charge fits, decided by one pure function and held by the recording transaction.

use bespin_metering::{Charge, Counter, Usage};
use bespin_primitives::{Credits, Fault, FaultKind, Timestamp};
use bespin_table::TableError;
use serde_json::{Map, Value, json};

use crate::{Enforcement, EntitlementError, Limit, Measure, Origin};

/// A charge and every limit it must keep, in the order in which they refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    charge: Charge,
    limits: Vec<Limit>,
    at: Timestamp,
}

impl Admission {
    pub(crate) fn new(charge: Charge, limits: Vec<Limit>, at: Timestamp) -> Self {
        Self { charge, limits, at }
    }

    /// What is charged.
    pub fn charge(&self) -> &Charge {
        &self.charge
    }

    /// When.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// What each limited counter may hold at most *before* the charge, for the conditions of the recording
    /// transaction: `used <= ceiling - requested`. `None` when the charge is beyond a ceiling by itself, so that
    /// no usage lets it through.
    pub fn ceilings(&self) -> Option<Vec<(Counter, u64)>> {
        self.hard_limits()
            .map(|limit| {
                let counter = limit.counter();
                limit.ceiling.checked_sub(counter.moved_by(&self.charge)).map(|ceiling| (counter, ceiling))
            })
            .collect()
    }

    fn hard_limits(&self) -> impl Iterator<Item = &Limit> {
        self.limits.iter().filter(|limit| limit.enforcement == Enforcement::Hard)
    }
}

/// Whether `admission` fits on top of `usage`: the first hard limit that it would pass refuses it.
pub fn admit(admission: &Admission, usage: &Usage) -> Result<(), EntitlementError> {
    for limit in admission.hard_limits() {
        let counter = limit.counter();
        let (used, requested) = (usage.counted(counter)?, counter.moved_by(&admission.charge));
        if used.checked_add(requested).is_none_or(|sum| sum > limit.ceiling) {
            return Err(Box::new(Refusal::of(admission, *limit, used, requested, usage)?).into());
        }
    }
    Ok(())
}

/// What a limit said: which one, what is used, what was asked, and when it starts again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct Refusal {
    /// The limit that refused.
    pub limit: Limit,
    /// What was counted before: micro-credits, or raw units.
    pub used: u64,
    /// What was asked, in the same unit.
    pub requested: u64,
    charge: Charge,
    included_credits: u64,
    used_credits: Credits,
    at: Timestamp,
}

impl Refusal {
    fn of(
        admission: &Admission,
        limit: Limit,
        used: u64,
        requested: u64,
        usage: &Usage,
    ) -> Result<Self, TableError> {
        let included = admission.limits.iter().find(|limit| limit.measure == Measure::Credits);
        Ok(Self {
            limit,
            used,
            requested,
            charge: admission.charge,
            included_credits: included.map_or(0, |limit| limit.ceiling / 1_000_000),
            used_credits: usage.credits()?,
            at: admission.at,
        })
    }

    fn sentence(&self) -> String {
        let show = |amount| match self.limit.measure {
            Measure::Credits => format!("{} credits", Credits::from_micros(amount)),
            Measure::Units(event) => format!("{amount} {}", event.key()),
        };
        format!(
            "Limit reached: {} used and {} asked, of {} a {} for the {}; it starts again at {}",
            show(self.used),
            show(self.requested),
            show(self.limit.ceiling),
            self.limit.window.name().replace('_', " "),
            self.limit.scope.name(),
            self.limit.window.resets_at(),
        )
    }

    /// The members of a daily limit's refusal (gateway.md 11).
    fn daily_members(&self) -> Value {
        json!({
            "error": self.code(),
            "activity_type": self.charge.event.key(),
            "limit": self.limit.ceiling,
            "current": self.used,
            "requested": self.requested,
        })
    }

    /// The members of a refusal by the plan's credits or cap (gateway.md 12.3).
    fn plan_members(&self) -> Value {
        let cap = (self.limit.origin == Origin::PlanCap).then_some((self.limit.ceiling, self.used));
        json!({
            "error": self.code(),
            "period_start": self.at.period().start().to_string(),
            "event_key": self.charge.event.key(),
            "limit_credits": self.included_credits,
            "used_credits": self.used_credits,
            "requested_credits": self.charge.credits,
            "cap_raw_units": cap.map(|(cap, _)| cap),
            "used_raw_units": cap.map(|(_, used)| used),
            "requested_raw_units": self.charge.raw_units,
        })
    }
}

impl Fault for Refusal {
    fn kind(&self) -> FaultKind {
        FaultKind::Exhausted
    }

    fn code(&self) -> &'static str {
        "quota_exceeded"
    }

    fn detail(&self) -> Option<Map<String, Value>> {
        let members = match self.limit.origin {
            Origin::TenantSetting => self.daily_members(),
            Origin::PlanCredits | Origin::PlanCap => self.plan_members(),
        };
        let Value::Object(mut members) = members else { return None };
        members.insert("scope".to_owned(), json!(self.limit.scope.name()));
        members.insert("window".to_owned(), json!(self.limit.window.name()));
        members.insert("resets_at".to_owned(), json!(self.limit.window.resets_at()));
        Some(members)
    }

    fn retry_after_seconds(&self) -> Option<u64> {
        let wait = self.limit.window.resets_at().epoch_seconds() - self.at.epoch_seconds();
        u64::try_from(wait).ok().map(|seconds| seconds.max(1))
    }
}
