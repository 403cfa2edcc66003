//! A history as people read it.

use std::fmt;

use bespin_primitives::Credits;
use bespin_recording::LeaseTerms;

use crate::{Call, Ceilings, Death, Delivery, Estimate, History, Order, OrderKind, Wish};

/// One line for each thing that happens.
impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weight = Credits::from_micros(self.weight);
        writeln!(f, "{} processes; a tool call costs {weight} credits", self.processes)?;
        if let Some(LeaseTerms { calls, seconds, share, .. }) = self.leases {
            writeln!(f, "leases of up to {calls} calls, {seconds} s and 1/{share} of the room")?;
        }
        for (number, ceilings) in self.tenants.iter().enumerate() {
            writeln!(f, "tenant {number} {ceilings}")?;
        }
        for round in &self.rounds {
            writeln!(f, "at {}, with faults in {} of 1000 store calls:", round.now, round.per_mille)?;
            for Death { process, after } in &round.deaths {
                writeln!(f, "  process {process} dies after {after} store calls")?;
            }
            for Order { process, kind } in &round.orders {
                writeln!(f, "  by process {process}: {kind}")?;
            }
            for call in &round.calls {
                writeln!(f, "  {call}")?;
            }
            for process in &round.ticks {
                writeln!(f, "  process {process} looks for due briefs")?;
            }
            for delivery in &round.deliveries {
                writeln!(f, "  {delivery}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Ceilings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { credits, tool_cap, brief_cap, tools_a_day, briefs_a_day, notices_a_day, brief_hour } =
            self;
        write!(
            f,
            "may use {credits} credits, {tool_cap} tool calls and {brief_cap} briefs a month, {tools_a_day} and \
             {briefs_a_day} a day, and {notices_a_day} notifications a day; its brief is due at {brief_hour}:00"
        )
    }
}

impl fmt::Display for OrderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credits(tenant, credits) => write!(f, "tenant {tenant} gets {credits} credits a month"),
            Self::Caps(tenant, tools, briefs) => {
                write!(f, "tenant {tenant} gets {tools} tool calls and {briefs} briefs a month")
            }
            Self::Limits(tenant, tools, briefs) => {
                write!(f, "tenant {tenant} gets {tools} tool calls and {briefs} briefs a day")
            }
            Self::Weight(weight) => write!(f, "a tool call costs {} credits", Credits::from_micros(*weight)),
            Self::ToolsActive(true) => f.write_str("tool calls are switched on"),
            Self::ToolsActive(false) => f.write_str("tool calls are switched off"),
            Self::Suspend(tenant) => write!(f, "tenant {tenant} is suspended"),
            Self::Resume(tenant) => write!(f, "tenant {tenant} goes on"),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { process, tenant, skew_micros, again, wish } = self;
        write!(f, "tenant {tenant} by process {process}: {wish}")?;
        if *skew_micros != 0 {
            write!(f, ", {skew_micros:+} µs")?;
        }
        if *again { f.write_str(", and again in the next round") } else { Ok(()) }
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { process, twice, reversed, forgotten } = self;
        write!(f, "messages come to process {process}")?;
        for (happens, how) in
            [(twice, ", each twice"), (reversed, ", the latest first"), (forgotten, ", and will come again")]
        {
            f.write_str(if *happens { how } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Echo { key, text } => write!(f, "echo {text} under key {key}"),
            Self::Summary { key, kpi } => write!(f, "summary of KPI {kpi} under key {key}"),
            Self::NoTool { key } => write!(f, "a tool that is not there, under key {key}"),
            Self::Kpi { key, name } => write!(f, "a new KPI, name {name}, under key {key}"),
            Self::Points { kpi, points } => write!(f, "points of KPI {kpi} (day, value): {points:?}"),
            Self::Brief { key, day } => write!(f, "the brief of day {day} under key {key}"),
            Self::Job { key, day } => write!(f, "the daily-brief job of day {day} under key {key}"),
            Self::Ask { key, about_kpis } => {
                write!(f, "a question about {} under key {key}", if *about_kpis { "KPIs" } else { "help" })
            }
            Self::Usage => f.write_str("what was used"),
            Self::Turn { key, estimate: Estimate { requests, cents, units }, lifetime, free } => {
                let expires = if *free { "free" } else { "charged" };
                write!(
                    f,
                    "a turn of {requests} requests, {cents} cents and {units} tool calls for {lifetime} s, {expires} at \
                     its end, under key {key}"
                )
            }
            Self::SettleTurn { key, used: (requests, cents), units } => {
                let units = if *units { "its tool calls" } else { "no tool call" };
                write!(f, "turn {key} used {requests} requests, {cents} cents and {units}")
            }
            Self::CancelTurn { key } => write!(f, "turn {key} is given up"),
            Self::ProlongTurn { key } => write!(f, "turn {key} goes on"),
        }
    }
}
