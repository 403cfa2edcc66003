//! One subject in one bundle: what it did, and what its running turns hold.

use bespin_entitlements::Measure;
use bespin_policies::{BudgetWindow as Span, Dimension, Quotas};
use bespin_primitives::Timestamp;
use bespin_table::{CorruptItem, Item, Row};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    count::Count,
    limits::{Allowed, COUNTED, limit, measure, span},
    verdict::{Reason, Verdict},
};

/// How many running turns one subject may hold at most, limited or not: the row that holds them is written whole.
pub(crate) const MAX_HOLDS: usize = 500;

/// What becomes of what a turn holds when its time is over and nobody settled it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AtExpiry {
    /// It counts as used, at that instant. Where nothing is said, because then nothing is ever overspent.
    #[default]
    Charge,
    /// It is free again.
    Free,
}

impl AtExpiry {
    /// The words of the API.
    pub const NAMES: [&str; 2] = ["charge", "free"];

    /// As the API words it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Charge => "charge",
            Self::Free => "free",
        }
    }

    /// What a word of the API means.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Charge, Self::Free].into_iter().find(|at_expiry| at_expiry.name() == name)
    }
}

/// What a running turn holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hold {
    /// The lock id, or the id of the turn.
    pub(crate) id: String,
    /// When it ends by itself, in microseconds after 1970; exclusive.
    pub(crate) until: i64,
    /// Whether it is one of the turns that are limited in number.
    pub(crate) slot: bool,
    pub(crate) requests: u64,
    pub(crate) tokens: u64,
    pub(crate) at_expiry: AtExpiry,
}

impl Hold {
    fn is_over_at(&self, now: Timestamp) -> bool {
        self.until <= now.micros()
    }
}

/// What a turn asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) id: &'a str,
    /// How many requests are held. None are still one request when it comes to the limits.
    pub(crate) requests: u64,
    /// The same of tokens.
    pub(crate) tokens: u64,
    pub(crate) until: Timestamp,
    pub(crate) at_expiry: AtExpiry,
}

/// What was counted at an instant, as the contract shows it (control-plane.md 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// Requests of the day, the month, ever.
    pub requests: [u64; 3],
    /// Tokens of the hour, the day, the month.
    pub tokens: [u64; 3],
    /// Turns that are under way.
    pub in_flight: u64,
}

impl Snapshot {
    /// As the API shows it.
    pub fn view(&self) -> Value {
        json!({
            "req_day": self.requests[0], "req_month": self.requests[1], "req_total": self.requests[2],
            "tok_hour": self.tokens[0], "tok_day": self.tokens[1], "tok_month": self.tokens[2],
            "in_flight": self.in_flight,
        })
    }
}

/// One subject in one bundle.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    requests: [Count; 2],
    total_requests: u64,
    tokens: [Count; 3],
    last_turn: Option<(Timestamp, u64)>,
    holds: Vec<Hold>,
    /// Counts the writes of the row; 0 is not stored yet.
    pub(crate) version: u64,
}

const REQUEST_SPANS: [Span; 2] = [Span::Day, Span::Month];

impl Tally {
    /// What it says at an instant: holds that are over have ended, each at its own expiry.
    #[must_use]
    pub(crate) fn standing_at(mut self, now: Timestamp) -> Self {
        let (mut over, running): (Vec<Hold>, Vec<Hold>) =
            std::mem::take(&mut self.holds).into_iter().partition(|hold| hold.is_over_at(now));
        self.holds = running;
        over.sort_by_key(|hold| hold.until);
        for hold in over {
            if hold.at_expiry == AtExpiry::Charge {
                let ended = Timestamp::from_micros(hold.until).unwrap_or(now);
                self.count(hold.requests, hold.tokens, ended);
            }
        }
        self
    }

    /// What was counted. Of a tally at the same instant.
    pub fn snapshot(&self, now: Timestamp) -> Snapshot {
        let [day, month] = [0, 1].map(|place| self.requests[place].at(REQUEST_SPANS[place], now));
        Snapshot {
            requests: [day, month, self.total_requests],
            tokens: [0, 1, 2].map(|place| self.tokens[place].at(Span::ALL[place], now)),
            in_flight: self.running(),
        }
    }

    pub(crate) fn holds(&self, id: &str) -> bool {
        self.holds.iter().any(|hold| hold.id == id)
    }

    fn running(&self) -> u64 {
        self.holds.iter().filter(|hold| hold.slot).count() as u64
    }

    /// What was counted of a dimension, and what is held of it besides.
    pub(crate) fn used(&self, dimension: Dimension, now: Timestamp) -> (u64, u64) {
        let held = |of: fn(&Hold) -> u64| self.holds.iter().map(of).fold(0, u64::saturating_add);
        let place = |span: Span| span as usize;
        match (measure(dimension), span(dimension)) {
            (Measure::Requests, Some(span)) => {
                (self.requests[place(span) - 1].at(span, now), held(|hold| hold.requests))
            }
            (Measure::Requests, None) => (self.total_requests, held(|hold| hold.requests)),
            (Measure::Tokens, Some(span)) => {
                (self.tokens[place(span)].at(span, now), held(|hold| hold.tokens))
            }
            _ => (self.running(), 0),
        }
    }

    /// Lets a turn in, or refuses it, and says what then holds (control-plane.md 5.1). The second is none where nothing is
    /// to be written. Of a tally at the same instant.
    pub(crate) fn admit(&self, allowed: &Allowed, ask: &Ask<'_>, now: Timestamp) -> (Verdict, Option<Self>) {
        let effective = allowed.effective();
        let is_limited = effective.get(Dimension::MaxConcurrent).is_some();
        let held_already = self.holds(ask.id);
        let reason = if held_already { None } else { self.reason(&effective, ask, now) };
        let by_base = !held_already && self.reason(&allowed.base, ask, now).is_some();
        let mut verdict = Verdict::of(self, *allowed, reason, by_base && reason.is_none(), now);
        if verdict.reason.is_some() {
            if !matches!(verdict.reason, Some(Reason::Concurrency | Reason::TooMany)) {
                verdict.snapshot.in_flight = 0;
            }
            return (verdict, None);
        }
        let mut next = self.clone();
        next.holds.retain(|hold| hold.id != ask.id);
        let hold = Hold {
            id: ask.id.to_owned(),
            until: ask.until.micros(),
            slot: is_limited,
            requests: ask.requests,
            tokens: ask.tokens,
            at_expiry: ask.at_expiry,
        };
        let holds_something = is_limited || ask.requests > 0 || ask.tokens > 0;
        if holds_something {
            next.holds.push(hold);
        }
        verdict.snapshot.in_flight = if is_limited { next.running() } else { 0 };
        (verdict, holds_something.then_some(next))
    }

    /// What refuses a turn; quotas come before the number of turns.
    fn reason(&self, quotas: &Quotas, ask: &Ask<'_>, now: Timestamp) -> Option<Reason> {
        let mut violated = [false; 6];
        for (place, dimension) in COUNTED.into_iter().enumerate() {
            let Some(limit) = limit(quotas, dimension, now) else { continue };
            let asked = if measure(dimension) == Measure::Requests { ask.requests } else { ask.tokens };
            let (used, held) = self.used(dimension, now);
            violated[place] = limit.refuses(used.saturating_add(held), asked.max(1));
        }
        if violated.contains(&true) {
            return Some(Reason::Quota(violated));
        }
        let limit = limit(quotas, Dimension::MaxConcurrent, now);
        if limit.is_some_and(|limit| limit.refuses(self.running(), 1)) {
            return Some(Reason::Concurrency);
        }
        (self.holds.len() >= MAX_HOLDS).then_some(Reason::TooMany)
    }

    /// Counts what a turn used, at an instant.
    pub(crate) fn count(&mut self, requests: u64, tokens: u64, at: Timestamp) {
        for (count, span) in self.requests.iter_mut().zip(REQUEST_SPANS) {
            count.add(span, at, requests);
        }
        self.total_requests = self.total_requests.saturating_add(requests);
        if tokens > 0 {
            for (count, span) in self.tokens.iter_mut().zip(Span::ALL) {
                count.add(span, at, tokens);
            }
        }
    }

    /// Takes back what was counted too much at an instant.
    pub(crate) fn take_back(&mut self, requests: u64, tokens: u64, counted_at: Timestamp) {
        for (count, span) in self.requests.iter_mut().zip(REQUEST_SPANS) {
            count.take_back(span, counted_at, requests);
        }
        self.total_requests = self.total_requests.saturating_sub(requests);
        for (count, span) in self.tokens.iter_mut().zip(Span::ALL) {
            count.take_back(span, counted_at, tokens);
        }
    }

    /// Counts a request and its tokens, and lets go of its lock (control-plane.md 5.2).
    #[must_use]
    pub(crate) fn committed(mut self, tokens: u64, lock_id: Option<&str>, now: Timestamp) -> Self {
        self.settle(1, tokens, now);
        if let Some(id) = lock_id {
            self.holds.retain(|hold| hold.id != id);
        }
        self
    }

    /// Counts what a turn that was held really used.
    pub(crate) fn settle(&mut self, requests: u64, tokens: u64, now: Timestamp) {
        self.count(requests, tokens, now);
        self.last_turn = Some((now, tokens));
    }

    /// The same without a hold; `None` where there is no such one.
    pub(crate) fn released(&self, id: &str) -> Option<Self> {
        let mut next = self.clone();
        next.holds.retain(|hold| hold.id != id);
        (next.holds.len() < self.holds.len()).then_some(next)
    }

    /// The same with a hold that ends later or earlier; `None` where there is no such one.
    pub(crate) fn renewed(&self, id: &str, until: Timestamp) -> Option<Self> {
        let mut next = self.clone();
        let hold = next.holds.iter_mut().find(|hold| hold.id == id)?;
        hold.until = until.micros();
        Some(next)
    }
}

impl Row for Tally {
    fn write(&self, item: &mut Item) {
        let Self { requests, total_requests, tokens, last_turn, holds, version } = self;
        for (name, count) in NAMES.iter().zip(requests.iter().chain(tokens)) {
            item.set(&format!("{name}_starts"), &count.starts);
            item.set(name, &count.amount);
        }
        item.set("total_requests", total_requests);
        if let Some((at, tokens)) = last_turn {
            item.set("last_turn_at", at);
            item.set("last_turn_tokens", tokens);
        }
        // Plain data always have a JSON text.
        item.set("holds", &serde_json::to_string(holds).unwrap_or_default());
        item.set("version", version);
    }

    fn read(item: &Item) -> Result<Self, CorruptItem> {
        let count = |name: &str| {
            Ok::<_, CorruptItem>(Count {
                starts: item.get(&format!("{name}_starts"))?,
                amount: item.get(name)?,
            })
        };
        let [day, month, hour_tokens, day_tokens, month_tokens] = NAMES;
        let holds: String = item.get("holds")?;
        let last_turn = match item.get_some("last_turn_at")? {
            Some(at) => Some((at, item.get("last_turn_tokens")?)),
            None => None,
        };
        Ok(Self {
            requests: [count(day)?, count(month)?],
            total_requests: item.get("total_requests")?,
            tokens: [count(hour_tokens)?, count(day_tokens)?, count(month_tokens)?],
            last_turn,
            holds: serde_json::from_str(&holds).map_err(|_| item.corrupt("holds"))?,
            version: item.get("version")?,
        })
    }
}

const NAMES: [&str; 5] = ["requests_day", "requests_month", "tokens_hour", "tokens_day", "tokens_month"];
