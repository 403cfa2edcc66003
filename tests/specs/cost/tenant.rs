//! What the users and agents of a tenant call.

use bespin_recording::{Claim, Fingerprint};
use bespin_tests::Actor;
use futures::future::BoxFuture;
use serde_json::json;

use super::{
    sheet::Sheet,
    state::{add_kpis, add_members, bulk, daily, run, text},
};

pub(crate) fn sheets() -> Vec<BoxFuture<'static, Sheet>> {
    vec![
        Box::pin(tenants()),
        Box::pin(tools()),
        Box::pin(kpis()),
        Box::pin(briefs()),
        Box::pin(notifications()),
        Box::pin(chat()),
        Box::pin(billing()),
    ]
}

async fn tenants() -> Sheet {
    let mut sheet = Sheet::of("tenants").await;
    let (world, admin) = (sheet.world.clone(), sheet.admin.clone());
    sheet.free("", ["/", "/healthz"].map(|path| world.request("GET", path))).await;
    sheet.call("", world.sign_up()).await;
    sheet.call("under a key", world.sign_up().key("a key that nobody can guess")).await;
    let user = json!({"tenant_id": admin.tenant_id, "email": "m@example.com", "role": "member"});
    sheet.call("", admin.post("/v1/users").json(&user)).await;
    let keys = "/v1/api-keys";
    let key = sheet.call("", admin.post(keys).json(&json!({"name": "ci"}))).await.json();
    sheet.call("of 2", admin.get(keys)).await;
    let rotate = format!("{keys}/{}/rotate", text(&key, "key_id"));
    let rotated = sheet.call("", admin.post(&rotate).json(&json!({"overlap_seconds": 60}))).await.json();
    sheet.call("", admin.request("DELETE", &format!("{keys}/{}", text(&rotated, "key_id")))).await;
    sheet
}

async fn tools() -> Sheet {
    let mut sheet = Sheet::of("tools").await;
    let admin = sheet.admin.clone();
    let kpi_id = admin.kpi("MRR").await;
    bulk(&admin, &kpi_id, &daily(100)).send().await.expect(200);
    let echo = || admin.invoke("call-1", "echo", &json!({"text": "hi"}));
    sheet.call("`echo`", echo()).await;
    sheet.call("the same again", echo()).await;
    let summary = json!({"kpi_id": kpi_id, "window_days": 7});
    sheet.call("`kpi_summary`", admin.invoke("call-2", "kpi_summary", &summary)).await;
    sheet
}

async fn kpis() -> Sheet {
    let mut sheet = Sheet::of("kpis").await;
    let admin = sheet.admin.clone();
    let kpi_id = add_kpis(&admin).await;
    let new = sheet.call("", admin.post("/v1/kpis").json(&json!({"name": "MRR", "unit": "GBP"}))).await;
    let new = text(&new.json(), "kpi_id");
    sheet.call("a page of 20", admin.get("/v1/kpis?limit=20")).await;
    let point = json!({"points": [{"ts": "2026-02-01", "value": 7}]});
    sheet.call("one point more", bulk(&admin, &kpi_id, &point)).await;
    sheet.call("the same again", bulk(&admin, &kpi_id, &point)).await;
    sheet.call("1,000 points of a new KPI", bulk(&admin, &new, &daily(1_000))).await;
    sheet.call("", admin.get(&format!("/v1/kpis/{kpi_id}/latest"))).await;
    sheet
}

async fn briefs() -> Sheet {
    let mut sheet = Sheet::of("briefs").await;
    let admin = sheet.admin.clone();
    add_kpis(&admin).await;
    add_members(&admin).await;
    let materialize = |key| admin.materialize(key, "2026-01-31");
    sheet.call("of 20 KPIs", materialize("first")).await;
    sheet.call("the same again", materialize("first")).await;
    sheet.call("that there is, under another key", materialize("second")).await;
    sheet.call("", admin.get("/v1/briefs/latest")).await;
    sheet.call("", admin.get("/v1/briefs/2026-01-31")).await;
    sheet.call("20 KPIs, 10 users", run(&admin, 30)).await;
    sheet.call("the same again", run(&admin, 30)).await;
    let path = "/v1/jobs/daily-brief";
    let claim = Claim::new(&admin.access().await, path, "job of day 30", Fingerprint::of(&json!(null)));
    sheet.call("", admin.get(&format!("{path}/{}", claim.id()))).await;
    let schedule = "/v1/briefs/schedule";
    sheet.call("", admin.request("PUT", schedule).json(&json!({"enabled": true, "hour": 7}))).await;
    sheet.call("", admin.get(schedule)).await;
    sheet
}

async fn notifications() -> Sheet {
    const WEBHOOK: &str = "/v1/notifications/webhook";
    let mut sheet = Sheet::of("notifications").await;
    let admin = sheet.admin.clone();
    for day in 1..=25 {
        run(&admin, day).send().await.expect(200);
    }
    let (prefs, outbox) = ("/v1/notifications/prefs", "/v1/notifications/outbox?limit=20");
    sheet.call("", admin.get(prefs)).await;
    sheet.call("", admin.request("PUT", prefs).json(&json!({"daily_brief_enabled": true}))).await;
    let page = sheet.call("a page of 20", admin.get(outbox)).await.json();
    let ack = || admin.post(&format!("/v1/notifications/{}/ack", page["items"][0]["id"]));
    sheet.call("", ack()).await;
    sheet.call("the same again", ack()).await;
    let register = admin.request("PUT", WEBHOOK).json(&json!({"url": "https://example.com/hooks"}));
    let registered = sheet.call("", register).await.json();
    sheet.call("", admin.get(WEBHOOK)).await;
    let secrets = format!("{WEBHOOK}/secrets");
    sheet.call("", admin.post(&secrets).json(&json!({"overlap_seconds": 60}))).await;
    let first = format!("{secrets}/{}", text(&registered["secrets"][0], "secret_id"));
    sheet.call("", admin.request("DELETE", &first)).await;
    let tested = sheet.call("", admin.post(&format!("{WEBHOOK}/test"))).await.json();
    for _ in 0..25 {
        admin.post(&format!("{WEBHOOK}/test")).send().await.expect(202);
    }
    sheet.call("a page of 20", admin.get(&format!("{WEBHOOK}/deliveries?limit=20"))).await;
    let delivery = format!("{WEBHOOK}/deliveries/{}", text(&tested, "delivery_id"));
    sheet.call("without an attempt yet", admin.get(&delivery)).await;
    sheet.call("", admin.post(&format!("{delivery}/replay"))).await;
    sheet.call("", admin.request("DELETE", WEBHOOK)).await;
    sheet
}

async fn chat() -> Sheet {
    const CONVERSATIONS: &str = "/v1/conversations";
    let mut sheet = Sheet::of("chat").await;
    let admin = sheet.admin.clone();
    add_kpis(&admin).await;
    for number in 0..25 {
        begin(&admin, &format!("about {number}")).await;
    }
    let begun = sheet.call("", admin.post(CONVERSATIONS).json(&json!({"title": "Churn"}))).await.json();
    let conversation = text(&begun, "conversation_id");
    let ask = |message: &str| {
        let body = json!({"message": message, "conversation_id": conversation});
        admin.post("/v1/cofounder/chat").json(&body)
    };
    sheet.call("`help`, in a conversation", ask("help")).await;
    let first = admin.post("/v1/cofounder/chat").json(&json!({"message": "help"}));
    sheet.call("the same, which begins one", first).await;
    sheet.call("`kpis`, of which there are 20", ask("kpis")).await;
    for _ in 0..8 {
        ask("help").send().await.expect(200);
    }
    sheet.call("a page of 20", admin.get(&format!("{CONVERSATIONS}?limit=20"))).await;
    sheet.call("of 10 questions", admin.get(&format!("{CONVERSATIONS}/{conversation}"))).await;
    sheet
}

async fn begin(admin: &Actor, title: &str) {
    admin.post("/v1/conversations").json(&json!({"title": title})).send().await.expect(201);
}

async fn billing() -> Sheet {
    let mut sheet = Sheet::of("billing").await;
    let admin = sheet.admin.clone();
    for number in 0..60 {
        admin.invoke(&format!("call {number}"), "echo", &json!({"text": "hi"})).send().await.expect(200);
    }
    sheet.call("", admin.get("/v1/billing/events")).await;
    sheet.call("", admin.get("/v1/billing/plan")).await;
    sheet.call("", admin.get("/v1/limits")).await;
    let limits = json!({
        "assistant_query_daily_limit": 100, "tool_invocation_daily_limit": 1_000,
        "daily_brief_generated_daily_limit": 10, "notification_enqueued_daily_limit": 500,
    });
    sheet.call("", admin.request("PUT", "/v1/limits").json(&limits)).await;
    sheet.call("", admin.get("/v1/usage/daily")).await;
    sheet.call("", admin.get("/v1/billing/usage")).await;
    sheet.call("a page of 50", admin.get("/v1/billing/ledger?limit=50")).await;
    sheet
}
