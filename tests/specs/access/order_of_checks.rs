//! The order in which checks answer (gateway.md 1.4). A request that is wrong in every way is repaired one fault at
//! a time; each repair uncovers the next answer, and the last one is a success.

use bespin_entitlements::{Capability, DailyLimits, Plan, SubscriptionStatus};
use bespin_metering::MeteredEvent;
use bespin_primitives::Micros;
use bespin_table::{Condition, Row, Transaction, keys};
use bespin_tests::{Actor, NOON, Reply, Request, World, noon};
use serde_json::{Value, json};
use uuid::Uuid;

use super::subscriptions::unsubscribe;

/// A tenant whose every permission can be taken and given back.
struct Repair {
    world: World,
    admin: Actor,
    member: Actor,
    request: Request,
}

/// What is asked, and how its body is broken.
struct Asked<'a> {
    path: &'a str,
    keyed: bool,
    /// JSON of the wrong shape, and the first fault in it.
    misshapen: Value,
    fault: &'a str,
    /// Nothing is wrong with it.
    body: Value,
    /// What a member reads.
    words: &'a str,
}

impl Repair {
    async fn begin() -> Self {
        let world = World::open().await;
        let admin = world.tenant().await;
        let member = admin.member().await;
        let request = world.request("POST", "/");
        Self { world, admin, member, request }
    }

    /// Repairs one thing in the request.
    fn repair(&mut self, fix: impl FnOnce(Request) -> Request) {
        self.request = fix(self.request.clone());
    }

    async fn send(&self) -> Reply {
        self.request.clone().send().await
    }

    #[track_caller]
    fn assert_detail(reply: &Reply, status: u16, detail: &str) {
        assert_eq!(reply.status, status, "{detail} was expected: {}", reply.text);
        assert_eq!(reply.detail(status), detail);
    }

    async fn says(&self, status: u16, detail: &str) {
        Self::assert_detail(&self.send().await, status, detail);
    }

    /// The refusal is an object with this `error`; the object.
    async fn refuses(&self, status: u16, error: &str) -> Value {
        let reply = self.send().await;
        assert_eq!(reply.status, status, "{error} was expected: {}", reply.text);
        let detail = reply.detail(status);
        assert_eq!(detail["error"], error, "{detail}");
        detail
    }

    /// Steps 1 to 7: from a request that is wrong in every way to an admin's.
    async fn until_the_role(&mut self, asked: &Asked<'_>) {
        let stranger = self.world.tenant().await;
        let nobody = Uuid::from_u128(0x1111_1111_1111_4111_8111_1111_1111_1111).to_string();
        let text = |body: &Value| body.to_string();

        // 1: the body as such.
        let path = format!("{}?limit=none&limit=", asked.path);
        self.request = self.world.request("POST", &path).body(b"{\"\xff".to_vec());
        self.says(400, "There was an error parsing the body").await;
        self.repair(|request| request.body("{\"a\": 1,}"));
        assert_eq!(self.send().await.faults(), ["json_invalid body.8"]);
        self.repair(|request| request.body(text(&asked.misshapen)));
        // 2: the key under which the request has one effect.
        if asked.keyed {
            for empty in ["", "  "] {
                self.repair(|request| request.key(empty));
                self.says(400, "Missing required header: Idempotency-Key").await;
            }
            self.repair(|request| request.key("k"));
        }
        // 3: who sends it.
        for (name, value) in
            [("X-Tenant-ID", nobody.as_str()), ("X-User-ID", &nobody), ("X-API-Key", "guess")]
        {
            self.says(400, &format!("Missing required header: {name}")).await;
            self.repair(|request| request.header(name, value));
        }
        // 4: tenant and key.
        self.says(401, "Invalid tenant ID or API key").await;
        let (tenant_id, api_key) = (self.admin.tenant_id.clone(), self.admin.api_key.clone());
        self.repair(|request| request.header("x-tenant-id", tenant_id));
        self.says(401, "Invalid tenant ID or API key").await;
        self.repair(|request| request.header("x-api-key", &stranger.api_key));
        self.says(401, "Invalid tenant ID or API key").await;
        self.repair(|request| request.header("x-api-key", api_key));
        // 5: the user.
        self.says(403, "User not found").await;
        self.repair(|request| request.header("x-user-id", &stranger.user_id));
        self.says(403, "User does not belong to this tenant").await;
        let member = self.member.user_id.clone();
        self.repair(|request| request.header("x-user-id", member));
        // 6: the schema.
        self.repair(|request| request.body(""));
        assert_eq!(self.send().await.faults(), ["missing body"]);
        self.repair(|request| request.body(text(&asked.misshapen)));
        assert_eq!(self.send().await.faults(), [asked.fault]);
        self.repair(|request| request.body(text(&asked.body)));
        // 7: the role.
        self.says(403, &format!("Role 'member' is not authorized to {}", asked.words)).await;
        let admin = self.admin.user_id.clone();
        self.repair(|request| request.header("x-user-id", admin));
    }

    /// Takes away whatever a tenant can lack: subscription, capabilities, credits, caps, daily limits.
    async fn take_everything(&self, event: MeteredEvent) {
        self.plan(|plan| {
            plan.capabilities.clear();
            plan.included_credits = 0;
            plan.caps.insert(event.key().to_owned(), Micros::new(0));
        })
        .await;
        let none = DailyLimits {
            assistant_query: 0,
            tool_invocation: 0,
            daily_brief_generated: 0,
            notification_enqueued: 0,
        };
        self.world.set_daily_limits(&self.admin, none).await;
        unsubscribe(&self.world, &self.admin).await;
    }

    async fn plan(&self, change: impl FnOnce(&mut Plan)) {
        self.world.set_plan(&self.admin, change).await;
    }

    /// Subscribes the tenant again, suspended, to the plan that it was on.
    async fn resubscribe(&self) {
        let tenant_id = self.admin.access().await.tenant_id();
        let subscription = bespin_entitlements::Subscription {
            plan_id: format!("of-{tenant_id}"),
            status: SubscriptionStatus::Suspended,
            period: noon().period(),
            pinned: false,
            created_at: noon(),
            updated_at: noon(),
        };
        let mut write = Transaction::new();
        write.put(subscription.at(keys::subscription(tenant_id)), Condition::absent());
        self.world.deps().table.commit(write).await.unwrap();
        self.world.deps().access.forget(tenant_id);
    }

    /// Step 8: the subscription is there, is active, and includes the capability.
    async fn until_the_capability(&mut self, event: MeteredEvent, capability: Capability) {
        self.refuses(403, "no_subscription").await;
        self.resubscribe().await;
        self.refuses(403, "subscription_suspended").await;
        self.world.set_status(&self.admin, SubscriptionStatus::Active).await;
        let denied = self.refuses(403, "capability_denied").await;
        assert_eq!(denied["capability_key"], capability.key());
        self.plan(|plan| {
            plan.included_credits = 0;
            plan.caps.insert(event.key().to_owned(), Micros::new(0));
        })
        .await;
    }

    /// Step 9: the key was used with another body.
    async fn until_the_key_is_new(&mut self) {
        self.says(409, "Idempotency key 'k' was already used with a different request body").await;
        self.repair(|request| request.key("new"));
    }

    /// Step 10: the credits of the month, then the cap of the event.
    async fn until_the_cap(&mut self, event: MeteredEvent) {
        let credits = self.refuses(429, "quota_exceeded").await;
        assert_eq!(
            (&credits["limit_credits"], &credits["cap_raw_units"]),
            (&json!(0), &Value::Null),
            "{credits}"
        );
        assert_eq!(credits["event_key"], event.key());
        self.plan(|plan| plan.caps = [(event.key().to_owned(), Micros::new(0))].into()).await;
        let cap = self.refuses(429, "quota_exceeded").await;
        assert_eq!((&cap["cap_raw_units"], &cap["event_key"]), (&json!(0), &json!(event.key())), "{cap}");
        self.plan(|plan| plan.caps.clear()).await;
    }

    /// Step 10, where there is a limit on a day.
    async fn until_the_day(&mut self, event: MeteredEvent) {
        let day = self.refuses(429, "quota_exceeded").await;
        assert_eq!((&day["activity_type"], &day["limit"]), (&json!(event.key()), &json!(0)), "{day}");
        self.world.set_daily_limits(&self.admin, DailyLimits::default()).await;
    }
}

#[tokio::test]
async fn a_tool_call_is_checked_in_this_order() {
    let mut repair = Repair::begin().await;
    let event = MeteredEvent::ToolInvocation;
    repair.admin.invoke("k", "echo", &json!({"used": "before"})).send().await.expect(200);
    repair.take_everything(event).await;

    repair
        .until_the_role(&Asked {
            path: "/v1/tools/invoke",
            keyed: true,
            misshapen: json!({"tool_name": "echo", "payload": null}),
            fault: "dict_type body.payload",
            body: json!({"tool_name": "no such tool"}),
            words: "invoke tools",
        })
        .await;
    repair.until_the_capability(event, Capability::Tools).await;
    repair.until_the_key_is_new().await;
    repair.until_the_cap(event).await;
    repair.until_the_day(event).await;
    repair.says(404, "Tool 'no such tool' not found").await;
    repair.repair(|request| request.body(r#"{"tool_name": "echo"}"#));

    assert_eq!(repair.send().await.expect(200)["result"], json!({"echo": {}}));
    assert_eq!(repair.world.assert_ledger_equals_counters(&repair.admin, "2026-02").await, 2);
}

#[tokio::test]
async fn a_new_kpi_is_checked_in_this_order() {
    let mut repair = Repair::begin().await;
    let event = MeteredEvent::KpiDefinitionCreated;
    repair.admin.post("/v1/kpis").key("k").json(&json!({"name": "Churn"})).send().await.expect(201);
    repair.take_everything(event).await;

    repair
        .until_the_role(&Asked {
            path: "/v1/kpis",
            keyed: false,
            misshapen: json!({"name": ""}),
            fault: "string_too_short body.name",
            body: json!({"name": "MRR"}),
            words: "create KPIs",
        })
        .await;
    repair.repair(|request| request.key("k"));
    repair.until_the_capability(event, Capability::KpiIngest).await;
    repair.until_the_key_is_new().await;
    repair.until_the_cap(event).await;

    // There is no daily limit on definitions.
    assert_eq!(repair.send().await.expect(201)["name"], "MRR");
    assert_eq!(repair.world.assert_ledger_equals_counters(&repair.admin, "2026-02").await, 2);
}

#[tokio::test]
async fn points_are_checked_in_this_order() {
    let mut repair = Repair::begin().await;
    let event = MeteredEvent::KpiPointsIngested;
    let kpi_id = repair.admin.kpi("MRR").await;
    repair.admin.points(&kpi_id, &[("2026-02-01", 1.0)]).send().await.expect(200);
    let path = format!("/v1/kpis/{kpi_id}/points:bulk");
    let points = |points: Value| json!({ "points": points }).to_string();
    repair.take_everything(event).await;

    repair
        .until_the_role(&Asked {
            path: &path,
            keyed: false,
            misshapen: json!({"points": [{"ts": "2026-02-01", "value": null}]}),
            fault: "float_type body.points.0.value",
            body: json!({"points": [{"ts": "2026-02-01", "value": 2}]}),
            words: "ingest KPI points",
        })
        .await;
    repair.until_the_capability(event, Capability::KpiIngest).await;
    let lost =
        repair.admin.post("/v1/kpis/lost/points:bulk").body(points(json!([{"ts": "2026", "value": 1}])));
    assert_eq!(lost.clone().send().await.faults(), ["value_error body.points.0.ts"]);
    let lost = lost.body(points(json!([{"ts": "2026-02-02", "value": 1}]))).send().await;
    Repair::assert_detail(&lost, 404, "KPI 'lost' not found");
    // Nothing new is free, even without a credit.
    assert_eq!(repair.send().await.expect(200), json!({"inserted": 0, "ignored": 1}));
    repair.repair(|request| request.body(points(json!([{"ts": "2026-02-02", "value": 2}]))));
    repair.until_the_cap(event).await;

    assert_eq!(repair.send().await.expect(200), json!({"inserted": 1, "ignored": 0}));
    repair.world.assert_ledger_equals_counters(&repair.admin, "2026-02").await;
}

#[tokio::test]
async fn a_brief_is_checked_in_this_order() {
    let mut repair = Repair::begin().await;
    let event = MeteredEvent::DailyBriefGenerated;
    let existing = repair.admin.materialize("k", "2026-02-09").send().await.expect(200);
    repair.take_everything(event).await;

    repair
        .until_the_role(&Asked {
            path: "/v1/briefs/materialize",
            keyed: true,
            misshapen: json!({"date": "2026-02-30"}),
            fault: "value_error body.date",
            body: json!({"date": "2026-02-09", "top_n": 100}),
            words: "materialize briefs",
        })
        .await;
    repair.until_the_capability(event, Capability::Briefs).await;
    repair.until_the_key_is_new().await;
    // The brief that exists is free, even without a credit.
    assert_eq!(repair.send().await.expect(200), existing);
    repair.repair(|request| request.key("newer").body(r#"{"date": "2026-02-08"}"#));
    repair.until_the_cap(event).await;
    repair.until_the_day(event).await;

    assert_eq!(repair.send().await.expect(200)["content"]["date"], "2026-02-08");
    assert_eq!(repair.world.assert_ledger_equals_counters(&repair.admin, "2026-02").await, 2);
}

#[tokio::test]
async fn a_new_user_is_checked_in_this_order() {
    let mut repair = Repair::begin().await;
    repair.take_everything(MeteredEvent::ToolInvocation).await;
    let user = |tenant_id: &str| json!({"tenant_id": tenant_id, "email": "m@example.com", "role": "member"});
    let other = repair.world.tenant().await;

    repair
        .until_the_role(&Asked {
            path: "/v1/users",
            keyed: false,
            misshapen: json!({"tenant_id": other.tenant_id, "email": "m@example.com", "role": "guest"}),
            fault: "string_pattern_mismatch body.role",
            body: user(&other.tenant_id),
            words: "create users",
        })
        .await;
    repair.says(403, "Cannot create users for a different tenant").await;
    let own = user(&repair.admin.tenant_id).to_string();
    repair.repair(|request| request.body(own));

    // Neither a subscription nor anything that it includes is needed.
    assert_eq!(repair.send().await.expect(201)["email"], "m@example.com");
}

/// Reads have no body and no key; their query is checked after the caller.
#[tokio::test]
async fn a_list_is_checked_in_this_order() {
    let mut repair = Repair::begin().await;
    repair.take_everything(MeteredEvent::ToolInvocation).await;

    repair.request = repair.world.request("GET", "/v1/kpis?limit=many&offset=1.5&cursor=nowhere");
    repair.says(400, "Missing required header: X-Tenant-ID").await;
    let (admin, member) = (repair.admin.clone(), repair.member.clone());
    repair.repair(|request| {
        request.header("x-tenant-id", &admin.tenant_id).header("x-api-key", &admin.api_key)
    });
    repair.says(400, "Missing required header: X-User-ID").await;
    repair.repair(|request| request.header("x-user-id", "nobody"));
    repair.says(403, "User not found").await;
    repair.repair(|request| request.header("x-user-id", &member.user_id));
    assert_eq!(
        repair.send().await.faults(),
        ["int_parsing query.limit", "int_parsing query.offset", "value_error query.cursor"]
    );
    repair.request = member.get("/v1/kpis?limit=1").at(NOON);
    repair.refuses(403, "no_subscription").await;
    repair.resubscribe().await;
    repair.refuses(403, "subscription_suspended").await;
    repair.world.set_status(&admin, SubscriptionStatus::Active).await;
    assert_eq!(repair.refuses(403, "capability_denied").await["capability_key"], "kpi_read");
    repair.plan(|_| {}).await;

    assert_eq!(repair.send().await.expect(200), json!([]));
}
