//! The routes of this function, and what each of them promises.

use bespin_edge::audience::SENDER;
use bespin_edge::shapes as common;
use bespin_edge::{CONTROL_PLANE, Deps, Named};
use bespin_table::keys::nowhere;
use bespin_web::describe::{Api, Operation};

use crate::page::Page;
use crate::{breakdown, deliveries, policies, replenishments, reports, shapes, system};

/// Tells all of them.
pub fn api(api: &mut impl Api<Deps>) {
    let api = &mut api.under(&CONTROL_PLANE);
    replenishments(api);
    policies(api);
    breakdown(api);
    reports(api);
    deliveries(api);
    system(api);
}

fn replenishments(api: &mut impl Api<Deps>) {
    api.post("/replenishments/grant-trial", replenishments::grant_trial, || {
        Operation::new("grantTrial", "Grant a trial to a user", &SENDER)
            .says(
                "Admins, and the operator. Adds to what the user's kind may do, for some days. \
                An `Idempotency-Key` grants once.",
            )
            .idempotent_if_asked()
            .body_and_query(replenishments::parse_trial)
            .answers(201, "The credit", shapes::credit_granted())
    });
    api.post("/replenishments/top-up", replenishments::top_up, || {
        Operation::new("topUp", "Grant credits to a user", &SENDER)
            .says(
                "Admins, and the operator. Each grant is a credit of its own, and those that \
                hold add up. An `Idempotency-Key` grants once.",
            )
            .idempotent_if_asked()
            .body_and_query(replenishments::parse_top_up)
            .answers(201, "The credit", shapes::credit_granted())
            .refuses(&[(404, "tenant_not_found"), (409, "too_many_credits")])
    });
    api.get("/replenishments/user/{user_id}", replenishments::of_user, || {
        Operation::new("listCreditsOfUser", "List the credits of a user", &SENDER)
            .says("Admins, and the operator. Newest first. Those that were taken back are in no list.")
            .path("user_id", "A user of the tenant's own product", Some("maria"))
            .query(|call| replenishments::parse_of_user(call, &nowhere()))
            .query(Named::in_query)
            .answers(200, "The credits", shapes::credits_of_user())
    });
    api.get("/replenishments/users", replenishments::users, || {
        Operation::new("listUsersWithCredits", "List the users whom credits hold for", &SENDER)
            .says(
                "Admins, and the operator. Those with the latest credit first. The sums are for \
                display: they mix bundles.",
            )
            .query(Named::in_query)
            .query(|call| Page::asked(call, &nowhere()))
            .answers(200, "The users", shapes::users_with_credits())
    });
    api.get("/replenishments", replenishments::list, || {
        Operation::new("listCredits", "List the credits of a project", &SENDER)
            .says("Admins, and the operator. Newest first.")
            .query(|call| replenishments::parse_listing(call, |_| nowhere()))
            .query(Named::in_query)
            .answers(200, "The credits", shapes::credits())
    });
    api.delete("/replenishments/user/{user_id}", replenishments::deactivate_of_user_named_user, || {
        Operation::new(
            "deactivateCreditsOfUserNamedUser",
            "Take back the credits of the user `user` in one scope",
            &SENDER,
        )
        .says("The same as for any other user, whose path this would be, if it were not that of a list.")
        .path("user_id", "The scope: a bundle, or `*`", Some("chat"))
        .query(Named::in_query)
        .answers(200, "They hold no more", common::done())
    });
    api.delete("/replenishments/{user_id}/{bundle_id}", replenishments::deactivate, || {
        Operation::new("deactivateCredits", "Take back the credits of a user in one scope", &SENDER)
            .says(
                "Admins, and the operator. Every one that holds in exactly this scope. Nothing \
                to take back is a success, too.",
            )
            .path("user_id", "A user of the tenant's own product", Some("maria"))
            .path("bundle_id", "A bundle; `*` is every bundle", Some("chat"))
            .query(Named::in_query)
            .answers(200, "Taken back", common::done())
    });
}

fn policies(api: &mut impl Api<Deps>) {
    api.get("/policies/quota", policies::list_quotas, || {
        Operation::new("listQuotaPolicies", "List the quota policies that hold", &SENDER)
            .says("Admins, and the operator. Newest first.")
            .query(Named::in_query)
            .query(|call| Page::asked(call, &nowhere()))
            .answers(200, "The policies", shapes::quota_policies())
    });
    api.post("/policies/quota", policies::set_quota, || {
        Operation::new("setQuotaPolicy", "Set what a kind of user may do", &SENDER)
            .says(
                "Admins, and the operator. Numbers that are given replace, the others stay; \
                `unset` takes limits off. One that was deactivated holds again.",
            )
            .body_and_query(policies::parse_quota)
            .answers(201, "The policy", shapes::quota_policy_set())
            .refuses(&[(404, "tenant_not_found"), (409, "too_many_policies")])
    });
    api.delete("/policies/quota/{user_type}/{bundle_id}", policies::deactivate_quota, || {
        Operation::new("deactivateQuotaPolicy", "Let a quota policy hold no more", &SENDER)
            .says("Admins, and the operator. One that there is not is a success, too.")
            .path("user_type", "The kind of user", Some("free"))
            .path("bundle_id", "A bundle; `*` is every bundle", Some("chat"))
            .query(Named::in_query)
            .answers(200, "It holds no more", common::done())
    });
    api.get("/policies/budget", policies::list_budgets, || {
        Operation::new("listBudgetPolicies", "List the budget policies that hold", &SENDER)
            .says("Admins, and the operator. Newest first.")
            .query(Named::in_query)
            .query(|call| Page::asked(call, &nowhere()))
            .answers(200, "The policies", shapes::budget_policies())
    });
    api.post("/policies/budget", policies::set_budget, || {
        Operation::new("setBudgetPolicy", "Set what a provider may cost", &SENDER)
            .says(
                "Admins, and the operator. In a bundle, or in the whole project. Numbers that \
                are given replace, the others stay; `unset` takes limits off.",
            )
            .body_and_query(policies::parse_budget)
            .answers(201, "The policy", shapes::budget_policy_set())
            .refuses(&[(404, "tenant_not_found"), (409, "too_many_providers")])
    });
    api.delete("/policies/budget/{bundle_id}/{provider}", policies::deactivate_budget, || {
        Operation::new("deactivateBudgetPolicy", "Let a budget policy hold no more", &SENDER)
            .says("Admins, and the operator. One that there is not is a success, too.")
            .path("bundle_id", "A bundle; `*` is every bundle", Some("chat"))
            .path("provider", "The provider", Some("openai"))
            .query(Named::in_query)
            .answers(200, "It holds no more", common::done())
    });
}

fn breakdown(api: &mut impl Api<Deps>) {
    api.get("/users/{user_id}/quota-breakdown", breakdown::show, || {
        Operation::new("getQuotaBreakdown", "What a user may do, why, and how much is left", &SENDER)
            .says("Admins, and the operator. 404 where no policy holds for the kind of user.")
            .path("user_id", "A user of the tenant's own product", Some("maria"))
            .query(breakdown::parse)
            .query(Named::in_query)
            .answers(200, "The breakdown", shapes::quota_breakdown())
            .refuses(&[(404, "policy_not_found"), (404, "tenant_not_found")])
    });
}

fn reports(api: &mut impl Api<Deps>) {
    api.get("/reports/active-credits", reports::active_credits, || {
        Operation::new("reportActiveCredits", "Credits that hold, by their ends", &SENDER)
            .says("Admins, and the operator. Of one project.")
            .query(|call| Page::asked(call, &nowhere()))
            .query(Named::in_query)
            .answers(200, "The report", shapes::report())
    });
    api.get("/reports/expiring-soon", reports::expiring_soon, || {
        Operation::new("reportExpiringSoon", "Credits that end soon", &SENDER)
            .says("Admins, and the operator. Of one project.")
            .query(|call| reports::parse_soon(call, &nowhere()))
            .query(Named::in_query)
            .answers(200, "The report", shapes::report())
    });
    api.get("/reports/expired", reports::expired, || {
        Operation::new("reportExpired", "Credits whose time is over, the latest end first", &SENDER)
            .says("Admins, and the operator. Of one project.")
            .query(|call| Page::asked(call, &nowhere()))
            .query(Named::in_query)
            .answers(200, "The report", shapes::report())
    });
    api.get("/reports/quota-policies", reports::quota_policies, || {
        Operation::new("reportQuotaPolicies", "Quota policies by kind of user and bundle", &SENDER)
            .says("Admins, and the operator. Of one project.")
            .query(|call| Page::asked(call, &nowhere()))
            .query(Named::in_query)
            .answers(200, "The report", shapes::report())
    });
    api.get("/reports/budget-policies", reports::budget_policies, || {
        Operation::new("reportBudgetPolicies", "Budget policies by bundle and provider", &SENDER)
            .says("Admins, and the operator. Of one project.")
            .query(|call| Page::asked(call, &nowhere()))
            .query(Named::in_query)
            .answers(200, "The report", shapes::report())
    });
    api.get("/reports/revenue", reports::revenue, || {
        Operation::new("reportRevenue", "What was paid for credits and not paid back", &SENDER)
            .says("Admins, and the operator. Of one project.")
            .query(reports::parse_revenue)
            .query(Named::in_query)
            .answers(200, "The report", shapes::report())
    });
}

fn deliveries(api: &mut impl Api<Deps>) {
    api.get("/webhooks/deliveries", deliveries::list, || {
        Operation::new("listPaymentDeliveries", "List what the payment provider sent", &SENDER)
            .says(
                "Admins, and the operator. Newest first, with what became of it. The operator \
                who names no tenant sees those that belong to none.",
            )
            .query(|call| deliveries::parse(call, &nowhere()))
            .query(Named::in_query)
            .answers(200, "The deliveries", shapes::payment_deliveries())
    });
    api.post("/webhooks/deliveries/{delivery_id}/replay", deliveries::replay, || {
        Operation::new("replayPaymentDelivery", "Try a delivery again", &SENDER)
            .says(
                "Admins, and the operator. By the settings as they are now. One that was granted \
                stays as it is.",
            )
            .path("delivery_id", "The delivery", Some("msg_0906611097600000"))
            .query(Named::in_query)
            .answers(200, "What became of it", shapes::replayed())
            .refuses(&[(404, "delivery_not_found"), (404, "tenant_not_found")])
    });
}

fn system(api: &mut impl Api<Deps>) {
    api.get("/health", system::health, || {
        Operation::new("getControlPlaneHealth", "Whether the control plane works", &SENDER)
            .says("Admins, and the operator. With `strict` a part that is not up is a 503.")
            .query(system::parse)
            .answers(200, "The parts", shapes::control_plane_health())
    });
    api.post("/clear-cache", system::clear_cache, || {
        Operation::new("clearControlPlaneCache", "Forget what this process remembers", &SENDER)
            .says(
                "Admins, and the operator. Of the tenant's policies and credits. Other processes \
                forget within five seconds by themselves.",
            )
            .query(Named::in_query)
            .answers(200, "Forgotten", common::done())
    });
}
