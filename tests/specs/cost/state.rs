//! What an ordinary tenant has.

use bespin_primitives::{Timestamp, UserId};
use bespin_table::keys;
use bespin_tests::{Actor, Request, noon};
use serde_json::{Value, json};

pub(crate) const KPIS: usize = 20;
pub(crate) const USERS: usize = 10;

/// The body of so many daily points, the last of them on 2026-01-31.
pub(crate) fn daily(count: i64) -> Value {
    let last = Timestamp::parse_rfc3339("2026-01-31T00:00:00Z").unwrap();
    let day = |number: i64| last.plus_seconds((number + 1 - count) * 86_400).date().to_string();
    let points: Vec<Value> = (0..count).map(|number| json!({"ts": day(number), "value": number})).collect();
    json!({"points": points})
}

pub(crate) fn bulk(admin: &Actor, kpi_id: &str, body: &Value) -> Request {
    admin.post(&format!("/v1/kpis/{kpi_id}/points:bulk")).json(body)
}

/// KPIs with a hundred daily points each; the last one's id.
pub(crate) async fn add_kpis(admin: &Actor) -> String {
    let points = daily(100);
    let mut last = String::new();
    for number in 1..=KPIS {
        last = admin.kpi(&format!("KPI {number}")).await;
        bulk(admin, &last, &points).send().await.expect(200);
    }
    last
}

/// Members beside the admin.
pub(crate) async fn add_members(admin: &Actor) {
    let body = json!({"tenant_id": admin.tenant_id, "email": "member@example.com", "role": "member"});
    for minute in 1..USERS {
        let request = admin.post("/v1/users").json(&body);
        request.at(&format!("2026-02-10T11:{minute:02}:00Z")).send().await.expect(201);
    }
}

/// So many more users, in their places in the order of creation only: that is all that a run reads of them.
pub(crate) async fn add_places(admin: &Actor, count: i64) {
    let (access, world) = (admin.access().await, admin.world());
    let user = access.user();
    let place = keys::user_by_creation(access.tenant_id(), user.created_at, user.id);
    let copies = (1..=count).map(|second| {
        let id = UserId::random(&*world.deps().random);
        let copy = keys::user_by_creation(access.tenant_id(), noon().plus_seconds(second), id);
        vec![("sk", copy.sk), ("user_id", id.to_string())]
    });
    let key = [("pk", place.pk.as_str()), ("sk", place.sk.as_str())];
    world.embedded().dynamodb().put_copies(&world.deps().settings.table_name, &key, copies).unwrap();
}

/// The daily-brief job of a day of January. The ids of its notifications are made of the instant, so each has its own.
pub(crate) fn run(admin: &Actor, day: usize) -> Request {
    let request = admin.post("/v1/jobs/daily-brief").key(&format!("job of day {day}"));
    let now = noon().plus_seconds(i64::try_from(day).unwrap());
    request.json(&json!({"date": format!("2026-01-{day:02}")})).at(&now.to_string())
}

/// A text member of an answer.
pub(crate) fn text(answer: &Value, member: &str) -> String {
    answer[member].as_str().unwrap().to_owned()
}
