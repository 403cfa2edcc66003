//! The counters of a month: one small item, in which everything that one request counts and every hard limit
//! on it stands together, so that one condition expression can hold them all.
//!
//! | attribute | counts |
//! |---|---|
//! | `credits` | credits used in the month, in micro-credits |
//! | `<e>u`, `<e>c`, `<e>l` | raw units, micro-credits and list cost (picodollars) of one event in the month |
//! | `<dd><e>` | raw units of one event on one day of the month, if it is counted by day |
//! | `held_credits`, `held_<e>u`, `held_<dd><e>` | how much of `credits`, `<e>u`, `<dd><e>` is held and not posted |
//!
//! `<e>` is the event's letter, `<dd>` the day. A month in which all six events happen on all 31 days, below 10,000 a
//! day each, is below 1 KB, the unit of writing.
//!
//! What limits are conditions on includes what is held, because the store compares one attribute with one number and
//! cannot add two. What was used is the difference.

use std::collections::BTreeMap;

use bespin_primitives::{BillingPeriod, Credits, Date, RawUnits, TenantId, Usd};
use bespin_table::{Change, Condition, Item, Slot, TableError, Transaction, keys};
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

    /// The attribute that tells how much of it is held.
    fn held_attribute(self) -> String {
        format!("{HELD}{}", self.attribute())
    }

    /// By how much a charge moves it. The units of one event are not moved by a charge for another.
    pub fn moved_by(self, charge: &Charge) -> u64 {
        match self {
            Self::Credits => charge.credits.micros(),
            Self::Units(event) | Self::UnitsOfDay(event, _) if event == charge.event => charge.raw_units,
            Self::Units(_) | Self::UnitsOfDay(..) => 0,
        }
    }

    /// The counters that limits are ceilings on, of an event on a day.
    fn limited(event: MeteredEvent, day: Date) -> impl Iterator<Item = Self> {
        let of_day = event.is_counted_by_day().then_some(Self::UnitsOfDay(event, day));
        [Self::Credits, Self::Units(event)].into_iter().chain(of_day)
    }
}

/// What the names of attributes begin with that tell how much of a counter is held.
const HELD: &str = "held_";

/// The attribute of the counter of which `attribute` tells how much is held; `None` where it tells something else.
pub fn counter_held_by(attribute: &str) -> Option<&str> {
    attribute.strip_prefix(HELD)
}

/// The attributes in which a month's raw units, micro-credits and list cost (picodollars) of an event stand.
pub fn attributes_of(event: MeteredEvent) -> [String; 3] {
    let letter = event.letter();
    [Counter::Units(event).attribute(), format!("{letter}c"), format!("{letter}l")]
}

/// What a charge of `day` moves among the counters of its month, and by how much, in each one's smallest unit.
fn moves(charge: &Charge, day: Date) -> impl Iterator<Item = (String, u128)> {
    let [_, credits, list_cost] = attributes_of(charge.event);
    let limited = Counter::limited(charge.event, day)
        .map(|counter| (counter.attribute(), counter.moved_by(charge).into()));
    limited.chain([(credits, charge.credits.micros().into()), (list_cost, charge.list_cost.picos())])
}

/// How a charge of `day` moves the counters of its month.
pub(crate) fn change(charge: &Charge, day: Date) -> Change {
    moves(charge, day).fold(Change::default(), |change, (attribute, amount)| change.add(&attribute, &amount))
}

/// That each counter is at most its ceiling.
pub(crate) fn within(ceilings: &[(Counter, u64)]) -> Condition {
    ceilings.iter().fold(Condition::default(), |condition, (counter, ceiling)| {
        condition.and_at_most(&counter.attribute(), ceiling)
    })
}

/// How several charges together move the counters, month by month: each month's row may be written once only.
#[derive(Debug, Default)]
pub(crate) struct Moves(BTreeMap<BillingPeriod, BTreeMap<String, i128>>);

impl Moves {
    fn add(&mut self, day: Date, attribute: String, amount: i128) {
        let month = self.0.entry(BillingPeriod::containing(day)).or_default();
        let sum = month.entry(attribute).or_default();
        *sum = sum.saturating_add(amount);
    }

    /// Posted on a day.
    pub(crate) fn post(&mut self, charge: &Charge, day: Date) {
        for (attribute, amount) in moves(charge, day) {
            self.add(day, attribute, i128::try_from(amount).unwrap_or(i128::MAX));
        }
    }

    /// Held from a day on.
    pub(crate) fn take(&mut self, charge: &Charge, day: Date) {
        self.hold(charge, day, 1);
    }

    /// Not held any more.
    pub(crate) fn give_back(&mut self, charge: &Charge, day: Date) {
        self.hold(charge, day, -1);
    }

    fn hold(&mut self, charge: &Charge, day: Date, sign: i128) {
        for counter in Counter::limited(charge.event, day) {
            let amount = sign * i128::from(counter.moved_by(charge));
            self.add(day, counter.attribute(), amount);
            self.add(day, counter.held_attribute(), amount);
        }
    }

    /// Adds the moves to `transaction`, each month's on the condition of `within`. The slot of the last month that
    /// anything moves in.
    pub(crate) fn write(
        self,
        transaction: &mut Transaction,
        tenant_id: TenantId,
        within: &Condition,
    ) -> Option<Slot> {
        let mut slot = None;
        for (period, month) in self.0 {
            let moved = month.iter().filter(|(_, amount)| **amount != 0);
            let change =
                moved.clone().fold(Change::default(), |change, (name, amount)| change.add(name, amount));
            if moved.count() > 0 {
                slot = Some(transaction.update(keys::usage(tenant_id, period), change, within.clone()));
            }
        }
        slot
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

    /// How much of a counter was used.
    pub fn counted(&self, counter: Counter) -> Result<u64, TableError> {
        Ok(self.taken(counter)?.saturating_sub(self.held(counter)?))
    }

    /// How much of a counter is not to be had any more: what was used, and what is held.
    pub fn taken(&self, counter: Counter) -> Result<u64, TableError> {
        let read = self.number(&counter.attribute())?.unwrap_or_default();
        let moved = |(charge, day): &(Charge, Date)| match counter {
            Counter::UnitsOfDay(_, of) if of != *day => 0,
            _ => counter.moved_by(charge),
        };
        Ok(self.since.iter().map(moved).fold(read, u64::saturating_add))
    }

    /// How much of a counter is held by what is under way, or was and nobody noticed yet that its time is over.
    pub fn held(&self, counter: Counter) -> Result<u64, TableError> {
        Ok(self.number(&counter.held_attribute())?.unwrap_or_default())
    }

    /// Whether anything is held, so that some of what is taken may come back by itself.
    pub fn is_held(&self) -> bool {
        let held = |(item, name): (&Item, &str)| item.get::<u64>(name).is_ok_and(|amount| amount > 0);
        let names = self.item.iter().flat_map(|item| item.names().map(move |name| (item, name)));
        names.filter(|(_, name)| name.starts_with(HELD)).any(held)
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
    fn what_is_held_is_taken_and_not_counted_and_comes_back_whole() {
        let (day, next) = (parse_date("2026-01-31").unwrap(), parse_date("2026-02-01").unwrap());
        let event = MeteredEvent::ToolInvocation;
        let charge = Charge {
            event,
            raw_units: 3,
            credits: Credits::from_micros(300),
            list_cost: Usd::from_picos(12),
        };
        let usage = |moves: &Moves, day| {
            let month = &moves.0[&BillingPeriod::containing(day)];
            let item = month.iter().fold(Item::new(keys::catalogue_seeded()), |mut item, (name, amount)| {
                item.set(name, &u64::try_from(*amount).unwrap());
                item
            });
            Usage::of(BillingPeriod::containing(day), Some(item))
        };
        let counters = [Counter::Credits, Counter::Units(event), Counter::UnitsOfDay(event, day)];
        let mut moves = Moves::default();

        moves.take(&charge, day);
        let held = usage(&moves, day);
        assert!(held.is_held());
        assert_eq!(counters.map(|counter| held.taken(counter).unwrap()), [300, 3, 3]);
        assert_eq!(counters.map(|counter| held.counted(counter).unwrap()), [0, 0, 0]);

        moves.give_back(&charge, day);
        moves.post(&charge, next);
        let freed = usage(&moves, day);
        assert!(!freed.is_held());
        assert_eq!(counters.map(|counter| freed.taken(counter).unwrap()), [0, 0, 0]);
        let posted = usage(&moves, next);
        assert_eq!(posted.of_event(event).unwrap(), (3, Credits::from_micros(300), Usd::from_picos(12)));
        assert_eq!(posted.counted(Counter::UnitsOfDay(event, next)).unwrap(), 3);
    }

    #[test]
    fn no_two_counters_of_a_month_share_an_attribute() {
        let days = (1..=31).map(|day| parse_date(&format!("2026-01-{day:02}")).unwrap());
        let mut names: Vec<String> = vec![Counter::Credits.attribute()];
        names.extend(MeteredEvent::ALL.into_iter().flat_map(attributes_of));
        for day in days {
            names.extend(MeteredEvent::ALL.map(|event| Counter::UnitsOfDay(event, day).attribute()));
        }
        names.extend(names.clone().iter().map(|name| format!("{HELD}{name}")));

        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
    }
}
