//! What is counted. Everything is made ready before, and nothing asks a store.

use std::{
    hint::black_box,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Body, http::Request, routing::post};
use bespin_access::TenantAccess;
use bespin_briefs::{BriefOrder, Movement, content};
use bespin_entitlements::{Capability, Standing, admit};
use bespin_fn_kpis::SentPoints;
use bespin_kpi::{Batch, Change, Kpi, Leaf, Point, StoredLeaf, plan, window_start};
use bespin_local::RequestClock;
use bespin_metering::{Charge, LedgerEntry, MeteredEvent, Usage};
use bespin_primitives::{
    Credits, EntryId, KpiId, PricePerCredit, RequestId, SeededRandom, TenantId, Timestamp, UserId, parse_date,
};
use bespin_recording::{Claim, Fingerprint, Recording};
use bespin_table::{Item, Row, keys};
use bespin_testing::StoppedClock;
use bespin_tests::{Actor, World, noon};
use bespin_web::Call;
use futures::FutureExt;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

use crate::counter::counted;

/// One path.
pub(crate) struct Path {
    pub(crate) name: &'static str,
    /// Over how many calls its count is taken, so that what chance brings about evens out.
    pub(crate) times: u64,
    make: fn() -> Box<dyn FnMut()>,
}

pub(crate) const PATHS: [Path; 14] = [
    Path { name: "health, from request to answer", times: 500, make: || answered("GET", "/healthz") },
    Path {
        name: "replay of a tool call, from request to answer",
        times: 200,
        make: || answered("POST", INVOKE),
    },
    Path { name: "its read of the store", times: 200, make: replay_read },
    Path { name: "tool call, from standing to transaction", times: 1_000, make: tool_call },
    Path { name: "fingerprint of a tool call", times: 1_000, make: || fingerprint(1) },
    Path { name: "fingerprint of 100 objects", times: 100, make: || fingerprint(100) },
    Path { name: "ledger entry into its item", times: 5_000, make: entry_written },
    Path { name: "ledger entry from its item", times: 5_000, make: entry_read },
    Path { name: "leaf of 300 points, packed", times: 200, make: leaf_packed },
    Path { name: "leaf of 300 points, unpacked", times: 200, make: leaf_unpacked },
    Path { name: "bulk of 1,000 points, parsed", times: 20, make: bulk_parsed },
    Path { name: "bulk of 1,000 points, planned", times: 20, make: bulk_planned },
    Path { name: "brief of 20 KPIs", times: 20, make: || brief(20) },
    Path { name: "brief of 500 KPIs", times: 4, make: || brief(500) },
];

/// A hash map is read faster or slower for as long as it lives, by the seed that it drew. So of those that are made before
/// there are many, and each has its turn.
const ITEMS: usize = 1_000;
const TENANTS: usize = 50;

/// Runs a path, once for what is made at first use only, and then under the counter.
pub(crate) fn run(name: &str) {
    let path = PATHS.iter().find(|path| path.name == name).expect("a path of ours");
    let mut work = (path.make)();
    work();
    counted(path.times, &mut *work);
}

/// Ids and whatever else chance decides, the same in each run.
fn random() -> SeededRandom {
    SeededRandom::new(7)
}

/// A process of the product, asked by `ask`.
fn in_a_world<T>(ask: impl AsyncFnOnce(World) -> T) -> T {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let clock = Arc::new(StoppedClock::at(noon()));
    runtime.block_on(async { ask(World::open_at(World::settings(), clock, Arc::new(random())).await).await })
}

const INVOKE: &str = "/v1/tools/invoke";
const KEY: &str = "the same";

/// A request of a caller that the process knows, under a key whose answer is kept, with all that surrounds a route. What the
/// embedded store does is in it.
fn answered(method: &'static str, path: &'static str) -> Box<dyn FnMut()> {
    let (runtime, (router, tenant)) = with_a_tenant(async |world, tenant| (world.router(), tenant));
    Box::new(move || {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .header("x-tenant-id", &tenant.tenant_id)
            .header("x-user-id", &tenant.user_id)
            .header("x-api-key", &tenant.api_key)
            .header("idempotency-key", KEY)
            .body(Body::from(r#"{"tool_name":"echo","payload":{"text":"hi"}}"#))
            .unwrap();
        let answer = runtime.block_on(router.clone().oneshot(request)).unwrap();
        assert_eq!(answer.status(), 200);
        black_box(runtime.block_on(answer.into_body().collect()).unwrap());
    })
}

/// What a replay reads, asked for by the same client.
fn replay_read() -> Box<dyn FnMut()> {
    let (runtime, (table, row)) = with_a_tenant(async |world, tenant| {
        let payload = json!({"text": "hi"});
        tenant.invoke(KEY, "echo", &payload).send().await.expect(200);
        let access = tenant.access().await;
        let fingerprint = Fingerprint::of(&json!({"tool_name": "echo", "payload": payload}));
        (world.deps().table.clone(), Claim::new(&access, INVOKE, KEY, fingerprint).row())
    });
    Box::new(move || {
        black_box(runtime.block_on(table.get(row.clone())).unwrap().expect("the call is kept"));
    })
}

/// A runtime, and what `ask` makes of a new tenant in it.
fn with_a_tenant<T>(ask: impl AsyncFnOnce(&World, Actor) -> T) -> (Runtime, T) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let clock = Arc::new(StoppedClock::at(noon()));
    let asked = runtime.block_on(async {
        let world = World::open_at(World::settings(), clock, Arc::new(random())).await;
        let tenant = world.tenant().await;
        ask(&world, tenant).await
    });
    (runtime, asked)
}

/// A tenant that has used something already, with its counters.
async fn a_tenant(world: &World) -> (TenantAccess, Usage) {
    let admin = world.tenant().await;
    admin.invoke("call", "echo", &json!({"text": "hi"})).send().await.expect(200);
    (admin.access().await, world.usage(&admin, "2026-02").await)
}

/// What a process computes of a call whose caller it knows, up to the transaction that is sent.
fn tool_call() -> Box<dyn FnMut()> {
    let (tenants, catalogue, recorder) = in_a_world(async |world| {
        let mut tenants = Vec::new();
        for _ in 0..TENANTS {
            tenants.push(a_tenant(&world).await);
        }
        let deps = world.deps();
        (tenants, deps.entitlements.catalogue().await.unwrap(), Arc::clone(&deps.recorder))
    });
    let random = random();
    let body = a_body(1);
    let answer = json!({"request_id": RequestId::random(&random), "result": {"text": "hi"}}).to_string();
    let mut turn = (0..TENANTS).cycle();
    Box::new(move || {
        let (access, usage) = &tenants[turn.next().unwrap()];
        let standing = Standing::entitled(access, &catalogue, Capability::Tools, noon()).unwrap();
        let claim = Claim::new(access, INVOKE, "call-1", Fingerprint::of(&body));
        let admission = standing.admission(MeteredEvent::ToolInvocation, 1).unwrap();
        admit(&admission, usage).unwrap();
        let recording = Recording::new(access, RequestId::random(&random), noon());
        let recording = recording.charge(&admission, Some("echo"), Some("tools.invoke"), &random);
        // A small answer is kept in the transaction itself, so nothing is waited for.
        let kept = recorder.keep_answer(recording, Some(&claim), &answer).now_or_never();
        black_box(kept.expect("no store is asked").unwrap());
    })
}

fn a_body(objects: usize) -> Value {
    let object = json!({"text": "hi", "window_days": 7, "nested": {"b": [1, 2.5, null], "a": "\u{e9}"}});
    json!({"tool_name": "echo", "payload": {"objects": vec![object; objects]}})
}

fn fingerprint(objects: usize) -> Box<dyn FnMut()> {
    let body = a_body(objects);
    Box::new(move || {
        black_box(Fingerprint::of(black_box(&body)));
    })
}

fn an_entry() -> LedgerEntry {
    let random = random();
    let event = MeteredEvent::ToolInvocation;
    let charge = Charge {
        event,
        raw_units: 1,
        credits: Credits::whole(1),
        list_cost: Credits::whole(1).priced(PricePerCredit::from_micros(12_500)),
    };
    LedgerEntry {
        id: EntryId::random(&random),
        tenant_id: TenantId::random(&random),
        event,
        raw_units: charge.raw_units,
        credits: charge.credits,
        list_cost: charge.list_cost,
        tool_name: Some("echo".to_owned()),
        request_id: RequestId::random(&random),
        user_id: UserId::random(&random),
        action: Some("tools.invoke".to_owned()),
        subject: None,
        created_at: noon(),
    }
}

fn item_of(entry: &LedgerEntry) -> Item {
    entry.at(keys::ledger_entry(entry.tenant_id, entry.created_at, entry.id))
}

fn entry_written() -> Box<dyn FnMut()> {
    let entry = an_entry();
    Box::new(move || {
        black_box(item_of(black_box(&entry)));
    })
}

fn entry_read() -> Box<dyn FnMut()> {
    let entry = an_entry();
    let items: Vec<Item> = (0..ITEMS).map(|_| item_of(&entry)).collect();
    let mut turn = (0..ITEMS).cycle();
    Box::new(move || {
        let item = &items[turn.next().unwrap()];
        black_box(LedgerEntry::read(black_box(item)).unwrap());
    })
}

/// So many daily points up to 2026-01-31.
fn daily(count: u32) -> Vec<Point> {
    let last = Timestamp::parse_rfc3339("2026-01-31T00:00:00Z").unwrap();
    let day = |number: u32| last.plus_seconds(-86_400 * i64::from(count - 1 - number)).date().to_string();
    (0..count).map(|number| Point::parse(&day(number), f64::from(number) * 1.5).unwrap()).collect()
}

fn leaf_of(count: u32) -> Leaf {
    let mut leaf = Leaf::default();
    leaf.insert(daily(count));
    leaf
}

fn leaf_packed() -> Box<dyn FnMut()> {
    let leaf = leaf_of(300);
    Box::new(move || {
        black_box(black_box(&leaf).encode());
    })
}

fn leaf_unpacked() -> Box<dyn FnMut()> {
    let bytes = leaf_of(300).encode();
    Box::new(move || {
        black_box(Leaf::decode(black_box(&bytes)).unwrap());
    })
}

fn bulk_parsed() -> Box<dyn FnMut()> {
    let points: Vec<Value> =
        daily(1_000).iter().map(|point| json!({"ts": point.text(), "value": point.value()})).collect();
    let call = in_a_world(async |world| call_with(world, json!({"points": points})).await);
    Box::new(move || {
        black_box(SentPoints::read(black_box(&call)).unwrap().points().unwrap());
    })
}

/// A call as a handler gets it.
async fn call_with(world: World, body: Value) -> Call {
    let kept: Arc<Mutex<Option<Call>>> = Arc::default();
    let keep = Arc::clone(&kept);
    let handler = post(async move |call: Call| {
        keep.lock().unwrap().replace(call);
    });
    let clock = RequestClock { clock: Arc::new(StoppedClock::at(noon())), header_counts: true };
    let surface = world.deps().settings.surface(Arc::new(clock), Arc::new(random()), true);
    let router = surface.wrap(Router::new().route("/", handler));
    world.request("POST", "/").through(&router).json(&body).send().await;
    kept.lock().unwrap().take().expect("the handler was called")
}

/// Of a new series, which has no leaves yet.
fn bulk_planned() -> Box<dyn FnMut()> {
    let batch = Batch::of(daily(1_000));
    Box::new(move || {
        let found: Vec<StoredLeaf<()>> = Vec::new();
        black_box(plan(black_box(&batch), found, None).unwrap());
    })
}

/// From the packed leaves, as they were read, to the text of the brief.
fn brief(kpis: u64) -> Box<dyn FnMut()> {
    let random = random();
    let definitions: Vec<Kpi> = (0..kpis)
        .map(|number| Kpi {
            id: KpiId::random(&random),
            name: format!("KPI {number}"),
            unit: Some("GBP".to_owned()),
            description: None,
            created_at: noon(),
        })
        .collect();
    let leaf = leaf_of(100).encode();
    let order = BriefOrder { date: parse_date("2026-01-31").unwrap(), window_days: 7, top_n: 3 };
    let until = order.last_instant();
    Box::new(move || {
        let movement = |kpi: &Kpi| {
            let leaf = Leaf::decode(black_box(&leaf)).unwrap();
            let latest = leaf.at_or_before(until).unwrap().clone();
            let start = leaf.at_or_after(window_start(latest.at(), 7)).unwrap().clone();
            Movement { kpi: kpi.clone(), change: Change::between(start, latest) }
        };
        let movements = definitions.iter().map(movement).collect();
        black_box(json!(content(&order, movements)).to_string());
    })
}
