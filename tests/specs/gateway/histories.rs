//! Random histories: callers at the same time, a store that falters, processes that die. Whatever happens, each
//! acknowledged effect is in the ledger once, each key has one answer, no limit is passed, and the counters are
//! the sum of the ledger (I1, I2, I3, I8).
//!
//! A history follows from its seed, which is printed when it fails. Time passes at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    path::Path,
    sync::Arc,
};

use bespin_embedded::Fault;
use bespin_entitlements::DailyLimits;
use bespin_local::{LocalSettings, Storage};
use bespin_metering::{Counter, LedgerEntry, MeteredEvent};
use bespin_primitives::{Credits, Micros, Random, SeededRandom};
use bespin_tests::{Actor, Reply, Request, World};
use futures::future::join_all;
use serde_json::{Value, json};

const FAULTS: [Fault; 6] = [
    Fault::Conflict,
    Fault::Throttled,
    Fault::ReplyLost,
    Fault::NotSent,
    Fault::ServerError,
    Fault::Unprocessed,
];
/// Two days and two months, close enough for a key to be remembered over all of them.
const NOWS: [&str; 3] = ["2026-02-27T23:59:59.999999Z", "2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z"];
const MONTHS: [&str; 2] = ["2026-02", "2026-03"];
const TOOLS_A_DAY: u64 = 2;
const BRIEFS_A_DAY: u64 = 1;
const BRIEFS_A_MONTH: u64 = 1;
const CREDITS_A_MONTH: u64 = 12;
const ROUNDS: usize = 3;
const CALLERS: usize = 8;

/// The world that stays in `folder`. Each life of it needs another seed, or its ids would come again.
pub(crate) async fn open_on(folder: &Path, seed: u64) -> World {
    open(Storage::Folder(folder.to_owned()), seed).await
}

async fn open(storage: Storage, seed: u64) -> World {
    let settings = LocalSettings { storage, test_clock: true, ..LocalSettings::default() };
    World::open_seeded(settings, Arc::new(SeededRandom::new(seed))).await
}

/// The seeds of a run: a few for every day. `HISTORIES=1000` runs more of them, `HISTORY=17` the one that failed.
fn seeds(usual: u64) -> Range<u64> {
    let told = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    match told("HISTORY") {
        Some(seed) => seed..seed + 1,
        None => 0..told("HISTORIES").unwrap_or(usual),
    }
}

/// Tells which history failed.
struct ToldOnFailure(u64);

impl Drop for ToldOnFailure {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("replay it with HISTORY={}", self.0);
        }
    }
}

/// What outlives a process: who the callers are, and where the data stay.
#[derive(Debug, Clone)]
struct Tenant {
    id: String,
    admin: String,
    key: String,
    kpis: Vec<String>,
}

impl Tenant {
    async fn found(world: &World) -> Self {
        let admin = world.tenant().await;
        world
            .set_plan(&admin, |plan| {
                plan.included_credits = CREDITS_A_MONTH;
                let cap = Micros::new(BRIEFS_A_MONTH * 1_000_000);
                plan.caps = BTreeMap::from([(MeteredEvent::DailyBriefGenerated.key().to_owned(), cap)]);
            })
            .await;
        let limits = DailyLimits {
            tool_invocation: TOOLS_A_DAY,
            daily_brief_generated: BRIEFS_A_DAY,
            ..DailyLimits::default()
        };
        world.set_daily_limits(&admin, limits).await;
        let kpis = vec![admin.kpi("MRR").await, admin.kpi("Churn").await];
        Self { id: admin.tenant_id.clone(), admin: admin.user_id.clone(), key: admin.api_key.clone(), kpis }
    }

    fn in_world(&self, world: &World) -> Actor {
        world.actor(&self.id, &self.admin, &self.key)
    }
}

/// What somebody wants.
#[derive(Debug, Clone)]
enum Wish {
    Tool { key: u64, tool: &'static str, payload: Value },
    Kpi { key: u64, name: &'static str },
    Points { kpi: String, points: Vec<(String, f64)> },
    Brief { key: u64, date: &'static str },
}

impl Wish {
    fn draw(dice: &SeededRandom, tenant: &Tenant) -> Self {
        let pick = |bound: usize| usize::try_from(dice.below(bound as u64)).unwrap();
        let kpi = tenant.kpis[pick(tenant.kpis.len())].clone();
        match dice.below(10) {
            0..4 => {
                let key = dice.below(8);
                let (tool, payload) = match dice.below(12) {
                    0..4 => ("echo", json!({"text": "hi"})),
                    4..8 => ("echo", json!({"text": "ho"})),
                    8..10 => ("kpi_summary", json!({"kpi_id": kpi})),
                    10 => ("nope", json!({})),
                    // Too large for an item.
                    _ => ("echo", json!({"text": "x".repeat(220_000)})),
                };
                Self::Tool { key, tool, payload }
            }
            4 => Self::Kpi { key: dice.below(3), name: ["ARR", "Seats"][pick(2)] },
            5..8 => {
                let points = (0..=dice.below(5)).map(|_| {
                    // 24 instants, so that calls overlap.
                    (
                        format!("2026-02-{:02}T00:00:00Z", 1 + dice.below(24)),
                        f64::from(u8::try_from(pick(9)).unwrap()),
                    )
                });
                Self::Points { kpi, points: points.collect() }
            }
            _ => Self::Brief {
                key: dice.below(4),
                date: ["2026-02-05", "2026-02-12", "2026-02-19", "2026-02-26"][pick(4)],
            },
        }
    }

    fn request(&self, actor: &Actor) -> Request {
        match self {
            Self::Tool { key, tool, payload } => actor.invoke(&key.to_string(), tool, payload),
            Self::Kpi { key, name } => {
                actor.post("/v1/kpis").key(&key.to_string()).json(&json!({"name": name}))
            }
            Self::Points { kpi, points } => {
                let points: Vec<(&str, f64)> =
                    points.iter().map(|(ts, value)| (ts.as_str(), *value)).collect();
                actor.points(kpi, &points)
            }
            Self::Brief { key, date } => actor.materialize(&key.to_string(), date),
        }
    }

    /// The key on its endpoint, if it has one.
    fn claim(&self) -> Option<(&'static str, u64)> {
        match self {
            Self::Tool { key, .. } => Some(("tools", *key)),
            Self::Kpi { key, .. } => Some(("kpis", *key)),
            Self::Brief { key, .. } => Some(("briefs", *key)),
            Self::Points { .. } => None,
        }
    }
}

/// One call and its answer. What died on the way has none.
#[derive(Debug)]
struct Heard {
    wish: Wish,
    reply: Option<Reply>,
}

/// Sends the wishes of one tenant, all at the same time.
async fn send_all(world: &World, dice: &SeededRandom, tenant: &Tenant, wishes: Vec<Wish>) -> Vec<Heard> {
    let actor = tenant.in_world(world);
    let calls = wishes.into_iter().map(|wish| {
        let now = NOWS[usize::try_from(dice.below(NOWS.len() as u64)).unwrap()];
        let sent = wish.request(&actor).at(now).send();
        async move {
            let reply = sent.await;
            Heard { wish, reply: (reply.status != 503).then_some(reply) }
        }
    });
    join_all(calls).await
}

/// A whole history in one process, for two tenants.
async fn live_through(seed: u64) {
    let _told = ToldOnFailure(seed);
    let world = open(Storage::Memory, seed).await;
    let dice = SeededRandom::new(seed ^ 0xD1CE);
    let tenants = [Tenant::found(&world).await, Tenant::found(&world).await];
    world.faults().random(seed, 120, &FAULTS);
    let mut heard = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        let [one, other] = [0, 1].map(|n| (0..CALLERS).map(|_| Wish::draw(&dice, &tenants[n])).collect());
        let both = futures::join!(
            send_all(&world, &dice, &tenants[0], one),
            send_all(&world, &dice, &tenants[1], other)
        );
        heard[0].extend(both.0);
        heard[1].extend(both.1);
    }
    world.faults().clear();
    for (tenant, heard) in tenants.iter().zip(heard) {
        let answered = heard.iter().all(|heard| heard.reply.is_some());
        assert!(answered, "faults that pass are never seen by a client");
        let told = check(&world, tenant, &heard).await;
        assert_eq!(told.inserted, told.units_of_points, "each new point was told to exactly one caller");
    }
}

/// A whole history in which processes die. Whoever heard nothing asks again, and some who did hear, too.
async fn live_through_deaths(seed: u64) {
    let _told = ToldOnFailure(seed);
    let folder = tempfile::tempdir().unwrap();
    let dice = SeededRandom::new(seed ^ 0xDEAD);
    let mut life = seed << 16;
    let mut world = open_on(folder.path(), life).await;
    let tenant = Tenant::found(&world).await;
    let mut heard = Vec::new();
    let mut open_wishes: Vec<Wish> = Vec::new();
    for _ in 0..ROUNDS {
        let fresh = CALLERS.saturating_sub(open_wishes.len());
        open_wishes.extend((0..fresh).map(|_| Wish::draw(&dice, &tenant)));
        world.faults().random(life, 120, &FAULTS);
        world.faults().stop_after(dice.below(50));

        let round = send_all(&world, &dice, &tenant, std::mem::take(&mut open_wishes)).await;

        drop(world);
        life += 1;
        world = open_on(folder.path(), life).await;
        // Every fifth answer does not reach the client either.
        open_wishes = round
            .iter()
            .filter(|heard| heard.reply.is_none() || dice.below(5) == 0)
            .map(|heard| heard.wish.clone())
            .collect();
        heard.extend(round);
    }
    let last = send_all(&world, &dice, &tenant, open_wishes).await;
    assert!(last.iter().all(|heard| heard.reply.is_some()));
    heard.extend(last);

    let told = check(&world, &tenant, &heard).await;
    assert!(
        told.inserted <= told.units_of_points,
        "what was told to nobody may be stored, never the reverse"
    );
}

/// What the answers about points say, and what the ledger says.
struct Told {
    inserted: u64,
    units_of_points: u64,
}

/// Checks everything a tenant was told against what is stored. Each wish was answered in the end.
async fn check(world: &World, tenant: &Tenant, heard: &[Heard]) -> Told {
    let actor = tenant.in_world(world);
    let mut ledger = Vec::new();
    for month in MONTHS {
        world.assert_ledger_equals_counters(&actor, month).await;
        ledger.extend(world.ledger(&actor, month).await);
        check_limits(world, &actor, month).await;
    }
    let answers: Vec<(&Wish, &Reply)> =
        heard.iter().filter_map(|heard| Some((&heard.wish, heard.reply.as_ref()?))).collect();
    for (wish, reply) in &answers {
        check_status(wish, reply);
    }
    let good: Vec<(&Wish, &Reply)> =
        answers.into_iter().filter(|(_, reply)| matches!(reply.status, 200 | 201)).collect();
    check_keys(&good);
    check_tools(&good, &ledger);
    check_briefs(&good, &ledger);
    check_definitions(&actor, &good, &ledger).await;
    check_points(&actor, tenant, &good, &ledger).await
}

fn check_status(wish: &Wish, reply: &Reply) {
    let text = &reply.text;
    match (wish, reply.status) {
        (Wish::Kpi { .. }, 201) | (Wish::Tool { .. } | Wish::Points { .. } | Wish::Brief { .. }, 200) => {}
        (Wish::Tool { tool, .. }, 404) => assert_eq!(*tool, "nope"),
        (_, 409) => assert_eq!(reply.json()["error"], "idempotency_conflict", "{text}"),
        (_, 429) => assert_eq!(reply.json()["error"], "quota_exceeded", "{text}"),
        (wish, status) => panic!("{status} to {wish:?}: {text}"),
    }
}

/// I1: nothing passed its limit.
async fn check_limits(world: &World, actor: &Actor, month: &str) {
    let usage = world.usage(actor, month).await;
    assert!(usage.credits().unwrap() <= Credits::whole(CREDITS_A_MONTH));
    assert!(usage.of_event(MeteredEvent::DailyBriefGenerated).unwrap().0 <= BRIEFS_A_MONTH);
    for day in usage.period().start().iter_days().take(31) {
        let of = |event| usage.counted(Counter::UnitsOfDay(event, day)).unwrap();
        assert!(of(MeteredEvent::ToolInvocation) <= TOOLS_A_DAY, "tools on {day}");
        assert!(of(MeteredEvent::DailyBriefGenerated) <= BRIEFS_A_DAY, "briefs on {day}");
    }
}

/// I2: whoever was answered under a key got the same bytes.
fn check_keys(good: &[(&Wish, &Reply)]) {
    let mut answers: BTreeMap<(&str, u64), &str> = BTreeMap::new();
    for (wish, reply) in good {
        if let Some(claim) = wish.claim() {
            assert_eq!(*answers.entry(claim).or_insert(&reply.text), reply.text, "{claim:?}");
        }
    }
}

/// The request ids of an event's entries, each of one unit; none comes twice.
fn entries_of(ledger: &[LedgerEntry], event: MeteredEvent) -> BTreeSet<String> {
    let entries: Vec<_> = ledger.iter().filter(|entry| entry.event == event).collect();
    let ids: BTreeSet<String> = entries.iter().map(|entry| entry.request_id.to_string()).collect();
    assert_eq!(ids.len(), entries.len(), "{event:?}: one request, one entry");
    ids
}

fn request_ids<'a>(replies: impl Iterator<Item = &'a Reply>) -> BTreeSet<String> {
    replies.map(|reply| reply.json()["request_id"].as_str().unwrap().to_owned()).collect()
}

/// I2, I3: what was answered is in the ledger once, and nothing else is.
fn check_tools(good: &[(&Wish, &Reply)], ledger: &[LedgerEntry]) {
    let answered = good.iter().filter(|(wish, _)| matches!(wish, Wish::Tool { .. })).map(|(_, reply)| *reply);
    assert_eq!(request_ids(answered), entries_of(ledger, MeteredEvent::ToolInvocation));
}

fn check_briefs(good: &[(&Wish, &Reply)], ledger: &[LedgerEntry]) {
    let mut briefs: BTreeMap<&str, &Reply> = BTreeMap::new();
    for (wish, reply) in good {
        if let Wish::Brief { date, .. } = wish {
            assert_eq!(briefs.entry(*date).or_insert(reply).text, reply.text, "one brief of {date}");
        }
    }
    assert_eq!(request_ids(briefs.into_values()), entries_of(ledger, MeteredEvent::DailyBriefGenerated));
}

async fn check_definitions(actor: &Actor, good: &[(&Wish, &Reply)], ledger: &[LedgerEntry]) {
    let id = |kpi: &Value| kpi["kpi_id"].as_str().unwrap().to_owned();
    let listed = actor.get("/v1/kpis?limit=500").send().await.expect(200);
    let stored: BTreeSet<String> = listed.as_array().unwrap().iter().map(id).collect();
    let answered: BTreeSet<String> = good
        .iter()
        .filter(|(wish, _)| matches!(wish, Wish::Kpi { .. }))
        .map(|(_, reply)| id(&reply.json()))
        .collect();
    assert!(answered.is_subset(&stored));
    assert_eq!(stored.len(), answered.len() + 2, "and the two that the tenant was founded with");
    assert_eq!(entries_of(ledger, MeteredEvent::KpiDefinitionCreated).len(), stored.len());
}

/// Points are stored and charged once, however many calls brought them.
async fn check_points(
    actor: &Actor,
    tenant: &Tenant,
    good: &[(&Wish, &Reply)],
    ledger: &[LedgerEntry],
) -> Told {
    let mut inserted = 0;
    let mut distinct: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (wish, reply) in good {
        if let Wish::Points { kpi, points } = wish {
            let counts = reply.json();
            let count = |name: &str| counts[name].as_u64().unwrap();
            assert_eq!(count("inserted") + count("ignored"), points.len() as u64);
            inserted += count("inserted");
            distinct.entry(kpi).or_default().extend(points.iter().map(|(ts, _)| ts.as_str()));
        }
    }
    for kpi in &tenant.kpis {
        let latest = actor.get(&format!("/v1/kpis/{kpi}/latest")).send().await;
        match distinct.get(kpi.as_str()).and_then(BTreeSet::last) {
            Some(ts) => assert_eq!(latest.expect(200)["ts"], *ts),
            None => drop(latest.detail(404)),
        }
    }
    let of_points = ledger.iter().filter(|entry| entry.event == MeteredEvent::KpiPointsIngested);
    let units_of_points = of_points.map(|entry| entry.raw_units).sum();
    assert_eq!(units_of_points, distinct.values().map(|points| points.len() as u64).sum::<u64>());
    Told { inserted, units_of_points }
}

#[tokio::test(start_paused = true)]
async fn whatever_callers_and_store_do_the_books_agree() {
    for seed in seeds(20) {
        live_through(seed).await;
    }
}

#[tokio::test(start_paused = true)]
async fn whenever_a_process_dies_the_books_agree() {
    for seed in seeds(8) {
        live_through_deaths(seed).await;
    }
}

/// Lets the process die after each number of store calls that a request can make, and a new one answer the
/// retry. Gives how many deaths there were.
async fn die_everywhere(wish: impl Fn(&Tenant) -> Wish) -> u64 {
    for survived in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let world = open_on(folder.path(), 2 * survived).await;
        let tenant = Tenant::found(&world).await;
        let wish = wish(&tenant);
        let points: Vec<Wish> = tenant.kpis.iter().map(|kpi| some_points(kpi)).collect();
        let dice = SeededRandom::new(survived);
        let mut heard = send_all(&world, &dice, &tenant, points).await;
        world.faults().stop_after(survived);

        let first = send_all(&world, &dice, &tenant, vec![wish.clone()]).await.remove(0);

        let done = first.reply.is_some();
        heard.push(first);
        drop(world);
        let world = open_on(folder.path(), 2 * survived + 1).await;
        let again = send_all(&world, &dice, &tenant, vec![wish]).await.remove(0);
        assert!(matches!(again.reply.as_ref().map(|reply| reply.status), Some(200 | 201)), "{again:?}");
        heard.push(again);
        check(&world, &tenant, &heard).await;
        if done {
            return survived;
        }
    }
    unreachable!("some number of calls is enough")
}

fn some_points(kpi: &str) -> Wish {
    let points = [("2026-01-01T00:00:00Z".to_owned(), 1.0), ("2026-01-08T00:00:00Z".to_owned(), 2.0)];
    Wish::Points { kpi: kpi.to_owned(), points: points.into() }
}

#[tokio::test(start_paused = true)]
async fn a_process_may_die_between_any_two_store_calls_of_a_tool_call() {
    let payload = json!({"text": "hi"});
    let deaths = die_everywhere(|_| Wish::Tool { key: 1, tool: "echo", payload: payload.clone() }).await;
    assert_eq!(deaths, 1, "one call to the store, so one place to die");
}

#[tokio::test(start_paused = true)]
async fn a_process_may_die_between_any_two_pieces_of_a_large_answer() {
    let payload = json!({"text": "x".repeat(400_000)});
    let deaths = die_everywhere(|_| Wish::Tool { key: 1, tool: "echo", payload: payload.clone() }).await;
    assert_eq!(deaths, 3, "two pieces, then what points at them");
}

#[tokio::test(start_paused = true)]
async fn a_process_may_die_between_any_two_store_calls_of_a_summary() {
    let payload = |tenant: &Tenant| json!({"kpi_id": tenant.kpis[0]});
    die_everywhere(|tenant| Wish::Tool { key: 1, tool: "kpi_summary", payload: payload(tenant) }).await;
}

#[tokio::test(start_paused = true)]
async fn a_process_may_die_between_any_two_store_calls_of_a_definition() {
    die_everywhere(|_| Wish::Kpi { key: 1, name: "ARR" }).await;
}

#[tokio::test(start_paused = true)]
async fn a_process_may_die_between_any_two_store_calls_of_an_ingest() {
    die_everywhere(|tenant| Wish::Points {
        kpi: tenant.kpis[0].clone(),
        points: vec![("2026-01-08T00:00:00Z".to_owned(), 9.0), ("2026-02-01T00:00:00Z".to_owned(), 3.0)],
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_process_may_die_between_any_two_store_calls_of_a_brief() {
    die_everywhere(|_| Wish::Brief { key: 1, date: "2026-02-05" }).await;
}

#[tokio::test(start_paused = true)]
async fn a_process_that_dies_with_its_commit_unheard_has_the_retry_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let world = open_on(folder.path(), 1).await;
    let tenant = Tenant::found(&world).await;
    let wish = Wish::Tool { key: 1, tool: "echo", payload: json!({"text": "hi"}) };
    let dice = SeededRandom::new(1);
    world.faults().next("TransactWriteItems", Fault::ReplyLost);
    world.faults().stop_after(1);

    let first = send_all(&world, &dice, &tenant, vec![wish.clone()]).await;

    assert!(first[0].reply.is_none());
    drop(world);
    let world = open_on(folder.path(), 2).await;
    let again = send_all(&world, &dice, &tenant, vec![wish.clone(), wish]).await;
    check(&world, &tenant, &again).await;
    assert!(again.iter().all(|heard| heard.reply.as_ref().is_some_and(|reply| reply.status == 200)));
}
