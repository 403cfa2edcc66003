//! What the answers of this function look like.

use bespin_edge::shapes as common;
use bespin_grants::addition_name;
use bespin_payments::Outcome;
use bespin_policies::Dimension;
use bespin_web::describe::Shape;
use serde_json::json;

pub(crate) fn credit() -> Shape {
    let whose = [
        ("grant_id", Shape::id()),
        ("tenant", Shape::id()),
        ("project", Shape::text().like("main")),
        ("user_id", Shape::text().like("maria")),
        ("bundle_id", Shape::text().like("*")),
    ];
    let terms = [
        ("expires_at", Shape::instant().or_null()),
        ("purchase_id", Shape::text().like("pi_1").or_null()),
        ("purchase_amount_usd", Shape::number().like(10).or_null()),
        ("purchase_notes", Shape::text().like("7-day trial bonus").or_null()),
        ("is_expired", Shape::boolean()),
        ("is_active", Shape::boolean()),
        ("created_at", Shape::instant()),
        ("updated_at", Shape::instant()),
    ];
    Shape::object(whose.map(told).into_iter().chain(additions()).chain(terms.map(told))).named("Credit")
}

/// What is added in each dimension, or nothing.
fn additions() -> impl Iterator<Item = (String, Shape)> {
    Dimension::ALL.into_iter().map(|dimension| (addition_name(dimension), Shape::count().or_null().like(100)))
}

fn told((name, shape): (&str, Shape)) -> (String, Shape) {
    (name.to_owned(), shape)
}

pub(crate) fn credit_granted() -> Shape {
    Shape::object([
        ("status", common::ok()),
        ("message", Shape::text().like("Trial bonus granted to user maria")),
        ("replenishment", credit()),
    ])
    .named("CreditGranted")
}

pub(crate) fn credits_of_user() -> Shape {
    Shape::object([
        ("status", common::ok()),
        ("user_id", Shape::text().like("maria")),
        ("credit_count", Shape::integer()),
        ("credits", Shape::list_of(credit())),
        ("next_cursor", common::next_cursor()),
    ])
    .named("CreditsOfUser")
}

pub(crate) fn credits() -> Shape {
    listed("count", "replenishments", credit()).named("Credits")
}

pub(crate) fn users_with_credits() -> Shape {
    let user = Shape::object([
        ("tenant", Shape::id()),
        ("project", Shape::text().like("main")),
        ("user_id", Shape::text().like("maria")),
        ("credit_count", Shape::integer()),
        ("total_additional_requests_per_day", Shape::count().like(100).or_null()),
        ("total_additional_tokens_per_day", Shape::count().like(1_000_000).or_null()),
        ("earliest_expiry", Shape::instant().or_null()),
        ("latest_purchase", Shape::instant()),
    ]);
    listed("user_count", "users", user).named("UsersWithCredits")
}

/// A page of a list, with how many are on it.
fn listed(count: &str, items: &str, item: Shape) -> Shape {
    Shape::object([
        ("status", common::ok()),
        (count, Shape::count()),
        (items, Shape::list_of(item)),
        ("next_cursor", common::next_cursor()),
    ])
}

pub(crate) fn quota_policy() -> Shape {
    let whose = [
        ("tenant", Shape::id()),
        ("project", Shape::text().like("main")),
        ("user_type", Shape::text().like("free")),
        ("bundle_id", Shape::text().like("*")),
    ];
    let notes = [
        ("notes", Shape::text().or_null().like(json!(null))),
        ("created_by", Shape::text().like("5e2ace9e-f4ee-4a59-9aeb-1cd6de920566")),
        ("active", Shape::boolean()),
        ("created_at", Shape::instant()),
        ("updated_at", Shape::instant()),
    ];
    Shape::object(whose.into_iter().chain(each_limit()).chain(notes)).named("QuotaPolicy")
}

pub(crate) fn quota_policy_set() -> Shape {
    Shape::object([
        ("status", common::ok()),
        ("message", Shape::text().like("Quota policy set for free")),
        ("policy", quota_policy()),
    ])
    .named("QuotaPolicySet")
}

pub(crate) fn quota_policies() -> Shape {
    listed("count", "policies", quota_policy()).named("QuotaPolicies")
}

pub(crate) fn budget_policy() -> Shape {
    Shape::object([
        ("tenant", Shape::id()),
        ("project", Shape::text().like("main")),
        ("bundle_id", Shape::text().like("chat")),
        ("provider", Shape::text().like("openai")),
        ("usd_per_hour", Shape::number().or_null()),
        ("usd_per_day", Shape::number().like(5.5).or_null()),
        ("usd_per_month", Shape::number().like(1_000).or_null()),
        ("notes", Shape::text().or_null()),
        ("created_by", Shape::text().like("5e2ace9e-f4ee-4a59-9aeb-1cd6de920566")),
        ("active", Shape::boolean()),
        ("created_at", Shape::instant()),
        ("updated_at", Shape::instant()),
    ])
    .named("BudgetPolicy")
}

pub(crate) fn budget_policy_set() -> Shape {
    Shape::object([
        ("status", common::ok()),
        ("message", Shape::text().like("Budget policy set for openai")),
        ("policy", budget_policy()),
    ])
    .named("BudgetPolicySet")
}

pub(crate) fn budget_policies() -> Shape {
    listed("count", "policies", budget_policy()).named("BudgetPolicies")
}

pub(crate) fn quota_breakdown() -> Shape {
    Shape::object([
        ("status", common::ok()),
        ("user_id", Shape::text().like("maria")),
        ("user_type", Shape::text().like("free")),
        ("bundle_id", Shape::text().like("*")),
        ("base_policy", limits()),
        ("replenishment", granted().or_null()),
        ("effective_policy", limits()),
        (
            "current_usage",
            Shape::object([
                ("requests_today", Shape::integer()),
                ("requests_this_month", Shape::integer()),
                ("requests_total", Shape::integer()),
                ("tokens_this_hour", Shape::integer()),
                ("tokens_today", Shape::integer()),
                ("tokens_this_month", Shape::integer()),
                ("concurrent", Shape::integer()),
            ]),
        ),
        (
            "remaining",
            Shape::object([
                ("requests_today", Shape::count().like(305).or_null()),
                ("requests_this_month", Shape::count().or_null()),
                ("requests_total", Shape::count().or_null()),
                ("tokens_this_hour", Shape::count().or_null()),
                ("tokens_today", Shape::count().like(1_000).or_null()),
                ("tokens_this_month", Shape::count().or_null()),
                ("concurrent", Shape::count().or_null()),
                ("percentage_used", Shape::number().or_null()),
            ]),
        ),
    ])
    .named("QuotaBreakdown")
}

/// What is granted on top.
fn granted() -> Shape {
    let count = [("has_credits", Shape::constant(json!(true))), ("credit_count", Shape::count())];
    let terms = [
        ("expires_at", Shape::instant().or_null()),
        ("purchase_notes", Shape::text().or_null().like("7-day trial bonus")),
    ];
    Shape::object(count.map(told).into_iter().chain(additions()).chain(terms.map(told)))
}

pub(crate) fn report() -> Shape {
    Shape::object([
        ("status", common::ok()),
        ("report", Shape::text().like("revenue")),
        ("count", Shape::integer()),
        ("rows", Shape::list_of(Shape::free_object())),
        ("next_cursor", common::next_cursor()),
    ])
    .named("Report")
}

pub(crate) fn replayed() -> Shape {
    Shape::object([
        ("status", common::ok()),
        ("message", Shape::text().like("Granted")),
        ("delivery", payment_delivery()),
    ])
    .named("Replayed")
}

pub(crate) fn control_plane_health() -> Shape {
    Shape::object([
        ("status", Shape::one_of(&["ok", "error"])),
        ("service", Shape::constant(json!("control_plane"))),
        ("postgresql", Shape::one_of(&["ready", "not initialized"]).about("The store of record")),
        ("redis", Shape::one_of(&["ready", "not initialized"]).about("The cache: the process's own memory")),
        ("error", Shape::text().like("the store of record does not answer").optional()),
    ])
    .named("ControlPlaneHealth")
}

pub(crate) fn payment_delivery() -> Shape {
    Shape::object([
        ("delivery_id", Shape::text().like("063906321600000000-e9a1606f-a515-4e9d-a1a2-6a96cbd15f51")),
        ("tenant", Shape::id().or_null()),
        ("outcome", Shape::one_of(&Outcome::NAMES)),
        ("message", Shape::text().like("Granted")),
        ("grant_id", Shape::id().or_null()),
        ("event_id", Shape::text().like("evt_1").or_null()),
        ("event_type", Shape::text().like("payment_intent.succeeded").or_null()),
        ("payment_id", Shape::text().like("pi_1").or_null()),
        ("user_id", Shape::text().like("maria").or_null()),
        ("amount", Shape::integer().like(1_000).or_null().about("In the smallest unit of the currency")),
        ("currency", Shape::text().like("usd").or_null()),
        ("received_at", Shape::instant()),
        ("replays", Shape::integer()),
        ("replayed_at", Shape::instant().or_null()),
    ])
    .named("PaymentDelivery")
}

pub(crate) fn payment_deliveries() -> Shape {
    listed("count", "deliveries", payment_delivery()).named("PaymentDeliveries")
}

/// A number for each limit, or none.
fn limits() -> Shape {
    Shape::object(each_limit())
}

fn each_limit() -> [(&'static str, Shape); 7] {
    Dimension::ALL.map(|dimension| (dimension.name(), Shape::count().or_null().like(20)))
}
