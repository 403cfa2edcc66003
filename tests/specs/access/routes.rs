//! The list of all routes, and what it takes to call each of them.

use std::collections::BTreeSet;

use bespin_recording::{Claim, Fingerprint};
use bespin_tests::{Actor, Reply, Request, World};
use serde_json::{Value, json};

use super::control_routes::control;

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Roles {
    /// Admins; members read that they are "not authorized to" do these words.
    AdminOnly(&'static str),
    Any,
    /// Any role, and each user sees and touches its own only.
    Own,
}

/// One route that asks who its caller is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Route {
    pub(crate) method: &'static str,
    /// As in `/openapi.json`, with placeholders.
    pub(crate) path: &'static str,
    /// A body that nothing is wrong with.
    body: Option<fn(&Objects) -> Value>,
    /// Whether an `Idempotency-Key` is required.
    pub(crate) keyed: bool,
    pub(crate) roles: Roles,
    /// What the tenant's plan must include.
    pub(crate) capability: Option<&'static str>,
    pub(crate) success: u16,
}

/// Routes that everybody may call.
pub(crate) const OPEN: [(&str, &str); 7] = [
    ("GET", "/"),
    ("GET", "/healthz"),
    ("GET", "/openapi.json"),
    ("POST", "/v1/tenants"),
    // Who sends these is proved by their signature.
    ("POST", "/api/v1/webhooks/stripe"),
    ("POST", "/api/admin/control-plane/webhooks/stripe"),
    ("POST", "/api/v1/admin/control-plane/webhooks/stripe"),
];

/// Pages and their files that everybody may ask for.
const PAGES: [(&str, &str); 7] = [
    ("GET", "/docs"),
    ("GET", "/docs/assets/{file}"),
    ("GET", "/ui"),
    ("GET", "/ui/assets/{file}"),
    ("GET", "/console/assets/{file}"),
    ("POST", "/console/sign-in"),
    ("POST", "/console/sign-out"),
];

/// Pages for whoever has a session of the console. `specs/console` has what they ask for.
const CONSOLE: [&str; 7] = [
    "/console",
    "/console/tenants",
    "/console/tenants/{tenant_id}",
    "/console/billing",
    "/console/billing/plans/{plan_id}",
    "/console/db/{table}",
    "/console/db/download",
];

impl Route {
    /// A route that any role may read, whatever the plan includes.
    const fn open_to_any_role(path: &'static str) -> Self {
        Self {
            method: "GET",
            path,
            body: None,
            keyed: false,
            roles: Roles::Any,
            capability: None,
            success: 200,
        }
    }
}

impl Route {
    const fn of_turn(method: &'static str, path: &'static str, body: Option<fn(&Objects) -> Value>) -> Self {
        Self { method, path, body, keyed: false, roles: RUN_TURNS, capability: None, success: 200 }
    }
}

const MANAGE_API_KEYS: Roles = Roles::AdminOnly("manage API keys");
const MANAGE_WEBHOOKS: Roles = Roles::AdminOnly("manage webhooks");

/// All other routes.
pub(crate) const ROUTES: [Route; 40] = [
    Route::open_to_any_role("/v1/limits"),
    Route {
        method: "PUT",
        path: "/v1/limits",
        body: Some(|_| {
            json!({
                "assistant_query_daily_limit": 100, "tool_invocation_daily_limit": 100,
                "daily_brief_generated_daily_limit": 10, "notification_enqueued_daily_limit": 500,
            })
        }),
        keyed: false,
        roles: Roles::AdminOnly("update limits"),
        capability: None,
        success: 200,
    },
    Route::open_to_any_role("/v1/usage/daily"),
    Route::open_to_any_role("/v1/billing/events"),
    Route::open_to_any_role("/v1/billing/plan"),
    Route::open_to_any_role("/v1/billing/usage"),
    Route::open_to_any_role("/v1/billing/ledger"),
    Route {
        method: "POST",
        path: "/v1/users",
        body: Some(
            |own| json!({"tenant_id": own.tenant_id, "email": "member@example.com", "role": "member"}),
        ),
        keyed: false,
        roles: Roles::AdminOnly("create users"),
        capability: None,
        success: 201,
    },
    Route { roles: MANAGE_API_KEYS, ..Route::open_to_any_role("/v1/api-keys") },
    Route { roles: Roles::Own, ..Route::open_to_any_role("/v1/conversations") },
    Route { roles: Roles::Own, ..Route::open_to_any_role("/v1/conversations/{conversation_id}") },
    Route {
        method: "POST",
        body: Some(|_| json!({"title": "help"})),
        roles: Roles::Own,
        success: 201,
        ..Route::open_to_any_role("/v1/conversations")
    },
    Route {
        method: "POST",
        body: Some(|_| json!({"message": "help"})),
        roles: Roles::Own,
        capability: Some("chat"),
        ..Route::open_to_any_role("/v1/cofounder/chat")
    },
    Route {
        method: "POST",
        body: Some(|_| json!({"name": "ci"})),
        roles: MANAGE_API_KEYS,
        success: 201,
        ..Route::open_to_any_role("/v1/api-keys")
    },
    Route {
        method: "POST",
        body: Some(|_| json!({"overlap_seconds": 60})),
        roles: MANAGE_API_KEYS,
        success: 201,
        ..Route::open_to_any_role("/v1/api-keys/{key_id}/rotate")
    },
    Route { method: "DELETE", roles: MANAGE_API_KEYS, ..Route::open_to_any_role("/v1/api-keys/{key_id}") },
    Route {
        method: "POST",
        path: "/v1/tools/invoke",
        body: Some(|own| json!({"tool_name": "kpi_summary", "payload": {"kpi_id": own.kpi_id}})),
        keyed: true,
        roles: Roles::AdminOnly("invoke tools"),
        capability: Some("tools"),
        success: 200,
    },
    Route {
        method: "POST",
        path: "/v1/kpis",
        body: Some(|_| json!({"name": "MRR"})),
        keyed: false,
        roles: Roles::AdminOnly("create KPIs"),
        capability: Some("kpi_ingest"),
        success: 201,
    },
    Route {
        method: "GET",
        path: "/v1/kpis",
        body: None,
        keyed: false,
        roles: Roles::Any,
        capability: Some("kpi_read"),
        success: 200,
    },
    Route {
        method: "POST",
        path: "/v1/kpis/{kpi_id}/points:bulk",
        body: Some(|_| json!({"points": [{"ts": "2026-02-02T00:00:00Z", "value": 7}]})),
        keyed: false,
        roles: Roles::AdminOnly("ingest KPI points"),
        capability: Some("kpi_ingest"),
        success: 200,
    },
    Route {
        method: "GET",
        path: "/v1/kpis/{kpi_id}/latest",
        body: None,
        keyed: false,
        roles: Roles::Any,
        capability: Some("kpi_read"),
        success: 200,
    },
    Route {
        method: "POST",
        path: "/v1/briefs/materialize",
        body: Some(|own| json!({"date": own.date})),
        keyed: true,
        roles: Roles::AdminOnly("materialize briefs"),
        capability: Some("briefs"),
        success: 200,
    },
    Route::open_to_any_role("/v1/briefs/schedule"),
    Route {
        method: "PUT",
        path: "/v1/briefs/schedule",
        body: Some(|_| json!({"enabled": true})),
        keyed: false,
        roles: Roles::AdminOnly("schedule briefs"),
        capability: None,
        success: 200,
    },
    Route {
        method: "GET",
        path: "/v1/briefs/{date}",
        body: None,
        keyed: false,
        roles: Roles::Any,
        capability: None,
        success: 200,
    },
    Route {
        method: "POST",
        path: "/v1/jobs/daily-brief",
        body: Some(|own| json!({"date": own.date})),
        keyed: true,
        roles: Roles::AdminOnly("run jobs"),
        capability: Some("briefs"),
        success: 200,
    },
    Route {
        method: "GET",
        path: "/v1/jobs/daily-brief/{run_id}",
        body: None,
        keyed: false,
        roles: Roles::AdminOnly("run jobs"),
        capability: None,
        success: 200,
    },
    Route {
        method: "GET",
        path: "/v1/notifications/prefs",
        body: None,
        keyed: false,
        roles: Roles::Own,
        capability: None,
        success: 200,
    },
    Route {
        method: "PUT",
        path: "/v1/notifications/prefs",
        body: Some(|_| json!({"daily_brief_enabled": true})),
        keyed: false,
        roles: Roles::Own,
        capability: None,
        success: 200,
    },
    Route {
        method: "GET",
        path: "/v1/notifications/outbox",
        body: None,
        keyed: false,
        roles: Roles::Own,
        capability: None,
        success: 200,
    },
    Route {
        method: "POST",
        path: "/v1/notifications/{notification_id}/ack",
        body: None,
        keyed: false,
        roles: Roles::Own,
        capability: None,
        success: 200,
    },
    Route { roles: MANAGE_WEBHOOKS, ..Route::open_to_any_role("/v1/notifications/webhook") },
    Route {
        method: "PUT",
        body: Some(|_| json!({"url": "https://example.com/hooks/2"})),
        roles: MANAGE_WEBHOOKS,
        ..Route::open_to_any_role("/v1/notifications/webhook")
    },
    Route {
        method: "POST",
        body: Some(|_| json!({"overlap_seconds": 60})),
        roles: MANAGE_WEBHOOKS,
        success: 201,
        ..Route::open_to_any_role("/v1/notifications/webhook/secrets")
    },
    Route {
        method: "DELETE",
        roles: MANAGE_WEBHOOKS,
        ..Route::open_to_any_role("/v1/notifications/webhook/secrets/{secret_id}")
    },
    Route {
        method: "POST",
        roles: MANAGE_WEBHOOKS,
        success: 202,
        ..Route::open_to_any_role("/v1/notifications/webhook/test")
    },
    Route { roles: MANAGE_WEBHOOKS, ..Route::open_to_any_role("/v1/notifications/webhook/deliveries") },
    Route {
        roles: MANAGE_WEBHOOKS,
        ..Route::open_to_any_role("/v1/notifications/webhook/deliveries/{delivery_id}")
    },
    Route {
        method: "POST",
        roles: MANAGE_WEBHOOKS,
        success: 202,
        ..Route::open_to_any_role("/v1/notifications/webhook/deliveries/{delivery_id}/replay")
    },
    // Last of these, because the others need one.
    Route {
        method: "DELETE",
        roles: MANAGE_WEBHOOKS,
        ..Route::open_to_any_role("/v1/notifications/webhook")
    },
];

const RUN_TURNS: Roles = Roles::AdminOnly("run turns");

/// Turns of the tenant's own users.
const TURNS: [Route; 7] = [
    Route { keyed: true, success: 201, ..Route::of_turn("POST", "/v1/turns", Some(a_place)) },
    Route::of_turn("GET", "/v1/turns/{turn_id}", None),
    Route::of_turn("POST", "/v1/turns/{turn_id}/settle", Some(|_| json!({"tokens": 5}))),
    Route::of_turn("POST", "/v1/turns/{turn_id}/cancel", None),
    Route::of_turn("POST", "/v1/turns/{turn_id}/heartbeat", None),
    Route::of_turn("GET", "/v1/turn-settings", None),
    Route::of_turn("PUT", "/v1/turn-settings", Some(|_| json!({"at_expiry": "free"}))),
];

fn a_place(_: &Objects) -> Value {
    json!({"user_id": "maria", "bundle_id": "app", "policy": {}})
}

/// `GET /v1/briefs/latest`: as `/v1/briefs/{date}`, but of no object.
pub(crate) const LATEST_BRIEF: Route = Route {
    method: "GET",
    path: "/v1/briefs/latest",
    body: None,
    keyed: false,
    roles: Roles::Any,
    capability: None,
    success: 200,
};

/// One route of the operator of the platform, who shows a platform admin key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AdminRoute {
    pub(crate) method: &'static str,
    /// As in `/openapi.json`, with placeholders.
    pub(crate) path: &'static str,
    /// A body that nothing is wrong with, the first time it is sent.
    body: Option<fn() -> Value>,
    success: u16,
}

impl AdminRoute {
    const fn reading(path: &'static str) -> Self {
        Self { method: "GET", path, body: None, success: 200 }
    }

    const fn switching(path: &'static str) -> Self {
        Self { method: "POST", path, body: None, success: 200 }
    }

    const fn changing(method: &'static str, path: &'static str, success: u16, body: fn() -> Value) -> Self {
        Self { method, path, body: Some(body), success }
    }

    fn path_to(&self, objects: &Objects) -> String {
        let path = self.path.replace("{tenant_id}", &objects.tenant_id).replace("{key_id}", &objects.key_id);
        path.replace("{event_key}", "tool_invocation").replace("{plan_id}", "growth")
    }

    /// Method, path and body of a route that changes something.
    pub(crate) fn change(&self, objects: &Objects) -> Option<(&'static str, String, Value)> {
        let body = self.body.map_or_else(|| json!({}), |body| body());
        (self.method != "GET").then(|| (self.method, self.path_to(objects), body))
    }

    /// The request of the operator.
    pub(crate) fn by_operator(&self, world: &World, objects: &Objects) -> Request {
        let request = world.operator(self.method, &self.path_to(objects));
        match self.body {
            Some(body) => request.json(&body()),
            None => request,
        }
    }
}

/// All routes of the operator.
pub(crate) const ADMIN: [AdminRoute; 18] = [
    AdminRoute::reading("/v1/admin/metered-events"),
    AdminRoute::changing("POST", "/v1/admin/metered-events", 201, || {
        json!({
            "event_key": "scan", "display_name": "Scan", "unit_name": "page", "credits_per_unit": 1,
            "list_price_per_credit": 0.02,
        })
    }),
    AdminRoute::changing("PUT", "/v1/admin/metered-events/{event_key}", 200, || json!({"unit_name": "call"})),
    AdminRoute::reading("/v1/admin/plans"),
    AdminRoute::changing(
        "POST",
        "/v1/admin/plans",
        201,
        || json!({"plan_id": "p1", "name": "Pro", "included_credits": 20, "overage_price_per_credit": 0.02}),
    ),
    AdminRoute::reading("/v1/admin/plans/{plan_id}"),
    AdminRoute::changing("PUT", "/v1/admin/plans/{plan_id}", 200, || json!({"name": "Growth"})),
    AdminRoute::changing(
        "PUT",
        "/v1/admin/plans/{plan_id}/capabilities",
        200,
        || json!({"capabilities": ["chat"]}),
    ),
    AdminRoute::changing(
        "PUT",
        "/v1/admin/plans/{plan_id}/caps",
        200,
        || json!({"caps": [{"event_key": "tool_invocation", "cap_raw_units": 2}]}),
    ),
    AdminRoute::changing(
        "PUT",
        "/v1/admin/tenants/{tenant_id}/subscription",
        200,
        || json!({"plan_id": "scale"}),
    ),
    AdminRoute::reading("/v1/admin/tenants"),
    AdminRoute::reading("/v1/admin/tenants/{tenant_id}"),
    AdminRoute::reading("/v1/admin/audit"),
    AdminRoute::switching("/v1/admin/tenants/{tenant_id}/suspend"),
    AdminRoute::switching("/v1/admin/tenants/{tenant_id}/resume"),
    AdminRoute::reading("/v1/admin/tenants/{tenant_id}/api-keys"),
    AdminRoute::changing(
        "POST",
        "/v1/admin/tenants/{tenant_id}/api-keys",
        201,
        || json!({"name": "found again"}),
    ),
    AdminRoute { method: "DELETE", ..AdminRoute::reading("/v1/admin/tenants/{tenant_id}/api-keys/{key_id}") },
];

/// Every route that asks who its caller is.
pub(crate) fn all() -> impl Iterator<Item = Route> {
    ROUTES.into_iter().chain([LATEST_BRIEF]).chain(TURNS)
}

/// What a tenant has, for placeholders and bodies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Objects {
    pub(crate) tenant_id: String,
    pub(crate) key_id: String,
    pub(crate) kpi_id: String,
    pub(crate) date: String,
    pub(crate) run_id: String,
    /// Of the admin who has the objects.
    pub(crate) notification_id: String,
    /// Of the admin who has the objects.
    pub(crate) conversation_id: String,
    /// One to look at, one to settle, one to cancel.
    pub(crate) turn_ids: [String; 3],
    /// Of the webhook.
    pub(crate) secret_id: String,
    pub(crate) delivery_id: String,
}

impl Objects {
    /// An object of every kind that a route may name: a spare API key, a KPI with a point, a brief, a run, a
    /// notification, a conversation, and a webhook with a spare secret and a delivery.
    pub(crate) async fn of(admin: &Actor) -> Self {
        let spare = admin.post("/v1/api-keys").json(&json!({"name": "spare"})).send().await.expect(201);
        let key_id = spare["key_id"].as_str().unwrap().to_owned();
        let kpi_id = admin.kpi("Signups").await;
        admin.points(&kpi_id, &[("2026-02-01T00:00:00Z", 1.0)]).send().await.expect(200);
        let date = "2026-02-03".to_owned();
        admin.materialize("the brief of the objects", &date).send().await.expect(200);
        let access = admin.access().await;
        let key = "the run of the objects";
        let run = admin.post("/v1/jobs/daily-brief").key(key).json(&json!({"date": date}));
        run.send().await.expect(200);
        let run_id = Claim::new(&access, "/v1/jobs/daily-brief", key, Fingerprint::of(&json!(null))).id();
        let outbox = admin.get("/v1/notifications/outbox").send().await.expect(200);
        let notification_id = outbox["items"][0]["id"].to_string();
        let conversation = admin.post("/v1/conversations").json(&json!({})).send().await.expect(201);
        let conversation_id = conversation["conversation_id"].as_str().unwrap().to_owned();
        let mut turn_ids = <[String; 3]>::default();
        for (number, id) in turn_ids.iter_mut().enumerate() {
            let key = format!("a turn of the objects, {number}");
            let body = json!({"user_id": "otto", "bundle_id": "app", "policy": {}});
            let turn = admin.post("/v1/turns").key(&key).json(&body).send().await.expect(201);
            turn["turn_id"].as_str().unwrap().clone_into(id);
        }
        let webhook = admin.request("PUT", "/v1/notifications/webhook");
        let webhook = webhook.json(&json!({"url": "https://example.com/hooks"})).send().await.expect(201);
        let secret_id = webhook["secrets"][0]["secret_id"].as_str().unwrap().to_owned();
        let another = admin.post("/v1/notifications/webhook/secrets").json(&json!({}));
        another.send().await.expect(201);
        let delivery = admin.post("/v1/notifications/webhook/test").send().await.expect(202);
        let delivery_id = delivery["delivery_id"].as_str().unwrap().to_owned();
        let tenant_id = admin.tenant_id.clone();
        Self {
            tenant_id,
            key_id,
            kpi_id,
            date,
            run_id,
            notification_id,
            conversation_id,
            turn_ids,
            secret_id,
            delivery_id,
        }
    }
}

impl Route {
    /// The path with the ids of `objects`.
    pub(crate) fn path_to(&self, objects: &Objects) -> String {
        let path = self.path.replace("{kpi_id}", &objects.kpi_id).replace("{date}", &objects.date);
        let path = path.replace("{key_id}", &objects.key_id).replace("{run_id}", &objects.run_id);
        let path = path.replace("{conversation_id}", &objects.conversation_id);
        let path = path.replace("{secret_id}", &objects.secret_id);
        let path = path.replace("{delivery_id}", &objects.delivery_id);
        let [shown, settled, cancelled] = &objects.turn_ids;
        let turn_id = match path.rsplit('/').next() {
            Some("settle") => settled,
            Some("cancel") => cancelled,
            _ => shown,
        };
        path.replace("{notification_id}", &objects.notification_id).replace("{turn_id}", turn_id)
    }

    /// Everything that the tenant's plan must include, in the order in which it is checked.
    pub(crate) fn capabilities(&self) -> Vec<&'static str> {
        let second = (self.path == "/v1/jobs/daily-brief").then_some("notifications");
        self.capability.into_iter().chain(second).collect()
    }

    /// Makes of a request to this route one that nothing is wrong with but, perhaps, who sends it.
    fn complete(&self, mut request: Request, objects: &Objects) -> Request {
        if self.keyed {
            request = request.key(&format!("key of {} for {}", self.path, objects.kpi_id));
        }
        match self.body {
            Some(body) => request.json(&body(objects)),
            None => request,
        }
    }

    /// The request as `actor` sends it.
    pub(crate) fn by(&self, actor: &Actor, objects: &Objects) -> Request {
        self.complete(actor.request(self.method, &self.path_to(objects)), objects)
    }

    /// The request without a word about who sends it.
    pub(crate) fn by_nobody(&self, world: &World, objects: &Objects) -> Request {
        self.complete(world.request(self.method, &self.path_to(objects)), objects)
    }

    /// For the messages of failing tests.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Asserts that the route refuses with this status and `detail`.
    #[track_caller]
    pub(crate) fn assert_refused(&self, reply: &Reply, status: u16, detail: &Value) {
        assert_eq!(
            (reply.status, &reply.json()["detail"]),
            (status, detail),
            "{}: {}",
            self.name(),
            reply.text
        );
        assert_eq!(&reply.detail(status), detail);
    }
}

/// Without this the refusals of every other test could be for the wrong reason.
#[tokio::test]
async fn each_route_serves_those_it_is_for() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let member = admin.member().await;
    let own = Objects::of(&admin).await;

    for route in all() {
        let reply = route.by(&admin, &own).send().await;
        assert_eq!(reply.status, route.success, "{}: {}", route.name(), reply.text);
        if route.roles == Roles::Any {
            assert_eq!(route.by(&member, &own).send().await.json(), reply.json(), "{}", route.name());
        }
    }
}

#[tokio::test]
async fn each_route_of_the_operator_serves_the_operator_and_nobody_else() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let own = Objects::of(&admin).await;

    for route in ADMIN {
        let request = route.by_operator(&world, &own);
        let hidden = request.clone().without("x-platform-admin-key");
        assert_eq!(hidden.send().await.detail(404), "Not Found", "{} {}", route.method, route.path);
        let reply = request.send().await;
        assert_eq!(reply.status, route.success, "{} {}: {}", route.method, route.path, reply.text);
    }
}

#[tokio::test]
async fn each_page_of_the_console_serves_a_session_and_nobody_else() {
    let world = World::with_console().await;
    let admin = world.tenant().await;

    for path in CONSOLE {
        let path = path.replace("{tenant_id}", &admin.tenant_id).replace("{plan_id}", "starter");
        let path = path.replace("{table}", "users");
        assert_eq!(world.console(&path).send().await.status, 200, "{path}");
        assert_eq!(world.request("GET", &path).send().await.faults(), ["missing query.key"], "{path}");
        assert_eq!(admin.get(&path).send().await.faults(), ["missing query.key"], "{path}");
    }
}

#[tokio::test]
async fn the_list_of_routes_is_the_published_one() {
    let world = World::open().await;

    let document = world.request("GET", "/openapi.json").send().await.expect(200);

    let mut published = BTreeSet::new();
    let mut open = BTreeSet::new();
    for path in document["paths"].as_object().unwrap().keys() {
        for (method, operation) in document["paths"][path].as_object().unwrap() {
            let route = (method.to_ascii_uppercase(), path.clone());
            if operation["security"] == json!([]) {
                open.insert(route.clone());
            }
            published.insert(route);
        }
    }
    let named = |(method, path): (&str, &str)| (method.to_owned(), path.to_owned());
    let guarded: BTreeSet<_> = all().map(|route| named((route.method, route.path))).collect();
    let of_operator: BTreeSet<_> = ADMIN.iter().map(|route| named((route.method, route.path))).collect();
    let of_console: BTreeSet<_> = CONSOLE.map(|path| named(("GET", path))).into();
    assert_eq!(open, OPEN.into_iter().chain(PAGES).map(named).collect());
    let of_control: BTreeSet<_> = control().map(|(method, path, _)| (method.to_owned(), path)).collect();
    let of_the_platform = &of_operator | &of_console;
    assert_eq!(published, &(&(&guarded | &open) | &of_the_platform) | &of_control);
    for (_, path) in &of_console {
        assert_eq!(document["paths"][path]["get"]["security"], json!([{"consoleSession": []}]), "{path}");
    }
    for (method, path) in &of_operator {
        let operation = &document["paths"][path][method.to_ascii_lowercase()];
        assert_eq!(operation["security"], json!([{"platformAdminKey": []}]), "{method} {path}");
    }
}

#[tokio::test]
async fn the_published_document_says_which_routes_ask_for_an_idempotency_key_and_a_body() {
    let world = World::open().await;

    let document = world.request("GET", "/openapi.json").send().await.expect(200);

    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{document}");
    for route in all() {
        let operation = &document["paths"][route.path][route.method.to_ascii_lowercase()];
        let mut parameters = operation["parameters"].as_array().into_iter().flatten();
        let keyed = parameters
            .any(|parameter| parameter["name"] == "Idempotency-Key" && parameter["required"] == json!(true));
        assert_eq!(keyed, route.keyed, "{}", route.name());
        assert_eq!(operation["requestBody"]["required"] == true, route.body.is_some(), "{}", route.name());
        assert!(operation["responses"][route.success.to_string()].is_object(), "{}", route.name());
        for status in ["400", "401", "403", "503"] {
            assert!(operation["responses"][status].is_object(), "{} has no {status}", route.name());
        }
    }
}
