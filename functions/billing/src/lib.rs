//! Limits, usage, plan and ledger as the tenant sees them (gateway.md 11, 12.4). All of it works while the tenant is
//! suspended, and shows what is stored now, not what this process remembers of it.

mod ledger;
mod limits;
mod plan;
mod usage;

use axum::{Router, routing::get};
use bespin_edge::Deps;
use bespin_primitives::{BillingPeriod, Date, parse_date};

/// The routes of this function.
pub fn routes(deps: Deps) -> Router {
    Router::new()
        .route("/v1/limits", get(limits::show).put(limits::set))
        .route("/v1/usage/daily", get(usage::daily))
        .route("/v1/billing/events", get(plan::events))
        .route("/v1/billing/plan", get(plan::show))
        .route("/v1/billing/usage", get(usage::of_period))
        .route("/v1/billing/ledger", get(ledger::list))
        .with_state(deps)
}

/// A day of a month that has an end: December 9999 has none that could be shown.
fn parse_period_start(text: &str) -> Result<Date, &'static str> {
    parse_date(text)
        .filter(|date| BillingPeriod::containing(*date).has_end())
        .ok_or("must be a real date, YYYY-MM-DD, before 9999-12")
}
