//! What the answers of this function look like.

use bespin_edge::shapes as common;
use bespin_metering::MeteredEvent;
use bespin_policies::{BudgetWindow, Dimension};
use bespin_turns::AtExpiry;
use bespin_web::describe::Shape;
use serde_json::json;

/// A number for each limit, or none.
fn limits() -> Shape {
    Shape::object(Dimension::ALL.map(|dimension| (dimension.name(), Shape::count().or_null().like(20))))
}

/// Dollars for each window, or no budget.
fn budget() -> Shape {
    Shape::object(BudgetWindow::ALL.map(|window| (window.limit_name(), Shape::number().or_null().like(5.5))))
}

fn snapshot() -> Shape {
    let names = ["req_day", "req_month", "req_total", "tok_hour", "tok_day", "tok_month", "in_flight"];
    Shape::object(names.map(|name| (name, Shape::count()))).named("Snapshot")
}

/// After how long, and at the end of which window, a refusal may end by itself.
fn retry() -> [(&'static str, Shape); 3] {
    [
        ("retry_after_sec", Shape::count().or_null().like(57_600)),
        ("retry_after_hours", Shape::count().or_null().like(16)),
        ("retry_scope", Shape::text().or_null().like("day")),
    ]
}

pub(crate) fn verdict() -> Shape {
    Shape::object(verdict_members()).named("Verdict")
}

fn verdict_members() -> Vec<(&'static str, Shape)> {
    let limit = Shape::object([
        ("limit", Shape::text().like("tokens_per_day")),
        ("ceiling", Shape::count().like(1_000)),
        ("used", Shape::count()),
        ("held", Shape::count()),
        ("remaining", Shape::count().like(998)),
        ("resets_at", Shape::instant().or_null()),
    ]);
    let windows = Dimension::ALL.into_iter().filter(|dimension| *dimension != Dimension::MaxConcurrent);
    let left = windows.map(|dimension| (dimension.name(), Shape::count().or_null()));
    let insight = [
        ("limits", limits()),
        ("remaining", Shape::object(left)),
        ("violations", Shape::list_of(Shape::text().like("concurrency"))),
        ("messages_remaining", Shape::count().or_null()),
        ("used_replenishment", Shape::boolean()),
    ];
    let violated = "The limits that are violated, joined by `|`, or `concurrency`";
    vec![
        ("allowed", Shape::boolean()),
        ("reason", Shape::text().or_null().like("concurrency").about(violated)),
        ("lock_id", Shape::text().or_null().like("a5859e86-6e54-4309-882a-b6abf80bb48a")),
        ("snapshot", snapshot()),
        ("used_replenishment", Shape::boolean().about("Whether a credit grant was valid")),
        ("replenishment_needed", Shape::boolean().about("Whether the policy alone would have refused")),
        ("effective_policy", limits().or_null()),
        ("retry_after_seconds", Shape::count().or_null().like(57_600)),
        ("limits", Shape::list_of(limit)),
        (
            "insight",
            Shape::object(insight.into_iter().chain(retry()))
                .about("The same for clients of the old contract"),
        ),
    ]
}

/// The verdict on a lock, and until when it is held.
pub(crate) fn lock_verdict() -> Shape {
    let until = [("expires_at", Shape::instant().or_null())];
    Shape::object(verdict_members().into_iter().chain(until)).named("LockVerdict")
}

pub(crate) fn counted_turn() -> Shape {
    let counted = Shape::boolean().about("Whether this call counted; one with a `commit_id` counts once");
    Shape::object([("status", common::ok()), ("counted", counted), ("snapshot", snapshot())])
}

pub(crate) fn released() -> Shape {
    Shape::object([("status", common::ok()), ("released", Shape::count().at_most(1))])
}

pub(crate) fn renewed() -> Shape {
    let until = Shape::instant().or_null();
    Shape::object([("status", common::ok()), ("renewed", Shape::boolean()), ("expires_at", until)])
}

pub(crate) fn counted_spend() -> Shape {
    let counted = Shape::boolean().about("Whether this call counted; one with a `commit_id` counts once");
    Shape::object([("status", common::ok()), ("counted", counted)])
}

/// One provider's budget in one bundle.
fn budget_verdict() -> Vec<(&'static str, Shape)> {
    let violations = Shape::list_of(Shape::text().like("usd_per_day"));
    let mut members = vec![
        ("bundle_id", Shape::text().like("chat")),
        ("provider", Shape::text().like("openai")),
        ("limits", budget()),
        ("remaining", budget()),
        ("violations", violations.about("Empty means that the provider may be called")),
    ];
    members.extend(retry());
    members
}

pub(crate) fn budget_insight() -> Shape {
    // Where no provider was named there is no single budget to show.
    let own = |(name, shape): (&'static str, Shape)| {
        let always = ["bundle_id", "violations"].contains(&name);
        (name, if always { shape } else { shape.optional() })
    };
    let budgets = ("budgets", Shape::list_of(Shape::object(budget_verdict())));
    Shape::object(budget_verdict().into_iter().map(own).chain([budgets])).named("BudgetInsight")
}

pub(crate) fn spend() -> Shape {
    Shape::object([
        ("hour", Shape::number()),
        ("day", Shape::number()),
        ("month", Shape::number()),
        ("held", Shape::number()),
        ("last_spend", Shape::number().or_null().like(0.5)),
        ("last_spend_at", Shape::instant().or_null()),
    ])
    .named("Spend")
}

fn amounts() -> Shape {
    let units = Shape::map_of(MeteredEvent::ToolInvocation.key(), Shape::count());
    Shape::object([
        ("requests", Shape::count()),
        ("tokens", Shape::count().like(950)),
        ("usd", Shape::map_of("openai", Shape::number().like(0.25)).about("Dollars by provider")),
        ("units", units.about("Units by metered event")),
    ])
    .named("TurnAmounts")
}

pub(crate) fn turn() -> Shape {
    Shape::object(turn_members()).named("Turn")
}

/// A turn as its begin answers it.
pub(crate) fn begun_turn() -> Shape {
    let admission = [("admission", verdict().about("What it was admitted against"))];
    Shape::object(turn_members().into_iter().chain(admission)).named("BegunTurn")
}

fn turn_members() -> Vec<(&'static str, Shape)> {
    let settled = Shape::object([
        ("amounts", amounts()),
        ("at", Shape::instant()),
        ("late", Shape::boolean().about("Whether its time was over")),
        ("overshoot", amounts().about("By how much it used more than it held")),
    ]);
    vec![
        ("turn_id", Shape::id()),
        ("status", Shape::one_of(&["held", "expired", "settled", "cancelled"])),
        ("project", Shape::text().like("main")),
        ("user_id", Shape::text().like("maria")),
        ("session_id", Shape::text().or_null().like(json!(null))),
        ("user_type", Shape::text().like("free")),
        ("bundle_id", Shape::text().like("chat")),
        ("estimate", amounts()),
        ("at_expiry", Shape::one_of(&AtExpiry::NAMES)),
        ("started_at", Shape::instant()),
        ("expires_at", Shape::instant()),
        ("settled", settled.or_null()),
        ("cancelled_at", Shape::instant().or_null().like(json!(null))),
        ("request_id", Shape::id()),
    ]
}

pub(crate) fn turn_settings() -> Shape {
    Shape::object([("at_expiry", Shape::one_of(&AtExpiry::NAMES))]).named("TurnSettings")
}
