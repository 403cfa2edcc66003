//! Specifications of conversations and of the cofounder chat (gateway.md 10).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod chat {
    mod asking;
    mod conversations;
    mod cost;
    mod intents;
}

use bespin_tests::{Actor, Reply, Request};
use futures::future::join_all;
use serde_json::{Value, json};

const CHAT: &str = "/v1/cofounder/chat";
const CONVERSATIONS: &str = "/v1/conversations";
const MONTH: &str = "2026-02";

/// A question that begins a conversation.
fn ask(actor: &Actor, message: &str) -> Request {
    actor.post(CHAT).json(&json!({"message": message}))
}

/// A question in a conversation.
fn ask_in(actor: &Actor, conversation: &str, message: &str) -> Request {
    actor.post(CHAT).json(&json!({"message": message, "conversation_id": conversation}))
}

async fn begin(actor: &Actor) -> String {
    let conversation = actor.post(CONVERSATIONS).json(&json!({})).send().await.expect(201);
    text(&conversation["conversation_id"]).to_owned()
}

/// A whole conversation, page by page.
async fn messages(actor: &Actor, conversation: &str) -> Vec<Value> {
    let (mut messages, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = actor.get(&format!("{CONVERSATIONS}/{conversation}{cursor}")).send().await.expect(200);
        messages.extend(page["messages"].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("?cursor={next}"),
            None => return messages,
        }
    }
}

#[track_caller]
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value}"))
}

/// Sends all requests at the same time, each on a task of its own.
async fn at_once(requests: impl IntoIterator<Item = Request>) -> Vec<Reply> {
    let sent: Vec<_> = requests.into_iter().map(|request| tokio::spawn(request.send())).collect();
    join_all(sent).await.into_iter().map(Result::unwrap).collect()
}
