//! The routes of the control plane, each under both of its prefixes, and who may call them (control-plane.md 10).

use bespin_edge::CONTROL_PLANE;
use bespin_tests::{Actor, Request, STRIPE_SECRET, World, noon};
use data_encoding::HEXLOWER;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

/// One route of the control plane.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ControlRoute {
    pub(crate) method: &'static str,
    /// Behind the prefix, as in `/openapi.json`, with placeholders.
    path: &'static str,
    /// What has to stand in the query.
    query: &'static str,
    /// A body that nothing is wrong with.
    body: Option<fn() -> Value>,
    /// What members read that they are "not authorized to".
    words: &'static str,
    success: u16,
}

const POLICIES: &str = "manage policies";
const GRANTS: &str = "manage grants";
const TURNS: &str = "run turns";

impl ControlRoute {
    const fn reading(path: &'static str, words: &'static str) -> Self {
        Self { method: "GET", path, query: "", body: None, words, success: 200 }
    }

    const fn deleting(path: &'static str, words: &'static str) -> Self {
        Self { method: "DELETE", ..Self::reading(path, words) }
    }

    const fn creating(path: &'static str, words: &'static str, body: fn() -> Value) -> Self {
        Self { method: "POST", body: Some(body), success: 201, ..Self::reading(path, words) }
    }

    const fn answering(path: &'static str, body: fn() -> Value) -> Self {
        Self { body: Some(body), ..Self::switching(path, TURNS) }
    }

    /// A body that nothing is wrong with.
    pub(crate) fn good_body(&self) -> Option<Value> {
        self.body.map(|body| body())
    }

    const fn switching(path: &'static str, words: &'static str) -> Self {
        Self { method: "POST", ..Self::reading(path, words) }
    }
}

/// All routes of the control plane.
const CONTROL: [ControlRoute; 23] = [
    ControlRoute::creating("/replenishments/grant-trial", GRANTS, || json!({"user_id": "maria"})),
    ControlRoute::creating("/replenishments/top-up", GRANTS, || json!({"user_id": "maria"})),
    ControlRoute::reading("/replenishments/user/{user_id}", GRANTS),
    ControlRoute::deleting("/replenishments/user/{user_id}", GRANTS),
    ControlRoute::reading("/replenishments/users", GRANTS),
    ControlRoute::reading("/replenishments", GRANTS),
    ControlRoute::creating(
        "/policies/quota",
        POLICIES,
        || json!({"user_type": "free", "requests_per_day": 5}),
    ),
    ControlRoute::reading("/policies/quota", POLICIES),
    ControlRoute::creating(
        "/policies/budget",
        POLICIES,
        || json!({"bundle_id": "app", "provider": "openai", "usd_per_day": 5.5}),
    ),
    ControlRoute::reading("/policies/budget", POLICIES),
    ControlRoute {
        query: "user_type=free",
        ..ControlRoute::reading("/users/{user_id}/quota-breakdown", POLICIES)
    },
    ControlRoute::reading("/reports/active-credits", GRANTS),
    ControlRoute::reading("/reports/expiring-soon", GRANTS),
    ControlRoute::reading("/reports/expired", GRANTS),
    ControlRoute::reading("/reports/quota-policies", POLICIES),
    ControlRoute::reading("/reports/budget-policies", POLICIES),
    ControlRoute::reading("/reports/revenue", GRANTS),
    ControlRoute::reading("/webhooks/deliveries", GRANTS),
    ControlRoute::switching("/webhooks/deliveries/{delivery_id}/replay", GRANTS),
    ControlRoute::reading("/health", POLICIES),
    ControlRoute::switching("/clear-cache", POLICIES),
    ControlRoute::deleting("/replenishments/{user_id}/{bundle_id}", GRANTS),
    ControlRoute::deleting("/policies/quota/{user_type}/{bundle_id}", POLICIES),
];

/// The limiter and budgets, for turns that run elsewhere. In this order a lock is there until it is released.
const LIMITER: [ControlRoute; 7] = [
    ControlRoute::answering("/limiter/admit", a_lock),
    ControlRoute::answering("/limiter/heartbeat", a_lock),
    ControlRoute::answering("/limiter/release", a_lock),
    ControlRoute::answering("/limiter/commit", || json!({"user_id": "maria", "bundle_id": "app"})),
    ControlRoute::answering("/budgets/check", || json!({"bundle_id": "app", "provider": "openai"})),
    ControlRoute::answering(
        "/budgets/commit",
        || json!({"bundle_id": "app", "provider": "openai", "usd": 0.5}),
    ),
    ControlRoute::reading("/budgets/{bundle_id}/{provider}/spend", TURNS),
];

fn a_lock() -> Value {
    json!({"user_id": "maria", "bundle_id": "app", "lock_id": "lock"})
}

/// Of a bundle and a provider, in this order.
const DEACTIVATE_BUDGET: ControlRoute =
    ControlRoute::deleting("/policies/budget/{bundle_id}/{provider}", POLICIES);

/// Method and path of every route, under both prefixes, and the route.
pub(crate) fn control() -> impl Iterator<Item = (&'static str, String, ControlRoute)> {
    CONTROL_PLANE.into_iter().flat_map(|prefix| {
        let routes = CONTROL.into_iter().chain([DEACTIVATE_BUDGET]).chain(LIMITER);
        routes.map(move |route| (route.method, format!("{prefix}{}", route.path), route))
    })
}

/// A tenant in which each route finds what it is about.
struct Shop {
    world: World,
    admin: Actor,
    delivery_id: String,
}

impl Shop {
    async fn open() -> Self {
        let world = World::open().await;
        let admin = world.tenant().await;
        let metadata = json!({"tenant": admin.tenant_id});
        let event = json!({"type": "payment_intent.succeeded", "data": {"object": {"metadata": metadata}}});
        let sent_at = noon().epoch_seconds();
        let mut mac = Hmac::<Sha256>::new_from_slice(STRIPE_SECRET.as_bytes()).unwrap();
        mac.update(format!("{sent_at}.{event}").as_bytes());
        let header = format!("t={sent_at},v1={}", HEXLOWER.encode(&mac.finalize().into_bytes()));
        let request = world.request("POST", "/api/v1/webhooks/stripe").header("stripe-signature", header);
        request.json(&event).send().await.expect(200);
        let deliveries =
            admin.get(&format!("{}/webhooks/deliveries", CONTROL_PLANE[1])).send().await.expect(200);
        let delivery_id = deliveries["deliveries"][0]["delivery_id"].as_str().unwrap().to_owned();
        Self { world, admin, delivery_id }
    }

    /// The request, of whom `who` makes one.
    fn request(
        &self,
        (method, path, route): &(&'static str, String, ControlRoute),
        query: &str,
        who: impl Fn(&str, &str) -> Request,
    ) -> Request {
        let path =
            path.replace("{user_id}", "maria").replace("{bundle_id}", "*").replace("{user_type}", "free");
        let path = path.replace("{provider}", "openai").replace("{delivery_id}", &self.delivery_id);
        let request = who(method, &format!("{path}?{}&{query}", route.query));
        match route.body {
            Some(body) => request.json(&body()),
            None => request,
        }
    }
}

#[tokio::test]
async fn each_route_of_the_control_plane_serves_admins_and_the_operator_and_nobody_else() {
    let shop = Shop::open().await;
    let (world, admin) = (&shop.world, &shop.admin);
    let member = admin.member().await;
    let of_tenant = format!("tenant={}", admin.tenant_id);
    for route in control() {
        let name = format!("{} {}", route.0, route.1);
        let stranger = shop.request(&route, "", |method, path| world.request(method, path)).send().await;
        assert_eq!(stranger.detail(401), "Invalid tenant ID or API key", "{name}");
        let refused = shop.request(&route, "", |method, path| member.request(method, path)).send().await;
        let words = format!("Role 'member' is not authorized to {}", route.2.words);
        assert_eq!(refused.detail(403), words, "{name}");

        let by_admin = shop.request(&route, "", |method, path| admin.request(method, path)).send().await;
        assert_eq!(by_admin.status, route.2.success, "{name}: {}", by_admin.text);
        let bearer = format!("Bearer {}", admin.api_key);
        let by_key = shop
            .request(&route, "", |method, path| world.request(method, path).header("authorization", &bearer))
            .send()
            .await;
        assert_eq!(by_key.status, route.2.success, "{name}: {}", by_key.text);
        let by_operator = shop.request(&route, &of_tenant, |method, path| world.operator(method, path));
        let by_operator = by_operator.send().await;
        // Of what the admin took away nothing is left to be broken down.
        assert_eq!(by_operator.status, route.2.success, "{name}: {}", by_operator.text);
    }
}

#[tokio::test]
async fn each_route_of_the_control_plane_hides_another_tenants() {
    let shop = Shop::open().await;
    let stranger = shop.world.tenant().await;
    let of_tenant = format!("tenant={}", shop.admin.tenant_id);
    for route in control().filter(|(_, path, _)| !path.ends_with("/health")) {
        let request = shop.request(&route, &of_tenant, |method, path| stranger.request(method, path));
        let sentence = format!("Tenant '{}' not found", shop.admin.tenant_id);
        assert_eq!(request.send().await.detail(404), sentence, "{} {}", route.0, route.1);
    }
}

#[tokio::test]
async fn the_published_document_has_each_route_of_the_control_plane_under_both_prefixes() {
    let world = World::open().await;

    let document = world.request("GET", "/openapi.json").send().await.expect(200);

    let three_ways =
        json!([{"tenantId": [], "userId": [], "apiKey": []}, {"bearer": []}, {"platformAdminKey": []}]);
    for (method, path, route) in control() {
        let operation = &document["paths"][&path][method.to_ascii_lowercase()];
        assert_eq!(operation["security"], three_ways, "{method} {path}");
        assert_eq!(operation["requestBody"]["required"] == true, route.body.is_some(), "{method} {path}");
        assert!(operation["responses"][route.success.to_string()].is_object(), "{method} {path}");
        for status in ["401", "403", "422", "503"] {
            assert!(operation["responses"][status].is_object(), "{method} {path} has no {status}");
        }
    }
}
