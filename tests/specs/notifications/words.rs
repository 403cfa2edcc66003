//! The words that these specifications share.

use bespin_audit::{AuditEntry, AuditScope};
use bespin_metering::{LedgerEntry, MeteredEvent};
use bespin_primitives::{BillingPeriod, Timestamp, parse_date};
use bespin_tests::{Actor, Reply, Request, World};
use futures::future::join_all;
use serde_json::{Value, json};

pub(crate) const JOB: &str = "/v1/jobs/daily-brief";
pub(crate) const PREFS: &str = "/v1/notifications/prefs";
pub(crate) const OUTBOX: &str = "/v1/notifications/outbox";
pub(crate) const MONTH: &str = "2026-02";
pub(crate) const DATE: &str = "2026-01-31";

pub(crate) const SCHEDULE: &str = "/v1/briefs/schedule";

/// The instant so written.
pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

/// Sets when the tenant's brief is due; the answer.
pub(crate) async fn set_schedule(admin: &Actor, body: &Value) -> Value {
    admin.request("PUT", SCHEDULE).json(body).send().await.expect(200)
}

/// The job for a date.
pub(crate) fn run(admin: &Actor, key: &str, date: &str) -> Request {
    admin.post(JOB).key(key).json(&json!({"date": date}))
}

/// How many the run inserted, ignored and suppressed.
#[track_caller]
pub(crate) fn counts(reply: &Reply) -> (u64, u64, u64) {
    let answer = reply.expect(200);
    let count = |name: &str| answer[format!("notifications_{name}")].as_u64().unwrap();
    (count("inserted"), count("ignored"), count("suppressed_due_to_quota"))
}

/// A new member, made at this minute before noon: the order of these is the order of creation.
pub(crate) async fn member_at(admin: &Actor, minute: usize) -> Actor {
    let body = json!({"tenant_id": admin.tenant_id, "email": "m@example.com", "role": "member"});
    let at = format!("2026-02-10T{:02}:{:02}:00Z", 1 + minute / 60, minute % 60);
    let user = admin.post("/v1/users").json(&body).at(&at).send().await.expect(201);
    admin.as_user(user["user_id"].as_str().unwrap())
}

/// So many new members, in order of their creation. The admin who signed up at noon comes after them.
pub(crate) async fn members(admin: &Actor, count: usize) -> Vec<Actor> {
    let mut members = Vec::new();
    for minute in 0..count {
        members.push(member_at(admin, minute).await);
    }
    members
}

/// The caller's notifications, newest first.
pub(crate) async fn outbox(actor: &Actor) -> Vec<Value> {
    let page = actor.get(&format!("{OUTBOX}?limit=500")).send().await.expect(200);
    assert_eq!(page["next_cursor"], Value::Null);
    page["items"].as_array().unwrap().clone()
}

/// How many notifications about a date each of these has.
pub(crate) async fn notified(actors: &[Actor], date: &str) -> Vec<usize> {
    let about = |actor: &Actor| {
        let actor = actor.clone();
        let date = date.to_owned();
        async move { outbox(&actor).await.iter().filter(|item| item["date"] == *date).count() }
    };
    join_all(actors.iter().map(about)).await
}

/// Saves whether the caller wants daily briefs.
pub(crate) async fn want(actor: &Actor, enabled: bool) {
    actor.request("PUT", PREFS).json(&json!({"daily_brief_enabled": enabled})).send().await.expect(200);
}

/// The entries of the month about notifications.
pub(crate) async fn entries(world: &World, actor: &Actor) -> Vec<LedgerEntry> {
    let mut entries = world.ledger(actor, MONTH).await;
    entries.retain(|entry| entry.event == MeteredEvent::NotificationEnqueued);
    entries
}

/// The audit entries that runs left in the month.
pub(crate) async fn audited(world: &World, actor: &Actor) -> Vec<AuditEntry> {
    let scope = AuditScope::of_tenant(&actor.access().await);
    let period = BillingPeriod::containing(parse_date("2026-02-01").unwrap());
    let (mut entries, next) = world.deps().audit.entries(&scope, period, 1_000, None).await.unwrap();
    assert_eq!(next, None);
    entries.retain(|entry| entry.action == "notifications.enqueue");
    entries
}

/// Sends all requests at the same time, each on a task of its own.
pub(crate) async fn at_once(requests: impl IntoIterator<Item = Request>) -> Vec<Reply> {
    let sent: Vec<_> = requests.into_iter().map(|request| tokio::spawn(request.send())).collect();
    join_all(sent).await.into_iter().map(Result::unwrap).collect()
}
