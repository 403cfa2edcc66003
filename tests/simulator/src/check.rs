//! What must be true after a history: from the outside, by what was asked and answered, and from the inside, by the
//! proof.

use std::collections::{BTreeMap, BTreeSet};

use bespin_primitives::{BillingPeriod, Date, Micros, TenantId, Timestamp};
use bespin_proof::Prover;
use bespin_schedule::DueTime;
use bespin_tests::{Actor, Reply, World};
use serde_json::Value;

use crate::{
    Call, History, Promise, Violation, Wish,
    play::{Client, QUESTIONS_A_DAY, instant},
    turns,
};

/// One call and its answer. What died on the way has none.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) call: Call,
    pub(crate) reply: Option<Reply>,
}

impl Heard {
    pub(crate) fn good(&self) -> Option<&Reply> {
        self.reply.as_ref().filter(|reply| reply.status < 300)
    }
}

/// One entry as the ledger's endpoint shows it, in the smallest units.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) event: String,
    pub(crate) units: u64,
    pub(crate) micros: u64,
    request_id: String,
    day: String,
    /// Whether a turn used it.
    pub(crate) of_turn: bool,
}

/// When everything is looked at, after the end: later than any turn holds anything.
const AFTERWARDS_SECONDS: i64 = 400;

pub(crate) type Checked = Result<(), Violation>;

/// Good answers that repeated an earlier one of the same key.
pub(crate) fn replays(heard: &[Heard]) -> u64 {
    let mut seen = BTreeSet::new();
    let keyed =
        heard.iter().filter_map(|heard| Some((heard.call.tenant, heard.call.wish.claim()?, heard.good()?)));
    keyed.filter(|(tenant, claim, _)| !seen.insert((*tenant, *claim))).count() as u64
}

/// Checks every promise, for every tenant.
pub(crate) async fn all(history: &History, world: &World, clients: &[Client], heard: &[Heard]) -> Checked {
    walls(clients, heard)?;
    for heard in heard {
        answer(history, heard)?;
    }
    for (tenant, client) in clients.iter().enumerate() {
        let of_tenant: Vec<&Heard> = heard.iter().filter(|heard| heard.call.tenant == tenant).collect();
        let seen = Seen { history, tenant, client, actor: client.by(world), heard: of_tenant };
        keys(&seen)?;
        let ledger = seen.ledger().await?;
        seen.limits(&ledger)?;
        seen.tools(&ledger)?;
        seen.briefs(&ledger).await?;
        seen.notifications(&ledger).await?;
        seen.schedule().await?;
        seen.questions(&ledger)?;
        seen.definitions(&ledger).await?;
        seen.points(&ledger).await?;
        turns::check(&seen, &ledger).await?;
    }
    proof(history, world, clients).await
}

/// I4: no answer names another tenant, its user or its objects.
fn walls(clients: &[Client], heard: &[Heard]) -> Checked {
    for Heard { call, reply } in heard {
        let Some(reply) = reply else { continue };
        let others = clients.iter().enumerate().filter(|(number, _)| *number != call.tenant);
        for (_, other) in others {
            let mut secrets = other.kpis.iter().chain([&other.tenant_id]);
            let leak = secrets.find(|secret| reply.text.contains(*secret));
            Violation::unless(leak.is_none(), Promise::Walls, || format!("{call}: {}", reply.text))?;
        }
    }
    Ok(())
}

/// Each answer is one that the contract allows, given what was changed meanwhile.
fn answer(history: &History, heard: &Heard) -> Checked {
    let Heard { call, reply: Some(reply) } = heard else { return Ok(()) };
    let error = || reply.json()["error"].as_str().unwrap_or_default().to_owned();
    let is_tool = matches!(call.wish, Wish::Echo { .. } | Wish::Summary { .. } | Wish::NoTool { .. });
    let allowed = match (&call.wish, reply.status) {
        (Wish::NoTool { .. } | Wish::Kpi { .. }, 200) => false,
        (Wish::Kpi { .. }, 201) | (Wish::NoTool { .. }, 404) => true,
        (wish, status) if wish.turn().is_some() => turns::allows(history, call, status, &error()),
        (_, 200) => true,
        (_, 400) => is_tool && history.switches_tools_off() && error() == "unknown_event_type",
        (_, 403) => history.suspends(call.tenant) && error() == "subscription_suspended",
        (wish, 409) => wish.claim().is_some() && error() == "idempotency_conflict",
        (wish, 429) => *wish != Wish::Usage && error() == "quota_exceeded",
        _ => false,
    };
    Violation::unless(allowed, Promise::Answers, || format!("{call}: {} {}", reply.status, reply.text))
}

/// I2: whoever was answered under a key got the same bytes, and only one request ever has the key.
fn keys(seen: &Seen<'_>) -> Checked {
    let mut answers: BTreeMap<(&str, u8), (&Wish, &str)> = BTreeMap::new();
    for (call, reply) in seen.good() {
        let Some(claim) = call.wish.claim() else { continue };
        let (wish, text) = answers.entry(claim).or_insert((&call.wish, &reply.text));
        let same = *wish == &call.wish && *text == reply.text;
        Violation::unless(same, Promise::Keys, || {
            format!(
                "{claim:?} of tenant {} was answered twice: {wish} {text}; {} {}",
                seen.tenant, call.wish, reply.text
            )
        })?;
    }
    Ok(())
}

/// One tenant, what it was answered, and what can be asked for it now.
pub(crate) struct Seen<'s> {
    pub(crate) history: &'s History,
    tenant: usize,
    client: &'s Client,
    pub(crate) actor: Actor,
    pub(crate) heard: Vec<&'s Heard>,
}

impl<'s> Seen<'s> {
    pub(crate) fn good(&self) -> impl Iterator<Item = (&'s Call, &'s Reply)> {
        self.heard.iter().filter_map(|heard| Some((&heard.call, heard.good()?)))
    }

    pub(crate) fn unless(&self, kept: bool, promise: Promise, seen: impl FnOnce() -> String) -> Checked {
        Violation::unless(kept, promise, || format!("tenant {}: {}", self.tenant, seen()))
    }

    /// When everything is over.
    pub(crate) fn over(&self) -> Timestamp {
        self.history.end().plus_seconds(AFTERWARDS_SECONDS)
    }

    fn afterwards(&self) -> String {
        self.over().to_string()
    }

    async fn ask(&self, path: &str) -> Reply {
        self.actor.get(path).at(&self.afterwards()).send().await
    }

    async fn get(&self, path: &str) -> Result<Value, Violation> {
        let reply = self.ask(path).await;
        self.unless(reply.status == 200, Promise::Answers, || format!("{path}: {}", reply.text))?;
        Ok(reply.json())
    }

    /// Every month that the history can have touched.
    fn months(&self) -> BTreeSet<BillingPeriod> {
        let times = self
            .history
            .rounds
            .iter()
            .flat_map(|round| [round.now.plus_seconds(-1), round.now.plus_seconds(1)]);
        times.chain([self.over()]).map(Timestamp::period).collect()
    }

    /// The whole ledger in pages; what it sums up to must be what the usage of each month says.
    async fn ledger(&self) -> Result<Vec<Entry>, Violation> {
        let mut ledger = Vec::new();
        for period in self.months() {
            let mut of_month = Vec::new();
            let mut cursor = String::new();
            loop {
                let path = format!("/v1/billing/ledger?period_start={}&limit=20{cursor}", period.start());
                let page = self.get(&path).await?;
                of_month.extend(page["items"].as_array().into_iter().flatten().map(entry));
                match page["next_cursor"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
            self.usage(period, &of_month).await?;
            ledger.extend(of_month);
        }
        Ok(ledger)
    }

    /// I3: sum of entries = credits used = breakdown.
    async fn usage(&self, period: BillingPeriod, entries: &[Entry]) -> Checked {
        let usage = self.get(&format!("/v1/billing/usage?period_start={}", period.start())).await?;
        let micros: u64 = entries.iter().map(|entry| entry.micros).sum();
        let used = millionths(&usage["credits"]["used"]);
        self.unless(micros == used, Promise::Ledger, || format!("{period}: used {used}, ledger {micros}"))?;
        let mut by_event: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for entry in entries {
            let (units, credits) = by_event.entry(&entry.event).or_default();
            (*units, *credits) = (*units + entry.units, *credits + entry.micros);
        }
        let breakdown: Vec<(&str, (u64, u64))> = usage["breakdown"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|line| {
                let event = line["event_key"].as_str().unwrap_or_default();
                (event, (line["raw_units"].as_u64().unwrap_or_default(), millionths(&line["credits"])))
            })
            .collect();
        let expected: Vec<(&str, (u64, u64))> = by_event.into_iter().collect();
        self.unless(breakdown == expected, Promise::Ledger, || {
            format!("{period}: breakdown {breakdown:?}, ledger {expected:?}")
        })
    }

    /// I1: nothing passed the highest that its limit ever was.
    fn limits(&self, ledger: &[Entry]) -> Checked {
        let highest = self.history.highest(self.tenant);
        let mut sums: BTreeMap<(String, &str), (u64, u64)> = BTreeMap::new();
        let mut add = |what: &'static str, when: &str, amount: u64, ceiling: u64| {
            sums.entry((when.to_owned(), what)).or_insert((0, ceiling)).0 += amount;
        };
        for Entry { event, units, micros, day, .. } in ledger {
            let month = &day[..7];
            add("micro-credits", month, *micros, highest.credits * 1_000_000);
            match event.as_str() {
                "tool_invocation" => {
                    add("tool calls", month, *units, highest.tool_cap);
                    add("tool calls", day, *units, highest.tools_a_day);
                }
                "daily_brief_generated" => {
                    add("briefs", month, *units, highest.brief_cap);
                    add("briefs", day, *units, highest.briefs_a_day);
                }
                "assistant_query" => add("questions", day, *units, QUESTIONS_A_DAY),
                "notification_enqueued" => add("notifications", day, *units, highest.notices_a_day),
                _ => {}
            }
        }
        for ((when, what), (sum, ceiling)) in sums {
            self.unless(sum <= ceiling, Promise::Limits, || format!("{when}: {sum} {what} of {ceiling}"))?;
        }
        Ok(())
    }

    /// The request ids of an event's entries, each of one unit; none comes twice.
    fn entries_of(&self, ledger: &[Entry], event: &str) -> Result<BTreeSet<String>, Violation> {
        let entries: Vec<&Entry> =
            ledger.iter().filter(|entry| entry.event == event && !entry.of_turn).collect();
        let ids: BTreeSet<String> = entries.iter().map(|entry| entry.request_id.clone()).collect();
        let single = ids.len() == entries.len() && entries.iter().all(|entry| entry.units == 1);
        self.unless(single, Promise::Ledger, || {
            format!("a request has two entries of {event}: {entries:?}")
        })?;
        Ok(ids)
    }

    /// I3: the entries of an event are those of the answers, each once.
    fn same(&self, answered: &BTreeSet<String>, entries: &BTreeSet<String>, what: &str) -> Checked {
        let unbooked: Vec<_> = answered.difference(entries).collect();
        let unasked: Vec<_> = entries.difference(answered).collect();
        self.unless(unbooked.is_empty() && unasked.is_empty(), Promise::Ledger, || {
            format!("{what}: answered and not in the ledger {unbooked:?}, in the ledger and never answered {unasked:?}")
        })
    }

    fn tools(&self, ledger: &[Entry]) -> Checked {
        let tool = |wish: &Wish| matches!(wish, Wish::Echo { .. } | Wish::Summary { .. });
        let answered =
            self.good().filter(|(call, _)| tool(&call.wish)).map(|(_, reply)| request_id(reply)).collect();
        self.same(&answered, &self.entries_of(ledger, "tool_invocation")?, "tool calls")?;
        let weights = self.history.weights();
        let of_one = |entry: &Entry| entry.micros / entry.units.max(1);
        let odd =
            ledger.iter().find(|entry| entry.event == "tool_invocation" && !weights.contains(&of_one(entry)));
        self.unless(odd.is_none(), Promise::Ledger, || {
            format!("a tool call at a weight that never was: {odd:?}")
        })
    }

    /// Each brief there is has one entry, whoever made it, and each answer was that brief.
    async fn briefs(&self, ledger: &[Entry]) -> Checked {
        let mut made = BTreeSet::new();
        for date in self.history.dates() {
            let reply = self.ask(&format!("/v1/briefs/{date}")).await;
            self.unless(matches!(reply.status, 200 | 404), Promise::Answers, || {
                format!("{date}: {}", reply.text)
            })?;
            if reply.status == 200 {
                made.insert(request_id(&reply));
            }
            for (call, answer) in self.good() {
                let kept = match call.wish {
                    Wish::Brief { day, .. } if is_day(date, day) => answer.text == reply.text,
                    Wish::Job { day, .. } if is_day(date, day) => {
                        answer.json()["brief_id"] == reply.json()["brief_id"]
                    }
                    _ => true,
                };
                self.unless(kept, Promise::Once, || {
                    format!("two briefs of {date}: {} and {}", answer.text, reply.text)
                })?;
            }
        }
        self.same(&made, &self.entries_of(ledger, "daily_brief_generated")?, "briefs, by what is stored")
    }

    /// I8: a user has one notification of a date at most, each has its entry, and a run that says that nobody was left
    /// out left nobody out.
    async fn notifications(&self, ledger: &[Entry]) -> Checked {
        let mut told: BTreeMap<String, u64> = BTreeMap::new();
        let mut all = 0;
        for user in self.client.users() {
            let path = "/v1/notifications/outbox?limit=500";
            let page = self.actor.as_user(user).get(path).at(&self.afterwards()).send().await.json();
            let mut dates = BTreeSet::new();
            for item in page["items"].as_array().into_iter().flatten() {
                let date = item["date"].as_str().unwrap_or_default().to_owned();
                self.unless(dates.insert(date.clone()), Promise::Once, || {
                    format!("{user} was told twice of {date}")
                })?;
                *told.entry(date).or_default() += 1;
                all += 1;
            }
        }
        let entries: u64 = ledger
            .iter()
            .filter(|entry| entry.event == "notification_enqueued")
            .map(|entry| entry.units)
            .sum();
        self.unless(entries == all, Promise::Ledger, || {
            format!("{all} notifications, {entries} in the ledger")
        })?;
        let users = self.client.users().count() as u64;
        for (call, reply) in self.good() {
            let Wish::Job { day, .. } = call.wish else { continue };
            let reply = reply.json();
            let count = |name: &str| reply[format!("notifications_{name}")].as_u64().unwrap_or_default();
            let suppressed = count("suppressed_due_to_quota");
            let met = count("inserted") + count("ignored") + suppressed;
            let told = told.get(&instant(day)[..10]).copied().unwrap_or_default();
            let kept = met == users && told >= users - suppressed;
            self.unless(kept, Promise::Once, || format!("{call}: {reply}, and {told} of {users} were told"))?;
        }
        Ok(())
    }

    /// I8: the latest brief that was due was dealt with: made, or skipped for a reason that there is.
    async fn schedule(&self) -> Checked {
        let shown = self.get("/v1/briefs/schedule").await?;
        let last = &shown["last"];
        let due = DueTime::USUAL.at_hour(self.history.tenants[self.tenant].brief_hour);
        let founded = self.history.rounds.first().map(|round| round.now);
        // One that was due before the tenant was founded is not made up for.
        let expected = due
            .latest(self.history.end())
            .filter(|date| founded.is_some_and(|founded| due.on(*date).is_some_and(|at| at > founded)));
        let Some(date) = expected else { return Ok(()) };
        // Dates sort as text. Another one may have been due while the queue was emptied.
        let dealt_with = last["date"].as_str().is_some_and(|latest| *latest >= *date.to_string());
        self.unless(dealt_with, Promise::Once, || format!("the brief of {date} is due, {shown}"))?;
        if last["status"] == "made" {
            let reply = self.ask(&format!("/v1/briefs/{}", last["date"].as_str().unwrap_or_default())).await;
            return self
                .unless(reply.status == 200, Promise::Once, || format!("made and not there: {shown}"));
        }
        let reason = last["reason"].as_str().unwrap_or_default();
        let suspended = reason == "subscription_suspended" && self.history.suspends(self.tenant);
        self.unless(suspended || reason == "quota_exceeded", Promise::Answers, || shown.to_string())
    }

    fn questions(&self, ledger: &[Entry]) -> Checked {
        let asked = self.good().filter(|(call, _)| matches!(call.wish, Wish::Ask { .. }));
        let answered = asked.map(|(_, reply)| request_id(reply)).collect();
        self.same(&answered, &self.entries_of(ledger, "assistant_query")?, "questions")
    }

    async fn definitions(&self, ledger: &[Entry]) -> Checked {
        let id = |kpi: &Value| kpi["kpi_id"].as_str().unwrap_or_default().to_owned();
        let listed = self.get("/v1/kpis?limit=500").await?;
        let stored: BTreeSet<String> = listed.as_array().into_iter().flatten().map(id).collect();
        let made = self.good().filter(|(call, _)| matches!(call.wish, Wish::Kpi { .. }));
        let mut answered: BTreeSet<String> = made.map(|(_, reply)| id(&reply.json())).collect();
        answered.extend(self.client.kpis.iter().cloned());
        self.same(&answered, &stored, "KPIs, by what is listed")?;
        let entries = self.entries_of(ledger, "kpi_definition_created")?;
        self.unless(entries.len() == stored.len(), Promise::Ledger, || {
            format!("{} KPIs and {} entries of them", stored.len(), entries.len())
        })
    }

    /// Points are stored and charged once, however many calls brought them.
    async fn points(&self, ledger: &[Entry]) -> Checked {
        let mut inserted = 0;
        let mut distinct: BTreeMap<usize, BTreeSet<u8>> = BTreeMap::new();
        for (call, reply) in self.good() {
            let Wish::Points { kpi, points } = &call.wish else { continue };
            inserted += reply.json()["inserted"].as_u64().unwrap_or_default();
            distinct.entry(*kpi).or_default().extend(points.iter().map(|(day, _)| *day));
        }
        for (kpi, days) in &distinct {
            let latest = self.get(&format!("/v1/kpis/{}/latest", self.client.kpis[*kpi])).await?;
            let expected = days.last().map(|day| instant(*day));
            self.unless(latest["ts"].as_str() == expected.as_deref(), Promise::Ledger, || {
                format!("the latest point of KPI {kpi} is {latest}, of days {days:?}")
            })?;
        }
        let stored: u64 = distinct.values().map(|days| days.len() as u64).sum();
        let charged: u64 =
            ledger.iter().filter(|entry| entry.event == "kpi_points_ingested").map(|entry| entry.units).sum();
        self.unless(stored == charged, Promise::Ledger, || format!("{stored} points, {charged} charged"))?;
        // What was told to somebody who did not hear it counts for nobody.
        let all_heard = self.heard.iter().all(|heard| heard.reply.is_some());
        let told = if all_heard { inserted == stored } else { inserted <= stored };
        self.unless(told, Promise::Keys, || format!("{stored} new points, {inserted} told to be new"))
    }
}

/// I3 from inside.
async fn proof(history: &History, world: &World, clients: &[Client]) -> Checked {
    let prover = Prover::new(world.deps().table.clone());
    for (number, client) in clients.iter().enumerate() {
        let id = TenantId::parse(&client.tenant_id);
        let unread =
            |error: &dyn std::fmt::Display| Violation { promise: Promise::Proof, seen: error.to_string() };
        let Some(id) = id else { continue };
        let Some(tenant) = prover.find(id).await.map_err(|error| unread(&error))? else {
            return Err(unread(&"a tenant is gone"));
        };
        let proof = prover.tenant(&tenant, history.end(), &|_| ()).await.map_err(|error| unread(&error))?;
        Violation::unless(proof.differing == 0, Promise::Proof, || {
            let lines: Vec<String> = proof.differences.iter().map(ToString::to_string).collect();
            format!("tenant {number}: {}", lines.join("; "))
        })?;
    }
    Ok(())
}

fn entry(item: &Value) -> Entry {
    let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
    Entry {
        event: text("event_key"),
        units: item["raw_units"].as_u64().unwrap_or_default(),
        micros: millionths(&item["credits"]),
        request_id: text("request_id"),
        day: text("created_at").chars().take(10).collect(),
        of_turn: item["tool_name"] == "turn",
    }
}

fn is_day(date: Date, day: u8) -> bool {
    Date::from_ymd_opt(2026, 2, day.into()) == Some(date)
}

/// A decimal number as it is printed, exactly.
pub(crate) fn millionths(number: &Value) -> u64 {
    Micros::parse(&number.to_string()).map_or(u64::MAX, Micros::get)
}

fn request_id(reply: &Reply) -> String {
    reply.json()["request_id"].as_str().unwrap_or_default().to_owned()
}
