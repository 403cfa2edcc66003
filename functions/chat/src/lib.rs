//! Conversations, and the cofounder chat that answers in them (gateway.md 10). All of it is the caller's own: a
//! colleague's conversation, or an admin's, is one that is not there.

mod api;
mod chat;
mod conversations;
mod intent;
mod reply;
mod shapes;

pub use api::api;
use axum::Router;
use bespin_edge::Deps;
use bespin_primitives::FaultKind;
use bespin_web::Problem;
use bespin_web::describe::router;

/// Serves the routes of this function.
pub fn routes(deps: Deps) -> Router {
    router(api).with_state(deps)
}

fn not_found() -> Problem {
    Problem::new(FaultKind::Missing, "conversation_not_found", "Conversation not found")
}
