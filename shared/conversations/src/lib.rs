//! Conversations of users, and the messages in them (gateway.md 10). What is answered to a message is the business of
//! the chat.
//!
//! What is always true: a conversation belongs to one user of one tenant, and nobody else finds it, be it an admin of
//! the same tenant; a question and its answer are one row, so there is never one without the other; messages have one
//! order for ever, by their instant and, at the same instant, by the id of the question.

mod conversation;
mod exchange;
mod store;

pub use conversation::{Conversation, MAX_TITLE};
pub use exchange::{Cards, Exchange, Reply};
pub use store::{Conversations, Listing, MAX_MESSAGES};
