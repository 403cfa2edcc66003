//! What one provider cost, in one bundle or in a whole project, and what running turns hold of it. Micro-dollars.

use bespin_policies::BudgetWindow as Span;
use bespin_primitives::{Micros, Timestamp};
use bespin_table::{CorruptItem, Item, Row};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{AtExpiry, count::Count};

/// How many running turns may hold of one provider in one bundle: the row that holds them is written whole.
pub(crate) const MAX_HOLDS: usize = 1_000;

/// What a running turn holds: id, end in microseconds after 1970, micro-dollars, whether they count as spent then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Hold(String, i64, u64, bool);

/// One provider in one bundle, or in all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spend {
    spent: [Count; 3],
    last: Option<(Timestamp, u64)>,
    holds: Vec<Hold>,
    /// Counts the writes of the row; 0 is not stored yet.
    pub(crate) version: u64,
}

impl Spend {
    /// What it says at an instant: holds that are over have ended, each at its own expiry.
    #[must_use]
    pub(crate) fn standing_at(mut self, now: Timestamp) -> Self {
        let (mut over, running): (Vec<Hold>, Vec<Hold>) = std::mem::take(&mut self.holds)
            .into_iter()
            .partition(|Hold(_, until, ..)| *until <= now.micros());
        self.holds = running;
        over.sort_by_key(|Hold(_, until, ..)| *until);
        for Hold(_, until, micros, charged) in over {
            if charged {
                self.count(micros, Timestamp::from_micros(until).unwrap_or(now));
            }
        }
        self
    }

    /// What was spent in a window, in micro-dollars.
    pub fn spent(&self, span: Span, now: Timestamp) -> u64 {
        self.spent[span as usize].at(span, now)
    }

    /// What running turns hold, in micro-dollars.
    pub fn held(&self) -> u64 {
        self.holds.iter().map(|Hold(_, _, micros, _)| *micros).fold(0, u64::saturating_add)
    }

    /// Whether another turn can hold anything.
    pub(crate) fn has_room(&self) -> bool {
        self.holds.len() < MAX_HOLDS
    }

    pub(crate) fn count(&mut self, micros: u64, at: Timestamp) {
        for (count, span) in self.spent.iter_mut().zip(Span::ALL) {
            count.add(span, at, micros);
        }
    }

    /// Counts what was spent now (control-plane.md 6).
    pub(crate) fn commit(&mut self, micros: u64, now: Timestamp) {
        self.count(micros, now);
        self.last = Some((now, micros));
    }

    pub(crate) fn take_back(&mut self, micros: u64, counted_at: Timestamp) {
        for (count, span) in self.spent.iter_mut().zip(Span::ALL) {
            count.take_back(span, counted_at, micros);
        }
    }

    pub(crate) fn hold(&mut self, id: &str, micros: u64, until: Timestamp, at_expiry: AtExpiry) {
        self.holds.retain(|Hold(held, ..)| held != id);
        self.holds.push(Hold(id.to_owned(), until.micros(), micros, at_expiry == AtExpiry::Charge));
    }

    pub(crate) fn holds(&self, id: &str) -> bool {
        self.holds.iter().any(|Hold(held, ..)| held == id)
    }

    pub(crate) fn release(&mut self, id: &str) {
        self.holds.retain(|Hold(held, ..)| held != id);
    }

    pub(crate) fn renew(&mut self, id: &str, until: Timestamp) {
        if let Some(hold) = self.holds.iter_mut().find(|Hold(held, ..)| held == id) {
            hold.1 = until.micros();
        }
    }

    /// As the API shows it, in dollars.
    pub fn view(&self, now: Timestamp) -> Value {
        let spent = |span| Micros::new(self.spent(span, now));
        json!({
            "hour": spent(Span::Hour), "day": spent(Span::Day), "month": spent(Span::Month),
            "held": Micros::new(self.held()), "last_spend": self.last.map(|(_, micros)| Micros::new(micros)),
            "last_spend_at": self.last.map(|(at, _)| at),
        })
    }
}

impl Row for Spend {
    fn write(&self, item: &mut Item) {
        for (name, count) in NAMES.iter().zip(&self.spent) {
            item.set(&format!("{name}_starts"), &count.starts);
            item.set(name, &count.amount);
        }
        if let Some((at, micros)) = &self.last {
            item.set("last_at", at);
            item.set("last", micros);
        }
        // Plain data always have a JSON text.
        item.set("holds", &serde_json::to_string(&self.holds).unwrap_or_default());
        item.set("version", &self.version);
    }

    fn read(item: &Item) -> Result<Self, CorruptItem> {
        let mut spent = [Count::default(); 3];
        for (name, count) in NAMES.iter().zip(&mut spent) {
            *count = Count { starts: item.get(&format!("{name}_starts"))?, amount: item.get(name)? };
        }
        let holds: String = item.get("holds")?;
        let last = match item.get_some("last_at")? {
            Some(at) => Some((at, item.get("last")?)),
            None => None,
        };
        let holds = serde_json::from_str(&holds).map_err(|_| item.corrupt("holds"))?;
        Ok(Self { spent, last, holds, version: item.get("version")? })
    }
}

const NAMES: [&str; 3] = ["hour", "day", "month"];
