//! The counters of a month: one small item, in which everything that one request counts and every hard limit
//! on it stands together, so that one condition expression can hold them all.
//!
//! | attribute | counts |
//! |---|---|
//! | `credits` | credits used in the month, in micro-credits |
//! | `<e>u`, `<e>c`, `<e>l` | raw units, micro-credits and list cost (picodollars) of one event in the month |
//! | `<dd><e>` | raw units of one event on one day of the month, if it is counted by day |
//!
//! `<e>` is the event's letter, `<dd>` the day. A month in which all six events happen on all 31 days, below 10,000 a
//! day each, is below 1 KB, the unit of writing.

use bespin_primitives::{BillingPeriod, Credits, Date, RawUnits, Usd};
use bespin_table::{Change, Item, TableError};
use chrono::Datelike;

use crate::{Charge, MeteredEvent};

/// One number among the counters of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    /// Micro-credits of the month.
    Credits,
    /// Raw units of an event in the month.
    Units(MeteredEvent),
    /// Raw units of an event on a day; only of events that are counted by day.
    UnitsOfDay(MeteredEvent, Date),
}

impl Counter {
    /// The attribute it stands in.
    pub fn attribute(self) -> String {
        match self {
            Self::Credits => "credits".to_owned(),
            Self::Units(event) => format!("{}u", event.letter()),
            Self::UnitsOfDay(event, day) => format!("{:02}{}", day.day(), event.letter()),
        }
    }

    /// By how much a charge moves it.
    pub fn moved_by(self, charge: &Charge) -> u64 {
        match self {
            Self::Credits => charge.credits.micros(),
            Self::Units(_) | Self::UnitsOfDay(..) => charge.raw_units,
        }
    }
}

/// The attributes in which a month's raw units, micro-credits and list cost (picodollars) of an event stand.
pub fn attributes_of(event: MeteredEvent) -> [String; 3] {
    let letter = event.letter();
    [Counter::Units(event).attribute(), format!("{letter}c"), format!("{letter}l")]
}

/// How a charge of `day` moves the counters of its month.
pub(crate) fn change(charge: &Charge, day: Date) -> Change {
    let [units, credits, list_cost] = attributes_of(charge.event);
    let moved = Change::default()
        .add(&Counter::Credits.attribute(), &charge.credits)
        .add(&units, &charge.raw_units)
        .add(&credits, &charge.credits)
        .add(&list_cost, &charge.list_cost);
    if charge.event.is_counted_by_day() {
        moved.add(&Counter::UnitsOfDay(charge.event, day).attribute(), &charge.raw_units)
    } else {
        moved
    }
}

/// Everything a tenant used in a month.
#[derive(Debug, Clone, PartialEq)]
pub struct Usage {
    period: BillingPeriod,
    item: Option<Item>,
    /// What is known to have been charged since the item was read, and on which day.
    since: Vec<(Charge, Date)>,
}

impl Usage {
    /// The usage that a month's item tells of; no item, no usage.
    pub fn of(period: BillingPeriod, item: Option<Item>) -> Self {
        Self { period, item, since: Vec::new() }
    }

    /// The same after one more charge of `day`, without another read. Others may have charged meanwhile, so this is the
    /// least that was used.
    pub fn note(&mut self, charge: Charge, day: Date) {
        if let Some((known, _)) =
            self.since.iter_mut().find(|(known, of)| known.event == charge.event && *of == day)
        {
            known.raw_units = known.raw_units.saturating_add(charge.raw_units);
            known.credits = known.credits.checked_add(charge.credits).unwrap_or(known.credits);
            known.list_cost = known.list_cost.checked_add(charge.list_cost).unwrap_or(known.list_cost);
        } else {
            self.since.push((charge, day));
        }
    }

    /// The month.
    pub fn period(&self) -> BillingPeriod {
        self.period
    }

    /// What stands in a counter.
    pub fn counted(&self, counter: Counter) -> Result<u64, TableError> {
        let read = self.number(&counter.attribute())?.unwrap_or_default();
        let moved = |(charge, day): &(Charge, Date)| match counter {
            Counter::Units(event) if event != charge.event => 0,
            Counter::UnitsOfDay(event, of) if event != charge.event || of != *day => 0,
            _ => counter.moved_by(charge),
        };
        Ok(self.since.iter().map(moved).fold(read, u64::saturating_add))
    }

    /// Credits used in the month.
    pub fn credits(&self) -> Result<Credits, TableError> {
        self.counted(Counter::Credits).map(Credits::from_micros)
    }

    /// Raw units, credits and list cost of one event in the month.
    pub fn of_event(&self, event: MeteredEvent) -> Result<(RawUnits, Credits, Usd), TableError> {
        let [_, credits, list_cost] = attributes_of(event);
        let mut credits: Credits = self.number(&credits)?.unwrap_or_default();
        let mut list_cost: Usd = self.number(&list_cost)?.unwrap_or_default();
        for (charge, _) in self.since.iter().filter(|(charge, _)| charge.event == event) {
            credits = credits.checked_add(charge.credits).unwrap_or(credits);
            list_cost = list_cost.checked_add(charge.list_cost).unwrap_or(list_cost);
        }
        Ok((self.counted(Counter::Units(event))?, credits, list_cost))
    }

    fn number<T: bespin_table::Attribute>(&self, attribute: &str) -> Result<Option<T>, TableError> {
        match &self.item {
            None => Ok(None),
            Some(item) => Ok(item.get_some(attribute)?),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::HashSet;

    use bespin_primitives::parse_date;

    use super::*;

    #[test]
    fn what_was_charged_since_the_read_counts_in_its_own_counters() {
        let charge = |event, units: u64| Charge {
            event,
            raw_units: units,
            credits: Credits::from_micros(200_000 * units),
            list_cost: Usd::from_picos(4 * u128::from(units)),
        };
        let (day, next) = (parse_date("2026-02-10").unwrap(), parse_date("2026-02-11").unwrap());
        let event = MeteredEvent::NotificationEnqueued;
        let mut usage = Usage::of(BillingPeriod::containing(day), None);

        usage.note(charge(event, 2), day);
        usage.note(charge(event, 3), day);
        usage.note(charge(event, 1), next);
        usage.note(charge(MeteredEvent::DailyBriefGenerated, 1), day);

        assert_eq!(usage.credits().unwrap(), Credits::from_micros(1_400_000));
        assert_eq!(usage.counted(Counter::UnitsOfDay(event, day)).unwrap(), 5);
        assert_eq!(usage.counted(Counter::UnitsOfDay(event, next)).unwrap(), 1);
        assert_eq!(usage.of_event(event).unwrap(), (6, Credits::from_micros(1_200_000), Usd::from_picos(24)));
    }

    #[test]
    fn no_two_counters_of_a_month_share_an_attribute() {
        let days = (1..=31).map(|day| parse_date(&format!("2026-01-{day:02}")).unwrap());
        let mut names: Vec<String> = vec![Counter::Credits.attribute()];
        names.extend(MeteredEvent::ALL.into_iter().flat_map(attributes_of));
        for day in days {
            names.extend(MeteredEvent::ALL.map(|event| Counter::UnitsOfDay(event, day).attribute()));
        }

        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
    }
}
