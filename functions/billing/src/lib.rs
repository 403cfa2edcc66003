//! Limits, usage, plan and ledger as the tenant sees them (gateway.md 11, 12.4). All of it works while the tenant is
//! suspended, and shows what is stored now, not what this process remembers of it.

mod api;
mod ledger;
mod limits;
mod plan;
mod shapes;
mod usage;

pub use api::api;
use axum::Router;
use bespin_edge::Deps;
use bespin_primitives::{BillingPeriod, Date, parse_date};
use bespin_web::describe::router;

/// Serves the routes of this function.
pub fn routes(deps: Deps) -> Router {
    router(api).with_state(deps)
}

/// A day of a month that has an end: December 9999 has none that could be shown.
fn parse_period_start(text: &str) -> Result<Date, &'static str> {
    parse_date(text)
        .filter(|date| BillingPeriod::containing(*date).has_end())
        .ok_or("must be a real date, YYYY-MM-DD, before 9999-12")
}
