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

use bespin_metering::LedgerEntry;
use bespin_primitives::{EntryId, Timestamp};
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
fn put_limits(actor: &Actor, [query, tool, brief, notification]: [u64; 4]) -> Request {
    actor.request("PUT", "/v1/limits").json(&json!({
        "assistant_query_daily_limit": query, "tool_invocation_daily_limit": tool,
        "daily_brief_generated_daily_limit": brief, "notification_enqueued_daily_limit": notification,
    }))
}

/// Changes something as the platform's operator.
async fn operate(world: &World, method: &str, path: &str, body: Value) -> Value {
    let reply = world.operator(method, path).json(&body).send().await;
    assert!(matches!(reply.status, 200 | 201), "{}", reply.text);
    reply.json()
}

/// Puts so many tool calls into the ledger of the month, one each second before noon, many at once. They are not in
/// the counters.
async fn enter_history(world: &World, admin: &Actor, entries: i64) {
    let access = admin.access().await;
    let model = world.ledger(admin, "2026-02").await.remove(0);
    let instants: Vec<Timestamp> = (1..=entries).map(|second| noon().plus_seconds(-second)).collect();
    for hundred in instants.chunks(100) {
        let mut transaction = Transaction::new();
        for created_at in hundred {
            let id = EntryId::random(&*world.deps().random);
            let entry = LedgerEntry { id, created_at: *created_at, ..model.clone() };
            let key = keys::ledger_entry(access.tenant_id(), *created_at, id);
            transaction.put(entry.at(key), Condition::absent());
        }
        world.deps().table.commit(transaction).await.unwrap();
    }
}
