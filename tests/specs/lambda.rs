//! The functions behind API Gateway: each sample event of `events/` goes the way that `lambda_http::run` sends it on
//! AWS, from the JSON of an HTTP API (payload version 2.0) to the JSON that goes back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{num::NonZeroU32, sync::Arc};

use axum::Router;
use bespin_access::{ConsoleKey, Pepper, PlatformKeys};
use bespin_edge::{Deps, Settings};
use bespin_embedded::Embedded;
use bespin_payments::{StripeSettings, WebhookSecret};
use bespin_primitives::{Clock, OsRandom, SystemClock};
use bespin_web::{ProcessClock, Surface};
use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, Mac};
use lambda_http::{Adapter, lambda_runtime::LambdaEvent, request::LambdaRequest};
use serde_json::{Value, json};
use sha2::Sha256;
use tower::ServiceExt;

const TENANTS: &str = include_str!("../../events/tenants.json");
const TOOLS: &str = include_str!("../../events/tools.json");
const KPIS: &str = include_str!("../../events/kpis.json");
const ADMIN: &str = include_str!("../../events/admin.json");
const BILLING: &str = include_str!("../../events/billing.json");
const CONSOLE: &str = include_str!("../../events/console.json");
const CHAT: &str = include_str!("../../events/chat.json");
const NOTIFICATIONS: &str = include_str!("../../events/notifications.json");
const CONTROL_PLANE: &str = include_str!("../../events/control-plane.json");
const DOCS: &str = include_str!("../../events/docs.json");
const WEBHOOKS: &str = include_str!("../../events/webhooks.json");
const BRIEFS: &str = include_str!("../../events/briefs.json");
const TURNS: &str = include_str!("../../events/turns.json");
const OUTBOX_DISPATCHER: &str = include_str!("../../events/outbox-dispatcher.json");
const OUTBOX_SWEEPER: &str = include_str!("../../events/outbox-sweeper.json");

/// What the payment provider signs its events with.
const STRIPE_SECRET: &str = "whsec_spec_example_A1";

/// What every function of a deployment shares.
struct Deployment {
    deps: Deps,
    surface: Surface,
}

impl Deployment {
    async fn new() -> Self {
        Self::with_signups_per_minute(None).await
    }

    async fn with_signups_per_minute(most: Option<NonZeroU32>) -> Self {
        let embedded = Embedded::open_in_memory().unwrap();
        let settings = Settings {
            table_name: "bespin".to_owned(),
            pepper: Pepper::parse("a pepper for this test only").unwrap(),
            key_environment: "test".to_owned(),
            cors_origins: vec!["https://app.example".to_owned()],
            signups_per_minute: most,
            invite_token: None,
            platform_keys: PlatformKeys::parse("the key of the operator", "").unwrap(),
            daily_limit_ceiling: 1_000_000,
            per_tenant_per_second: None,
            per_address_per_second: None,
            auth_failures_per_minute: None,
            console_key: ConsoleKey::parse("the key of the console"),
            console_may_scan: false,
            playground: true,
            brief_runs_queue_url: None,
            outbox_queue_url: None,
            webhooks_allow_loopback: false,
            stripe: StripeSettings {
                secrets: WebhookSecret::parse(STRIPE_SECRET).into_iter().collect(),
                ..StripeSettings::default()
            },
            leases: None,
        };
        // As `Edge::from_env` makes it.
        let clock = Arc::new(ProcessClock(Arc::new(SystemClock)));
        let surface = settings.surface(clock, Arc::new(OsRandom), false);
        let deps = Deps::new(&embedded.connection(), settings, Arc::new(SystemClock), Arc::new(OsRandom));
        deps.table.create_if_absent().await.unwrap();
        Self { deps, surface }
    }

    /// What a function answers to an event.
    async fn invoke(&self, routes: fn(Deps) -> Router, event: &Value) -> Value {
        let function = self.surface.wrap(routes(self.deps.clone()));
        let payload: LambdaRequest = serde_json::from_str(&event.to_string()).unwrap();
        let event = LambdaEvent::new(payload, lambda_http::Context::default());
        let response = Adapter::from(function).oneshot(event).await.unwrap();
        serde_json::to_value(&response).unwrap()
    }

    /// The answer to `events/tenants.json`.
    async fn sign_up(&self) -> Value {
        body(&self.invoke(bespin_fn_tenants::routes, &event(TENANTS)).await, 201)
    }

    /// A sample event with the credentials of a new tenant.
    async fn of_new_tenant(&self, text: &str) -> Value {
        let tenant = self.sign_up().await;
        let mut event = event(text);
        event["headers"]["x-tenant-id"] = tenant["tenant_id"].clone();
        event["headers"]["x-user-id"] = tenant["admin"]["user_id"].clone();
        event["headers"]["x-api-key"] = tenant["api_key"].clone();
        event
    }
}

fn event(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The body of an answer, which is JSON in a string.
#[track_caller]
fn body(answer: &Value, status: u16) -> Value {
    assert_eq!(answer["statusCode"], status, "{answer}");
    assert_eq!(answer["isBase64Encoded"], false, "{answer}");
    assert_eq!(answer["headers"]["content-type"], "application/json", "{answer}");
    assert!(answer["headers"]["x-request-id"].is_string(), "{answer}");
    serde_json::from_str(answer["body"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn the_event_of_tenants_signs_up_a_tenant_and_shows_its_key() {
    let deployment = Deployment::new().await;

    let answer = deployment.invoke(bespin_fn_tenants::routes, &event(TENANTS)).await;

    let tenant = body(&answer, 201);
    assert_eq!(tenant["name"], "Acme");
    assert!(tenant["api_key"].as_str().unwrap().starts_with("bsp_test_"), "{tenant}");
    assert_eq!(answer["headers"]["cache-control"], "no-store");
    assert_eq!(answer["headers"]["x-cost"], Value::Null, "no Lambda tells how it stores things");
}

#[tokio::test]
async fn the_event_of_tools_calls_a_tool_once_however_often_it_is_delivered() {
    let deployment = Deployment::new().await;
    let event = deployment.of_new_tenant(TOOLS).await;

    let first = deployment.invoke(bespin_fn_tools::routes, &event).await;
    let again = deployment.invoke(bespin_fn_tools::routes, &event).await;

    assert_eq!(body(&first, 200)["result"], json!({"echo": {"text": "hi"}}));
    assert_eq!(first["body"], again["body"]);
}

#[tokio::test]
async fn the_event_of_kpis_makes_a_kpi_that_points_and_reads_find_by_the_path() {
    let deployment = Deployment::new().await;
    let mut event = deployment.of_new_tenant(KPIS).await;

    let kpi = body(&deployment.invoke(bespin_fn_kpis::routes, &event).await, 201);
    assert_eq!((&kpi["name"], &kpi["unit"]), (&json!("MRR"), &json!("EUR")));

    // API Gateway sends a body that it does not take for text as base64.
    let path = format!("/v1/kpis/{}/points:bulk", kpi["kpi_id"].as_str().unwrap());
    send_to(&mut event, "POST", &path);
    event["body"] = json!("eyJwb2ludHMiOlt7InRzIjoiMjAyNi0wMS0zMVQwMDowMDowMFoiLCJ2YWx1ZSI6MTI1MH1dfQ==");
    event["isBase64Encoded"] = json!(true);
    let counts = body(&deployment.invoke(bespin_fn_kpis::routes, &event).await, 200);
    assert_eq!(counts, json!({"inserted": 1, "ignored": 0}));

    event.as_object_mut().unwrap().remove("body");
    event["isBase64Encoded"] = json!(false);
    event["rawQueryString"] = json!("limit=1");
    send_to(&mut event, "GET", "/v1/kpis");
    let kpis = body(&deployment.invoke(bespin_fn_kpis::routes, &event).await, 200);
    assert_eq!(kpis[0]["kpi_id"], kpi["kpi_id"]);
}

fn send_to(event: &mut Value, method: &str, path: &str) {
    event["rawPath"] = json!(path);
    event["requestContext"]["http"]["method"] = json!(method);
    event["requestContext"]["http"]["path"] = json!(path);
}

#[tokio::test]
async fn the_event_of_briefs_makes_the_one_brief_of_its_date() {
    let deployment = Deployment::new().await;
    let event = deployment.of_new_tenant(BRIEFS).await;

    let brief = body(&deployment.invoke(bespin_fn_briefs::routes, &event).await, 200);

    assert_eq!(brief["content"]["date"], "2026-01-31");
    assert_eq!(brief["content"]["summary"]["kpis_considered"], 0);
}

#[tokio::test]
async fn the_event_of_notifications_shows_what_the_job_put_into_the_outbox() {
    let deployment = Deployment::new().await;
    let mut job = deployment.of_new_tenant(BRIEFS).await;
    send_to(&mut job, "POST", "/v1/jobs/daily-brief");
    let run = body(&deployment.invoke(bespin_fn_briefs::routes, &job).await, 200);
    let mut event = event(NOTIFICATIONS);
    for header in ["x-tenant-id", "x-user-id", "x-api-key"] {
        event["headers"][header] = job["headers"][header].clone();
    }

    let outbox = body(&deployment.invoke(bespin_fn_notifications::routes, &event).await, 200);

    assert_eq!(run["notifications_inserted"], 1);
    let items = outbox["items"].as_array().unwrap();
    assert_eq!(
        (items.len(), &items[0]["date"], &items[0]["status"]),
        (1, &json!("2026-01-31"), &json!("queued"))
    );
}

#[tokio::test]
async fn the_event_of_the_outbox_dispatcher_works_off_a_delivery_and_only_the_bad_message_comes_again() {
    let deployment = Deployment::new().await;
    let mut call = deployment.of_new_tenant(NOTIFICATIONS).await;
    call["rawQueryString"] = json!("");
    // Nobody listens there: what is tested is the way of the event.
    call["body"] = json!(json!({"url": "https://unknown.invalid/hooks", "enabled": true}).to_string());
    send_to(&mut call, "PUT", "/v1/notifications/webhook");
    body(&deployment.invoke(bespin_fn_notifications::routes, &call).await, 201);
    send_to(&mut call, "POST", "/v1/notifications/webhook/test");
    let delivery = body(&deployment.invoke(bespin_fn_notifications::routes, &call).await, 202);
    call["body"] = json!(json!({"url": "https://unknown.invalid/hooks", "enabled": false}).to_string());
    send_to(&mut call, "PUT", "/v1/notifications/webhook");
    body(&deployment.invoke(bespin_fn_notifications::routes, &call).await, 200);
    let delivery_id = delivery["delivery_id"].as_str().unwrap();
    let mut batch = event(OUTBOX_DISPATCHER);
    let message = json!({"delivery": {
        "tenant_id": call["headers"]["x-tenant-id"], "delivery_id": delivery_id, "attempt": 1,
        "due_at": delivery["next_attempt_at"],
    }});
    batch["Records"][0]["body"] = json!(message.to_string());

    let now = SystemClock.now();
    let handled = bespin_fn_outbox_dispatcher::invoke(&deployment.deps, batch, now).await.unwrap();

    let bad = &event(OUTBOX_DISPATCHER)["Records"][1]["messageId"];
    assert_eq!(handled, json!({"batchItemFailures": [{"itemIdentifier": bad}]}));
    call.as_object_mut().unwrap().remove("body");
    send_to(&mut call, "GET", &format!("/v1/notifications/webhook/deliveries/{delivery_id}"));
    let log = body(&deployment.invoke(bespin_fn_notifications::routes, &call).await, 200);
    assert_eq!((&log["status"], &log["attempts"]), (&json!("cancelled"), &json!(0)));
}

#[tokio::test]
async fn the_event_of_the_schedule_sweeps_the_outbox() {
    let deployment = Deployment::new().await;

    let now = SystemClock.now();
    let swept =
        bespin_fn_outbox_dispatcher::invoke(&deployment.deps, event(OUTBOX_SWEEPER), now).await.unwrap();

    assert_eq!(swept, json!({"pending": 0, "due": 0, "unsent": 0}));
}

#[tokio::test]
async fn the_event_of_chat_is_answered_once_however_often_it_is_delivered() {
    let deployment = Deployment::new().await;
    let event = deployment.of_new_tenant(CHAT).await;

    let first = deployment.invoke(bespin_fn_chat::routes, &event).await;
    let again = deployment.invoke(bespin_fn_chat::routes, &event).await;

    let answer = body(&first, 200);
    assert!(
        answer["assistant_message"]["content"].as_str().unwrap().starts_with("No brief found."),
        "{answer}"
    );
    assert_eq!(first["body"], again["body"]);
}

#[tokio::test]
async fn the_event_of_turns_admits_a_turn_once_however_often_it_is_delivered() {
    let deployment = Deployment::new().await;
    let event = deployment.of_new_tenant(TURNS).await;

    let first = deployment.invoke(bespin_fn_turns::routes, &event).await;
    let again = deployment.invoke(bespin_fn_turns::routes, &event).await;

    assert_eq!(body(&first, 201)["status"], "held");
    assert_eq!(first["body"], again["body"]);
}

#[tokio::test]
async fn the_event_of_billing_shows_the_usage_of_the_month() {
    let deployment = Deployment::new().await;
    let event = deployment.of_new_tenant(BILLING).await;

    let usage = body(&deployment.invoke(bespin_fn_billing::routes, &event).await, 200);

    assert_eq!((&usage["credits"]["included"], &usage["credits"]["used"]), (&json!(500), &json!(0)));
}

#[tokio::test]
async fn the_event_of_admin_changes_a_plan_for_whoever_has_the_key() {
    let deployment = Deployment::new().await;
    let mut event = event(ADMIN);

    let hidden = body(&deployment.invoke(bespin_fn_admin::routes, &event).await, 404);
    event["headers"]["x-platform-admin-key"] = json!("the key of the operator");
    let plan = body(&deployment.invoke(bespin_fn_admin::routes, &event).await, 200);

    assert_eq!(hidden["detail"], "Not Found");
    assert_eq!((&plan["plan_id"], &plan["included_credits"]), (&json!("starter"), &json!(750)));
}

#[tokio::test]
async fn the_event_of_console_opens_it_by_its_key_and_the_cookie_that_goes_back_keeps_it_open() {
    let deployment = Deployment::new().await;
    let mut event = event(CONSOLE);

    let hidden = body(&deployment.invoke(bespin_fn_console::routes, &event).await, 404);
    event["rawQueryString"] = json!("key=the%20key%20of%20the%20console");
    let led = deployment.invoke(bespin_fn_console::routes, &event).await;

    assert_eq!(hidden["detail"], "Not Found");
    assert_eq!((&led["statusCode"], &led["headers"]["location"]), (&json!(303), &json!("/console")));
    let cookie = led["cookies"][0].as_str().unwrap();
    assert!(cookie.ends_with("HttpOnly; SameSite=Strict; Secure"), "{cookie}");
    event["rawQueryString"] = json!("");
    event["cookies"] = json!([cookie.split(';').next().unwrap()]);
    let page = deployment.invoke(bespin_fn_console::routes, &event).await;
    assert_eq!((&page["statusCode"], &page["isBase64Encoded"]), (&json!(200), &json!(false)));
    assert!(page["body"].as_str().unwrap().contains("<h1>Overview</h1>"), "{page}");

    send_to(&mut event, "GET", "/console/db/download");
    let export = deployment.invoke(bespin_fn_console::routes, &event).await;
    assert_eq!(export["headers"]["content-type"], "application/x-ndjson");
    let text = lines(&export);
    assert!(text.ends_with("{\"end\":\"complete\"}\n"), "{text}");
}

/// The body of an export. What is not known to be text goes through API Gateway as base64.
fn lines(answer: &Value) -> String {
    let body = answer["body"].as_str().unwrap();
    if answer["isBase64Encoded"] == true {
        String::from_utf8(data_encoding::BASE64.decode(body.as_bytes()).unwrap()).unwrap()
    } else {
        body.to_owned()
    }
}

#[tokio::test]
async fn the_event_of_docs_gets_the_document() {
    let deployment = Deployment::new().await;
    let event = serde_json::from_str(DOCS).unwrap();

    let document = body(&deployment.invoke(|_| bespin_fn_docs::routes(), &event).await, 200);

    assert_eq!(document["openapi"], "3.1.0");
}

#[tokio::test]
async fn the_event_of_control_plane_grants_credits() {
    let deployment = Deployment::new().await;
    let event = deployment.of_new_tenant(CONTROL_PLANE).await;

    let granted = body(&deployment.invoke(bespin_fn_control_plane::routes, &event).await, 201);

    assert_eq!(granted["replenishment"]["user_id"], "maria");
    assert_eq!(granted["replenishment"]["additional_requests_per_day"], 50);
}

/// What is signed are the bytes that Stripe sent, whether or not API Gateway passes them on as base64.
#[tokio::test]
async fn the_event_of_webhooks_grants_what_was_paid_for_once() {
    let deployment = Deployment::new().await;
    let tenant = deployment.sign_up().await;
    let mut event = event(WEBHOOKS);
    let refused = body(&deployment.invoke(bespin_fn_webhooks::routes, &event).await, 401);
    assert_eq!(refused["detail"], "Invalid signature");
    let placeholder = "<tenant_id of the answer to tenants.json>";
    let payment = event["body"].as_str().unwrap().replace(placeholder, tenant["tenant_id"].as_str().unwrap());
    let sent_at = SystemClock.now().epoch_seconds();
    let mut mac = Hmac::<Sha256>::new_from_slice(STRIPE_SECRET.as_bytes()).unwrap();
    mac.update(format!("{sent_at}.{payment}").as_bytes());
    let signature = HEXLOWER.encode(&mac.finalize().into_bytes());
    event["headers"]["stripe-signature"] = json!(format!("t={sent_at},v1={signature}"));
    event["body"] = json!(payment);

    let first = body(&deployment.invoke(bespin_fn_webhooks::routes, &event).await, 200);
    event["body"] = json!(BASE64.encode(payment.as_bytes()));
    event["isBase64Encoded"] = json!(true);
    let again = body(&deployment.invoke(bespin_fn_webhooks::routes, &event).await, 200);

    assert_eq!(first["message"], "Credits granted to user maria");
    assert_eq!(again["message"], "Payment pi_1001 was granted before");
}

#[tokio::test]
async fn a_refusal_goes_back_as_an_answer_and_not_as_a_failed_invocation() {
    let deployment = Deployment::new().await;

    // The placeholders of the file are nobody's credentials.
    let refused = body(&deployment.invoke(bespin_fn_tools::routes, &event(TOOLS)).await, 401);
    assert_eq!(refused["detail"], "Invalid tenant ID or API key");

    let mut broken = event(TENANTS);
    broken["body"] = json!("{");
    let refused = body(&deployment.invoke(bespin_fn_tenants::routes, &broken).await, 422);
    assert_eq!(refused["detail"][0]["type"], "json_invalid");
}

#[tokio::test]
async fn the_address_that_limits_go_by_is_the_one_that_api_gateway_tells() {
    let deployment = Deployment::with_signups_per_minute(NonZeroU32::new(1)).await;
    let mut event = event(TENANTS);
    let sign_up = async |event: &Value| deployment.invoke(bespin_fn_tenants::routes, event).await;
    let (mut admitted, mut refused) = (0, 0);
    for claimed in ["198.51.100.1", "198.51.100.2", "198.51.100.3"] {
        event["headers"]["x-forwarded-for"] = json!(claimed);
        match sign_up(&event).await["statusCode"].as_u64() {
            Some(201) => admitted += 1,
            Some(429) => refused += 1,
            other => panic!("{other:?}"),
        }
    }

    // A new minute may have begun meanwhile, once.
    assert!(refused >= 1 && admitted >= 1, "{admitted} admitted, {refused} refused");
    event["requestContext"]["http"]["sourceIp"] = json!("203.0.113.99");
    body(&sign_up(&event).await, 201);
}

#[tokio::test]
async fn pages_of_allowed_origins_may_read_the_answers() {
    let deployment = Deployment::new().await;
    let mut event = event(TENANTS);
    event["headers"]["origin"] = json!("https://app.example");

    let answer = deployment.invoke(bespin_fn_tenants::routes, &event).await;

    assert_eq!(answer["headers"]["access-control-allow-origin"], "https://app.example", "{answer}");
}
