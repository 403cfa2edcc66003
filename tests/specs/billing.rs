//! Specifications of the bill as the tenant sees it: limits, plan, usage and ledger, what a refusal says, and that
//! every number is the sum of the ledger whatever happens around midnight (gateway.md 11, 12 and 18).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod billing {
    mod arithmetic;
    mod borders;
    mod cost;
    mod daily;
    mod ledger;
    mod limits;
    mod plan;
    mod refusals;
    mod sums;
}

use bespin_metering::{LedgerEntry, MeteredEvent, Posting, post};
use bespin_primitives::{EntryId, RequestId, Timestamp};
use bespin_table::{Condition, Row, Transaction, keys};
use bespin_tests::{Actor, Reply, Request, World, noon};
use futures::future::join_all;
use serde_json::{Value, json};

/// Sends all requests at the same time, each on a task of its own.
async fn at_once(requests: impl IntoIterator<Item = Request>) -> Vec<Reply> {
    let sent = requests.into_iter().map(|request| tokio::spawn(request.send()));
    join_all(sent).await.into_iter().map(Result::unwrap).collect()
}

/// A call of the tool that costs nothing but what is metered.
#[expect(clippy::needless_pass_by_value, reason = "a key is a number or a word, whichever reads better")]
fn echo(actor: &Actor, key: impl ToString) -> Request {
    actor.invoke(&key.to_string(), "echo", &json!({}))
}

/// What a read of the tenant answers.
async fn read(actor: &Actor, path: &str) -> Value {
    actor.get(path).send().await.expect(200)
}

/// Sets the daily limits, in the order of the contract.
fn put_limits(actor: &Actor, limits: [u64; 4]) -> Request {
    actor.request("PUT", "/v1/limits").body(limits_text(&actor.tenant_id, limits))
}

/// Daily limits as the API writes them.
fn limits_text(tenant_id: &str, [query, tool, brief, notification]: [u64; 4]) -> String {
    format!(
        r#"{{"tenant_id":"{tenant_id}","assistant_query_daily_limit":{query},"tool_invocation_daily_limit":{tool},"daily_brief_generated_daily_limit":{brief},"notification_enqueued_daily_limit":{notification}}}"#
    )
}

/// Changes something as the platform's operator; the body is as it stands, so that numbers are sent as written.
async fn operate(world: &World, method: &str, path: &str, body: &str) -> Value {
    let reply = world.operator(method, path).body(body).send().await;
    assert!(matches!(reply.status, 200 | 201), "{}", reply.text);
    reply.json()
}

/// What an event costs from now on: credits a unit, dollars a credit.
async fn weigh(world: &World, event: MeteredEvent, credits: &str, price: &str) {
    let body = format!(r#"{{"credits_per_unit":{credits},"list_price_per_credit":{price}}}"#);
    operate(world, "PUT", &format!("/v1/admin/metered-events/{}", event.key()), &body).await;
}

/// Posts what a request would have posted that caused so many units of an event.
async fn happen(world: &World, actor: &Actor, event: MeteredEvent, units: u64, at: &str) {
    let catalogue = world.deps().entitlements.catalogue().await.unwrap();
    let posting = Posting {
        charge: catalogue.events[event.key()].charge(event, units).unwrap(),
        request_id: RequestId::random(&*world.deps().random),
        tool_name: None,
        action: None,
        at: Timestamp::parse_rfc3339(at).unwrap(),
    };
    let mut transaction = Transaction::new();
    post(&mut transaction, &actor.access().await, &posting, &[], &*world.deps().random);
    world.deps().table.commit(transaction).await.unwrap();
}

/// Puts so many more of the tenant's latest entry into its ledger, one each second before noon. They are not in the
/// counters.
async fn enter_history(world: &World, admin: &Actor, entries: i64) {
    let tenant_id = admin.access().await.tenant_id();
    let model = world.ledger(admin, "2026-02").await.remove(0);
    let instants: Vec<Timestamp> = (1..=entries).map(|second| noon().plus_seconds(-second)).collect();
    for hundred in instants.chunks(100) {
        let mut transaction = Transaction::new();
        for created_at in hundred {
            let id = EntryId::random(&*world.deps().random);
            let entry = LedgerEntry { id, created_at: *created_at, ..model.clone() };
            transaction.put(entry.at(keys::ledger_entry(tenant_id, *created_at, id)), Condition::absent());
        }
        world.deps().table.commit(transaction).await.unwrap();
    }
}

/// Every page of the ledger, one after the other; `query` starts with `&`.
async fn pages(actor: &Actor, query: &str) -> Vec<Vec<Value>> {
    let (mut pages, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = read(actor, &format!("/v1/billing/ledger?{query}{cursor}")).await;
        pages.push(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next_cursor"].as_str() else { return pages };
        cursor = format!("&cursor={next}");
    }
}

/// A decimal number of the API in millionths of millionths, exactly as it is printed: neither a float nor the
/// product's own arithmetic stands between.
fn exact(number: &Value) -> u128 {
    let text = number.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    assert!(fraction.len() <= 12 && !fraction.ends_with('0'), "{text} is not the shortest exact decimal");
    format!("{whole}{fraction:0<12}").parse().unwrap_or_else(|_| panic!("{text} is not a plain decimal"))
}

/// The sum of one member over many objects.
fn total(objects: &[Value], member: &str) -> u128 {
    objects.iter().map(|object| exact(&object[member])).sum()
}
