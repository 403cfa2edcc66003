//! The real binary as AWS runs it: a child process that asks a Lambda Runtime API for events and reaches its table
//! over the network.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    process::{Output, Stdio},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use bespin_embedded::Embedded;
use bespin_primitives::OsRandom;
use bespin_table::Table;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    process::{Child, Command},
    sync::{Mutex, mpsc},
    time::timeout,
};

const SIGN_UP: &str = include_str!("../../../events/tenants.json");
const PATIENCE: Duration = Duration::from_secs(20);

/// Plays the Lambda service: hands out events, takes answers.
struct RuntimeApi {
    address: String,
    events: mpsc::UnboundedSender<Value>,
    answers: mpsc::UnboundedReceiver<(String, Value)>,
}

#[derive(Clone)]
struct Exchange {
    events: Arc<Mutex<(u32, mpsc::UnboundedReceiver<Value>)>>,
    answers: mpsc::UnboundedSender<(String, Value)>,
}

impl RuntimeApi {
    async fn start() -> Self {
        let (events, waiting) = mpsc::unbounded_channel();
        let (answered, answers) = mpsc::unbounded_channel();
        let exchange = Exchange { events: Arc::new(Mutex::new((0, waiting))), answers: answered };
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/{outcome}", post(answer))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .with_state(exchange);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, events, answers }
    }

    /// Sends an event; what the function answers.
    async fn invoke(&mut self, event: Value) -> Value {
        self.events.send(event).unwrap();
        let (outcome, answer) =
            timeout(PATIENCE, self.answers.recv()).await.expect("an answer in time").unwrap();
        assert_eq!(outcome, "response", "{answer}");
        answer
    }
}

async fn next(State(exchange): State<Exchange>) -> ([(&'static str, String); 4], String) {
    let mut events = exchange.events.lock().await;
    let Some(event) = events.1.recv().await else { std::future::pending().await };
    events.0 += 1;
    let headers = [
        ("lambda-runtime-aws-request-id", format!("invocation-{}", events.0)),
        ("lambda-runtime-deadline-ms", "4102444800000".to_owned()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-west-1:123456789012:function:tenants".to_owned(),
        ),
        (
            "lambda-runtime-trace-id",
            "Root=1-697e0a1c-4f2b7c9d1e3a5b6c7d8e9f01;Parent=53995c3f42cd8ad8;Sampled=0".to_owned(),
        ),
    ];
    (headers, event.to_string())
}

async fn answer(
    State(exchange): State<Exchange>,
    Path((_, outcome)): Path<(String, String)>,
    body: String,
) -> StatusCode {
    exchange.answers.send((outcome, serde_json::from_str(&body).unwrap())).unwrap();
    StatusCode::ACCEPTED
}

async fn init_error(State(exchange): State<Exchange>, body: String) -> StatusCode {
    exchange.answers.send(("init/error".to_owned(), json!(body))).unwrap();
    StatusCode::ACCEPTED
}

/// The binary with the environment that Lambda gives it, and these settings.
fn function(runtime_api: &str, settings: &[(&str, &str)]) -> Child {
    let lambda = [
        ("AWS_LAMBDA_RUNTIME_API", runtime_api),
        ("AWS_LAMBDA_FUNCTION_NAME", "tenants"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/tenants"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/01/31/[$LATEST]0"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "not a secret"),
        ("AWS_SESSION_TOKEN", "no session"),
    ];
    Command::new(env!("CARGO_BIN_EXE_tenants"))
        .env_clear()
        .envs(lambda)
        .envs(settings.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// A table on a port of this machine.
async fn table() -> String {
    let embedded = Embedded::open_in_memory().unwrap();
    let table = Table::new(&embedded.connection(), "bespin", Arc::new(OsRandom));
    table.create_if_absent().await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { embedded.dynamodb().serve(listener, std::future::pending()).await.unwrap() });
    url
}

async fn output_of(mut function: Child) -> Output {
    function.start_kill().unwrap();
    timeout(PATIENCE, function.wait_with_output()).await.expect("an end in time").unwrap()
}

fn body(answer: &Value, status: u16) -> Value {
    assert_eq!(answer["statusCode"], status, "{answer}");
    serde_json::from_str(answer["body"].as_str().unwrap()).unwrap()
}

fn event_for(method: &str, path: &str, headers: &[(&str, &Value)], body: &Value) -> Value {
    let mut event: Value = serde_json::from_str(SIGN_UP).unwrap();
    event["rawPath"] = json!(path);
    event["requestContext"]["http"]["method"] = json!(method);
    event["requestContext"]["http"]["path"] = json!(path);
    for (name, value) in headers {
        event["headers"][*name] = (*value).clone();
    }
    event["body"] = json!(body.to_string());
    event
}

#[tokio::test]
async fn the_binary_serves_one_event_after_the_other_and_logs_lines_of_json() {
    let mut lambda = RuntimeApi::start().await;
    let (table, pepper) = (table().await, "a pepper for this test only");
    let settings = [("TABLE_NAME", "bespin"), ("API_KEY_PEPPER", pepper), ("AWS_ENDPOINT_URL", &table)];
    let function = function(&lambda.address, &settings);

    let tenant = body(&lambda.invoke(serde_json::from_str(SIGN_UP).unwrap()).await, 201);
    let credentials = [
        ("x-tenant-id", &tenant["tenant_id"]),
        ("x-user-id", &tenant["admin"]["user_id"]),
        ("x-api-key", &tenant["api_key"]),
    ];
    let new_user = json!({"tenant_id": tenant["tenant_id"], "email": "m@example.com", "role": "member"});
    let user = body(&lambda.invoke(event_for("POST", "/v1/users", &credentials, &new_user)).await, 201);
    let stranger = lambda.invoke(event_for("POST", "/v1/users", &[], &new_user)).await;
    let unknown = lambda.invoke(event_for("GET", "/v1/nothing", &[], &Value::Null)).await;

    assert_eq!(user["tenant_id"], tenant["tenant_id"]);
    assert_eq!(body(&stranger, 400)["detail"], "Missing required header: X-Tenant-ID");
    assert_eq!(body(&unknown, 404)["detail"], "Not Found");

    let output = output_of(function).await;
    let log = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let statuses: Vec<&Value> = lines.iter().map(|line| &line["status"]).filter(|s| !s.is_null()).collect();
    assert_eq!(statuses, [201, 201, 400, 404], "{log}");
    assert!(!log.contains(tenant["api_key"].as_str().unwrap()), "no key in the log");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[tokio::test]
async fn without_its_settings_the_binary_ends_at_once_and_names_the_missing_one() {
    let lambda = RuntimeApi::start().await;
    let function = function(&lambda.address, &[("API_KEY_PEPPER", "a pepper for this test only")]);

    let output = timeout(PATIENCE, function.wait_with_output()).await.expect("an end in time").unwrap();

    assert!(!output.status.success());
    let told = String::from_utf8(output.stdout).unwrap();
    let told: Value = serde_json::from_str(&told).expect(&told);
    assert_eq!(
        (&told["level"], &told["error"]),
        (&json!("ERROR"), &json!("TABLE_NAME is not set")),
        "{told}"
    );
}

#[tokio::test]
async fn a_table_that_cannot_be_reached_is_an_answer_and_the_binary_goes_on() {
    let mut lambda = RuntimeApi::start().await;
    let nowhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", nowhere.local_addr().unwrap());
    drop(nowhere);
    let pepper = ("API_KEY_PEPPER", "a pepper for this test only");
    let function = function(&lambda.address, &[("TABLE_NAME", "bespin"), pepper, ("AWS_ENDPOINT_URL", &url)]);

    for _ in 0..2 {
        let answer = lambda.invoke(serde_json::from_str(SIGN_UP).unwrap()).await;

        assert_eq!(body(&answer, 503)["status"], 503, "{answer}");
        assert!(!answer.to_string().contains("127.0.0.1"), "nothing internal: {answer}");
    }
    drop(function);
}
