//! What was answered survives a kill at any moment, and nothing happens twice (I2, I3, I8).
//!
//! `CRASH_SEED` repeats a run, as far as the operating system lets it be repeated.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod running;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Barrier,
    thread,
    time::Duration,
};

use bespin_access::{Action, Credentials, TenantAccess};
use bespin_entitlements::{DailyLimits, Subscription};
use bespin_local::{Cloud, DemoTenant, LocalSettings, Storage};
use bespin_metering::{LedgerEntry, LedgerListing, MeteredEvent, Usage};
use bespin_primitives::{BillingPeriod, Clock, OsRandom, Random, SeededRandom, SystemClock, Timestamp};
use bespin_table::{Condition, Row, Transaction, keys};
use running::{Caller, LocalCloud};
use serde_json::{Value, json};
use tempfile::tempdir;

const ROUNDS: u64 = 8;
/// Threads that call tools in each round.
const TOOL_WORKERS: u64 = 3;
/// What a tool worker calls at most in a round, so that the credits of the tenant last: 9,600 of 10,000.
const MOST_CALLS: u64 = 200;
/// When the kill comes at the earliest and at the latest, after the load has begun.
const KILL_AFTER_MILLIS: std::ops::Range<u64> = 20..820;
/// Points that are there before the first round, enough to be spread over a hundred items.
const FIRST_POINTS: u64 = 36_000;

/// One KPI with the points that were sent, in batches.
#[derive(Default)]
struct Sent {
    acknowledged: Vec<Vec<u64>>,
    unacknowledged: Vec<Vec<u64>>,
}

/// What one round sent.
#[derive(Default)]
struct Load {
    /// Keys with the answers they got.
    calls: BTreeMap<String, String>,
    /// Keys that got no answer.
    unanswered: Vec<String>,
    /// Batches at the end of a series.
    appended: Sent,
    /// Batches all over a series, which take more writes than one transaction has: promised first, then kept.
    scattered: Sent,
}

/// Everything that the test knows.
struct History {
    calls: BTreeMap<String, String>,
    appended: Vec<Vec<u64>>,
    scattered: Vec<Vec<u64>>,
    unanswered: usize,
    lost_batches: usize,
    /// Batches without an answer that were stored all the same.
    stored_batches: usize,
}

struct Kpis {
    appended: String,
    scattered: String,
}

#[test]
fn after_any_kill_what_was_answered_is_there_and_nothing_is_there_twice() {
    let seed =
        std::env::var("CRASH_SEED").map_or_else(|_| OsRandom.below(1 << 32), |seed| seed.parse().unwrap());
    println!("CRASH_SEED={seed}");
    let random = SeededRandom::new(seed);
    let home = tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let began = SystemClock.now();
    runtime.block_on(make_room(home.path()));
    let settings = [("BESPIN_DATA", home.path().to_str().unwrap())];

    let mut cloud = LocalCloud::start(&settings);
    let (kpis, mut history) = prepare(&cloud.demo_tenant());
    for round in 0..ROUNDS {
        let load = put_under_load_and_kill(&mut cloud, &kpis, round, &random);
        cloud = LocalCloud::start(&settings);
        retry_what_got_no_answer(&cloud.demo_tenant(), &kpis, load, &mut history);
    }
    assert_everything_answered_is_there(&cloud.demo_tenant(), &kpis, &history);
    cloud.stop();

    println!(
        "{} calls and {} batches; {} calls and {} batches were cut off, {} of these had been stored",
        history.calls.len(),
        history.appended.len() + history.scattered.len(),
        history.unanswered,
        history.lost_batches,
        history.stored_batches
    );
    runtime.block_on(assert_ledger_holds_each_effect_once(home.path(), &history, began));
}

/// Gives the demo tenant a plan that lasts for the whole test.
async fn make_room(folder: &Path) {
    let cloud = Cloud::open(&in_folder(folder)).await.unwrap();
    let access = access(&cloud).await;
    let mut subscription = Subscription::read(access.subscription_row().unwrap()).unwrap();
    "scale".clone_into(&mut subscription.plan_id);
    let limits = DailyLimits { tool_invocation: u64::from(u32::MAX), ..DailyLimits::default() };
    let mut write = Transaction::new();
    write.put(subscription.at(keys::subscription(access.tenant_id())), Condition::default());
    write.put(limits.at(keys::daily_limits(access.tenant_id())), Condition::default());
    cloud.deps().table.commit(write).await.unwrap();
}

fn in_folder(folder: &Path) -> LocalSettings {
    LocalSettings { storage: Storage::Folder(folder.to_owned()), ..LocalSettings::default() }
}

async fn access(cloud: &Cloud) -> TenantAccess {
    let DemoTenant { tenant_id, user_id, api_key } = DemoTenant::of(cloud).await.unwrap();
    let credentials = Credentials { tenant_id, user_id, api_key };
    let caller = cloud.deps().access.authenticate(&credentials, SystemClock.now()).await.unwrap();
    caller.authorise(Action::ReadKpis).unwrap()
}

/// Two KPIs, one of them with a long series.
fn prepare(caller: &Caller) -> (Kpis, History) {
    let kpi = |name: &str| {
        let (status, answer) = caller.post("/v1/kpis", &json!({"name": name}));
        assert_eq!(status, 201, "{answer}");
        serde_json::from_str::<Value>(&answer).unwrap()["kpi_id"].as_str().unwrap().to_owned()
    };
    let kpis = Kpis { appended: kpi("appended"), scattered: kpi("scattered") };
    // Every second place stays free for the rounds.
    let places: Vec<u64> = (0..FIRST_POINTS).map(|place| place * 2).collect();
    let scattered: Vec<Vec<u64>> = places.chunks(9_000).map(<[u64]>::to_vec).collect();
    for batch in &scattered {
        assert_eq!(ingest(caller, &kpis.scattered, batch).unwrap(), (batch.len(), 0));
    }
    let history = History {
        calls: BTreeMap::new(),
        appended: Vec::new(),
        scattered,
        unanswered: 0,
        lost_batches: 0,
        stored_batches: 0,
    };
    (kpis, history)
}

/// Sends points, at so many hours after 1970 each; how many were inserted and ignored.
fn ingest(caller: &Caller, kpi_id: &str, hours: &[u64]) -> Result<(usize, usize), ureq::Error> {
    let ts = |hour: u64| {
        let micros = i64::try_from(hour * 3_600_000_000).unwrap();
        Timestamp::from_micros(micros).unwrap()
    };
    let points: Vec<Value> = hours.iter().map(|hour| json!({"ts": ts(*hour), "value": hour})).collect();
    let (status, answer) =
        caller.try_post(&format!("/v1/kpis/{kpi_id}/points:bulk"), &json!({"points": points}))?;
    assert_eq!(status, 200, "{answer}");
    let counts: Value = serde_json::from_str(&answer).unwrap();
    let count = |name: &str| usize::try_from(counts[name].as_u64().unwrap()).unwrap();
    Ok((count("inserted"), count("ignored")))
}

fn invoke(caller: &Caller, key: &str) -> Result<String, ureq::Error> {
    let body = json!({"tool_name": "echo", "payload": {"text": key}});
    let (status, answer) = caller.with("Idempotency-Key", key).try_post("/v1/tools/invoke", &body)?;
    assert_eq!(status, 200, "{answer}");
    Ok(answer)
}

fn put_under_load_and_kill(cloud: &mut LocalCloud, kpis: &Kpis, round: u64, random: &SeededRandom) -> Load {
    let kill_after = KILL_AFTER_MILLIS.start + random.below(KILL_AFTER_MILLIS.end - KILL_AFTER_MILLIS.start);
    let caller = cloud.demo_tenant();
    let start = Barrier::new(usize::try_from(TOOL_WORKERS).unwrap() + 3);
    let batch_seeds = [random.below(u64::MAX), random.below(u64::MAX)];
    thread::scope(|scope| {
        let tools: Vec<_> = (0..TOOL_WORKERS)
            .map(|worker| {
                let (caller, start) = (caller.clone(), &start);
                scope.spawn(move || {
                    start.wait();
                    call_tools(&caller, round, worker)
                })
            })
            .collect();
        let appending = scope.spawn(|| {
            start.wait();
            append(&caller, &kpis.appended, round, &SeededRandom::new(batch_seeds[0]))
        });
        let scattering = scope.spawn(|| {
            start.wait();
            // Such batches keep the store busy, so every second round is without.
            if round.is_multiple_of(2) {
                return Sent::default();
            }
            scatter(&caller, &kpis.scattered, round, &SeededRandom::new(batch_seeds[1]))
        });
        start.wait();
        thread::sleep(Duration::from_millis(kill_after));
        cloud.kill();

        let mut load = Load::default();
        for worker in tools {
            let (calls, unanswered) = worker.join().unwrap();
            load.calls.extend(calls);
            load.unanswered.extend(unanswered);
        }
        load.appended = appending.join().unwrap();
        load.scattered = scattering.join().unwrap();
        load
    })
}

/// Calls a tool with fresh keys until there is no answer any more.
fn call_tools(caller: &Caller, round: u64, worker: u64) -> (BTreeMap<String, String>, Option<String>) {
    let mut calls = BTreeMap::new();
    for number in 0..MOST_CALLS {
        let key = format!("round-{round}-worker-{worker}-call-{number}");
        match invoke(caller, &key) {
            Ok(answer) => drop(calls.insert(key, answer)),
            Err(_) => return (calls, Some(key)),
        }
    }
    (calls, None)
}

/// Appends batches of 1 to 60 points until there is no answer any more.
fn append(caller: &Caller, kpi_id: &str, round: u64, random: &SeededRandom) -> Sent {
    let mut next = round * 1_000_000;
    send_until_killed(caller, kpi_id, 200, || {
        let from = next;
        next += 1 + random.below(60);
        (from..next).collect()
    })
}

/// Inserts batches of 240 to 359 points at random free places until there is no answer any more.
fn scatter(caller: &Caller, kpi_id: &str, round: u64, random: &SeededRandom) -> Sent {
    // Each round has its own places, and no place is taken twice.
    let mut free: Vec<u64> = (0..FIRST_POINTS).filter(|n| n % ROUNDS == round).map(|n| n * 2 + 1).collect();
    send_until_killed(caller, kpi_id, 12, || {
        let mut take = || {
            let bound = u64::try_from(free.len()).unwrap();
            free.swap_remove(usize::try_from(random.below(bound)).unwrap())
        };
        (0..240 + random.below(120)).map(|_| take()).collect()
    })
}

/// Sends batches until there is no answer any more; on a fast machine only so many, so that nothing runs out.
fn send_until_killed(caller: &Caller, kpi_id: &str, most: u64, mut batch: impl FnMut() -> Vec<u64>) -> Sent {
    let mut sent = Sent::default();
    for _ in 0..most {
        let hours = batch();
        if let Ok(counts) = ingest(caller, kpi_id, &hours) {
            assert_eq!(counts, (hours.len(), 0));
            sent.acknowledged.push(hours);
        } else {
            sent.unacknowledged.push(hours);
            break;
        }
    }
    sent
}

/// Whoever gets no answer sends the same again, and from then on has one.
fn retry_what_got_no_answer(caller: &Caller, kpis: &Kpis, load: Load, history: &mut History) {
    history.unanswered += load.unanswered.len();
    history.calls.extend(load.calls);
    for key in load.unanswered {
        let answer = invoke(caller, &key).unwrap();
        history.calls.insert(key, answer);
    }
    for (kpi_id, sent, known) in [
        (&kpis.appended, load.appended, &mut history.appended),
        (&kpis.scattered, load.scattered, &mut history.scattered),
    ] {
        known.extend(sent.acknowledged);
        history.lost_batches += sent.unacknowledged.len();
        for batch in sent.unacknowledged {
            let (inserted, ignored) = ingest(caller, kpi_id, &batch).unwrap();
            let whole = batch.len();
            assert!(
                [(whole, 0), (0, whole)].contains(&(inserted, ignored)),
                "half a batch: {inserted} were new"
            );
            history.stored_batches += usize::from(inserted == 0);
            known.push(batch);
        }
    }
}

fn assert_everything_answered_is_there(caller: &Caller, kpis: &Kpis, history: &History) {
    for (key, answer) in &history.calls {
        assert_eq!(invoke(caller, key).unwrap(), *answer, "{key}");
    }
    for (kpi_id, batches) in [(&kpis.appended, &history.appended), (&kpis.scattered, &history.scattered)] {
        let all: Vec<u64> = batches.iter().flatten().copied().collect();
        for batch in all.chunks(9_000) {
            assert_eq!(ingest(caller, kpi_id, batch).unwrap(), (0, batch.len()));
        }
        let latest = *all.iter().max().unwrap();
        let (status, answer) = caller.get(&format!("/v1/kpis/{kpi_id}/latest"));
        assert_eq!(status, 200, "{answer}");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["value"].as_f64(), u32::try_from(latest).ok().map(f64::from));
    }
}

async fn assert_ledger_holds_each_effect_once(folder: &Path, history: &History, began: Timestamp) {
    let cloud = Cloud::open(&in_folder(folder)).await.unwrap();
    let access = access(&cloud).await;
    let (mut entries, mut counters) = (Vec::new(), Vec::new());
    // The month may have changed meanwhile.
    for period in BTreeSet::from([began.period(), SystemClock.now().period()]) {
        entries.extend(ledger(&cloud, &access, period).await);
        counters.push(cloud.deps().metering.usage(&access, period).await.unwrap());
    }

    let of = |event: MeteredEvent| entries.iter().filter(move |entry: &&LedgerEntry| entry.event == event);
    let posted: BTreeSet<String> =
        of(MeteredEvent::ToolInvocation).map(|e| e.request_id.to_string()).collect();
    let answered: BTreeSet<String> = history.calls.values().map(|answer| request_id(answer)).collect();
    assert_eq!(answered.len(), history.calls.len(), "one request a key");
    assert_eq!(of(MeteredEvent::ToolInvocation).count(), history.calls.len(), "one entry a key");
    assert_eq!(posted, answered, "the entries are those of the answers");

    let batches = history.appended.iter().chain(&history.scattered);
    let mut sent: Vec<u64> = batches.map(|batch| u64::try_from(batch.len()).unwrap()).collect();
    let mut inserted: Vec<u64> = of(MeteredEvent::KpiPointsIngested).map(|entry| entry.raw_units).collect();
    sent.sort_unstable();
    inserted.sort_unstable();
    assert_eq!(inserted, sent, "one entry a batch");
    assert_eq!(of(MeteredEvent::KpiDefinitionCreated).count(), 2);
    assert_counters_equal_entries(&entries, &counters);
}

fn assert_counters_equal_entries(entries: &[LedgerEntry], counters: &[Usage]) {
    let credits: u64 = entries.iter().map(|entry| entry.credits.micros()).sum();
    let counted: u64 = counters.iter().map(|usage| usage.credits().unwrap().micros()).sum();
    assert_eq!(counted, credits, "credits");
    for event in MeteredEvent::ALL {
        let units: u64 = entries.iter().filter(|e| e.event == event).map(|e| e.raw_units).sum();
        let counted: u64 = counters.iter().map(|usage| usage.of_event(event).unwrap().0).sum();
        assert_eq!(counted, units, "{event:?}");
    }
}

async fn ledger(cloud: &Cloud, access: &TenantAccess, period: BillingPeriod) -> Vec<LedgerEntry> {
    let from = Timestamp::midnight(period.start()).unwrap();
    let (mut entries, mut after) = (Vec::new(), None);
    loop {
        let listing = LedgerListing { from, event: None, limit: 500, after };
        let page = cloud.deps().metering.entries(access, listing).await.unwrap();
        entries.extend(page.0);
        after = page.1;
        if after.is_none() {
            return entries;
        }
    }
}

fn request_id(answer: &str) -> String {
    serde_json::from_str::<Value>(answer).unwrap()["request_id"].as_str().unwrap().to_owned()
}
