//! What the operator of the platform calls and looks at, and what everybody may look at.

use bespin_tests::{CONSOLE_KEY, Request};
use futures::future::BoxFuture;
use serde_json::json;

use super::{
    sheet::Sheet,
    state::{add_kpis, add_members, run, text},
};

/// Beside the sheet's own: enough for a page of lists.
const TENANTS: usize = 20;

pub(crate) fn sheets() -> Vec<BoxFuture<'static, Sheet>> {
    vec![Box::pin(admin()), Box::pin(console()), Box::pin(docs())]
}

async fn with_tenants(function: &'static str) -> Sheet {
    let sheet = Sheet::of(function).await;
    for _ in 0..TENANTS {
        sheet.world.tenant().await;
    }
    sheet
}

async fn admin() -> Sheet {
    let mut sheet = with_tenants("admin").await;
    let (world, tenant) = (sheet.world.clone(), sheet.admin.clone());
    let get = |path: &str| world.operator("GET", &format!("/v1/admin{path}"));
    let change = |method, path: &str, body| world.operator(method, &format!("/v1/admin{path}")).json(&body);
    let of_tenant = |what: &str| format!("/tenants/{}{what}", tenant.tenant_id);

    sheet.call("", get("/metered-events")).await;
    let event = json!({
        "event_key": "scan", "display_name": "Scan", "unit_name": "page", "credits_per_unit": 1,
        "list_price_per_credit": 0.02,
    });
    sheet.call("", change("POST", "/metered-events", event)).await;
    sheet.call("", change("PUT", "/metered-events/scan", json!({"unit_name": "side"}))).await;
    sheet.call("", get("/plans")).await;
    let plan =
        json!({"plan_id": "pro", "name": "Pro", "included_credits": 20, "overage_price_per_credit": 0.02});
    sheet.call("", change("POST", "/plans", plan)).await;
    sheet.call("", get("/plans/pro")).await;
    sheet.call("", change("PUT", "/plans/pro", json!({"name": "Pro again"}))).await;
    sheet
        .call("", change("PUT", "/plans/pro/capabilities", json!({"capabilities": ["chat", "tools"]})))
        .await;
    let caps = json!({"caps": [{"event_key": "tool_invocation", "cap_raw_units": 2_000}]});
    sheet.call("", change("PUT", "/plans/pro/caps", caps)).await;
    sheet.call("a page of 20", get("/tenants?limit=20")).await;
    sheet.call("", get(&of_tenant(""))).await;
    sheet.call("", change("PUT", &of_tenant("/subscription"), json!({"plan_id": "scale"}))).await;
    sheet.call("", change("POST", &of_tenant("/suspend"), json!({}))).await;
    sheet.call("", change("POST", &of_tenant("/resume"), json!({}))).await;
    let keys = of_tenant("/api-keys");
    let key = sheet.call("", change("POST", &keys, json!({"name": "found again"}))).await.json();
    sheet.call("of 2", get(&keys)).await;
    let spare = format!("/v1/admin{keys}/{}", text(&key, "key_id"));
    sheet.call("", world.operator("DELETE", &spare)).await;
    sheet.call("of 9 changes", get("/audit")).await;
    sheet
}

async fn console() -> Sheet {
    let mut sheet = with_tenants("console").await;
    let (world, tenant) = (sheet.world.clone(), sheet.admin.clone());
    add_kpis(&tenant).await;
    add_members(&tenant).await;
    run(&tenant, 31).send().await.expect(200);

    let sign_in = world.request("POST", "/console/sign-in");
    let sign_in = sign_in.header("content-type", "application/x-www-form-urlencoded");
    let key = CONSOLE_KEY.replace(' ', "+");
    let pages = [
        sign_in.body(format!("key={key}&next=/console")),
        world.console("/console/sign-out").method("POST"),
        world.console(&asset(world.console("/console/billing"), "/console/assets/").await),
        world.console("/console/billing/plans/starter"),
        world.request("GET", "/ui"),
        world.request("GET", &asset(world.request("GET", "/ui"), "/ui/assets/").await),
    ];
    sheet.free("", pages).await;
    sheet.call("21 tenants", world.console("/console")).await;
    sheet.call("21 tenants", world.console("/console/tenants")).await;
    let page = format!("/console/tenants/{}", tenant.tenant_id);
    sheet.call("20 KPIs, 10 users", world.console(&page)).await;
    sheet.call("21 tenants", world.console("/console/billing")).await;
    let of_tenant = format!("tenant={}", tenant.tenant_id);
    sheet.call("10 users of a tenant", world.console(&format!("/console/db/users?{of_tenant}"))).await;
    sheet.call("30 users of all tenants", world.console("/console/db/users")).await;
    let download = format!("/console/db/download?table=usage_events&{of_tenant}");
    sheet.call("the ledger of a tenant", world.console(&download)).await;
    sheet
}

async fn docs() -> Sheet {
    let mut sheet = Sheet::of("docs").await;
    let world = sheet.world.clone();
    let asset = asset(world.request("GET", "/docs"), "/docs/assets/").await;
    sheet.free("", ["/openapi.json", "/docs", &asset].map(|path| world.request("GET", path))).await;
    sheet
}

/// The address of a file that a page names.
async fn asset(page: Request, folder: &str) -> String {
    let page = page.send().await.text;
    let (_, rest) = page.split_once(folder).expect("a page with a file");
    format!("{folder}{}", rest.split('"').next().unwrap())
}
