//! Turns in histories: how they are asked for, and what must be true of them afterwards, by the contract and by what was
//! answered (control-plane.md 5 to 7).

use std::collections::BTreeMap;

use bespin_primitives::Timestamp;
use bespin_tests::{Actor, Request};
use serde_json::{Value, json};

use crate::{
    Call, Estimate, History, Promise, Wish,
    check::{Checked, Entry, Heard, Seen, millionths},
    play::good,
};

/// How many turns may run at once, and how many requests there may ever be.
const TURNS_AT_ONCE: usize = 2;
const REQUESTS: u64 = 4;

/// What the provider may cost in a month, in cents: in the bundle, and in the whole project.
const BUDGETS: [(&str, u64); 2] = [("app", 60), ("*", 50)];

/// By how much clocks may differ, in seconds: those of calls by one, and each round may begin two earlier than the one before.
const CLOCKS_DIFFER: i64 = 12;

const NO_TURN: &str = "00000000-0000-4000-8000-000000000000";

fn dollars(cents: u64) -> Value {
    json!(bespin_primitives::Micros::new(cents * 10_000))
}

/// Sets what the provider may cost.
pub(crate) async fn set_budgets(actor: &Actor, now: &str) -> Checked {
    for (bundle, cents) in BUDGETS {
        let body = json!({"bundle_id": bundle, "provider": "openai", "usd_per_month": dollars(cents)});
        let path = "/api/v1/admin/control-plane/policies/budget";
        good(&actor.post(path).at(now).json(&body).send().await)?;
    }
    Ok(())
}

/// A call about a turn. Which one it is tell the answers that were heard; one that never began is asked for by an id of none.
pub(crate) fn request(actor: &Actor, call: &Call, heard: &[Heard]) -> Request {
    let begun = call.wish.turn().and_then(|key| begun(heard.iter(), call.tenant, key));
    let id = begun.as_ref().map_or(NO_TURN, |(_, id)| id);
    let path = |what: &str| format!("/v1/turns/{id}/{what}");
    match &call.wish {
        Wish::Turn { key, estimate: Estimate { requests, cents, units }, lifetime, free } => {
            let body = json!({
                "user_id": "maria", "bundle_id": "app", "lifetime_seconds": lifetime,
                "policy": {"max_concurrent": TURNS_AT_ONCE, "total_requests": REQUESTS},
                "at_expiry": if *free { "free" } else { "charge" },
                "estimate": {
                    "requests": requests, "usd": {"openai": dollars((*cents).into())},
                    "units": {"tool_invocation": units},
                },
            });
            actor.post("/v1/turns").key(&key.to_string()).json(&body)
        }
        Wish::SettleTurn { used: (requests, cents), units, .. } => {
            let held = begun.as_ref().map_or(0, |(estimate, _)| estimate.units);
            actor.post(&path("settle")).json(&json!({
                "requests": requests, "usd": {"openai": dollars((*cents).into())},
                "units": {"tool_invocation": if *units { held } else { 0 }},
            }))
        }
        Wish::CancelTurn { .. } => actor.post(&path("cancel")),
        _ => actor.post(&path("heartbeat")),
    }
}

/// The estimate and the id of the turn that a tenant began under a key, if that was heard.
fn begun<'h>(heard: impl Iterator<Item = &'h Heard>, tenant: usize, key: u8) -> Option<(Estimate, String)> {
    let mut of_key = heard.filter(|heard| heard.call.tenant == tenant && heard.call.wish.turn() == Some(key));
    of_key.find_map(|heard| {
        let Wish::Turn { estimate, .. } = heard.call.wish else { return None };
        let id = heard.good()?.json()["turn_id"].as_str()?.to_owned();
        Some((estimate, id))
    })
}

/// Whether the contract allows such an answer to a call about a turn.
pub(crate) fn allows(history: &History, call: &Call, status: u16, error: &str) -> bool {
    let changes = |refusals: &[&str]| match status {
        200 => true,
        404 => error == "turn_not_found",
        409 => refusals.contains(&error),
        _ => false,
    };
    match &call.wish {
        Wish::Turn { estimate, .. } => match status {
            201 => true,
            400 => estimate.units > 0 && history.switches_tools_off() && error == "unknown_event_type",
            403 => estimate.units > 0 && history.suspends(call.tenant) && error == "subscription_suspended",
            409 => error == "idempotency_conflict",
            429 => matches!(error, "rate_limited" | "budget_exceeded" | "quota_exceeded"),
            _ => false,
        },
        Wish::SettleTurn { .. } => changes(&["turn_settled", "turn_cancelled"]),
        Wish::CancelTurn { .. } => changes(&["turn_settled", "turn_expired"]),
        _ => changes(&["turn_settled", "turn_cancelled", "turn_expired"]),
    }
}

/// What a turn used, or what it was charged at its expiry.
#[derive(Debug, Clone, Copy, Default)]
struct Used {
    requests: u64,
    micros: u64,
    units: u64,
}

impl Used {
    fn of(amounts: &Value) -> Self {
        Self {
            requests: amounts["requests"].as_u64().unwrap_or_default(),
            micros: amounts["usd"].get("openai").map_or(0, millionths),
            units: amounts["units"]["tool_invocation"].as_u64().unwrap_or_default(),
        }
    }
}

/// A turn as it is when everything is over.
struct Over {
    view: Value,
    estimate: Used,
    /// What counts of it, and when it counted.
    counted: Option<(Used, Timestamp)>,
    is_late: bool,
    is_charged: bool,
    expires: Timestamp,
    runs: (Timestamp, Timestamp),
}

impl Over {
    fn of(view: Value) -> Self {
        let at = |value: &Value| value.as_str().and_then(Timestamp::parse_rfc3339);
        let expires = at(&view["expires_at"]).unwrap_or(Timestamp::MAX);
        let settled = &view["settled"];
        let is_charged = view["at_expiry"] == "charge";
        let estimate = Used::of(&view["estimate"]);
        let (counted, ended) = match view["status"].as_str().unwrap_or_default() {
            "settled" => {
                let when = at(&settled["at"]).unwrap_or(Timestamp::MAX);
                (Some((Used::of(&settled["amounts"]), when)), when)
            }
            "expired" if is_charged => (Some((estimate, expires)), expires),
            "cancelled" => (None, at(&view["cancelled_at"]).unwrap_or(Timestamp::MAX)),
            _ => (None, expires),
        };
        let started = at(&view["started_at"]).unwrap_or(Timestamp::MIN);
        let (is_late, runs) = (settled["late"] == true, (started, ended.min(expires)));
        Self { view, estimate, counted, is_late, is_charged, expires, runs }
    }

    /// How much of `used` no admission let through: what goes beyond the estimate, and all where nothing was held any more,
    /// or what was held had counted in an earlier month.
    fn overshot(&self, of: fn(&Used) -> u64) -> u64 {
        let Some((used, when)) = &self.counted else { return 0 };
        let was_held = !self.is_late || self.is_charged && when.period() == self.expires.period();
        let held = if was_held { of(&self.estimate) } else { 0 };
        of(used).saturating_sub(held)
    }

    /// What the ledger says of it: entries are not taken back, so what was charged at the expiry stays.
    fn posted_units(&self) -> u64 {
        let used = self.counted.map_or(0, |(used, _)| used.units);
        if self.is_late && self.is_charged { used.max(self.estimate.units) } else { used }
    }
}

/// Checks all turns of a tenant when the last of them is over.
pub(crate) async fn check(seen: &Seen<'_>, ledger: &[Entry]) -> Checked {
    let over = seen.over();
    let mut turns = BTreeMap::new();
    for (call, reply) in seen.good() {
        if matches!(call.wish, Wish::Turn { .. }) {
            let id = reply.json()["turn_id"].as_str().unwrap_or_default().to_owned();
            let shown = seen.actor.get(&format!("/v1/turns/{id}")).at(&over.to_string()).send().await;
            turns.insert(id, Over::of(good(&shown)?));
        }
    }
    told(seen, &turns)?;
    let turns: Vec<Over> = turns.into_values().collect();
    seen.unless(!turns.iter().any(|turn| turn.view["status"] == "held"), Promise::Answers, || {
        format!("a turn still runs at {over}")
    })?;
    at_once(seen, &turns)?;
    requests(seen, &turns, over).await?;
    spend(seen, &turns, over).await?;
    let units: u64 = ledger.iter().filter(|entry| entry.of_turn).map(|entry| entry.units).sum();
    let used: u64 = turns.iter().map(Over::posted_units).sum();
    seen.unless(units == used, Promise::Ledger, || {
        format!("turns used {used} tool calls, the ledger says {units}")
    })?;
    let usage = seen.actor.get("/v1/billing/usage").at(&over.to_string()).send().await;
    let usage = good(&usage)?;
    seen.unless(usage["credits"]["held"].is_null(), Promise::Once, || format!("held for ever: {usage}"))
}

/// I2: what was settled was settled once, by what whoever was told so had said; what was given up was not settled.
fn told(seen: &Seen<'_>, turns: &BTreeMap<String, Over>) -> Checked {
    for (call, reply) in seen.good() {
        let reply = reply.json();
        let Some(turn) = reply["turn_id"].as_str().and_then(|id| turns.get(id)) else { continue };
        let kept = match &call.wish {
            Wish::SettleTurn { used: (requests, cents), .. } => {
                let amounts = Used::of(&reply["settled"]["amounts"]);
                let asked = (u64::from(*requests), u64::from(*cents) * 10_000);
                turn.view["settled"] == reply["settled"] && (amounts.requests, amounts.micros) == asked
            }
            Wish::CancelTurn { .. } => turn.view["status"] == "cancelled",
            Wish::ProlongTurn { .. } => reply["expires_at"].as_str() <= turn.view["expires_at"].as_str(),
            _ => true,
        };
        seen.unless(kept, Promise::Keys, || format!("{call}: {reply}, and now {}", turn.view))?;
    }
    Ok(())
}

/// I1: no more turns ran at once than may, as far as clocks that differ can tell.
fn at_once(seen: &Seen<'_>, turns: &[Over]) -> Checked {
    for (started, _) in turns.iter().map(|turn| turn.runs) {
        let running = turns.iter().filter(|other| {
            let (began, ended) = other.runs;
            began <= started && started < ended.plus_seconds(-CLOCKS_DIFFER)
        });
        let running = running.count();
        seen.unless(running <= TURNS_AT_ONCE, Promise::Limits, || {
            format!("{running} turns ran at {started}")
        })?;
    }
    Ok(())
}

/// I1 and I3: all requests that ever counted are those of the turns, and no more than may be, beside what turns used
/// beyond their estimates. Nothing is held.
async fn requests(seen: &Seen<'_>, turns: &[Over], over: Timestamp) -> Checked {
    let body =
        json!({"user_id": "maria", "bundle_id": "app", "lock_id": "look", "policy": {"max_concurrent": 1}});
    let path = "/api/v1/admin/control-plane/limiter/admit";
    let snapshot =
        good(&seen.actor.post(path).at(&over.to_string()).json(&body).send().await)?["snapshot"].clone();
    let counted = snapshot["req_total"].as_u64().unwrap_or(u64::MAX);
    let used: u64 = turns.iter().filter_map(|turn| turn.counted).map(|(used, _)| used.requests).sum();
    seen.unless(counted == used, Promise::Ledger, || {
        format!("turns used {used} requests, {counted} are counted")
    })?;
    let beyond: u64 = turns.iter().map(|turn| turn.overshot(|used| used.requests)).sum();
    seen.unless(counted <= REQUESTS + beyond, Promise::Limits, || {
        format!("{counted} requests of {REQUESTS}, {beyond} beyond their estimates")
    })?;
    // The look itself is the only one that runs.
    seen.unless(snapshot["in_flight"] == 1, Promise::Once, || format!("held for ever: {snapshot}"))
}

/// The same of what the provider cost, in the bundle and in the whole project. Where turns ran over the end of a month the
/// clocks decide which one counts, so then there are only bounds.
async fn spend(seen: &Seen<'_>, turns: &[Over], over: Timestamp) -> Checked {
    let beyond: u64 = turns.iter().map(|turn| turn.overshot(|used| used.micros)).sum();
    let month = Timestamp::midnight(over.period().start()).unwrap_or(Timestamp::MIN);
    let since = |first: Timestamp| -> u64 {
        let counted = turns.iter().filter_map(|turn| turn.counted);
        counted.filter(|(_, at)| *at >= first).map(|(used, _)| used.micros).sum()
    };
    // What was charged at an expiry that clocks see on either side of the border may not be found again to be taken back.
    let near =
        |turn: &&Over| turn.is_late && turn.is_charged && turn.expires < month.plus_seconds(CLOCKS_DIFFER);
    let near: u64 = turns.iter().filter(near).map(|turn| turn.estimate.micros).sum();
    let (least, most) = (since(month), since(month.plus_seconds(-CLOCKS_DIFFER)) + near);
    for (bundle, cents) in BUDGETS {
        let path = format!("/api/v1/admin/control-plane/budgets/{bundle}/openai/spend");
        let shown = good(&seen.actor.get(&path).at(&over.to_string()).send().await)?;
        let spent = millionths(&shown["month"]);
        seen.unless((least..=most).contains(&spent), Promise::Ledger, || {
            format!("turns cost {least} to {most} in {bundle}, {spent} are counted")
        })?;
        seen.unless(spent <= cents * 10_000 + beyond, Promise::Limits, || {
            format!("{spent} spent in {bundle} of {cents} cents, {beyond} beyond the estimates")
        })?;
        seen.unless(shown["held"] == 0, Promise::Once, || format!("held for ever: {shown}"))?;
    }
    Ok(())
}
