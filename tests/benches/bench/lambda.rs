//! A function's process, and the Lambda Runtime API that it asks for events.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::Value;
use tokio::{
    net::TcpListener,
    process::{Child, Command},
    sync::{Mutex, mpsc},
    task::JoinSet,
    time::timeout,
};

/// How long a function may take for anything before it counts as hung.
const PATIENCE: Duration = Duration::from_secs(20);

/// A process of a function. It ends with this.
pub(crate) struct Process {
    child: Child,
    events: mpsc::UnboundedSender<Value>,
    answers: mpsc::UnboundedReceiver<Value>,
    /// From its spawn to its first question for an event.
    pub(crate) start: Duration,
    _service: JoinSet<()>,
}

impl Process {
    /// Starts it under a Runtime API of its own, so that none takes the event of another.
    pub(crate) async fn start(binary: &Path, variables: &BTreeMap<String, String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (asked, mut asks) = mpsc::unbounded_channel();
        let (events, queued) = mpsc::unbounded_channel();
        let (answered, answers) = mpsc::unbounded_channel();
        let api = RuntimeApi { asked, events: Arc::new(Mutex::new(queued)), answered };
        let mut service = JoinSet::new();
        service.spawn(async move { axum::serve(listener, api.router()).await.unwrap() });
        let begun = Instant::now();
        let child = Command::new(binary)
            .env_clear()
            .envs(variables)
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "function")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let asked_at = timeout(PATIENCE, asks.recv()).await;
        let Ok(Some(asked_at)) = asked_at else { panic!("{} asks for no event", binary.display()) };
        Self { child, events, answers, start: asked_at - begun, _service: service }
    }

    /// What it answers to an event.
    pub(crate) async fn invoke(&mut self, event: Value) -> Value {
        self.events.send(event).unwrap();
        timeout(PATIENCE, self.answers.recv()).await.expect("it does not answer").unwrap()
    }

    /// The most memory that it had so far, in MB.
    pub(crate) fn peak_mb(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id().unwrap())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let kib: f64 = line.trim().strip_suffix(" kB").unwrap().parse().unwrap();
        kib * 1_024.0 / 1_000_000.0
    }

    /// Ends it, and waits until it is gone: what still goes would slow what starts next.
    pub(crate) async fn end(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// Hands out one event at a time, as the Lambda service does, and takes the answer.
#[derive(Clone)]
struct RuntimeApi {
    asked: mpsc::UnboundedSender<Instant>,
    events: Arc<Mutex<mpsc::UnboundedReceiver<Value>>>,
    answered: mpsc::UnboundedSender<Value>,
}

impl RuntimeApi {
    fn router(self) -> Router {
        Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(answer))
            .fallback(failure)
            .with_state(self)
    }
}

async fn next(State(api): State<RuntimeApi>) -> Response {
    let _ = api.asked.send(Instant::now());
    let Some(event) = api.events.lock().await.recv().await else { return StatusCode::GONE.into_response() };
    let headers = [
        ("lambda-runtime-aws-request-id", "invocation"),
        ("lambda-runtime-deadline-ms", "4102444800000"),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-west-1:123456789012:function:function"),
    ];
    (headers, Json(event)).into_response()
}

async fn answer(State(api): State<RuntimeApi>, body: Bytes) -> StatusCode {
    let _ = api.answered.send(serde_json::from_slice(&body).unwrap());
    StatusCode::ACCEPTED
}

/// A function that fails its event, or cannot start, says so here; whoever waits for it gives up then.
async fn failure(uri: Uri, body: Bytes) -> StatusCode {
    eprintln!("{uri}: {}", String::from_utf8_lossy(&body));
    StatusCode::ACCEPTED
}
