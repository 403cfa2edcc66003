//! Somebody who sends requests.

use bespin_access::{Action, Credentials, TenantAccess};
use serde_json::{Value, json};

use crate::{Request, World, noon};

/// A user of a tenant, with its credentials.
#[derive(Debug, Clone)]
pub struct Actor {
    world: World,
    /// `X-Tenant-ID`.
    pub tenant_id: String,
    /// `X-User-ID`.
    pub user_id: String,
    /// `X-API-Key`.
    pub api_key: String,
}

impl Actor {
    pub(crate) fn new(world: &World, sign_up: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self {
            world: world.clone(),
            tenant_id: text(&sign_up["tenant_id"]),
            user_id: text(&sign_up["admin"]["user_id"]),
            api_key: text(&sign_up["api_key"]),
        }
    }

    pub(crate) fn known(world: &World, tenant_id: &str, user_id: &str, api_key: &str) -> Self {
        Self {
            world: world.clone(),
            tenant_id: tenant_id.to_owned(),
            user_id: user_id.to_owned(),
            api_key: api_key.to_owned(),
        }
    }

    /// Where it lives.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// A new member of the same tenant.
    pub async fn member(&self) -> Self {
        let body = json!({"tenant_id": self.tenant_id, "email": "member@example.com", "role": "member"});
        let user = self.post("/v1/users").json(&body).send().await.expect(201);
        Self { user_id: user["user_id"].as_str().unwrap().to_owned(), ..self.clone() }
    }

    /// Somebody else of the same tenant.
    #[must_use]
    pub fn as_user(&self, user_id: &str) -> Self {
        Self { user_id: user_id.to_owned(), ..self.clone() }
    }

    /// The same user with another key.
    #[must_use]
    pub fn with_key(&self, api_key: &str) -> Self {
        Self { api_key: api_key.to_owned(), ..self.clone() }
    }

    /// A request with this actor's three headers.
    pub fn request(&self, method: &str, path: &str) -> Request {
        self.world
            .request(method, path)
            .header("x-tenant-id", &self.tenant_id)
            .header("x-user-id", &self.user_id)
            .header("x-api-key", &self.api_key)
    }

    /// A POST.
    pub fn post(&self, path: &str) -> Request {
        self.request("POST", path)
    }

    /// A GET.
    pub fn get(&self, path: &str) -> Request {
        self.request("GET", path)
    }

    /// One tool call.
    pub fn invoke(&self, key: &str, tool_name: &str, payload: &Value) -> Request {
        self.post("/v1/tools/invoke").key(key).json(&json!({"tool_name": tool_name, "payload": payload}))
    }

    /// A new KPI; its id.
    pub async fn kpi(&self, name: &str) -> String {
        let kpi = self.post("/v1/kpis").json(&json!({"name": name})).send().await.expect(201);
        kpi["kpi_id"].as_str().unwrap().to_owned()
    }

    /// Points of a KPI.
    pub fn points(&self, kpi_id: &str, points: &[(&str, f64)]) -> Request {
        let points: Vec<Value> = points.iter().map(|(ts, value)| json!({"ts": ts, "value": value})).collect();
        self.post(&format!("/v1/kpis/{kpi_id}/points:bulk")).json(&json!({"points": points}))
    }

    /// The brief of a date.
    pub fn materialize(&self, key: &str, date: &str) -> Request {
        self.post("/v1/briefs/materialize").key(key).json(&json!({"date": date}))
    }

    /// The proof that this actor may act in its tenant, for looking behind the requests.
    pub async fn access(&self) -> TenantAccess {
        let credentials = Credentials {
            tenant_id: self.tenant_id.clone(),
            user_id: self.user_id.clone(),
            api_key: self.api_key.clone(),
        };
        let caller = self.world.deps().access.authenticate(&credentials, noon()).await.unwrap();
        caller.authorise(Action::ReadKpis).unwrap()
    }
}
