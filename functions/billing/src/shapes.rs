//! What the answers of this function look like.

use bespin_edge::shapes as common;
use bespin_web::describe::Shape;

pub(crate) fn daily_usage() -> Shape {
    Shape::object([
        ("date", Shape::date()),
        ("limits", common::limits()),
        (
            "usage",
            Shape::list_of(Shape::object([
                (
                    "activity_type",
                    Shape::one_of(&[
                        "assistant_query",
                        "tool_invocation",
                        "daily_brief_generated",
                        "notification_enqueued",
                    ]),
                ),
                ("units", Shape::integer()),
            ])),
        ),
    ])
    .named("DailyUsage")
}

pub(crate) fn plan_of_tenant() -> Shape {
    Shape::object([
        ("tenant_id", Shape::id()),
        ("plan_id", Shape::text().like("starter")),
        ("status", Shape::one_of(&["active", "suspended"])),
        ("period_start", Shape::date()),
        ("period_end", Shape::date()),
        ("plan", common::plan()),
        ("capabilities", Shape::list_of(Shape::text().like("briefs"))),
    ])
    .named("PlanOfTenant")
}

pub(crate) fn usage() -> Shape {
    Shape::object([
        ("period_start", Shape::date()),
        ("period_end", Shape::date()),
        ("plan", common::plan()),
        ("credits", common::usage_credits()),
        ("breakdown", Shape::list_of(common::usage_line())),
    ])
    .named("Usage")
}

pub(crate) fn ledger() -> Shape {
    Shape::object([
        ("period_start", Shape::date()),
        ("items", Shape::list_of(ledger_entry())),
        ("next_cursor", common::next_cursor()),
    ])
    .named("Ledger")
}

pub(crate) fn ledger_entry() -> Shape {
    Shape::object([
        ("event_key", Shape::text().like("kpi_points_ingested")),
        ("raw_units", Shape::number().like(1)),
        ("credits", Shape::number().like(0.001)),
        ("list_cost_estimate", Shape::number().like(2e-05)),
        ("tool_name", Shape::text().like("daily_brief").or_null()),
        ("request_id", Shape::id()),
        ("created_at", Shape::instant()),
    ])
    .named("LedgerEntry")
}
