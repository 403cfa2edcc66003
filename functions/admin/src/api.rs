//! The routes of this function, and what each of them promises.

use bespin_edge::audience::OPERATOR;
use bespin_edge::shapes as common;
use bespin_edge::{Deps, new_api_key};
use bespin_table::keys::nowhere;
use bespin_web::describe::{Api, Operation, Shape};

use crate::{api_keys, audit, events, plans, shapes, subscriptions, tenants};

/// Tells all of them.
pub fn api(api: &mut impl Api<Deps>) {
    events(api);
    plans(api);
    subscriptions(api);
    api_keys(api);
    tenants(api);
    audit(api);
}

fn events(api: &mut impl Api<Deps>) {
    api.get("/v1/admin/metered-events", events::list, || {
        Operation::new("listMeteredEvents", "All metered events, inactive ones included, by key", &OPERATOR)
            .answers(200, "The events", Shape::list_of(common::metered_event()))
    });
    api.post("/v1/admin/metered-events", events::create, || {
        Operation::new("createMeteredEvent", "Add a metered event", &OPERATOR)
            .says("Keys beyond the six built-in ones meter nothing. At most 1,000 events.")
            .body(events::parse_new)
            .answers(201, "The event", common::metered_event())
            .refuses(&[(409, "catalogue_full"), (409, "event_exists")])
    });
    api.put("/v1/admin/metered-events/{event_key}", events::update, || {
        Operation::new("updateMeteredEvent", "Change a metered event", &OPERATOR)
            .says(
                "What is left out or `null` stays. Weight and price hold for what happens from \
                now on.",
            )
            .path("event_key", "Key of a metered event", Some("tool_invocation"))
            .body(events::parse_update)
            .answers(200, "The event", common::metered_event())
            .refuses(&[(404, "event_not_found")])
    });
}

fn plans(api: &mut impl Api<Deps>) {
    api.get("/v1/admin/plans", plans::list, || {
        Operation::new("listPlans", "All plans by id", &OPERATOR).answers(
            200,
            "The plans",
            Shape::list_of(common::plan()),
        )
    });
    api.post("/v1/admin/plans", plans::create, || {
        Operation::new("createPlan", "Add a plan", &OPERATOR)
            .says("It includes no capability and caps nothing yet. At most 1,000 plans.")
            .body(plans::parse_new)
            .answers(201, "The plan", common::plan())
            .refuses(&[(409, "catalogue_full"), (409, "plan_exists")])
    });
    api.get("/v1/admin/plans/{plan_id}", plans::find, || {
        Operation::new("getPlan", "One plan with its capabilities and caps", &OPERATOR)
            .path("plan_id", "Id of a plan", Some("starter"))
            .answers(200, "The plan", shapes::plan_with_contents())
            .refuses(&[(404, "plan_not_found")])
    });
    api.put("/v1/admin/plans/{plan_id}", plans::update, || {
        Operation::new("updatePlan", "Change a plan, for all its subscribers at once", &OPERATOR)
            .says("What is left out or `null` stays.")
            .path("plan_id", "Id of a plan", Some("starter"))
            .body(plans::parse_update)
            .answers(200, "The plan", common::plan())
            .refuses(&[(404, "plan_not_found")])
    });
    api.put("/v1/admin/plans/{plan_id}/capabilities", plans::set_capabilities, || {
        Operation::new("setCapabilities", "Replace everything a plan includes", &OPERATOR)
            .says("Repeats are ignored. An unknown capability is 400, and nothing is changed.")
            .path("plan_id", "Id of a plan", Some("starter"))
            .body(plans::parse_capabilities)
            .answers(200, "The capabilities as sent", Shape::list_of(Shape::text().like("chat")))
            .refuses(&[(400, "capability_not_found"), (404, "plan_not_found")])
    });
    api.put("/v1/admin/plans/{plan_id}/caps", plans::set_caps, || {
        Operation::new("setCaps", "Replace all caps of a plan", &OPERATOR)
            .says(
                "Of several on one event the last counts. An unknown event is 400, and nothing \
                is changed.",
            )
            .path("plan_id", "Id of a plan", Some("starter"))
            .body(plans::parse_caps)
            .answers(200, "The caps", Shape::list_of(shapes::cap()))
            .refuses(&[(400, "event_not_found"), (404, "plan_not_found")])
    });
}

fn subscriptions(api: &mut impl Api<Deps>) {
    api.put("/v1/admin/tenants/{tenant_id}/subscription", subscriptions::set, || {
        Operation::new("setSubscription", "Give a tenant a subscription, or change it", &OPERATOR)
            .says(
                "Leaving `status` out re-activates a suspended tenant; leaving `period_start` \
                out keeps the period.",
            )
            .path("tenant_id", "Id of a tenant", None)
            .body(subscriptions::parse)
            .answers(200, "The subscription", shapes::subscription())
            .refuses(&[(404, "plan_not_found"), (404, "tenant_not_found")])
    });
    api.post("/v1/admin/tenants/{tenant_id}/suspend", subscriptions::suspend, || {
        Operation::new("suspendTenant", "Suspend a tenant's subscription", &OPERATOR)
            .says("Effective everywhere within five seconds. A repeat changes nothing.")
            .path("tenant_id", "Id of a tenant", None)
            .answers(200, "The subscription", shapes::subscription())
            .refuses(&[(404, "subscription_not_found"), (404, "tenant_not_found")])
    });
    api.post("/v1/admin/tenants/{tenant_id}/resume", subscriptions::resume, || {
        Operation::new("resumeTenant", "Let a suspended tenant go on", &OPERATOR)
            .path("tenant_id", "Id of a tenant", None)
            .answers(200, "The subscription", shapes::subscription())
            .refuses(&[(404, "subscription_not_found"), (404, "tenant_not_found")])
    });
}

fn api_keys(api: &mut impl Api<Deps>) {
    api.get("/v1/admin/tenants/{tenant_id}/api-keys", api_keys::list, || {
        Operation::new("listTenantApiKeys", "List a tenant's API keys", &OPERATOR)
            .says("Good keys, oldest first. No key is shown.")
            .path("tenant_id", "Id of a tenant", None)
            .answers(200, "The keys", common::api_keys())
            .refuses(&[(404, "tenant_not_found")])
    });
    api.post("/v1/admin/tenants/{tenant_id}/api-keys", api_keys::create, || {
        Operation::new("createTenantApiKey", "Create an API key for a tenant", &OPERATOR)
            .says(
                "For a tenant that has lost its own. The answer is the only place that ever \
                shows the key.",
            )
            .path("tenant_id", "Id of a tenant", None)
            .body(new_api_key)
            .answers(201, "The key, shown this once", common::shown_api_key())
            .refuses(&[(404, "tenant_not_found"), (404, "user_not_found")])
    });
    api.delete("/v1/admin/tenants/{tenant_id}/api-keys/{key_id}", api_keys::revoke, || {
        Operation::new("revokeTenantApiKey", "Revoke an API key of a tenant", &OPERATOR)
            .says("Effective everywhere within five seconds. The last one may go, too.")
            .path("tenant_id", "Id of a tenant", None)
            .path("key_id", "Id of an API key", None)
            .answers(200, "The key as it was", common::api_key())
            .refuses(&[(404, "api_key_not_found"), (404, "tenant_not_found")])
    });
}

fn tenants(api: &mut impl Api<Deps>) {
    api.get("/v1/admin/tenants", tenants::list, || {
        Operation::new("listTenants", "All tenants, newest first", &OPERATOR).query(tenants::parse).answers(
            200,
            "A page of tenants",
            shapes::tenants(),
        )
    });
    api.get("/v1/admin/tenants/{tenant_id}", tenants::find, || {
        Operation::new(
            "getTenant",
            "One tenant with its subscription, limits and usage of the month",
            &OPERATOR,
        )
        .path("tenant_id", "Id of a tenant", None)
        .answers(200, "The tenant", shapes::operated_tenant())
        .refuses(&[(404, "tenant_not_found")])
    });
}

fn audit(api: &mut impl Api<Deps>) {
    api.get("/v1/admin/audit", audit::list, || {
        Operation::new("listAudit", "A month of changes, newest first", &OPERATOR)
            .says(
                "All changes of the operator; with `tenant_id` all that concern one tenant, \
                those of its own admins included.",
            )
            .query(|call| audit::parse(call, |_, _| nowhere()))
            .answers(200, "A page of the audit", shapes::audit())
    });
}
