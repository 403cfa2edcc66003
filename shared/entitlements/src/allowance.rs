//! How many units of an event fit, where running out is no refusal: those that fit happen, the others do not
//! (gateway.md 9).

use bespin_metering::{Charge, Counter, MeteredEvent, Usage};
use bespin_table::TableError;

use crate::{Admission, EntitlementError, Limit, Standing};

/// What one unit of an event costs, and every hard limit that bounds how many there may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    unit: Charge,
    limits: Vec<(Limit, Counter)>,
}

impl Standing<'_> {
    /// The allowance for an event now. An event that is not in the catalogue or switched off has none.
    pub fn allowance(&self, event: MeteredEvent) -> Result<Option<Allowance>, EntitlementError> {
        match self.admission(event, 1) {
            Ok(one) => Ok(Some(Allowance::of(&one))),
            Err(EntitlementError::UnknownEvent { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Allowance {
    /// The allowance that the admission of one unit makes. A limit whose count a unit does not move is no bound, be it
    /// passed already: what is free stays free (gateway.md 9, a weight of 0).
    fn of(one: &Admission) -> Self {
        let unit = *one.charge();
        let binds = |(_, counter): &(Limit, Counter)| counter.moved_by(&unit) > 0;
        Self {
            unit,
            limits: one.hard_limits().map(|(limit, counter)| (*limit, counter)).filter(binds).collect(),
        }
    }

    /// What one unit costs.
    pub fn unit(&self) -> &Charge {
        &self.unit
    }

    /// The largest number of units, at most `wanted`, that every limit leaves on top of `usage`. Whole numbers all the
    /// way: with 6 credits and 5.2 used, 4 units of 0.2 fit.
    pub fn fitting(&self, wanted: u64, usage: &Usage) -> Result<u64, TableError> {
        let mut fitting = wanted;
        for (limit, counter) in &self.limits {
            let (taken, step) = (usage.taken(*counter)?, counter.moved_by(&self.unit));
            // The largest amount stands for what cannot be counted, which no ceiling admits.
            let room = limit.ceiling.saturating_sub(taken).min(u64::MAX - 1);
            fitting = fitting.min(room.checked_div(step).unwrap_or(fitting));
        }
        Ok(fitting)
    }

    /// The charge for so many units, and what each limited counter may hold at most before it, for the conditions of
    /// the transaction. `None` when so many are beyond a ceiling by themselves.
    pub fn of_units(&self, units: u64) -> Option<(Charge, Vec<(Counter, u64)>)> {
        let total = self.unit.times(units)?;
        let ceiling = |(limit, counter): &(Limit, Counter)| {
            limit.room_before(counter.moved_by(&total)).map(|room| (*counter, room))
        };
        Some((total, self.limits.iter().map(ceiling).collect::<Option<_>>()?))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use bespin_primitives::{Credits, Timestamp, Usd};
    use bespin_table::{Item, keys};
    use proptest::prelude::*;

    use super::*;
    use crate::{Measure, Origin, Window, admit};

    const EVENT: MeteredEvent = MeteredEvent::NotificationEnqueued;

    fn noon() -> Timestamp {
        Timestamp::parse_rfc3339("2028-02-29T12:00:00Z").unwrap()
    }

    /// So many units at `weight` micro-credits each, with these ceilings on credits, cap and day.
    fn admission(units: u64, weight: u64, [credits, cap, day]: [u64; 3]) -> Admission {
        let charge = Charge {
            event: EVENT,
            raw_units: units,
            credits: Credits::from_micros(weight.saturating_mul(units)),
            list_cost: Usd::ZERO,
        };
        let limit = Limit::of_tenant;
        let (period, today) = (Window::Period(noon().period()), Window::Day(noon().date()));
        let limits = vec![
            limit(Measure::Credits, period, credits, Origin::PlanCredits),
            limit(Measure::Units(EVENT), period, cap, Origin::PlanCap),
            limit(Measure::Units(EVENT), today, day, Origin::TenantSetting),
        ];
        Admission::new(charge, limits, None, noon())
    }

    fn usage([credits, month, today]: [u64; 3]) -> Usage {
        let mut item = Item::new(keys::catalogue_seeded());
        item.set(&Counter::Credits.attribute(), &credits);
        item.set(&Counter::Units(EVENT).attribute(), &month);
        item.set(&Counter::UnitsOfDay(EVENT, noon().date()).attribute(), &today);
        Usage::of(noon().period(), Some(item))
    }

    fn fitting(wanted: u64, weight: u64, ceilings: [u64; 3], used: [u64; 3]) -> u64 {
        Allowance::of(&admission(1, weight, ceilings)).fitting(wanted, &usage(used)).unwrap()
    }

    #[test]
    fn with_six_credits_and_5_2_used_four_units_of_0_2_fit() {
        assert_eq!(fitting(9, 200_000, [6_000_000, 99, 99], [5_200_000, 0, 0]), 4);
        assert_eq!(fitting(9, 200_000, [6_000_000, 99, 99], [5_200_001, 0, 0]), 3);
    }

    #[test]
    fn the_tightest_limit_decides() {
        assert_eq!(fitting(9, 1, [99, 5, 99], [0, 2, 0]), 3);
        assert_eq!(fitting(9, 1, [99, 99, 5], [0, 0, 5]), 0);
        assert_eq!(fitting(2, 1, [99, 99, 99], [0, 0, 0]), 2);
        assert_eq!(fitting(9, 1, [99, 99, 5], [0, 0, 6]), 0, "a limit lowered below what is used");
    }

    #[test]
    fn a_unit_that_costs_nothing_is_not_bounded_by_credits_be_they_used_up() {
        assert_eq!(fitting(9, 0, [0, 99, 7], [5, 0, 0]), 7);
        let (_, ceilings) = Allowance::of(&admission(1, 0, [0, 99, 7])).of_units(7).unwrap();
        assert_eq!(ceilings.len(), 2);
    }

    #[test]
    fn a_unit_that_cannot_be_counted_never_fits() {
        assert_eq!(fitting(9, u64::MAX, [u64::MAX, u64::MAX, u64::MAX], [0, 0, 0]), 0);
    }

    proptest! {
        /// What fits is admitted and one unit more is not; and the conditions of the transaction say the same.
        #[test]
        fn what_fits_is_the_most_that_is_admitted(
            wanted in 0u64..30, weight in 1u64..5,
            ceilings in [0u64..60, 0u64..30, 0u64..30], used in [0u64..60, 0u64..30, 0u64..30],
        ) {
            let usage = usage(used);
            let fits = fitting(wanted, weight, ceilings, used);
            let allowance = Allowance::of(&admission(1, weight, ceilings));
            let conditions_hold = |units| allowance.of_units(units).is_some_and(|(total, ceilings)| {
                assert_eq!(total.raw_units, units);
                ceilings.iter().all(|(counter, most)| usage.taken(*counter).unwrap() <= *most)
            });

            if fits > 0 {
                prop_assert!(admit(&admission(fits, weight, ceilings), &usage).is_ok());
                prop_assert!(conditions_hold(fits));
            }
            if fits < wanted {
                prop_assert!(admit(&admission(fits + 1, weight, ceilings), &usage).is_err());
                prop_assert!(!conditions_hold(fits + 1));
            }
        }
    }
}
