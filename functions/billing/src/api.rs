//! The routes of this function, and what each of them promises.

use bespin_edge::Deps;
use bespin_edge::audience::TENANT;
use bespin_edge::shapes as common;
use bespin_entitlements::Catalogue;
use bespin_table::keys::nowhere;
use bespin_web::describe::{Api, Operation, Shape};

use crate::{ledger, limits, plan, shapes, usage};

/// Tells all of them.
pub fn api(api: &mut impl Api<Deps>) {
    api.get("/v1/limits", limits::show, || {
        Operation::new("getLimits", "The tenant's daily limits", &TENANT).says("Any role.").answers(
            200,
            "The limits",
            common::limits(),
        )
    });
    api.put("/v1/limits", limits::set, || {
        Operation::new("setLimits", "Set all daily limits of the tenant", &TENANT)
            .says(
                "Admins only. 0 blocks; above the ceiling of the platform is 422. In effect from \
                the next call, everywhere within five seconds.",
            )
            .body(|body| limits::parse(body, u64::MAX))
            .answers(200, "The limits", common::limits())
    });
    api.get("/v1/usage/daily", usage::daily, || {
        Operation::new("getDailyUsage", "The usage of a day beside the limits of today", &TENANT)
            .says("Any role.")
            .query(usage::parse_day)
            .answers(200, "The usage", shapes::daily_usage())
    });
    api.get("/v1/billing/events", plan::events, || {
        Operation::new(
            "listBillingEvents",
            "The active metered events by key, with their weights and prices",
            &TENANT,
        )
        .says("Any role.")
        .answers(200, "The events", Shape::list_of(common::metered_event()))
    });
    api.get("/v1/billing/plan", plan::show, || {
        Operation::new("getPlanOfTenant", "The tenant's plan and what it includes", &TENANT)
            .says("Any role. The period is the current month unless an administrator pinned one.")
            .answers(200, "The plan", shapes::plan_of_tenant())
            .refuses(&[(404, "subscription_not_found"), (500, "plan_not_found")])
    });
    api.get("/v1/billing/usage", usage::of_period, || {
        Operation::new("getUsage", "What a month used, beside the plan", &TENANT)
            .says(
                "Any role. Credits and costs are exact decimals. Past months are shown by the \
                figures of the current plan.",
            )
            .query(usage::parse_start)
            .answers(200, "The usage", shapes::usage())
            .refuses(&[(404, "subscription_not_found"), (500, "plan_not_found")])
    });
    api.get("/v1/billing/ledger", ledger::list, || {
        Operation::new("listLedger", "The entries of a month, newest first", &TENANT)
            .says(
                "Any role. A day in the middle of a month lists that month from this day on. \
                With `event_key` a page looks at 5,000 entries at most, so it may hold fewer \
                than `limit`, even none, and still have a `next_cursor`.",
            )
            .query(|call| ledger::parse(call, |_| nowhere(), &Catalogue::default()))
            .answers(200, "A page of entries", shapes::ledger())
    });
}
