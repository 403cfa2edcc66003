//! Whether a charge fits, decided by one pure function and held by the recording transaction.

use bespin_metering::{Charge, Counter, Usage};
use bespin_primitives::{Credits, Fault, FaultKind, Micros, Timestamp};
use bespin_table::TableError;
use serde_json::{Map, Value, json};

use crate::{Enforcement, EntitlementError, Limit, Measure, Origin};

/// A charge and every limit it must keep, in the order in which they refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    charge: Charge,
    limits: Vec<Limit>,
    /// The plan's cap as it is stated; of a fractional one the whole part binds.
    stated_cap: Option<Micros>,
    at: Timestamp,
}

impl Admission {
    pub(crate) fn new(charge: Charge, limits: Vec<Limit>, stated_cap: Option<Micros>, at: Timestamp) -> Self {
        Self { charge, limits, stated_cap, at }
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
        ceilings(std::slice::from_ref(self))
    }

    /// How many charges like this one fit on top of `usage`.
    pub fn how_many_fit(&self, usage: &Usage) -> Result<u64, TableError> {
        self.hard_limits().try_fold(u64::MAX, |least, (limit, counter)| {
            let room = limit.ceiling.saturating_sub(usage.taken(counter)?);
            let moved = counter.moved_by(&self.charge);
            Ok(least.min(room.checked_div(moved).unwrap_or(u64::MAX)))
        })
    }

    /// Every limit that the charge must keep, with the counter it is a ceiling on.
    pub(crate) fn hard_limits(&self) -> impl Iterator<Item = (&Limit, Counter)> {
        let hard = self.limits.iter().filter(|limit| limit.enforcement == Enforcement::Hard);
        hard.filter_map(|limit| Some((limit, limit.counter()?)))
    }
}

/// Several charges that are made together or not at all, each for another event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Admissions(Vec<Admission>);

impl Admissions {
    /// Of these.
    pub fn new(admissions: Vec<Admission>) -> Self {
        Self(admissions)
    }

    /// Whether nothing is charged.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is charged, event by event.
    pub fn charges(&self) -> Vec<Charge> {
        self.0.iter().map(|admission| admission.charge).collect()
    }

    /// As [`Admission::ceilings`], for all charges together.
    pub fn ceilings(&self) -> Option<Vec<(Counter, u64)>> {
        ceilings(&self.0)
    }

    /// Whether all of them fit on top of `usage`.
    pub fn admit(&self, usage: &Usage) -> Result<(), EntitlementError> {
        admit_together(&self.0, usage)
    }
}

/// Whether `admission` fits on top of `usage`: the first hard limit that it would pass refuses it.
pub fn admit(admission: &Admission, usage: &Usage) -> Result<(), EntitlementError> {
    admit_together(std::slice::from_ref(admission), usage)
}

fn admit_together(admissions: &[Admission], usage: &Usage) -> Result<(), EntitlementError> {
    for admission in admissions {
        for (limit, counter) in admission.hard_limits() {
            let (taken, requested) = (usage.taken(counter)?, moved(admissions, counter));
            if limit.refuses(taken, requested) {
                return Err(Box::new(Refusal::of(admission, *limit, taken, requested, usage)?).into());
            }
        }
    }
    Ok(())
}

fn ceilings(admissions: &[Admission]) -> Option<Vec<(Counter, u64)>> {
    let mut ceilings: Vec<(Counter, u64)> = Vec::new();
    for (limit, counter) in admissions.iter().flat_map(Admission::hard_limits) {
        // Credits are those of all events, so each admission limits them, and all by the same plan.
        if !ceilings.iter().any(|(known, _)| *known == counter) {
            ceilings.push((counter, limit.room_before(moved(admissions, counter))?));
        }
    }
    Some(ceilings)
}

/// By how much all charges together move a counter. The largest amount stands for what cannot be counted.
fn moved(admissions: &[Admission], counter: Counter) -> u64 {
    admissions.iter().map(|admission| counter.moved_by(&admission.charge)).fold(0, u64::saturating_add)
}

/// What a limit said: which one, what is used, what was asked, and when it starts again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct Refusal {
    /// The limit that refused.
    pub limit: Limit,
    /// What was used or held before: micro-credits, or raw units.
    pub used: u64,
    /// What was asked, in the same unit.
    pub requested: u64,
    charge: Charge,
    stated_cap: Option<Micros>,
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
            stated_cap: admission.stated_cap,
            included_credits: included.map_or(0, |limit| limit.ceiling / 1_000_000),
            used_credits: Credits::from_micros(usage.taken(Counter::Credits)?),
            at: admission.at,
        })
    }

    fn sentence(&self) -> String {
        let show = |amount| match self.limit.measure {
            Measure::Credits => format!("{} credits", Credits::from_micros(amount)),
            Measure::Units(event) => format!("{amount} {}", event.key()),
            Measure::Requests => format!("{amount} requests"),
            Measure::Tokens => format!("{amount} tokens"),
            Measure::Dollars => format!("{} dollars", Micros::new(amount)),
            Measure::Turns => format!("{amount} turns"),
        };
        let again = self.limit.window.resets_at().map(|at| format!("; it starts again at {at}"));
        format!(
            "Limit reached: {} used and {} asked, of {} a {} for the {}{}",
            show(self.used),
            show(self.requested),
            show(self.limit.ceiling),
            self.limit.window.name().replace('_', " "),
            self.limit.scope.name(),
            again.unwrap_or_default(),
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
        let capped = self.limit.origin == Origin::PlanCap;
        let requested_credits = match self.limit.measure {
            Measure::Credits => Credits::from_micros(self.requested),
            _ => self.charge.credits,
        };
        json!({
            "error": self.code(),
            "period_start": self.at.period().start().to_string(),
            "event_key": self.charge.event.key(),
            "limit_credits": self.included_credits,
            "used_credits": self.used_credits,
            "requested_credits": requested_credits,
            "cap_raw_units": self.stated_cap.filter(|_| capped),
            "used_raw_units": capped.then_some(self.used),
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
            Origin::PlanCredits | Origin::PlanCap => self.plan_members(),
            Origin::TenantSetting | Origin::QuotaPolicy | Origin::BudgetPolicy => self.daily_members(),
        };
        let Value::Object(mut members) = members else { return None };
        members.insert("scope".to_owned(), json!(self.limit.scope.name()));
        members.insert("window".to_owned(), json!(self.limit.window.name()));
        members.insert("resets_at".to_owned(), json!(self.limit.window.resets_at()));
        Some(members)
    }

    fn retry_after_seconds(&self) -> Option<u64> {
        let wait = self.limit.window.resets_at()?.epoch_seconds() - self.at.epoch_seconds();
        u64::try_from(wait).ok().map(|seconds| seconds.max(1))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use bespin_metering::MeteredEvent;
    use bespin_primitives::Usd;
    use bespin_table::{Item, keys};
    use proptest::prelude::*;

    use super::*;
    use crate::Window;

    const EVENT: MeteredEvent = MeteredEvent::ToolInvocation;

    fn noon() -> Timestamp {
        Timestamp::parse_rfc3339("2028-02-29T12:00:00Z").unwrap()
    }

    /// So many units at a millionth of a credit each, with these ceilings on credits, cap and day.
    fn admission(units: u64, credits: u64, cap: Option<u64>, day: Option<u64>) -> Admission {
        let charge = Charge {
            event: EVENT,
            raw_units: units,
            credits: Credits::from_micros(units),
            list_cost: Usd::ZERO,
        };
        let limit = Limit::of_tenant;
        let (period, today) = (Window::Period(noon().period()), Window::Day(noon().date()));
        let mut limits = vec![limit(Measure::Credits, period, credits, Origin::PlanCredits)];
        limits.extend(cap.map(|cap| limit(Measure::Units(EVENT), period, cap, Origin::PlanCap)));
        limits.extend(day.map(|day| limit(Measure::Units(EVENT), today, day, Origin::TenantSetting)));
        Admission::new(charge, limits, None, noon())
    }

    fn usage(credits: u64, month: u64, today: u64) -> Usage {
        let mut item = Item::new(keys::catalogue_seeded());
        item.set(&Counter::Credits.attribute(), &credits);
        item.set(&Counter::Units(EVENT).attribute(), &month);
        item.set(&Counter::UnitsOfDay(EVENT, noon().date()).attribute(), &today);
        Usage::of(noon().period(), Some(item))
    }

    fn refused_by(admission: &Admission, usage: &Usage) -> Option<Refusal> {
        match admit(admission, usage) {
            Ok(()) => None,
            Err(EntitlementError::Refused(refusal)) => Some(*refusal),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn exactly_up_to_the_ceiling_is_allowed_and_one_unit_more_is_not() {
        assert_eq!(refused_by(&admission(3, 10, None, None), &usage(7, 0, 0)), None);

        let refusal = refused_by(&admission(4, 10, None, None), &usage(7, 0, 0)).unwrap();

        assert_eq!((refusal.limit.ceiling, refusal.used, refusal.requested), (10, 7, 4));
    }

    #[test]
    fn credits_refuse_before_the_cap_and_the_cap_before_the_day() {
        let full = usage(10, 10, 10);
        let origin = |admission: &Admission| refused_by(admission, &full).unwrap().limit.origin;

        assert_eq!(origin(&admission(1, 10, Some(10), Some(10))), Origin::PlanCredits);
        assert_eq!(origin(&admission(1, 99, Some(10), Some(10))), Origin::PlanCap);
        assert_eq!(origin(&admission(1, 99, Some(99), Some(10))), Origin::TenantSetting);
    }

    #[test]
    fn a_daily_limit_starts_again_at_midnight_and_credits_with_the_month() {
        let day = refused_by(&admission(1, 99, None, Some(0)), &usage(0, 0, 0)).unwrap();
        let month = refused_by(&admission(1, 0, None, None), &usage(0, 0, 0)).unwrap();

        assert_eq!(day.limit.window.resets_at().unwrap().to_string(), "2028-03-01T00:00:00.000000Z");
        assert_eq!(
            month.limit.window.resets_at(),
            day.limit.window.resets_at(),
            "the 29th is the last of the month"
        );
        assert_eq!(day.retry_after_seconds(), Some(12 * 3_600));
    }

    #[test]
    fn charges_that_are_made_together_share_the_credits_and_nothing_else() {
        let other = |units| {
            let mut other = admission(units, 10, Some(5), None);
            other.charge.event = MeteredEvent::AssistantQuery;
            for limit in &mut other.limits {
                if let Measure::Units(event) = &mut limit.measure {
                    *event = MeteredEvent::AssistantQuery;
                }
            }
            other
        };
        let both = |one, two| Admissions::new(vec![admission(one, 10, Some(5), None), other(two)]);

        assert!(both(5, 5).admit(&usage(0, 0, 0)).is_ok());
        assert!(both(5, 5).admit(&usage(1, 0, 0)).is_err(), "10 credits of 9");
        assert!(both(6, 1).admit(&usage(0, 0, 0)).is_err(), "a cap of 5");
        let ceilings = [
            (Counter::Credits, 0),
            (Counter::Units(EVENT), 0),
            (Counter::Units(MeteredEvent::AssistantQuery), 0),
        ];
        assert_eq!(both(5, 5).ceilings(), Some(ceilings.to_vec()));
        assert_eq!(both(5, 6).ceilings(), None);
    }

    #[test]
    fn a_charge_that_cannot_be_counted_passes_no_ceiling() {
        let uncountable = admission(u64::MAX, u64::MAX, None, None);

        assert_eq!(uncountable.ceilings(), None);
        assert!(refused_by(&uncountable, &usage(0, 0, 0)).is_some());
    }

    proptest! {
        /// What the transaction's conditions let through is what `admit` lets through.
        #[test]
        fn conditions_and_admission_agree(
            units in 0u64..20, credits in 0u64..20, cap in prop::option::of(0u64..20), day in prop::option::of(0u64..20),
            used in (0u64..20, 0u64..20, 0u64..20),
        ) {
            let admission = admission(units, credits, cap, day);
            let usage = usage(used.0, used.1, used.2);
            let conditions_hold = admission
                .ceilings()
                .is_some_and(|ceilings| ceilings.iter().all(|(counter, most)| usage.taken(*counter).unwrap() <= *most));

            prop_assert_eq!(refused_by(&admission, &usage).is_none(), conditions_hold);
        }
    }
}
