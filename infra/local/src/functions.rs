//! Every function that answers requests.

use axum::{Router, extract::Request, middleware::Next, middleware::from_fn};
use bespin_edge::Deps;
use bespin_embedded::as_function;
use bespin_openapi::{Area, document};
use bespin_web::describe::Described;
use serde_json::Value;

/// A function that answers requests.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    /// The name of its folder and of its binary.
    pub name: &'static str,
    /// What it is for, in a line.
    pub about: &'static str,
    serve: fn(Deps) -> Router,
    describe: fn(&mut Described),
}

impl Function {
    /// All of them, in the order in which they are documented.
    pub const ALL: [Self; 13] = [
        Self {
            name: "tenants",
            about: "Tenants, users and API keys; the gateway about itself",
            serve: bespin_fn_tenants::routes,
            describe: |all| bespin_fn_tenants::api(all),
        },
        Self {
            name: "tools",
            about: "Tools that agents call",
            serve: bespin_fn_tools::routes,
            describe: |all| bespin_fn_tools::api(all),
        },
        Self {
            name: "kpis",
            about: "KPI definitions and their points",
            serve: bespin_fn_kpis::routes,
            describe: |all| bespin_fn_kpis::api(all),
        },
        Self {
            name: "briefs",
            about: "Daily briefs computed from KPIs",
            serve: bespin_fn_briefs::routes,
            describe: |all| bespin_fn_briefs::api(all),
        },
        Self {
            name: "notifications",
            about: "Each user's own notifications, and the tenant's webhook",
            serve: bespin_fn_notifications::routes,
            describe: |all| bespin_fn_notifications::api(all),
        },
        Self {
            name: "chat",
            about: "Conversations and the cofounder chat",
            serve: bespin_fn_chat::routes,
            describe: |all| bespin_fn_chat::api(all),
        },
        Self {
            name: "billing",
            about: "Limits, usage, plan and ledger of the tenant",
            serve: bespin_fn_billing::routes,
            describe: |all| bespin_fn_billing::api(all),
        },
        Self {
            name: "turns",
            about: "Turns of your own users: the limiter, budgets of providers, estimates that are held and settled",
            serve: bespin_fn_turns::routes,
            describe: |all| bespin_fn_turns::api(all),
        },
        Self {
            name: "control-plane",
            about: "Quota and budget policies, credits of single users, reports: for admins of the tenant and the operator",
            serve: bespin_fn_control_plane::routes,
            describe: |all| bespin_fn_control_plane::api(all),
        },
        Self {
            name: "webhooks",
            about: "Signed deliveries of payment providers",
            serve: bespin_fn_webhooks::routes,
            describe: |all| bespin_fn_webhooks::api(all),
        },
        Self {
            name: "admin",
            about: "The platform: metered events, plans, tenants, audit",
            serve: bespin_fn_admin::routes,
            describe: |all| bespin_fn_admin::api(all),
        },
        Self {
            name: "console",
            about: "Pages for the operator, and a playground: HTML",
            serve: bespin_fn_console::routes,
            describe: |all| bespin_fn_console::api(all),
        },
        Self {
            name: "docs",
            about: "This document, and the same as a page",
            serve: |_| bespin_fn_docs::routes(),
            describe: |all| bespin_fn_docs::api::<()>(all),
        },
    ];

    /// Its routes over `deps`, whose calls of the stores count as its own where calls are observed.
    pub fn routes(&self, deps: &Deps) -> Router {
        of_function(self.name, (self.serve)(deps.clone()))
    }

    /// Its routes with their promises.
    pub fn described(&self) -> Area {
        let mut described = Described::default();
        (self.describe)(&mut described);
        Area { name: self.name, about: self.about, described }
    }

    /// The OpenAPI document of all of them.
    pub fn document() -> Value {
        document(&Self::ALL.map(|function| function.described()))
    }
}

/// A function's routes, whose calls of the stores count as its own where calls are observed.
pub fn of_function(function: &'static str, routes: Router) -> Router {
    let as_itself = move |request: Request, next: Next| as_function(function, next.run(request));
    routes.route_layer(from_fn(as_itself))
}
