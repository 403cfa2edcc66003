//! What the answers of this function look like.

use bespin_edge::shapes as common;
use bespin_web::describe::Shape;

pub(crate) fn cap() -> Shape {
    Shape::object([
        ("event_key", Shape::text().like("tool_invocation")),
        ("period", Shape::one_of(&["monthly"])),
        ("cap_raw_units", Shape::number().like(2)),
    ])
    .named("Cap")
}

pub(crate) fn tenant() -> Shape {
    Shape::object([
        ("tenant_id", Shape::id()),
        ("name", Shape::text().like("Acme")),
        ("region", Shape::text().like("eu-west-1")),
        ("created_at", Shape::instant()),
    ])
    .named("Tenant")
}

pub(crate) fn operated_tenant() -> Shape {
    Shape::object([
        ("tenant_id", Shape::id()),
        ("name", Shape::text().like("Acme")),
        ("region", Shape::text().like("eu-west-1")),
        ("created_at", Shape::instant()),
        ("subscription", subscription().or_null()),
        ("limits", common::limits()),
        (
            "usage",
            Shape::object([
                ("period_start", Shape::date()),
                ("period_end", Shape::date()),
                ("credits", common::usage_credits().or_null()),
                ("breakdown", Shape::list_of(common::usage_line())),
            ]),
        ),
    ])
    .named("OperatedTenant")
}

pub(crate) fn subscription() -> Shape {
    Shape::object([
        ("tenant_id", Shape::id()),
        ("plan_id", Shape::text().like("starter")),
        ("status", Shape::one_of(&["active", "suspended"])),
        ("period_start", Shape::date()),
        ("period_end", Shape::date()),
        ("created_at", Shape::instant()),
        ("updated_at", Shape::instant()),
    ])
    .named("Subscription")
}

pub(crate) fn audit_entry() -> Shape {
    Shape::object([
        ("id", Shape::id()),
        (
            "actor",
            Shape::object([
                ("kind", Shape::one_of(&["platform", "user", "payment_provider"])),
                (
                    "key",
                    Shape::text()
                        .like("d5fbebfa")
                        .about("The first eight hexadecimal digits of the SHA-256 of the key that was shown")
                        .optional(),
                ),
                ("user_id", Shape::id().optional()),
                ("provider", Shape::one_of(&["stripe"]).optional()),
            ]),
        ),
        ("action", Shape::text().like("api_key.create")),
        ("tenant_id", Shape::id().or_null()),
        ("subject", Shape::text().like("0a7c7715-c890-495f-a17c-c747e3035965")),
        ("before", Shape::any().about("The object before the change, null where there was none")),
        ("after", Shape::any().about("The object after the change, null where it is gone")),
        ("request_id", Shape::id()),
        ("created_at", Shape::instant()),
    ])
    .named("AuditEntry")
}

pub(crate) fn plan_with_contents() -> Shape {
    let contents =
        [("capabilities", Shape::list_of(Shape::text().like("briefs"))), ("caps", Shape::list_of(cap()))];
    Shape::object(common::plan_members().into_iter().chain(contents)).named("PlanWithContents")
}

pub(crate) fn tenants() -> Shape {
    common::page_of(tenant())
}

pub(crate) fn audit() -> Shape {
    Shape::object([
        ("period_start", Shape::date()),
        ("items", Shape::list_of(audit_entry())),
        ("next_cursor", common::next_cursor()),
    ])
}
