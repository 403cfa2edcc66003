//! Living through a history.

use std::{collections::BTreeMap, future::Future, ops::AddAssign, pin::Pin, sync::Arc};

use bespin_embedded::Fault;
use bespin_local::EventSource;
use bespin_primitives::{Random, SeededRandom, Timestamp};
use bespin_queue::MAX_RECEIVES;
use bespin_testing::StoppedClock;
use bespin_tests::{Actor, Reply, Request, World};
use futures::future::join_all;
use serde_json::{Value, json};

use crate::{
    Call, Ceilings, Delivery, History, OrderKind, Promise, Sabotage, Violation, Wish,
    check::{self, Heard},
    turns,
};

/// Everything the store can do wrong.
const FAULTS: [Fault; 6] = [
    Fault::Conflict,
    Fault::Throttled,
    Fault::ReplyLost,
    Fault::NotSent,
    Fault::ServerError,
    Fault::Unprocessed,
];

/// How many questions a day each tenant's limit allows.
pub(crate) const QUESTIONS_A_DAY: u64 = 3;

/// Longer than a queue holds a message back that was not handled.
const HELD_BACK_SECONDS: i64 = 100;

/// Clients wait this long before they ask once more in the end: longer than any process remembers anything.
const PATIENCE_SECONDS: i64 = 8;

/// What a history went through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Played {
    /// Calls of tenants, repeats included.
    pub calls: u64,
    /// Answers by status; 0 is none.
    pub answers: BTreeMap<u16, u64>,
    /// Store calls that met a fault, by its name.
    pub faults: BTreeMap<String, u64>,
    /// Processes that died.
    pub deaths: u64,
    /// Changes by the operator or an admin.
    pub orders: u64,
    /// Messages that were handed to a process.
    pub messages: u64,
    /// Rounds that began on another day than the one before.
    pub midnights: u64,
    /// Good answers that repeated an earlier one.
    pub replays: u64,
    /// Everything that was asked and answered, for comparing two runs.
    pub transcript: Vec<String>,
}

impl AddAssign for Played {
    /// Sums; the transcript is left behind.
    fn add_assign(&mut self, more: Self) {
        self.calls += more.calls;
        self.deaths += more.deaths;
        self.orders += more.orders;
        self.messages += more.messages;
        self.midnights += more.midnights;
        self.replays += more.replays;
        for (status, count) in more.answers {
            *self.answers.entry(status).or_default() += count;
        }
        for (fault, count) in more.faults {
            *self.faults.entry(fault).or_default() += count;
        }
    }
}

/// Lives through a history on a runtime of its own and checks what came of it.
pub fn play(history: &History, sabotage: Option<Sabotage>) -> Result<Played, Violation> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let seen = "no runtime".to_owned();
    let runtime = runtime.map_err(|_| Violation { promise: Promise::Answers, seen })?;
    runtime.block_on(Life::of(history, sabotage))
}

/// A tenant as its clients know it.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) tenant_id: String,
    user_id: String,
    api_key: String,
    pub(crate) kpis: Vec<String>,
    /// Two more, beside the admin.
    members: Vec<String>,
}

impl Client {
    pub(crate) fn by(&self, process: &World) -> Actor {
        process.actor(&self.tenant_id, &self.user_id, &self.api_key)
    }

    /// All users of the tenant.
    pub(crate) fn users(&self) -> impl Iterator<Item = &str> {
        [&self.user_id].into_iter().chain(&self.members).map(String::as_str)
    }
}

struct Life<'h> {
    history: &'h History,
    sabotage: Option<Sabotage>,
    /// Ids, waits and seeds of processes.
    dice: SeededRandom,
    clock: StoppedClock,
    /// The process that founds everything and that nothing happens to.
    calm: World,
    processes: Vec<World>,
    clients: Vec<Client>,
    heard: Vec<Heard>,
    played: Played,
}

type Answering<'a> = Pin<Box<dyn Future<Output = Reply> + 'a>>;

impl<'h> Life<'h> {
    async fn of(history: &'h History, sabotage: Option<Sabotage>) -> Result<Played, Violation> {
        let dice = SeededRandom::new(history.seed ^ 0xD1CE);
        let start = history.rounds.first().map_or(history.end(), |round| round.now);
        let clock = StoppedClock::at(start);
        let random = Arc::new(SeededRandom::new(dice.below(u64::MAX)));
        let calm = World::open_at(World::settings(), Arc::new(clock.clone()), random).await;
        let (processes, clients, heard) = (Vec::new(), Vec::new(), Vec::new());
        let played = Played::default();
        let mut life = Self { history, sabotage, dice, clock, calm, processes, clients, heard, played };
        life.found(start).await?;
        life.processes = (0..history.processes).map(|_| life.new_process()).collect();
        let mut waiting = Vec::new();
        for round in 0..history.rounds.len() {
            waiting = life.round(round, waiting).await?;
        }
        life.settle().await?;
        check::all(life.history, &life.calm, &life.clients, &life.heard).await?;
        life.played.replays = check::replays(&life.heard);
        Ok(life.played)
    }

    /// Makes the tenants, each with a plan of its own, and the weight of a tool call.
    async fn found(&mut self, now: Timestamp) -> Result<(), Violation> {
        let now = now.to_string();
        self.order(&self.calm, &now, &OrderKind::Weight(self.history.weight)).await;
        for (number, ceilings) in self.history.tenants.iter().enumerate() {
            let signed_up = good(&self.calm.sign_up().at(&now).send().await)?;
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let client = Client {
                tenant_id: text(&signed_up["tenant_id"]),
                user_id: text(&signed_up["admin"]["user_id"]),
                api_key: text(&signed_up["api_key"]),
                kpis: Vec::new(),
                members: Vec::new(),
            };
            let actor = client.by(&self.calm);
            self.clients.push(client);
            let plan = json!({
                "plan_id": format!("p{number}"), "name": "P", "included_credits": 0, "overage_price_per_credit": 0.02,
            });
            good(&self.calm.operator("POST", "/v1/admin/plans").at(&now).json(&plan).send().await)?;
            let everything = json!({"capabilities": ["tools", "kpi_ingest", "kpi_read", "briefs", "notifications", "chat"]});
            let path = format!("/v1/admin/plans/p{number}/capabilities");
            good(&self.calm.operator("PUT", &path).at(&now).json(&everything).send().await)?;
            let Ceilings { credits, tool_cap, brief_cap, tools_a_day, briefs_a_day, brief_hour, .. } =
                *ceilings;
            for order in [
                OrderKind::Resume(number),
                OrderKind::Credits(number, credits),
                OrderKind::Caps(number, tool_cap, brief_cap),
                OrderKind::Limits(number, tools_a_day, briefs_a_day),
            ] {
                good(&self.order(&self.calm, &now, &order).await)?;
            }
            let mut kpis = Vec::new();
            for name in ["first", "second"] {
                let kpi = actor.post("/v1/kpis").at(&now).json(&json!({"name": name})).send().await;
                kpis.push(text(&good(&kpi)?["kpi_id"]));
            }
            self.clients[number].kpis = kpis;
            for _ in 0..2 {
                let body = json!({
                    "tenant_id": self.clients[number].tenant_id, "email": "m@example.com", "role": "member",
                });
                let member = good(&actor.post("/v1/users").at(&now).json(&body).send().await)?;
                self.clients[number].members.push(text(&member["user_id"]));
            }
            turns::set_budgets(&actor, &now).await?;
            let schedule = json!({"enabled": true, "hour": brief_hour});
            good(&actor.request("PUT", "/v1/briefs/schedule").at(&now).json(&schedule).send().await)?;
        }
        Ok(())
    }

    fn new_process(&self) -> World {
        let random = Arc::new(SeededRandom::new(self.dice.below(u64::MAX)));
        let clock = Arc::new(self.clock.clone());
        let process = self.calm.another_with(clock, random, |settings| settings.leases = self.history.leases);
        if let Some(sabotage) = self.sabotage {
            sabotage.apply(process.faults());
        }
        process
    }

    /// Lets everything of a round happen at once, and those who still wait for an answer ask again. Gives who waits
    /// after it.
    async fn round(&mut self, number: usize, waiting: Vec<Call>) -> Result<Vec<Call>, Violation> {
        let round = &self.history.rounds[number];
        if number > 0 && self.clock_date() != round.now.date() {
            self.played.midnights += 1;
        }
        self.clock.set(round.now);
        for (place, process) in self.processes.iter().enumerate() {
            process.faults().random(round.fault_seed ^ place as u64, round.per_mille, &FAULTS);
        }
        for death in &round.deaths {
            self.processes[death.process].faults().stop_after(death.after);
        }
        let calls: Vec<Call> = waiting.into_iter().chain(round.calls.iter().cloned()).collect();
        let now = round.now.to_string();
        let mut happening: Vec<Answering<'_>> = Vec::new();
        for order in &round.orders {
            happening.push(Box::pin(self.order(&self.processes[order.process], &now, &order.kind)));
        }
        for call in &calls {
            let request = self.request(&self.processes[call.process], call);
            happening.push(Box::pin(request.at(&at(round.now, call)).send()));
        }
        let ticks = join_all(round.ticks.iter().map(|place| self.tick(&self.processes[*place], round.now)));
        let deliveries = join_all(round.deliveries.iter().map(|delivery| self.deliver(delivery, round.now)));
        let (replies, _, messages) = futures::join!(join_all(happening), ticks, deliveries);
        self.played.messages += messages.into_iter().sum::<u64>();

        let dead: Vec<usize> = round.deaths.iter().map(|death| death.process).collect();
        let (orders, replies) = replies.split_at(round.orders.len());
        self.note_orders(number, orders, &dead)?;
        let mut waits = Vec::new();
        for (call, reply) in calls.into_iter().zip(replies) {
            let answered = reply.status != 503 || !dead.contains(&call.process);
            self.note(&call, reply, answered);
            let next =
                Call { process: (call.process + 1) % self.processes.len(), again: false, ..call.clone() };
            if !answered || call.again {
                waits.push(next);
            }
        }
        for process in dead {
            self.note_faults(process);
            self.played.deaths += 1;
            self.processes[process] = self.new_process();
        }
        Ok(waits)
    }

    fn clock_date(&self) -> bespin_primitives::Date {
        use bespin_primitives::Clock;
        self.clock.now().date()
    }

    /// When nothing fails any more and nobody is kept from anything, all who once had no answer ask again.
    async fn settle(&mut self) -> Result<(), Violation> {
        for place in 0..self.processes.len() {
            self.note_faults(place);
        }
        let now = self.history.end().plus_seconds(PATIENCE_SECONDS);
        self.clock.set(now);
        let text = now.to_string();
        good(&self.order(&self.calm, &text, &OrderKind::ToolsActive(true)).await)?;
        for tenant in 0..self.clients.len() {
            good(&self.order(&self.calm, &text, &OrderKind::Resume(tenant)).await)?;
        }
        let unanswered: Vec<Call> =
            self.heard.iter().filter(|heard| heard.reply.is_none()).map(|heard| heard.call.clone()).collect();
        for call in unanswered {
            let reply = self.request(&self.calm, &call).at(&text).send().await;
            self.note(&call, &reply, true);
        }
        self.settle_briefs(now).await;
        Ok(())
    }

    /// The rule fires. What it cannot do, the next one will.
    async fn tick(&self, process: &World, now: Timestamp) {
        drop(process.schedule(&Value::Null, now).await);
    }

    /// Messages come to a process; how many.
    async fn deliver(&self, delivery: &Delivery, now: Timestamp) -> u64 {
        let process = &self.processes[delivery.process];
        let source = process.brief_source();
        let messages = source.receive(0).await.unwrap_or_default();
        let mut event = EventSource::event(&messages);
        if delivery.twice {
            event.records.extend(event.records.clone());
        }
        if delivery.reversed {
            event.records.reverse();
        }
        let handled = bespin_fn_daily_brief_runner::handle(process.deps(), event, now).await;
        if !delivery.forgotten {
            source.settle(&messages, &handled).await;
        }
        messages.len() as u64
    }

    /// When nothing fails any more, the rule fires again, and all messages come home: those that were held back, too.
    async fn settle_briefs(&mut self, now: Timestamp) {
        for late in 0..=MAX_RECEIVES {
            let now = now.plus_seconds(i64::from(late) * HELD_BACK_SECONDS);
            self.clock.set(now);
            self.tick(&self.calm, now).await;
            self.played.messages += self.calm.work_off_briefs(now).await as u64;
        }
    }

    fn note(&mut self, call: &Call, reply: &Reply, answered: bool) {
        let status = if answered { reply.status } else { 0 };
        self.played.calls += 1;
        *self.played.answers.entry(status).or_default() += 1;
        let text = if answered { reply.text.as_str() } else { "no answer" };
        self.played.transcript.push(format!("{call}: {status} {text}"));
        self.heard.push(Heard { call: call.clone(), reply: answered.then(|| reply.clone()) });
    }

    fn note_orders(&mut self, round: usize, replies: &[Reply], dead: &[usize]) -> Result<(), Violation> {
        for (order, reply) in self.history.rounds[round].orders.iter().zip(replies) {
            self.played.orders += 1;
            let done = reply.status == 200 || reply.status == 503 && dead.contains(&order.process);
            let seen = || format!("{}: {} {}", order.kind, reply.status, reply.text);
            Violation::unless(done, Promise::Answers, seen)?;
        }
        Ok(())
    }

    fn note_faults(&mut self, place: usize) {
        for (fault, count) in self.processes[place].faults().met() {
            *self.played.faults.entry(format!("{fault:?}")).or_default() += count;
        }
    }

    async fn order(&self, process: &World, now: &str, order: &OrderKind) -> Reply {
        let cap = |event: &str, units: &u64| json!({"event_key": event, "cap_raw_units": units});
        let tool = "/v1/admin/metered-events/tool_invocation".to_owned();
        let (path, body) = match order {
            OrderKind::Credits(tenant, credits) => {
                (format!("/v1/admin/plans/p{tenant}"), json!({"included_credits": credits}))
            }
            OrderKind::Caps(tenant, tools, briefs) => (
                format!("/v1/admin/plans/p{tenant}/caps"),
                json!({"caps": [cap("tool_invocation", tools), cap("daily_brief_generated", briefs)]}),
            ),
            OrderKind::Weight(weight) => {
                (tool, json!({"credits_per_unit": bespin_primitives::Credits::from_micros(*weight)}))
            }
            OrderKind::ToolsActive(active) => (tool, json!({"active": active})),
            OrderKind::Suspend(tenant) | OrderKind::Resume(tenant) => {
                let suspended = matches!(order, OrderKind::Suspend(_));
                let status = if suspended { "suspended" } else { "active" };
                let tenant_id = &self.clients[*tenant].tenant_id;
                let plan_id = format!("p{tenant}");
                (
                    format!("/v1/admin/tenants/{tenant_id}/subscription"),
                    json!({"plan_id": plan_id, "status": status}),
                )
            }
            OrderKind::Limits(tenant, tools, briefs) => {
                let body = json!({
                    "assistant_query_daily_limit": QUESTIONS_A_DAY, "tool_invocation_daily_limit": tools,
                    "daily_brief_generated_daily_limit": briefs,
                    "notification_enqueued_daily_limit": self.history.tenants[*tenant].notices_a_day,
                });
                let actor = self.clients[*tenant].by(process);
                return actor.request("PUT", "/v1/limits").at(now).json(&body).send().await;
            }
        };
        process.operator("PUT", &path).at(now).json(&body).send().await
    }

    fn request(&self, process: &World, call: &Call) -> Request {
        let client = &self.clients[call.tenant];
        let actor = client.by(process);
        match &call.wish {
            Wish::Echo { key, text } => {
                let text = match text {
                    0 => "hi".to_owned(),
                    1 => "ho".to_owned(),
                    // Too large for an item.
                    _ => "x".repeat(220_000),
                };
                actor.invoke(&key.to_string(), "echo", &json!({"text": text}))
            }
            Wish::Summary { key, kpi } => {
                actor.invoke(&key.to_string(), "kpi_summary", &json!({"kpi_id": client.kpis[*kpi]}))
            }
            Wish::NoTool { key } => actor.invoke(&key.to_string(), "nope", &json!({})),
            Wish::Kpi { key, name } => {
                actor.post("/v1/kpis").key(&key.to_string()).json(&json!({"name": format!("name {name}")}))
            }
            Wish::Points { kpi, points } => {
                let points: Vec<Value> =
                    points.iter().map(|(day, value)| json!({"ts": instant(*day), "value": value})).collect();
                let path = format!("/v1/kpis/{}/points:bulk", client.kpis[*kpi]);
                actor.post(&path).json(&json!({"points": points}))
            }
            Wish::Brief { key, day } => actor.materialize(&key.to_string(), &instant(*day)[..10]),
            Wish::Job { key, day } => {
                let body = json!({"date": &instant(*day)[..10]});
                actor.post("/v1/jobs/daily-brief").key(&key.to_string()).json(&body)
            }
            Wish::Ask { key, about_kpis } => {
                let message = if *about_kpis { "kpis" } else { "help" };
                actor.post("/v1/cofounder/chat").key(&key.to_string()).json(&json!({"message": message}))
            }
            Wish::Usage => actor.get("/v1/billing/usage"),
            Wish::Turn { .. }
            | Wish::SettleTurn { .. }
            | Wish::CancelTurn { .. }
            | Wish::ProlongTurn { .. } => turns::request(&actor, call, &self.heard),
        }
    }
}

/// The instant of a point.
pub(crate) fn instant(day: u8) -> String {
    format!("2026-02-{day:02}T00:00:00Z")
}

fn at(now: Timestamp, call: &Call) -> String {
    let micros = now.micros() + call.skew_micros;
    Timestamp::from_micros(micros).unwrap_or(now).to_string()
}

/// The body of what must succeed.
pub(crate) fn good(reply: &Reply) -> Result<Value, Violation> {
    let seen = || format!("{} {}", reply.status, reply.text);
    Violation::unless(reply.status < 300, Promise::Answers, seen)?;
    Ok(reply.json())
}
