//! The refusals of the contract, byte for byte (gateway.md 11, 12.3).

use bespin_tests::{Actor, Reply, World};
use serde_json::{Value, json};

use crate::{echo, operate, put_limits};

/// Asserts the text of `detail`, that its members stand at the top level, too, and `Retry-After`.
#[track_caller]
fn assert_refused(reply: &Reply, status: u16, detail: &str, retry_after: Option<&str>) {
    let body = reply.expect(status);
    assert_eq!(body["detail"].to_string(), detail);
    for (name, value) in body["detail"].as_object().unwrap() {
        assert_eq!(&body[name], value, "{name} at the top level");
    }
    assert_eq!(reply.header("retry-after"), retry_after);
}

async fn on_plan(world: &World, included_credits: u64, capabilities: Value, caps: Value) -> Actor {
    let admin = world.tenant().await;
    let plan_id = format!("p{included_credits}");
    let plan = json!({
        "plan_id": plan_id, "name": "P", "included_credits": included_credits, "overage_price_per_credit": 0.02,
    });
    operate(world, "POST", "/v1/admin/plans", plan).await;
    let plan = format!("/v1/admin/plans/{plan_id}");
    operate(world, "PUT", &format!("{plan}/capabilities"), json!({"capabilities": capabilities})).await;
    operate(world, "PUT", &format!("{plan}/caps"), json!({"caps": caps})).await;
    let path = format!("/v1/admin/tenants/{}/subscription", admin.tenant_id);
    operate(world, "PUT", &path, json!({"plan_id": plan_id})).await;
    admin
}

#[tokio::test]
async fn a_daily_limit_refuses_in_the_words_of_the_contract() {
    let world = World::open().await;
    let admin = world.tenant().await;
    put_limits(&admin, [100, 2, 10, 500]).send().await.expect(200);
    for key in 0..2 {
        echo(&admin, key).send().await.expect(200);
    }

    for _ in 0..2 {
        assert_refused(
            &echo(&admin, "more").send().await,
            429,
            r#"{"error":"quota_exceeded","activity_type":"tool_invocation","limit":2,"current":2,"requested":1,"scope":"tenant","window":"day","resets_at":"2026-02-11T00:00:00.000000Z"}"#,
            Some("43200"),
        );
    }
    put_limits(&admin, [100, 1, 10, 500]).send().await.expect(200);
    let lowered = echo(&admin, "more").send().await.detail(429);
    assert_eq!((&lowered["limit"], &lowered["current"]), (&json!(1), &json!(2)), "the real usage");
}

#[tokio::test]
async fn credits_and_caps_refuse_in_the_words_of_the_contract() {
    let world = World::open().await;
    let poor = on_plan(&world, 3, json!(["tools"]), json!([])).await;
    let cap = json!([{"event_key": "tool_invocation", "cap_raw_units": 1.5}]);
    let capped = on_plan(&world, 500, json!(["tools"]), cap).await;
    for admin in [&poor, &capped] {
        echo(admin, "one").send().await.expect(200);
    }
    let month = r#""scope":"tenant","window":"billing_period","resets_at":"2026-03-01T00:00:00.000000Z"}"#;

    for _ in 0..2 {
        assert_refused(
            &echo(&poor, "more").send().await,
            429,
            &format!(
                r#"{{"error":"quota_exceeded","period_start":"2026-02-01","event_key":"tool_invocation","limit_credits":3,"used_credits":2,"requested_credits":2,"cap_raw_units":null,"used_raw_units":null,"requested_raw_units":1,{month}"#
            ),
            Some("1598400"),
        );
        assert_refused(
            &echo(&capped, "more").send().await,
            429,
            &format!(
                r#"{{"error":"quota_exceeded","period_start":"2026-02-01","event_key":"tool_invocation","limit_credits":500,"used_credits":2,"requested_credits":2,"cap_raw_units":1.5,"used_raw_units":1,"requested_raw_units":1,{month}"#
            ),
            Some("1598400"),
        );
    }
}

#[tokio::test]
async fn whoever_may_not_use_something_is_told_why() {
    let world = World::open().await;
    let admin = on_plan(&world, 7, json!(["tools"]), json!([])).await;
    let kpis = async || admin.get("/v1/kpis").send().await;

    assert_refused(
        &kpis().await,
        403,
        r#"{"error":"capability_denied","message":"Plan does not include capability: kpi_read","capability_key":"kpi_read","plan_id":"p7"}"#,
        None,
    );
    let suspend = format!("/v1/admin/tenants/{}/suspend", admin.tenant_id);
    world.operator("POST", &suspend).send().await.expect(200);
    assert_refused(
        &kpis().await,
        403,
        r#"{"error":"subscription_suspended","message":"Tenant subscription is suspended","status":"suspended"}"#,
        None,
    );
}

#[tokio::test]
async fn an_event_that_is_switched_off_answers_400_and_one_switched_on_again_goes_on() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let event = "/v1/admin/metered-events/tool_invocation";
    operate(&world, "PUT", event, json!({"active": false})).await;

    assert_refused(
        &echo(&admin, "one").send().await,
        400,
        r#"{"error":"unknown_event_type","event_key":"tool_invocation"}"#,
        None,
    );

    operate(&world, "PUT", event, json!({"active": true})).await;
    echo(&admin, "one").send().await.expect(200);
}
