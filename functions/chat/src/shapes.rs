//! What the answers of this function look like.

use bespin_edge::shapes as common;
use bespin_web::describe::Shape;
use serde_json::json;

pub(crate) fn conversation() -> Shape {
    Shape::object([
        ("conversation_id", Shape::id()),
        ("title", Shape::text().like("help").or_null()),
        ("created_at", Shape::instant()),
    ])
    .named("Conversation")
}

pub(crate) fn conversations() -> Shape {
    Shape::object([("items", Shape::list_of(conversation())), ("next_cursor", common::next_cursor())])
        .named("Conversations")
}

/// What an answer shows besides its words.
fn card() -> Shape {
    let kind = |kind: &str| ("type", Shape::constant(json!(kind)));
    let point = || Shape::object([("ts", Shape::text().like("2026-01-31")), ("value", Shape::number())]);
    let kpi = Shape::object([
        kind("kpi"),
        ("kpi_id", Shape::id()),
        ("name", Shape::text().like("MRR")),
        ("unit", Shape::text().or_null().like("GBP")),
        ("latest", point().or_null()),
    ]);
    let kpi_summary = Shape::object([
        kind("kpi_summary"),
        ("kpi_id", Shape::id()),
        ("name", Shape::text().like("MRR")),
        ("unit", Shape::text().or_null().like("GBP")),
        ("latest", point()),
        ("start", point()),
        ("delta_abs", Shape::number()),
        ("delta_pct", Shape::number().or_null()),
    ]);
    let brief = Shape::object([
        kind("brief"),
        ("date", Shape::date()),
        ("brief_id", Shape::id()),
        ("summary", common::brief_summary()),
        ("highlights", Shape::list_of(common::highlight())),
    ]);
    let notification = Shape::object([
        kind("notification"),
        ("id", Shape::integer().like(906_611_097_600_000_u64)),
        ("date", Shape::date()),
        ("title", Shape::text().like("Daily Brief")),
        ("status", Shape::one_of(&["queued", "acked"])),
    ]);
    Shape::any_of([kpi, kpi_summary, brief, notification]).named("Card")
}

pub(crate) fn message() -> Shape {
    Shape::object([
        ("message_id", Shape::id()),
        ("role", Shape::one_of(&["user", "assistant"])),
        ("content", Shape::text().like("MRR is at 1250")),
        ("cards", Shape::list_of(card())),
        ("created_at", Shape::instant()),
    ])
    .named("Message")
}

pub(crate) fn conversation_with_messages() -> Shape {
    Shape::object([
        ("conversation_id", Shape::id()),
        ("title", Shape::text().or_null()),
        ("created_at", Shape::instant()),
        ("messages", Shape::list_of(message())),
        ("next_cursor", common::next_cursor()),
    ])
    .named("ConversationWithMessages")
}

pub(crate) fn chat_answer() -> Shape {
    let message = Shape::object([
        ("message_id", Shape::id()),
        ("content", Shape::text().like("MRR is at 1250")),
        ("cards", Shape::list_of(card())),
    ]);
    Shape::object([
        ("request_id", Shape::id()),
        ("conversation_id", Shape::id()),
        ("assistant_message", message),
    ])
    .named("ChatAnswer")
}
