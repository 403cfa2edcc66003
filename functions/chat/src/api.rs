//! The routes of this function, and what each of them promises.

use bespin_edge::Deps;
use bespin_edge::audience::{METERED, SUBSCRIBED, TENANT};
use bespin_table::keys::nowhere;
use bespin_web::describe::{Api, Operation};

use crate::chat::Question;
use crate::{chat, conversations, shapes};

/// Tells all of them.
pub fn api(api: &mut impl Api<Deps>) {
    api.get(conversations::PATH, conversations::list, || {
        Operation::new("listConversations", "List the caller's conversations", &TENANT)
            .says("Newest first by creation.")
            .query(|call| conversations::parse_listing(call, &nowhere()))
            .answers(200, "A page of conversations", shapes::conversations())
    });
    api.post(conversations::PATH, conversations::begin, || {
        Operation::new("createConversation", "Begin a conversation", &TENANT)
            .says("Not metered.")
            .idempotent_if_asked()
            .body(conversations::parse)
            .answers(201, "The conversation", shapes::conversation())
    });
    api.get("/v1/conversations/{conversation_id}", conversations::show, || {
        Operation::new("getConversation", "Read a conversation", &TENANT)
            .says(
                "Oldest message first, a question before its answer; at most 1,000 messages a \
                page. Somebody else's conversation is not found.",
            )
            .path("conversation_id", "Id of a conversation of the caller", None)
            .query(|call| conversations::parse_page(call, &nowhere()))
            .answers(200, "The conversation with its messages", shapes::conversation_with_messages())
            .refuses(&[(404, "conversation_not_found")])
    });
    api.post(chat::PATH, chat::chat, || {
        Operation::new("chat", "Ask the cofounder", &TENANT)
            .says(
                "One metered question and its answer. Without `conversation_id` a new \
                conversation begins, titled by the message.",
            )
            .idempotent_if_asked()
            .body(Question::parse)
            .answers(200, "The answer", shapes::chat_answer())
            .refuses(&SUBSCRIBED)
            .refuses(&METERED)
            .refuses(&[(404, "conversation_not_found")])
    });
}
