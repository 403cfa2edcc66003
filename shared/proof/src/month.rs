//! One month of one tenant: what its counters should be.

use std::collections::{BTreeMap, HashSet};

use bespin_metering::{Counter, LedgerEntry, MeteredEvent, attributes_of, counter_held_by};
use bespin_primitives::{BillingPeriod, RequestId, TenantId, Timestamp};
use bespin_table::{CorruptItem, Item, Row, keys};

use crate::Problem;

/// Counters by the attribute they stand in, each in its smallest unit.
pub(crate) type Numbers = BTreeMap<String, u128>;

/// What was used by the counters of a row of usage: without what is held, of which nothing is in the ledger. What is no
/// number is named. No row is no counters.
pub(crate) fn numbers(row: Option<&Item>) -> (Numbers, Vec<Problem>) {
    let (mut numbers, mut problems) = (Numbers::new(), Vec::new());
    for (row, name) in row.iter().flat_map(|row| row.names().map(move |name| (row, name))) {
        match row.get::<u128>(name) {
            Ok(number) => drop(numbers.insert(name.to_owned(), number)),
            Err(error) => problems.push(Problem::Unreadable { reason: error.to_string() }),
        }
    }
    let held: Vec<(String, u128)> = numbers
        .iter()
        .filter_map(|(name, amount)| Some((counter_held_by(name)?.to_owned(), *amount)))
        .collect();
    numbers.retain(|name, _| counter_held_by(name).is_none());
    for (counter, amount) in held {
        let taken = numbers.entry(counter).or_default();
        *taken = taken.saturating_sub(amount);
    }
    (numbers, problems)
}

/// The sums of a month's ledger, entry by entry.
pub(crate) struct Sums {
    tenant_id: TenantId,
    period: BillingPeriod,
    pub(crate) numbers: Numbers,
    /// What happened at the instant of the last entry: only there can its double lie.
    instant: Option<Timestamp>,
    at_instant: HashSet<(RequestId, MeteredEvent, Option<String>)>,
}

impl Sums {
    pub(crate) fn of(tenant_id: TenantId, period: BillingPeriod) -> Self {
        let (numbers, at_instant) = (Numbers::new(), HashSet::new());
        Self { tenant_id, period, numbers, instant: None, at_instant }
    }

    /// Takes the next row of the ledger, in its order. What should not lie here does not count.
    pub(crate) fn take(&mut self, row: &Item) -> Result<(), Problem> {
        let entry = LedgerEntry::read(row).map_err(|error| unreadable(&error))?;
        self.enter(&entry)?;
        let place = keys::ledger_entry(self.tenant_id, entry.created_at, entry.id);
        if row.sk() == place.sk {
            Ok(())
        } else {
            Err(Problem::Misplaced { entry: entry.id, sk: row.sk().to_owned() })
        }
    }

    /// Takes a row of what was charged to leases: how many entries, and what is wrong with them.
    pub(crate) fn take_leased(&mut self, row: &Item) -> (u64, Vec<Problem>) {
        match LedgerEntry::read_leased(row) {
            Err(error) => (0, vec![unreadable(&error)]),
            Ok(entries) => {
                let count = entries.len() as u64;
                (count, entries.iter().filter_map(|entry| self.enter(entry).err()).collect())
            }
        }
    }

    fn enter(&mut self, entry: &LedgerEntry) -> Result<(), Problem> {
        if entry.tenant_id != self.tenant_id {
            return Err(Problem::OtherTenant { entry: entry.id, owner: entry.tenant_id });
        }
        let period = entry.created_at.period();
        if period != self.period {
            return Err(Problem::OtherPeriod { entry: entry.id, owner: period });
        }
        if self.instant != Some(entry.created_at) {
            self.instant = Some(entry.created_at);
            self.at_instant.clear();
        }
        if !self.at_instant.insert((entry.request_id, entry.event, entry.subject.clone())) {
            let LedgerEntry { id, request_id, event, .. } = *entry;
            return Err(Problem::Doubled { entry: id, request_id, event });
        }
        self.add(entry);
        Ok(())
    }

    fn add(&mut self, entry: &LedgerEntry) {
        let [units, credits, list_cost] = attributes_of(entry.event);
        let mut moves = vec![
            (Counter::Credits.attribute(), u128::from(entry.credits.micros())),
            (units, u128::from(entry.raw_units)),
            (credits, u128::from(entry.credits.micros())),
            (list_cost, entry.list_cost.picos()),
        ];
        if entry.event.is_counted_by_day() {
            let of_day = Counter::UnitsOfDay(entry.event, entry.created_at.date());
            moves.push((of_day.attribute(), u128::from(entry.raw_units)));
        }
        for (attribute, amount) in moves {
            let sum = self.numbers.entry(attribute).or_default();
            *sum = sum.saturating_add(amount);
        }
    }

    /// What the counters, read before and after the ledger, do not say as it does.
    pub(crate) fn compare(&self, before: &Numbers, after: &Numbers) -> Vec<Problem> {
        let labels = labels(self.period);
        let mut attributes: Vec<&String> =
            [before, after, &self.numbers].into_iter().flat_map(BTreeMap::keys).collect();
        attributes.sort();
        attributes.dedup();
        let of = |numbers: &Numbers, attribute| numbers.get(attribute).copied().unwrap_or_default();
        let mut problems = Vec::new();
        for attribute in attributes {
            let (before, after) = (of(before, attribute), of(after, attribute));
            let ledger = of(&self.numbers, attribute);
            if !(before..=after).contains(&ledger) {
                let counter = labels.get(attribute).cloned();
                let counter = counter.unwrap_or_else(|| format!("the unknown counter '{attribute}'"));
                problems.push(Problem::Counter { counter, before, after, ledger });
            }
        }
        problems
    }
}

fn unreadable(error: &CorruptItem) -> Problem {
    Problem::Unreadable { reason: error.to_string() }
}

/// What each counter of a month is called.
fn labels(period: BillingPeriod) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::from([(Counter::Credits.attribute(), "micro-credits".to_owned())]);
    for event in MeteredEvent::ALL {
        let of_event = ["units", "micro-credits", "list cost in picodollars"]
            .map(|what| format!("{what} of {}", event.key()));
        labels.extend(attributes_of(event).into_iter().zip(of_event));
        if event.is_counted_by_day() {
            let days = period.start().iter_days().take_while(|day| *day < period.end());
            labels.extend(days.map(|day| {
                (Counter::UnitsOfDay(event, day).attribute(), format!("units of {} on {day}", event.key()))
            }));
        }
    }
    labels
}
