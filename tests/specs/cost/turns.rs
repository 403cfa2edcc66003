//! Turns of a tenant's own users, with the limiter and the budgets.

use bespin_edge::CONTROL_PLANE;
use bespin_tests::Actor;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::{sheet::Sheet, state::text};

/// A policy, a credit and a budget hold for the user, and the process remembers them after the first turn.
async fn prepare(admin: &Actor) {
    let prefix = CONTROL_PLANE[0];
    for (path, body) in [
        ("policies/quota", json!({"user_type": "free", "max_concurrent": 50, "requests_per_day": 1_000})),
        ("policies/budget", json!({"bundle_id": "app", "provider": "openai", "usd_per_day": 75})),
        ("replenishments/grant-trial", json!({"user_id": "maria"})),
    ] {
        admin.post(&format!("{prefix}/{path}")).json(&body).send().await.expect(201);
    }
    begin(admin, "warm", &json!({})).send().await.expect(201);
}

fn begin(admin: &Actor, key: &str, units: &Value) -> bespin_tests::Request {
    let estimate = json!({"requests": 1, "tokens": 4_000, "usd": {"openai": 0.05}, "units": units});
    let body = json!({
        "user_id": "maria", "user_type": "free", "bundle_id": "app", "lifetime_seconds": 300, "estimate": estimate,
    });
    admin.post("/v1/turns").key(key).json(&body)
}

pub(crate) fn sheets() -> Vec<BoxFuture<'static, Sheet>> {
    vec![Box::pin(turns())]
}

async fn turns() -> Sheet {
    let mut sheet = Sheet::of("turns").await;
    let admin = sheet.admin.clone();
    prepare(&admin).await;
    let of_turn = |turn: &Value, what: &str| format!("/v1/turns/{}{what}", text(turn, "turn_id"));

    let turn = sheet.call("an estimate with one provider", begin(&admin, "a", &json!({}))).await.json();
    sheet.call("the same again", begin(&admin, "a", &json!({}))).await;
    let units = json!({"tool_invocation": 2});
    let planned = sheet.call("with units of the plan, too", begin(&admin, "b", &units)).await.json();
    sheet.call("", admin.get(&of_turn(&turn, ""))).await;
    sheet.call("", admin.post(&of_turn(&turn, "/heartbeat"))).await;
    let used = json!({"requests": 1, "tokens": 3_100, "usd": {"openai": 0.031}});
    let settle = || admin.post(&of_turn(&turn, "/settle")).json(&used);
    sheet.call("", settle()).await;
    sheet.call("the same again", settle()).await;
    let used =
        json!({"requests": 1, "tokens": 3_100, "usd": {"openai": 0.031}, "units": {"tool_invocation": 1}});
    sheet.call("with units of the plan, too", admin.post(&of_turn(&planned, "/settle")).json(&used)).await;
    let given_up = begin(&admin, "c", &json!({})).send().await.expect(201);
    sheet.call("", admin.post(&of_turn(&given_up, "/cancel"))).await;
    let settings = "/v1/turn-settings";
    sheet.call("", admin.request("PUT", settings).json(&json!({"at_expiry": "free"}))).await;
    sheet.call("", admin.get(settings)).await;

    let post = |path: &str, body: Value| admin.post(&format!("{}{path}", CONTROL_PLANE[0])).json(&body);
    let lock = |lock_id: &str| json!({"user_id": "maria", "user_type": "free", "bundle_id": "app", "lock_id": lock_id});
    post("/limiter/admit", lock("warm")).send().await.expect(200);
    sheet.call("", post("/limiter/admit", lock("a"))).await;
    sheet.call("", post("/limiter/heartbeat", lock("a"))).await;
    sheet.call("", post("/limiter/release", lock("a"))).await;
    let used =
        json!({"user_id": "maria", "bundle_id": "app", "lock_id": "warm", "tokens": 800, "commit_id": "a"});
    sheet.call("under a `commit_id`", post("/limiter/commit", used)).await;
    sheet.call("", post("/budgets/check", json!({"bundle_id": "app", "provider": "openai"}))).await;
    let spent = json!({"bundle_id": "app", "provider": "openai", "usd": 0.5, "commit_id": "b"});
    sheet.call("under a `commit_id`", post("/budgets/commit", spent)).await;
    sheet.call("", admin.get(&format!("{}/budgets/app/openai/spend", CONTROL_PLANE[0]))).await;
    sheet
}
