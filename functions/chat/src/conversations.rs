//! `/v1/conversations`: begin one, list them, read one (gateway.md 10.1 to 10.3).

use axum::{extract::State, http::StatusCode};
use bespin_access::Action;
use bespin_conversations::{Conversation, Exchange, Listing, MAX_TITLE};
use bespin_edge::{Deps, cursor};
use bespin_primitives::ConversationId;
use bespin_recording::{Claim, Fingerprint, Recording};
use bespin_table::{Cursor, Range};
use bespin_web::{Answer, Body, Call, Problem, Read, clamped, text};
use serde_json::{Value, json};

use crate::not_found;

pub(crate) const PATH: &str = "/v1/conversations";

pub(crate) fn parse(body: &Body) -> Result<Option<String>, Problem> {
    let mut fields = body.fields()?;
    let title = fields.optional("title", text(..=MAX_TITLE));
    fields.finish(|| title)
}

pub(crate) async fn begin(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    let caller = deps.identify(&call).await?;
    let key = call.optional_idempotency_key()?;
    let title = parse(&body)?;
    let access = caller.authorise(Action::UseChat)?;
    let fingerprint = Fingerprint::of(&json!({"title": title}));
    let claim = key.map(|key| Claim::of_user(&access, PATH, key.as_str(), fingerprint));

    let conversation = Conversation::new(title, call.now, &*deps.random);
    let answer = conversation.view().to_string();
    let mut recording = Recording::new(&access, call.request_id, call.now);
    deps.conversations.begin(&mut recording.transaction, &access, &conversation);
    let recording = deps.recorder.keep_answer(recording, claim.as_ref(), &answer).await?;
    let answer = deps.recorder.commit(recording).await?.or(answer);
    Ok(Answer::json_text(StatusCode::CREATED, answer))
}

/// A page of the conversations in `range`.
pub(crate) fn parse_listing(call: &Call, range: &Range) -> Result<Listing, Problem> {
    let mut query = call.query();
    let limit = query.or("limit", 50, clamped(1..=200).about("How many"));
    let offset = query.or("offset", 0, clamped(0..).about("How many of the newest are left out"));
    let after = query.optional("cursor", cursor(range));
    query.finish(|| {
        let (limit, offset) = (usize::try_from(limit?).ok()?, usize::try_from(offset?).ok()?);
        Some(Listing { limit, offset, after: after? })
    })
}

pub(crate) async fn list(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let access = deps.identify(&call).await?.authorise(Action::UseChat)?;
    let listing = parse_listing(&call, &deps.conversations.listing_range(&access))?;
    let (conversations, next) = deps.conversations.list(&access, listing).await?;
    let items: Value = conversations.iter().map(Conversation::view).collect();
    Ok(Answer::ok(&json!({"items": items, "next_cursor": next.map(|next| next.to_string())})))
}

/// Where a page of the messages in `range` starts, if it is not the first.
pub(crate) fn parse_page(call: &Call, range: &Range) -> Result<Option<Cursor>, Problem> {
    let mut query = call.query();
    let after = query.optional("cursor", cursor(range));
    query.finish(|| after)
}

/// A conversation with its first messages, or those behind the cursor.
pub(crate) async fn show(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let access = deps.identify(&call).await?.authorise(Action::UseChat)?;
    let id = ConversationId::parse(call.path("conversation_id")).ok_or_else(not_found)?;
    let range = deps.conversations.messages_range(&access, id);
    let after = parse_page(&call, &range)?;

    let conversation = deps.conversations.find(&access, id).await?.ok_or_else(not_found)?;
    let (exchanges, next) = deps.conversations.exchanges(&access, id, after).await?;
    let mut view = conversation.view();
    view["messages"] = exchanges.iter().flat_map(Exchange::messages).collect();
    view["next_cursor"] = json!(next.map(|next| next.to_string()));
    Ok(Answer::ok(&view))
}
