//! `make growth`: what a request costs as things grow, in microseconds, calls of the store and its units. Flat lines are the
//! goal. Prints a table; leaves `target/bench/growth.json` and `target/bench/growth.svg`.
//!
//! The points of a panel take turns, so that whatever slows the machine slows all of them, and what the store did is told by
//! the same answers that are timed.
//!
//! `ROWS=<text>` measures only the panels with this text in their names.

mod chart;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::body::Bytes;
use bespin_entitlements::{DailyLimits, Plan};
use bespin_primitives::{Clock, SystemClock, Timestamp};
use bespin_table::{Cost, cost::counted};
use bespin_tests::{Actor, Reply};
use futures::future::BoxFuture;
use serde_json::json;

use crate::{
    bare::{Bare, Call},
    rows::{INVOKE, echo_body, with_kpis},
    stage::Stage,
    turns::{Work, median, timed},
};

/// How often each point has its turn after one that does not count, and how long a turn lasts.
const ROUNDS: usize = 5;
const TURN: Duration = Duration::from_millis(250);

const USAGE: (&str, &str) = ("GET", "/v1/billing/usage");
const LEDGER: (&str, &str) = ("GET", "/v1/billing/ledger?limit=50");

/// What grows, where it is told in two places.
const ENTRIES: &str = "ledger entries";
const USERS: &str = "users of a tenant";

/// What one request costs where there are so many of something.
pub(crate) struct Point {
    /// What grows.
    pub(crate) panel: &'static str,
    /// What is asked for.
    pub(crate) line: &'static str,
    pub(crate) at: usize,
    pub(crate) micros: f64,
    /// What the store did for it; only the product counts that.
    pub(crate) store: Option<PerRequest>,
}

/// What the store does for one request.
#[derive(Clone, Copy)]
pub(crate) struct PerRequest {
    pub(crate) round_trips: f64,
    pub(crate) read_units: f64,
    pub(crate) write_units: f64,
}

/// What grows, and how what it costs is measured.
struct Panel {
    name: &'static str,
    run: fn() -> BoxFuture<'static, Vec<Point>>,
}

const PANELS: [Panel; 4] = [
    Panel { name: "tenants", run: || Box::pin(tenants()) },
    Panel { name: ENTRIES, run: || Box::pin(entries()) },
    Panel { name: USERS, run: || Box::pin(users()) },
    Panel { name: "callers", run: || Box::pin(callers()) },
];

pub(crate) async fn growth() {
    let mut points = Vec::new();
    let only = std::env::var("ROWS").unwrap_or_default();
    for panel in PANELS.iter().filter(|panel| panel.name.contains(&only)) {
        eprintln!("{} ...", panel.name);
        points.extend((panel.run)().await);
    }
    chart::print(&points);
    chart::write(&points);
}

/// Requests of actors in turn.
#[derive(Clone)]
struct Ask {
    stage: Arc<Stage>,
    actors: Arc<Vec<Actor>>,
    route: (&'static str, &'static str),
    /// How many were answered, and what the store did for them.
    seen: Arc<Mutex<(u32, Cost)>>,
}

impl Ask {
    fn of(stage: &Arc<Stage>, actors: Vec<Actor>, route: (&'static str, &'static str)) -> Request {
        Request::Product(Self {
            stage: Arc::clone(stage),
            actors: Arc::new(actors),
            route,
            seen: Arc::default(),
        })
    }

    /// Sends one, under a key that nobody else uses who has a place of its own.
    async fn send(&self, place: usize, number: u64) {
        let actor = &self.actors[usize::try_from(number).unwrap() % self.actors.len()];
        let (key, body) = match self.route {
            INVOKE => (Some(format!("growth-{place}-{number}")), echo_body()),
            _ => (None, Bytes::new()),
        };
        let cost = answered(&self.stage, actor, self.route, key, body).await;
        let mut seen = self.seen.lock().unwrap();
        seen.0 += 1;
        seen.1 += cost;
    }
}

/// What the store did for a request.
async fn answered(
    stage: &Stage,
    actor: &Actor,
    route: (&str, &str),
    key: Option<String>,
    body: Bytes,
) -> Cost {
    let (headers, _) = stage.client.ask(actor, route, key, body, 200).await;
    Reply { status: 200, headers, text: String::new() }.cost()
}

/// A point that is yet to be measured.
struct Load {
    line: &'static str,
    at: usize,
    callers: usize,
    ask: Request,
}

#[derive(Clone)]
enum Request {
    Product(Ask),
    /// The calls that the product makes of its store, and nothing else.
    Bare(Arc<Bare>),
}

impl Request {
    async fn send(&self, place: usize, number: u64) {
        match self {
            Self::Product(ask) => ask.send(place, number).await,
            Self::Bare(bare) => bare.ask(number).await,
        }
    }

    fn forget(&self) {
        if let Self::Product(ask) = self {
            *ask.seen.lock().unwrap() = (0, Cost::default());
        }
    }

    fn store(&self) -> Option<PerRequest> {
        let Self::Product(ask) = self else { return None };
        let (answered, cost) = *ask.seen.lock().unwrap();
        Some(per_request(cost, f64::from(answered)))
    }
}

/// The points of a panel, in turns.
async fn in_turns(panel: &'static str, loads: Vec<Load>) -> Vec<Point> {
    let works = loads.iter().enumerate().map(|(place, load)| {
        let ask = load.ask.clone();
        Work::new(move |number| {
            let ask = ask.clone();
            async move { ask.send(place, number).await }
        })
    });
    let works: Vec<Work> = works.collect();
    let mut rates = vec![Vec::new(); loads.len()];
    for round in 0..=ROUNDS {
        for ((load, work), rates) in loads.iter().zip(&works).zip(&mut rates) {
            if round == 1 {
                load.ask.forget();
            }
            let rate = work.rate(load.callers, TURN).await;
            if round > 0 {
                rates.push(rate);
            }
        }
    }
    let points = loads.into_iter().zip(rates).map(|(load, rates)| {
        let (store, micros) = (load.ask.store(), 1_000_000.0 / median(rates));
        Point { panel, line: load.line, at: load.at, micros, store }
    });
    points.collect()
}

fn per_request(cost: Cost, requests: f64) -> PerRequest {
    PerRequest {
        round_trips: f64::from(cost.round_trips) / requests,
        read_units: cost.read_units / requests,
        write_units: cost.write_units / requests,
    }
}

/// What the store is asked for by a tool call.
async fn tool_call(stage: &Stage, tenant: &Actor) -> Vec<Call> {
    stage
        .asked(|client, turn| {
            let tenant = tenant.clone();
            async move {
                client.send(&tenant, INVOKE, Some(format!("asked-{turn}")), echo_body(), 200).await;
            }
        })
        .await
}

/// A store of so many tenants.
async fn tenants() -> Vec<Point> {
    let mut loads = Vec::new();
    for at in [1, 10, 100, 1_000, 10_000] {
        let stage = Arc::new(Stage::in_memory().await);
        let plan = json!({"included_credits": Plan::MAX_INCLUDED_CREDITS});
        stage.world.operator("PUT", "/v1/admin/plans/starter").json(&plan).send().await.expect(200);
        let caps = json!({"caps": []});
        stage.world.operator("PUT", "/v1/admin/plans/starter/caps").json(&caps).send().await.expect(200);
        let mut all = Vec::new();
        for _ in 0..at {
            let tenant = stage.world.tenant().await;
            let limits = DailyLimits { tool_invocation: u64::MAX, ..DailyLimits::default() };
            stage.world.set_daily_limits(&tenant, limits).await;
            all.push(tenant);
        }
        let bare = Bare::new(&stage.store, &tool_call(&stage, &all[0]).await);
        let one = Ask::of(&stage, vec![all[0].clone()], INVOKE);
        loads.push(Load {
            line: "its bare call of the store",
            at,
            callers: 1,
            ask: Request::Bare(Arc::new(bare)),
        });
        loads.push(Load { line: "tool echo of one of them", at, callers: 1, ask: one });
        loads.push(Load {
            line: "tool echo of all in turn",
            at,
            callers: 1,
            ask: Ask::of(&stage, all, INVOKE),
        });
    }
    in_turns("tenants", loads).await
}

/// A tenant whose ledger has so many entries of this month.
async fn entries() -> Vec<Point> {
    let stage = Arc::new(Stage::in_memory().await);
    let (mut looks, mut calls) = (Vec::new(), Vec::new());
    for at in [10, 100, 1_000, 10_000, 100_000, 1_000_000] {
        let tenant = stage.tenant().await;
        let asked = tool_call(&stage, &tenant).await;
        stage.fill_ledger(&asked, u64::try_from(at).unwrap()).await;
        for (line, route) in [("usage summary", USAGE), ("first page of the ledger", LEDGER)] {
            looks.push(Load { line, at, callers: 1, ask: Ask::of(&stage, vec![tenant.clone()], route) });
        }
        calls.push(Load { line: "tool echo", at, callers: 1, ask: Ask::of(&stage, vec![tenant], INVOKE) });
    }
    // Calls add entries, one or two thousand in all, so those that only look come first.
    let mut points = in_turns(ENTRIES, looks).await;
    points.extend(in_turns(ENTRIES, calls).await);
    points
}

/// A tenant of so many users.
async fn users() -> Vec<Point> {
    let stage = Arc::new(Stage::in_memory().await);
    let (mut loads, mut jobs) = (Vec::new(), Vec::new());
    for at in [1, 10, 100, 1_000, 10_000] {
        let tenant = stage.tenant().await;
        let mut all = vec![tenant.clone()];
        while all.len() < at {
            // Only admins may call tools.
            let body = json!({"tenant_id": tenant.tenant_id, "email": "user@example.com", "role": "admin"});
            let user = tenant.post("/v1/users").json(&body).send().await.expect(201);
            all.push(tenant.as_user(user["user_id"].as_str().unwrap()));
        }
        with_kpis(&stage, &tenant, 1, 100).await;
        jobs.push(daily_briefs(&stage, &tenant, at).await);
        loads.push(Load {
            line: "tool echo of all in turn",
            at,
            callers: 1,
            ask: Ask::of(&stage, all, INVOKE),
        });
    }
    let mut points = in_turns(USERS, loads).await;
    points.extend(jobs);
    points
}

/// The daily brief job of a tenant, by user: the request, and what it leaves to the queue.
async fn daily_briefs(stage: &Stage, tenant: &Actor, users: usize) -> Point {
    let last = Timestamp::parse_rfc3339("2026-01-31T00:00:00Z").unwrap();
    let (mut times, mut cost) = (Vec::new(), Cost::default());
    // The largest takes seconds.
    let tries = if users > 1_000 { 1 } else { 5 };
    for number in 0..=tries {
        let order = json!({"date": last.minus_days(number).date().to_string()});
        let route = ("POST", "/v1/jobs/daily-brief");
        let key = Some(format!("job-{number}"));
        let run = async {
            let asked = answered(stage, tenant, route, key, Bytes::from(order.to_string())).await;
            let (_, rest) = counted(stage.world.work_off_briefs_at(|| SystemClock.now())).await;
            (asked, rest)
        };
        let ((asked, rest), time) = timed(run).await;
        if number > 0 {
            times.push(time.as_secs_f64() * 1_000_000.0);
            cost += asked;
            cost += rest;
        }
    }
    let users_of_all = f64::from(u32::try_from(users * times.len()).unwrap());
    let micros = median(times) / f64::from(u32::try_from(users).unwrap());
    let store = Some(per_request(cost, users_of_all));
    Point { panel: USERS, line: "daily brief job, by user", at: users, micros, store }
}

/// So many callers of one tenant at the same time, and of as many tenants.
async fn callers() -> Vec<Point> {
    let stage = Arc::new(Stage::in_memory().await);
    let mut tenants = Vec::new();
    while tenants.len() < 64 {
        tenants.push(stage.tenant().await);
    }
    let mut loads = Vec::new();
    for at in [1, 2, 4, 8, 16, 32, 64] {
        let one = Ask::of(&stage, vec![tenants[0].clone()], INVOKE);
        loads.push(Load { line: "tool echo of one tenant", at, callers: at, ask: one });
        let own = Ask::of(&stage, tenants[..at].to_vec(), INVOKE);
        loads.push(Load { line: "tool echo, each its own tenant", at, callers: at, ask: own });
    }
    in_turns("callers", loads).await
}
