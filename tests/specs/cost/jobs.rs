//! What nobody calls: the schedule, and the functions behind queues. A batch of one message, so that nothing is shared; the
//! two requests by which Lambda receives and deletes it are in its row.

use aws_sdk_sqs::types::Message;
use axum::{Router, http::StatusCode};
use bespin_briefs::BriefOrder;
use bespin_entitlements::{Capability, Standing};
use bespin_jobs::JobOrder;
use bespin_local::EventSource;
use bespin_primitives::{RequestId, Timestamp, parse_date};
use bespin_recording::{Claim, Fingerprint};
use bespin_tests::{Actor, noon};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{
    sheet::Sheet,
    state::{add_kpis, add_members, add_places, run},
};

pub(crate) fn sheets() -> Vec<BoxFuture<'static, Sheet>> {
    vec![Box::pin(scheduler()), Box::pin(runner()), Box::pin(dispatcher()), Box::pin(sweeper())]
}

/// Lets a tenant's brief be due at noon.
async fn schedule(admin: &Actor) {
    let body = json!({"enabled": true, "hour": 12, "time_zone": "UTC"});
    let request = admin.request("PUT", "/v1/briefs/schedule").json(&body);
    request.at("2026-02-10T11:30:00Z").send().await.expect(200);
}

async fn scheduler() -> Sheet {
    let mut sheet = Sheet::of("daily-brief-scheduler").await;
    let world = sheet.world.clone();
    schedule(&sheet.admin).await;
    let early = noon().plus_seconds(-1);
    sheet.job("an hour in which nothing is due", world.schedule(&Value::Null, early)).await.unwrap();
    let sent = sheet.job("an hour in which one brief is due", world.schedule(&Value::Null, noon())).await;
    assert_eq!(sent.unwrap().sent, 1);
    sheet
}

/// The only message of a queue.
async fn only(source: &EventSource) -> Vec<Message> {
    let messages = source.receive(0).await.unwrap();
    assert_eq!(messages.len(), 1);
    messages
}

async fn runner() -> Sheet {
    let mut sheet = Sheet::of("daily-brief-runner").await;
    let (world, admin) = (sheet.world.clone(), sheet.admin.clone());
    add_kpis(&admin).await;
    add_members(&admin).await;
    schedule(&admin).await;
    world.schedule(&Value::Null, noon()).await.unwrap();
    admin.get("/v1/billing/usage").send().await.expect(200);
    let source = world.brief_source();
    let messages = only(&source).await;
    let handle = || {
        let event = EventSource::event(&messages);
        bespin_fn_daily_brief_runner::handle(world.deps(), event, noon())
    };
    let handled = sheet.batch("a brief that is due: 20 KPIs, 10 users", handle()).await;
    assert!(handled.batch_item_failures.is_empty());
    sheet.batch("the same message again", handle()).await;
    source.settle(&messages, &handled).await;
    Box::pin(rest(&mut sheet)).await;
    sheet
}

/// What a request leaves of a large tenant's run, but after one step of thirty users already.
async fn rest(sheet: &mut Sheet) {
    let world = sheet.world.clone();
    let admin = world.tenant().await;
    world.without_limits(&admin).await;
    add_places(&admin, 89).await;
    let access = admin.access().await;
    let catalogue = world.deps().entitlements.catalogue().await.unwrap();
    let standing = Standing::entitled(&access, &catalogue, Capability::Notifications, noon()).unwrap();
    let order = JobOrder {
        claim: Claim::new(&access, "/v1/jobs/daily-brief", "key", Fingerprint::of(&json!(null))),
        brief: BriefOrder { date: parse_date("2026-01-31").unwrap(), window_days: 7, top_n: 3 },
        request_id: RequestId::random(&*world.deps().random),
        now: noon(),
    };
    let queue = world.deps().brief_queue.clone().unwrap();
    world.deps().daily_brief.clone().with_queue(queue, 1).run(&access, &standing, &order).await.unwrap();
    let messages = only(&world.brief_source()).await;
    let later = noon().plus_seconds(1);
    let handle = bespin_fn_daily_brief_runner::handle(world.deps(), EventSource::event(&messages), later);
    let handled = sheet.batch("60 users that a request left over", handle).await;
    assert!(handled.batch_item_failures.is_empty());
}

/// Somewhere that answers every call with this status; its address.
async fn receiver(status: StatusCode) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(move || async move { status });
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}/hooks")
}

async fn dispatcher() -> Sheet {
    let mut sheet = Sheet::of("outbox-dispatcher").await;
    let (world, admin) = (sheet.world.clone(), sheet.admin.clone());
    let register = async |status| {
        let webhook = admin.request("PUT", "/v1/notifications/webhook");
        webhook.json(&json!({"url": receiver(status).await})).send().await
    };
    add_members(&admin).await;
    register(StatusCode::NO_CONTENT).await.expect(201);
    run(&admin, 31).send().await.expect(200);
    let source = world.outbox_source();
    let now = noon().plus_seconds(31);
    let handle = |messages: &[Message], at: Timestamp| {
        bespin_fn_outbox_dispatcher::handle(world.deps(), EventSource::event(messages), at)
    };
    let chunk = only(&source).await;
    let expanded = sheet.batch("10 notifications become deliveries", handle(&chunk, now)).await;
    source.settle(&chunk, &expanded).await;

    let due = source.receive(0).await.unwrap();
    sheet.batch("a delivery that is taken", handle(&due[..1], now)).await;
    sheet.batch("the same message again", handle(&due[..1], now)).await;
    register(StatusCode::INTERNAL_SERVER_ERROR).await.expect(200);
    sheet.batch("a delivery that is not taken", handle(&due[1..2], now)).await;
    sheet.batch("one that waits, since the one before it was not taken", handle(&due[2..3], now)).await;
    sheet
}

async fn sweeper() -> Sheet {
    let mut sheet = Sheet::of("outbox-dispatcher, each minute").await;
    let world = sheet.world.clone();
    let swept = bespin_fn_outbox_dispatcher::sweep(world.deps(), noon());
    assert_eq!(sheet.job("nothing was lost", swept).await.unwrap(), bespin_webhooks::Swept::default());
    sheet
}
