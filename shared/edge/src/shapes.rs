//! What answers of several functions look like.

use bespin_web::describe::Shape;
use serde_json::json;

/// An API key, without the key itself.
pub fn api_key() -> Shape {
    Shape::object(api_key_members()).named("ApiKey")
}

fn api_key_members() -> [(&'static str, Shape); 7] {
    [
        ("key_id", Shape::id()),
        ("name", Shape::text().like("MRR").or_null()),
        ("prefix", Shape::text().like("bsp_local_o7lip4").about("How the key begins")),
        (
            "user_id",
            Shape::id().or_null().about("The only user it is good for; null is all users of the tenant"),
        ),
        ("created_at", Shape::instant()),
        (
            "last_used_on",
            Shape::date().or_null().about("The last UTC day on which somebody was let in with it"),
        ),
        (
            "expires_at",
            Shape::instant().or_null().about("From when on it opens nothing; null is good until revoked"),
        ),
    ]
}

/// An API key as it is shown once, with what else a call shows of it.
pub fn shown_api_key_with<const N: usize>(more: [(&'static str, Shape); N]) -> Shape {
    let key = Shape::text().like("bsp_local_o7lip4st3hgc4wjwa6j24w32c7sujeejjwxlakasjsklwexq24yq_kpfv7wkd");
    let key = [("api_key", key.about("The key. Nothing else ever shows it"))];
    Shape::object(api_key_members().into_iter().chain(key).chain(more))
}

/// API keys.
pub fn api_keys() -> Shape {
    Shape::object([("items", Shape::list_of(api_key()))]).named("ApiKeys")
}

/// A new API key.
pub fn shown_api_key() -> Shape {
    shown_api_key_with([]).named("ShownApiKey")
}

/// A point of a series.
pub fn point() -> Shape {
    Shape::object([
        (
            "ts",
            Shape::text()
                .like("2026-02-01T00:00:00Z")
                .about("ISO 8601 date or date-time; without a zone it is UTC, a date alone is its midnight"),
        ),
        ("value", Shape::number().like(1.0).about("Finite")),
    ])
    .named("Point")
}

/// A KPI that moved.
pub fn highlight() -> Shape {
    Shape::object([
        ("kpi_id", Shape::id()),
        ("name", Shape::text().like("MRR")),
        ("unit", Shape::text().like("GBP").or_null()),
        ("latest", point()),
        ("start", point()),
        ("delta_abs", Shape::number()),
        (
            "delta_pct",
            Shape::number().or_null().about(
                "Of the start value, not rounded: null when that is 0, and of the opposite sign \
                when it is negative",
            ),
        ),
    ])
    .named("Highlight")
}

/// A metered event.
pub fn metered_event() -> Shape {
    Shape::object([
        ("event_key", Shape::text().like("assistant_query")),
        ("display_name", Shape::text().like("Assistant query")),
        ("description", Shape::text().like("One answered chat message").or_null()),
        ("unit_name", Shape::text().like("call")),
        ("credits_per_unit", Shape::number().like(1)),
        ("list_price_per_credit", Shape::number().like(0.02)),
        ("billable", Shape::boolean()),
        ("active", Shape::boolean()),
        ("created_at", Shape::instant()),
        ("updated_at", Shape::instant()),
    ])
    .named("MeteredEvent")
}

/// A plan.
pub fn plan() -> Shape {
    Shape::object(plan_members()).named("Plan")
}

/// The members of a plan, for what shows more of it.
pub fn plan_members() -> [(&'static str, Shape); 6] {
    [
        ("plan_id", Shape::text().like("starter")),
        ("name", Shape::text().like("MRR")),
        ("included_credits", Shape::integer()),
        ("overage_price_per_credit", Shape::number().like(0.02)),
        ("created_at", Shape::instant()),
        ("updated_at", Shape::instant()),
    ]
}

/// Daily limits.
pub fn limits() -> Shape {
    Shape::object([
        ("tenant_id", Shape::id()),
        ("assistant_query_daily_limit", Shape::count().like(100)),
        ("tool_invocation_daily_limit", Shape::count()),
        ("daily_brief_generated_daily_limit", Shape::count()),
        ("notification_enqueued_daily_limit", Shape::count().like(500)),
    ])
    .named("Limits")
}

/// What a month used of the credits of a plan.
pub fn usage_credits() -> Shape {
    Shape::object([
        ("included", Shape::number()),
        ("used", Shape::number().like(8.702)),
        ("remaining", Shape::number()),
        ("overage_credits", Shape::number()),
        ("estimated_overage_cost", Shape::number()),
        ("estimated_list_cost", Shape::number().like(0.17404)),
        ("held", Shape::number().optional().about("What turns hold at present; only where any does")),
    ])
    .named("UsageCredits")
}

/// What a month used of one event.
pub fn usage_line() -> Shape {
    Shape::object([
        ("event_key", Shape::text().like("daily_brief_generated")),
        ("unit_name", Shape::text().like("brief").or_null()),
        ("raw_units", Shape::number().like(1)),
        ("credits", Shape::number().like(5)),
        ("list_cost_estimate", Shape::number().like(0.1)),
    ])
    .named("UsageLine")
}

/// It is done, in words.
pub fn done() -> Shape {
    Shape::object([
        ("status", Shape::constant(json!("ok"))),
        ("message", Shape::text().like("Control plane cache cleared")),
    ])
    .named("Done")
}

/// The status of whatever came about.
pub fn ok() -> Shape {
    Shape::constant(json!("ok"))
}

/// A page of a list.
pub fn page_of(item: Shape) -> Shape {
    Shape::object([("items", Shape::list_of(item)), ("next_cursor", next_cursor())])
}

/// Where the next page of a list starts.
pub fn next_cursor() -> Shape {
    Shape::text().like("eeAvu44fETYwNjM5MDYz").or_null().about("Where the next page starts; null at the end")
}

/// How many KPIs a brief looked at, and how they moved.
pub fn brief_summary() -> Shape {
    let names = ["kpis_considered", "kpis_up", "kpis_down", "kpis_flat"];
    Shape::object(names.map(|name| (name, Shape::count())))
}
