//! The usage of a month beside the plan (gateway.md 12.4): every number is an exact sum or product.

use bespin_metering::{Counter, MeteredEvent, Usage};
use bespin_primitives::{Credits, RawUnits, Usd};
use bespin_table::TableError;
use serde_json::{Value, json};

use crate::{Catalogue, Plan};

/// What one event used in the month.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    event: MeteredEvent,
    raw_units: RawUnits,
    credits: Credits,
    list_cost: Usd,
}

/// What a tenant used in a month, and what that is beside its plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageSummary {
    included: Credits,
    used: Credits,
    held: Credits,
    overage_cost: Usd,
    list_cost: Usd,
    /// Sorted by event key; only what was used.
    lines: Vec<Line>,
}

impl UsageSummary {
    /// The summary of a month by the figures of a plan: its own of that time are not kept (gateway.md 12.4).
    pub fn of(usage: &Usage, plan: &Plan) -> Result<Self, TableError> {
        let mut lines = Vec::new();
        for event in MeteredEvent::ALL {
            let (raw_units, credits, list_cost) = usage.of_event(event)?;
            if raw_units > 0 {
                lines.push(Line { event, raw_units, credits, list_cost });
            }
        }
        lines.sort_by_key(|line| line.event.key());
        let (included, used) = (Credits::whole(plan.included_credits), usage.credits()?);
        let overage = used.checked_sub(included).unwrap_or(Credits::ZERO);
        let picos = lines.iter().map(|line| line.list_cost.picos()).fold(0, u128::saturating_add);
        Ok(Self {
            included,
            used,
            held: Credits::from_micros(usage.held(Counter::Credits)?),
            overage_cost: overage.priced(plan.overage_price_per_credit),
            list_cost: Usd::from_picos(picos),
            lines,
        })
    }

    /// The member `credits` of the API. What is held does not remain, and was not used; where nothing is, nothing is said
    /// of it, because that is all the contract knows.
    pub fn credits_view(&self) -> Value {
        let less = |from: Credits, what| from.checked_sub(what).unwrap_or(Credits::ZERO);
        let mut view = json!({
            "included": self.included, "used": self.used,
            "remaining": less(less(self.included, self.used), self.held),
            "overage_credits": less(self.used, self.included), "estimated_overage_cost": self.overage_cost,
            "estimated_list_cost": self.list_cost,
        });
        if self.held > Credits::ZERO {
            view["held"] = json!(self.held);
        }
        view
    }

    /// The member `breakdown` of the API. Units are called as the catalogue calls them now.
    pub fn breakdown_view(&self, catalogue: &Catalogue) -> Value {
        self.lines
            .iter()
            .map(|line| {
                let definition = catalogue.events.get(line.event.key());
                json!({
                    "event_key": line.event.key(), "unit_name": definition.map(|event| &event.unit_name),
                    "raw_units": line.raw_units, "credits": line.credits, "list_cost_estimate": line.list_cost,
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use bespin_primitives::{BillingPeriod, PricePerCredit, Timestamp, parse_date};
    use bespin_table::{Item, keys};

    use super::*;
    use crate::NewPlan;

    fn plan(included_credits: u64, overage_micros: u64) -> Plan {
        let overage_price_per_credit = PricePerCredit::from_micros(overage_micros);
        let order =
            NewPlan { plan_id: "p".into(), name: "P".into(), included_credits, overage_price_per_credit };
        order.define(Timestamp::from_micros(0).unwrap())
    }

    fn usage(counters: &[(&str, u64)]) -> Usage {
        let mut item = Item::new(keys::catalogue_seeded());
        for (name, number) in counters {
            item.set(name, number);
        }
        Usage::of(BillingPeriod::containing(parse_date("2026-02-01").unwrap()), Some(item))
    }

    #[test]
    fn below_the_plan_something_remains_and_above_it_there_is_overage() {
        let used =
            usage(&[("credits", 7_333_333), ("tu", 22), ("tc", 7_333_333), ("tl", 110_000_007_333_333)]);

        let below = UsageSummary::of(&used, &plan(8, 15_001)).unwrap().credits_view().to_string();
        let above = UsageSummary::of(&used, &plan(7, 15_001)).unwrap().credits_view().to_string();

        assert_eq!(
            below,
            r#"{"included":8,"used":7.333333,"remaining":0.666667,"overage_credits":0,"estimated_overage_cost":0,"estimated_list_cost":110.000007333333}"#
        );
        assert_eq!(
            above,
            r#"{"included":7,"used":7.333333,"remaining":0,"overage_credits":0.333333,"estimated_overage_cost":0.005000328333,"estimated_list_cost":110.000007333333}"#
        );
    }

    #[test]
    fn only_what_was_used_is_listed_and_by_its_key() {
        let used = usage(&[("credits", 3), ("tu", 1), ("tc", 1), ("bu", 2), ("bc", 2), ("au", 0)]);

        let summary = UsageSummary::of(&used, &plan(1, 0)).unwrap();

        let keys: Vec<&str> = summary.lines.iter().map(|line| line.event.key()).collect();
        assert_eq!(keys, ["daily_brief_generated", "tool_invocation"]);
    }
}
