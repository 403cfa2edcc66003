//! What happens in a history.

use std::collections::BTreeSet;

use bespin_primitives::{Date, Timestamp};
use bespin_recording::LeaseTerms;

/// By then all messages came home after the end, those that were held back, too.
const SETTLED_SECONDS: i64 = 1_000;

/// Everything that happens, drawn before it happens.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// What it was drawn from.
    pub seed: u64,
    /// How many processes serve the tenants, each with caches of its own.
    pub processes: usize,
    /// The weight of a tool call at the start, in micro-credits.
    pub weight: u64,
    /// How processes charge the calls of busy tenants to leases; `None` where each call is charged by itself.
    pub leases: Option<LeaseTerms>,
    /// What each tenant may use at the start.
    pub tenants: Vec<Ceilings>,
    /// One after the other.
    pub rounds: Vec<Round>,
}

/// What a tenant may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ceilings {
    /// Whole credits a month.
    pub credits: u64,
    /// Tool calls a month.
    pub tool_cap: u64,
    /// Briefs a month.
    pub brief_cap: u64,
    /// Tool calls a day.
    pub tools_a_day: u64,
    /// Briefs a day.
    pub briefs_a_day: u64,
    /// Notifications a day.
    pub notices_a_day: u64,
    /// The hour (UTC) at which the brief is made by itself.
    pub brief_hour: u8,
}

/// Things that happen at the same time.
#[derive(Debug, Clone, PartialEq)]
pub struct Round {
    /// The present, by the clocks of the processes and of the calls.
    pub now: Timestamp,
    /// What the faults of the store are drawn from.
    pub fault_seed: u64,
    /// How many of 1,000 store calls meet a fault.
    pub per_mille: u16,
    /// Processes that die in it and start anew after it.
    pub deaths: Vec<Death>,
    /// What the operator changes.
    pub orders: Vec<Order>,
    /// What tenants ask.
    pub calls: Vec<Call>,
    /// Processes in which the rule fires that looks for due briefs.
    pub ticks: Vec<usize>,
    /// What comes from the queue.
    pub deliveries: Vec<Delivery>,
}

/// A batch of messages, handed to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// Which.
    pub process: usize,
    /// Whether each message comes twice in it.
    pub twice: bool,
    /// Whether the latest message comes first.
    pub reversed: bool,
    /// Whether the queue never hears that the batch was handled, so that it comes again.
    pub forgotten: bool,
}

/// The end of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Death {
    /// Which.
    pub process: usize,
    /// After so many of its store calls.
    pub after: u64,
}

/// Something the operator, or a tenant's admin, changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Through which process.
    pub process: usize,
    /// What.
    pub kind: OrderKind,
}

/// What is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderKind {
    /// The credits of a tenant's plan.
    Credits(usize, u64),
    /// The caps of a tenant's plan: tool calls, briefs.
    Caps(usize, u64, u64),
    /// A tenant's daily limits: tool calls, briefs.
    Limits(usize, u64, u64),
    /// The weight of a tool call, in micro-credits.
    Weight(u64),
    /// Tool calls are switched on or off.
    ToolsActive(bool),
    /// A tenant is suspended.
    Suspend(usize),
    /// A tenant goes on.
    Resume(usize),
}

/// One call of a tenant.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Through which process.
    pub process: usize,
    /// Whose.
    pub tenant: usize,
    /// By how many microseconds its clock is off the round's.
    pub skew_micros: i64,
    /// Whether the client asks once more in the next round, although it was answered.
    pub again: bool,
    /// What is asked.
    pub wish: Wish,
}

/// What a tenant asks.
#[derive(Debug, Clone, PartialEq)]
pub enum Wish {
    /// `echo` of one of a few texts.
    Echo {
        /// The idempotency key.
        key: u8,
        /// Which text; the last is too large for an item.
        text: u8,
    },
    /// `kpi_summary`.
    Summary {
        /// The idempotency key.
        key: u8,
        /// Which KPI.
        kpi: usize,
    },
    /// A tool that does not exist.
    NoTool {
        /// The idempotency key.
        key: u8,
    },
    /// A new KPI of one of a few names.
    Kpi {
        /// The idempotency key.
        key: u8,
        /// Which name.
        name: u8,
    },
    /// Points of a KPI: day of February 2026, value.
    Points {
        /// Which KPI.
        kpi: usize,
        /// The points.
        points: Vec<(u8, u8)>,
    },
    /// The brief of a day of February 2026.
    Brief {
        /// The idempotency key.
        key: u8,
        /// The day.
        day: u8,
    },
    /// The brief of a day of February 2026 and its notifications.
    Job {
        /// The idempotency key.
        key: u8,
        /// The day.
        day: u8,
    },
    /// A question to the cofounder, which begins a conversation.
    Ask {
        /// The idempotency key.
        key: u8,
        /// Whether it is about all KPIs; otherwise it is for help.
        about_kpis: bool,
    },
    /// What was used so far.
    Usage,
    /// A turn of the tenant's one user, which holds an estimate.
    Turn {
        /// The idempotency key; later wishes know the turn by it.
        key: u8,
        /// What it may use.
        estimate: Estimate,
        /// How long it holds that, in seconds.
        lifetime: u32,
        /// Whether what it holds is free at its expiry, or charged.
        free: bool,
    },
    /// What a turn really used.
    SettleTurn {
        /// The key under which it began.
        key: u8,
        /// Requests, and cents of its provider.
        used: (u8, u8),
        /// Whether it used the units that it holds, or none.
        units: bool,
    },
    /// A turn is given up.
    CancelTurn {
        /// The key under which it began.
        key: u8,
    },
    /// A turn goes on for its lifetime from now.
    ProlongTurn {
        /// The key under which it began.
        key: u8,
    },
}

/// What a turn may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// Requests of the user.
    pub requests: u8,
    /// Cents of its provider.
    pub cents: u8,
    /// Tool calls of the tenant's plan.
    pub units: u8,
}

impl Wish {
    /// The endpoint and the key on it, where there is a key.
    pub fn claim(&self) -> Option<(&'static str, u8)> {
        match self {
            Self::Echo { key, .. } | Self::Summary { key, .. } | Self::NoTool { key } => {
                Some(("tools", *key))
            }
            Self::Kpi { key, .. } => Some(("kpis", *key)),
            Self::Brief { key, .. } => Some(("briefs", *key)),
            Self::Job { key, .. } => Some(("jobs", *key)),
            Self::Ask { key, .. } => Some(("chat", *key)),
            Self::Turn { key, .. } => Some(("turns", *key)),
            Self::Points { .. }
            | Self::Usage
            | Self::SettleTurn { .. }
            | Self::CancelTurn { .. }
            | Self::ProlongTurn { .. } => None,
        }
    }

    /// The key of the turn that it is about.
    pub(crate) fn turn(&self) -> Option<u8> {
        match self {
            Self::Turn { key, .. }
            | Self::SettleTurn { key, .. }
            | Self::CancelTurn { key }
            | Self::ProlongTurn { key } => Some(*key),
            _ => None,
        }
    }

    pub(crate) fn key_mut(&mut self) -> Option<&mut u8> {
        match self {
            Self::Echo { key, .. }
            | Self::Summary { key, .. }
            | Self::NoTool { key }
            | Self::Kpi { key, .. }
            | Self::Brief { key, .. }
            | Self::Job { key, .. }
            | Self::Ask { key, .. }
            | Self::Turn { key, .. }
            | Self::SettleTurn { key, .. }
            | Self::CancelTurn { key }
            | Self::ProlongTurn { key } => Some(key),
            Self::Points { .. } | Self::Usage => None,
        }
    }
}

impl History {
    /// The orders of all rounds.
    pub fn orders(&self) -> impl Iterator<Item = &OrderKind> {
        self.rounds.iter().flat_map(|round| &round.orders).map(|order| &order.kind)
    }

    /// The highest that each ceiling of a tenant ever was. A process may go by a ceiling it read up to five seconds
    /// before, so a lowered one holds everywhere only later.
    pub fn highest(&self, tenant: usize) -> Ceilings {
        let mut highest = self.tenants[tenant];
        for order in self.orders() {
            match order {
                OrderKind::Credits(of, credits) if *of == tenant => {
                    highest.credits = highest.credits.max(*credits);
                }
                OrderKind::Caps(of, tools, briefs) if *of == tenant => {
                    highest.tool_cap = highest.tool_cap.max(*tools);
                    highest.brief_cap = highest.brief_cap.max(*briefs);
                }
                OrderKind::Limits(of, tools, briefs) if *of == tenant => {
                    highest.tools_a_day = highest.tools_a_day.max(*tools);
                    highest.briefs_a_day = highest.briefs_a_day.max(*briefs);
                }
                _ => {}
            }
        }
        highest
    }

    /// Every date that a brief can be about.
    pub fn dates(&self) -> BTreeSet<Date> {
        let asked = self.rounds.iter().flat_map(|round| &round.calls).filter_map(|call| match call.wish {
            Wish::Brief { day, .. } | Wish::Job { day, .. } => Date::from_ymd_opt(2026, 2, day.into()),
            _ => None,
        });
        let settled = self.end().plus_seconds(SETTLED_SECONDS);
        let moments = self.rounds.iter().map(|round| round.now).chain([self.end(), settled]);
        let due = moments.flat_map(|now| (0..=2).map(move |days| now.minus_days(days).date()));
        asked.chain(due).collect()
    }

    /// Every weight a tool call ever had.
    pub fn weights(&self) -> Vec<u64> {
        let later = self.orders().filter_map(|order| match order {
            OrderKind::Weight(weight) => Some(*weight),
            _ => None,
        });
        [self.weight].into_iter().chain(later).collect()
    }

    /// Whether a tenant was ever suspended.
    pub fn suspends(&self, tenant: usize) -> bool {
        self.orders().any(|order| *order == OrderKind::Suspend(tenant))
    }

    /// Whether tool calls were ever switched off.
    pub fn switches_tools_off(&self) -> bool {
        self.orders().any(|order| *order == OrderKind::ToolsActive(false))
    }

    /// Leaves out a tenant and everything that concerns it.
    pub(crate) fn remove_tenant(&mut self, tenant: usize) {
        self.tenants.remove(tenant);
        for round in &mut self.rounds {
            round.calls.retain(|call| call.tenant != tenant);
            round.orders.retain(|order| order.kind.tenant() != Some(tenant));
            for other in round.calls.iter_mut().map(|call| &mut call.tenant) {
                *other -= usize::from(*other > tenant);
            }
            for other in round.orders.iter_mut().filter_map(|order| order.kind.tenant_mut()) {
                *other -= usize::from(*other > tenant);
            }
        }
    }

    /// When it ends.
    pub fn end(&self) -> Timestamp {
        let last = self.rounds.iter().map(|round| round.now).max();
        last.unwrap_or(Timestamp::MIN).plus_seconds(10)
    }
}

impl OrderKind {
    /// Whom it concerns; `None` where it concerns all.
    pub fn tenant(&self) -> Option<usize> {
        self.clone().tenant_mut().copied()
    }

    fn tenant_mut(&mut self) -> Option<&mut usize> {
        match self {
            Self::Credits(tenant, _)
            | Self::Caps(tenant, ..)
            | Self::Limits(tenant, ..)
            | Self::Suspend(tenant)
            | Self::Resume(tenant) => Some(tenant),
            Self::Weight(_) | Self::ToolsActive(_) => None,
        }
    }
}
