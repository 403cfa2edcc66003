//! A caller of the product, as a customer's program would be one.

use std::time::Duration;

use serde_json::Value;
use ureq::Agent;

use crate::error::DemoError;

/// How long an answer may take. Ingesting thousands of points takes a moment where nothing is optimised.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long it takes to know that nobody answers on a port of this machine.
const PROBE_PATIENCE: Duration = Duration::from_secs(2);

/// What a tenant's user sends with every request.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    pub(crate) tenant_id: String,
    pub(crate) user_id: String,
    pub(crate) api_key: String,
}

/// One POST.
pub(crate) struct Request<'a> {
    /// What is asked for, as a refusal names it.
    pub(crate) what: &'a str,
    pub(crate) path: &'a str,
    /// The `Idempotency-Key`, where the endpoint wants one.
    pub(crate) key: Option<&'a str>,
    pub(crate) body: Value,
}

/// Sends requests to one local cloud.
pub(crate) struct Client {
    agent: Agent,
    url: String,
    credentials: Option<Credentials>,
}

impl Client {
    /// A stranger to the cloud on `port`.
    pub(crate) fn new(port: u16) -> Self {
        Self { agent: agent(PATIENCE), url: url(port), credentials: None }
    }

    /// Sends these credentials from here on.
    pub(crate) fn act_as(&mut self, credentials: Credentials) {
        self.credentials = Some(credentials);
    }

    /// The answer to a POST, provided it is 2xx.
    pub(crate) fn send(&self, request: &Request<'_>) -> Result<Value, DemoError> {
        let Request { what, path, key, body } = request;
        let no_answer = |reason| DemoError::NoAnswer { what: (*what).to_owned(), reason };
        let mut post = self.agent.post(format!("{}{path}", self.url));
        if let Some(Credentials { tenant_id, user_id, api_key }) = &self.credentials {
            post = post
                .header("X-Tenant-ID", tenant_id)
                .header("X-User-ID", user_id)
                .header("X-API-Key", api_key);
        }
        if let Some(key) = key {
            post = post.header("Idempotency-Key", *key);
        }
        let mut response = post.send_json(body).map_err(no_answer)?;
        let status = response.status();
        let answer = response.body_mut().read_to_string().map_err(no_answer)?;
        if status.is_success() {
            return serde_json::from_str(&answer)
                .map_err(|_| DemoError::Incomplete { what: (*what).to_owned(), member: "JSON".to_owned() });
        }
        Err(DemoError::Refused {
            what: (*what).to_owned(),
            status: status.as_u16(),
            message: message_of(answer),
        })
    }
}

/// Whether Bespin listens on `port`.
pub(crate) fn is_bespin(port: u16) -> bool {
    let agent = agent(PROBE_PATIENCE);
    let get = |path: &str| -> Result<Value, ureq::Error> {
        agent.get(format!("{}{path}", url(port))).call()?.body_mut().read_json()
    };
    let healthy = get("/healthz").is_ok_and(|answer| answer["status"] == "ok");
    healthy
        && get("/")
            .is_ok_and(|answer| answer["message"].as_str().is_some_and(|text| text.starts_with("Bespin")))
}

/// A text that an answer must have.
pub(crate) fn text_of(answer: &Value, pointer: &str, what: &str) -> Result<String, DemoError> {
    let text = answer.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    text.ok_or_else(|| DemoError::Incomplete { what: what.to_owned(), member: pointer.to_owned() })
}

/// The local cloud listens on IPv4 only, where `localhost` may be something else first.
fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn agent(patience: Duration) -> Agent {
    // A refusal is an answer, whose body says why.
    Agent::config_builder().http_status_as_error(false).timeout_global(Some(patience)).build().into()
}

/// The sentence of an error answer, or else the whole answer.
fn message_of(answer: String) -> String {
    let parsed: Option<Value> = serde_json::from_str(&answer).ok();
    parsed.and_then(|problem| problem["message"].as_str().map(str::to_owned)).unwrap_or(answer)
}
