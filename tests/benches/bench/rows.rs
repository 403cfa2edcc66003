//! What is measured.

use std::{sync::Arc, time::Duration};

use axum::body::Bytes;
use bespin_primitives::Timestamp;
use bespin_table::cost::counted;
use bespin_tests::{Actor, noon};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    bare::Bare,
    functions::functions,
    http::Inside,
    report::{Goal, Row},
    stage::Stage,
    turns::{Task, Work, rates, timed, times},
};

/// Rows that are measured on one stage.
pub(crate) struct Group {
    pub(crate) name: &'static str,
    /// How many threads the product, its client and its store share.
    pub(crate) threads: usize,
    pub(crate) run: fn() -> BoxFuture<'static, Vec<Row>>,
}

pub(crate) const ALL: [Group; 9] = [
    Group { name: "tool echo, one caller", threads: 1, run: || Box::pin(echo()) },
    Group { name: "tool echo, many callers", threads: 2, run: || Box::pin(echo_of_many()) },
    Group { name: "replay", threads: 1, run: || Box::pin(replay()) },
    Group { name: "chat", threads: 1, run: || Box::pin(chat()) },
    Group { name: "bulk", threads: 1, run: || Box::pin(bulk()) },
    Group { name: "brief", threads: 1, run: || Box::pin(brief()) },
    Group { name: "usage", threads: 1, run: || Box::pin(usage()) },
    Group { name: "scheduled", threads: 1, run: || Box::pin(scheduled()) },
    // A Runtime API is another process than the function, so it may have a thread of its own.
    Group { name: "functions", threads: 2, run: || Box::pin(functions()) },
];

pub(crate) const INVOKE: (&str, &str) = ("POST", "/v1/tools/invoke");

pub(crate) fn echo_body() -> Bytes {
    Bytes::from_static(br#"{"tool_name":"echo","payload":{"text":"hi"}}"#)
}

/// Tool calls, each under a new key, of tenants in turn.
fn echoes(stage: &Arc<Stage>, tenants: Vec<Actor>) -> Work {
    let (stage, tenants) = (Arc::clone(stage), Arc::new(tenants));
    Work::new(move |number| {
        let (stage, tenants) = (Arc::clone(&stage), Arc::clone(&tenants));
        async move {
            let tenant = &tenants[usize::try_from(number).unwrap() % tenants.len()];
            stage.client.send(tenant, INVOKE, Some(format!("echo-{number}")), echo_body(), 200).await;
        }
    })
}

fn again(bare: Bare) -> Work {
    let bare = Arc::new(bare);
    Work::new(move |number| {
        let bare = Arc::clone(&bare);
        async move { bare.ask(number).await }
    })
}

/// A tenant, and the bare calls of one of its tool calls.
async fn echo_stage() -> (Arc<Stage>, Actor, Work) {
    let stage = Arc::new(Stage::in_files().await);
    let tenant = stage.tenant().await;
    let asked = stage
        .asked(|client, turn| {
            let tenant = tenant.clone();
            async move {
                client.send(&tenant, INVOKE, Some(format!("asked-{turn}")), echo_body(), 200).await;
            }
        })
        .await;
    let floor = again(Bare::new(&stage.store, &asked));
    (stage, tenant, floor)
}

async fn echo() -> Vec<Row> {
    let (stage, tenant, floor) = echo_stage().await;
    let (ours, floor) = rates(&echoes(&stage, vec![tenant]), &floor, 1).await;
    let row = "tool echo, 1 caller, store in files".to_owned();
    vec![Row { name: row, unit: "calls/s", ours, floor, goal: Goal::AtLeast(0.75) }]
}

async fn echo_of_many() -> Vec<Row> {
    let (stage, tenant, floor) = echo_stage().await;
    let one = echoes(&stage, vec![tenant]);
    let (ours, floor) = rates(&one, &floor, 16).await;
    let row = "tool echo, 16 callers, store in files".to_owned();
    let bare = Row { name: row, unit: "calls/s", ours, floor, goal: Goal::AtLeast(0.75) };
    let mut tenants = Vec::new();
    for _ in 0..100 {
        tenants.push(stage.tenant().await);
    }
    let (ours, floor) = rates(&one, &echoes(&stage, tenants), 16).await;
    let row = "tool echo, 16 callers of one tenant, beside 100 tenants".to_owned();
    vec![bare, Row { name: row, unit: "calls/s", ours, floor, goal: Goal::AtLeast(0.8) }]
}

async fn replay() -> Vec<Row> {
    let stage = Arc::new(Stage::in_files().await);
    let tenant = stage.tenant().await;
    let key = || Some("the same".to_owned());
    stage.client.send(&tenant, INVOKE, key(), echo_body(), 200).await;
    let asked = stage
        .asked(|client, _| {
            let tenant = tenant.clone();
            async move {
                client.send(&tenant, INVOKE, key(), echo_body(), 200).await;
            }
        })
        .await;
    // What a process that did not make the answer asks for: one read.
    let floor = again(Bare::new(&stage.store, &asked).reads());
    // Sockets of two ends on one thread take more than all else, so it is told with and without them.
    let (client, caller) = (stage.client.clone(), tenant.clone());
    let through_sockets = Work::new(move |_| {
        let (client, tenant) = (client.clone(), caller.clone());
        async move {
            client.send(&tenant, INVOKE, key(), echo_body(), 200).await;
        }
    });
    let client = Inside::new(stage.world.router());
    let inside = Work::new(move |_| {
        let (client, tenant) = (client.clone(), tenant.clone());
        async move {
            client.send(&tenant, INVOKE, key(), echo_body(), 200).await;
        }
    });
    let mut rows = Vec::new();
    for (name, ours) in [("replay of a key", through_sockets), ("replay of a key, without sockets", inside)] {
        let (ours, floor) = rates(&ours, &floor, 1).await;
        rows.push(Row { name: name.to_owned(), unit: "calls/s", ours, floor, goal: Goal::AtLeast(0.75) });
    }
    rows
}

/// So many daily points, the last on 2026-01-31.
fn daily(count: i64) -> Value {
    let last = Timestamp::parse_rfc3339("2026-01-31T00:00:00Z").unwrap();
    let day = |number: i64| last.plus_seconds((number + 1 - count) * 86_400).date().to_string();
    let points: Vec<Value> = (0..count).map(|number| json!({"ts": day(number), "value": number})).collect();
    json!({"points": points})
}

pub(crate) async fn with_kpis(stage: &Stage, tenant: &Actor, kpis: usize, points: i64) {
    let body = daily(points);
    for number in 0..kpis {
        let kpi = new_kpi(stage, tenant, &format!("KPI {number:03}")).await;
        let path = format!("/v1/kpis/{kpi}/points:bulk");
        stage.client.json(tenant, ("POST", &path), None, &body, 200).await;
    }
}

async fn new_kpi(stage: &Stage, tenant: &Actor, name: &str) -> String {
    let kpi = stage.client.json(tenant, ("POST", "/v1/kpis"), None, &json!({"name": name}), 201).await;
    kpi["kpi_id"].as_str().unwrap().to_owned()
}

async fn chat() -> Vec<Row> {
    const CHAT: (&str, &str) = ("POST", "/v1/cofounder/chat");
    let stage = Arc::new(Stage::in_memory().await);
    let tenant = stage.tenant().await;
    with_kpis(&stage, &tenant, 20, 100).await;
    let begun =
        stage.client.json(&tenant, CHAT, Some("begin".to_owned()), &json!({"message": "kpis"}), 200).await;
    let question = json!({"message": "kpis", "conversation_id": begun["conversation_id"]});
    let asked = stage
        .asked(|client, turn| {
            let (tenant, question) = (tenant.clone(), question.clone());
            async move {
                client.json(&tenant, CHAT, Some(format!("asked-{turn}")), &question, 200).await;
            }
        })
        .await;
    let floor = again(Bare::new(&stage.store, &asked));
    let other = Arc::clone(&stage);
    let body = Bytes::from(question.to_string());
    let ours = Work::new(move |number| {
        let (stage, tenant, body) = (Arc::clone(&other), tenant.clone(), body.clone());
        async move {
            stage.client.send(&tenant, CHAT, Some(format!("chat-{number}")), body, 200).await;
        }
    });
    let (ours, floor) = rates(&ours, &floor, 1).await;
    vec![Row {
        name: "chat kpis, 20 KPIs".to_owned(),
        unit: "calls/s",
        ours,
        floor,
        goal: Goal::AtLeast(0.7),
    }]
}

/// The least that reading a body of points takes.
#[derive(Deserialize)]
struct Points {
    points: Vec<PointRead>,
}

#[derive(Deserialize)]
struct PointRead {
    ts: String,
    value: f64,
}

async fn bulk() -> Vec<Row> {
    let mut rows = Vec::new();
    for (count, tries) in [(1_000, 15), (10_000, 7)] {
        let stage = Arc::new(Stage::in_memory().await);
        let tenant = stage.tenant().await;
        let body = Bytes::from(daily(count).to_string());
        let sent = body.clone();
        let asked = {
            let (stage, tenant) = (Arc::clone(&stage), tenant.clone());
            let inner = Arc::clone(&stage);
            stage
                .asked(move |client, _| {
                    let (stage, tenant, body) = (Arc::clone(&inner), tenant.clone(), sent.clone());
                    async move {
                        let kpi = new_kpi(&stage, &tenant, "asked").await;
                        let path = format!("/v1/kpis/{kpi}/points:bulk");
                        client.send(&tenant, ("POST", &path), None, body, 200).await;
                    }
                })
                .await
        };
        let bare = Arc::new(Bare::new(&stage.store, &asked).writes());
        let parsed = body.clone();
        let floor = Task::new(move |number| {
            let (bare, body) = (Arc::clone(&bare), parsed.clone());
            async move {
                let work = async {
                    let read: Points = serde_json::from_slice(&body).unwrap();
                    let sum: f64 = read.points.iter().map(|point| point.value).sum();
                    assert!(sum > 0.0 && !read.points[0].ts.is_empty());
                    bare.ask(number).await;
                };
                timed(work).await.1
            }
        });
        let ours = Task::new(move |number| {
            let (stage, tenant, body) = (Arc::clone(&stage), tenant.clone(), body.clone());
            async move {
                let kpi = new_kpi(&stage, &tenant, &format!("bulk {number}")).await;
                let path = format!("/v1/kpis/{kpi}/points:bulk");
                timed(stage.client.send(&tenant, ("POST", &path), None, body, 200)).await.1
            }
        });
        let (ours, floor) = times(&ours, &floor, tries).await;
        let rate = |milliseconds: f64| f64::from(i32::try_from(count).unwrap()) / milliseconds * 1_000.0;
        rows.push(Row {
            name: format!("bulk of {count} points"),
            unit: "rows/s",
            ours: rate(ours),
            floor: rate(floor),
            goal: Goal::AtLeast(0.6),
        });
    }
    rows
}

async fn brief() -> Vec<Row> {
    const BRIEF: (&str, &str) = ("POST", "/v1/briefs/materialize");
    let mut rows = Vec::new();
    for (kpis, tries) in [(20, 15), (500, 7)] {
        let stage = Arc::new(Stage::in_memory().await);
        let tenant = stage.tenant().await;
        with_kpis(&stage, &tenant, kpis, 1_000).await;
        let last = Timestamp::parse_rfc3339("2026-01-31T00:00:00Z").unwrap();
        let day = move |number: u64| last.minus_days(number).date().to_string();
        let order = move |number: u64| json!({"date": day(number)});
        let asked = stage
            .asked(|client, turn| {
                let tenant = tenant.clone();
                async move {
                    let body = order(500 + u64::from(turn));
                    client.json(&tenant, BRIEF, Some(format!("asked-{turn}")), &body, 200).await;
                }
            })
            .await;
        let bare = Arc::new(Bare::new(&stage.store, &asked).reads());
        eprintln!("  a brief of {kpis} KPIs reads {} times", bare.calls());
        let floor = Task::new(move |number| {
            let bare = Arc::clone(&bare);
            async move { timed(bare.ask(number)).await.1 }
        });
        let ours = Task::new(move |number| {
            let (stage, tenant) = (Arc::clone(&stage), tenant.clone());
            async move {
                let key = Some(format!("brief-{number}"));
                let body = Bytes::from(order(number).to_string());
                timed(stage.client.send(&tenant, BRIEF, key, body, 200)).await.1
            }
        });
        let (ours, floor) = times(&ours, &floor, tries).await;
        rows.push(Row {
            name: format!("brief of {kpis} KPIs, by its queries"),
            unit: "briefs/s",
            ours: 1_000.0 / ours,
            floor: 1_000.0 / floor,
            goal: Goal::AtLeast(0.6),
        });
    }
    rows
}

/// How many entries the longer of two ledgers has.
const ENTRIES: u64 = 1_000_000;

async fn usage() -> Vec<Row> {
    let stage = Arc::new(Stage::in_memory().await);
    let (short, long) = (stage.tenant().await, stage.tenant().await);
    for tenant in [&short, &long] {
        for number in 0..10 {
            stage.client.send(tenant, INVOKE, Some(format!("usage-{number}")), echo_body(), 200).await;
        }
    }
    let asked = stage
        .asked(|client, turn| {
            let tenant = long.clone();
            async move {
                client.send(&tenant, INVOKE, Some(format!("asked-{turn}")), echo_body(), 200).await;
            }
        })
        .await;
    stage.fill_ledger(&asked, ENTRIES).await;
    let of = |tenant: Actor| {
        let stage = Arc::clone(&stage);
        Work::new(move |_| {
            let (stage, tenant) = (Arc::clone(&stage), tenant.clone());
            async move {
                stage.client.send(&tenant, ("GET", "/v1/billing/usage"), None, Bytes::new(), 200).await;
            }
        })
    };
    let (long, short) = rates(&of(long), &of(short), 1).await;
    vec![Row {
        name: format!("usage summary, {ENTRIES} entries beside 10"),
        unit: "ms",
        ours: 1_000.0 / long,
        floor: 1_000.0 / short,
        goal: Goal::AtMost(1.1),
    }]
}

/// How many tenants have their briefs made in one run, and how many users each of them has.
const TENANTS: usize = 1_000;
const USERS: usize = 10;

async fn scheduled() -> Vec<Row> {
    // The day after the schedules were set.
    let now = noon().plus_seconds(86_400);
    let stage = Stage::in_memory().await;
    let prepare = async |tenants: usize| {
        for _ in 0..tenants {
            let tenant = stage.tenant().await;
            for _ in 1..USERS {
                tenant.member().await;
            }
            let kpi = tenant.kpi("MRR").await;
            tenant.points(&kpi, &[("2026-02-03", 1.0), ("2026-02-10", 2.0)]).send().await.expect(200);
            let schedule = json!({"enabled": true, "hour": 6});
            tenant.request("PUT", "/v1/briefs/schedule").json(&schedule).send().await.expect(200);
        }
    };
    // Of one tenant: nobody is in its way, so no write is tried in vain.
    prepare(1).await;
    let (calls, refused) = stage.asked_by_schedule(now).await;
    assert_eq!(refused, 0);
    prepare(TENANTS).await;
    // Over the same store, which gets slower with what was done shortly before: so half of it before and half after.
    let bare = Bare::new(&stage.store, &calls).writes();
    eprintln!("  the brief of a tenant and its notifications are {} writes", bare.calls());
    let half = async |half: u64| {
        let tenants = u64::try_from(TENANTS).unwrap() / 2;
        for number in 1..=tenants {
            bare.ask(half * tenants + number).await;
        }
    };
    let before = timed(half(0)).await.1;
    let ((handled, cost), ours) = timed(counted(stage.run_schedule(now))).await;
    let floor = before + timed(half(1)).await.1;
    eprintln!("  of all the product's writes {} were tried in vain", cost.cancelled);
    assert!(handled >= TENANTS, "each tenant is one message: {handled}");
    let rate = |time: Duration| 1_000.0 / time.as_secs_f64();
    vec![Row {
        name: format!("scheduled run, {TENANTS} tenants of {USERS} users, by its writes"),
        unit: "tenants/s",
        ours: rate(ours),
        floor: rate(floor),
        goal: Goal::AtLeast(0.5),
    }]
}
