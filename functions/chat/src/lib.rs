//! Conversations, and the cofounder chat that answers in them (gateway.md 10). All of it is the caller's own: a
//! colleague's conversation, or an admin's, is one that is not there.

mod chat;
mod conversations;
mod intent;
mod reply;

use axum::{
    Router,
    routing::{get, post},
};
use bespin_edge::Deps;
use bespin_primitives::FaultKind;
use bespin_web::Problem;

/// The routes of this function.
pub fn routes(deps: Deps) -> Router {
    Router::new()
        .route(conversations::PATH, get(conversations::list).post(conversations::begin))
        .route("/v1/conversations/{conversation_id}", get(conversations::show))
        .route(chat::PATH, post(chat::chat))
        .with_state(deps)
}

fn not_found() -> Problem {
    Problem::new(FaultKind::Missing, "conversation_not_found", "Conversation not found")
}
