//! The functions as they ship: how large each is, how fast it starts, and what memory it takes under load, beside a Lambda
//! that does nothing and is packed the same way (`tests/hello`).

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use axum::Router;
use bespin_access::Pepper;
use bespin_local::{Console, LocalSettings};
use bespin_primitives::{Clock, OsRandom, SystemClock, Timestamp};
use bespin_tests::{Actor, World};
use data_encoding::HEXLOWER;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;

use crate::{
    lambda::Process,
    report::{Goal, Row},
    rows::with_kpis,
    stage::Stage,
    turns::median,
};

/// How often each function is started.
const STARTS: usize = 21;
/// How many events each function gets, one after the other.
const EVENTS: u64 = 1_000;

pub(crate) async fn functions() -> Vec<Row> {
    let (hello, functions) = match packed() {
        Ok(packed) => packed,
        Err(why) => {
            eprintln!("  {why}");
            return Vec::new();
        }
    };
    let scene = Scene::open().await;
    let mut rows = starts(&scene, &hello, &functions).await;
    rows.extend(functions.iter().map(|function| Row {
        name: format!("{}, zip", function.name),
        unit: "MB",
        ours: function.zip_mb(),
        floor: hello.zip_mb(),
        goal: Goal::UpTo(3.0),
    }));
    let floor = scene.peak_mb(&hello).await;
    for function in &functions {
        rows.push(Row {
            name: format!("{}, memory at its peak, {EVENTS} events", function.name),
            unit: "MB",
            ours: scene.peak_mb(function).await,
            floor,
            goal: Goal::UpTo(20.0),
        });
    }
    rows
}

/// The starts of all, in turns.
async fn starts(scene: &Scene, hello: &Packed, functions: &[Packed]) -> Vec<Row> {
    let mut floor = Vec::new();
    let mut ours = vec![Vec::new(); functions.len()];
    for _ in 0..STARTS {
        floor.push(scene.start_ms(hello).await);
        for (function, starts) in functions.iter().zip(&mut ours) {
            starts.push(scene.start_ms(function).await);
        }
    }
    let floor = median(floor);
    let rows = functions.iter().zip(ours).map(|(function, starts)| Row {
        name: format!("{}, from its start to its first question", function.name),
        unit: "ms",
        ours: median(starts),
        floor,
        goal: Goal::AtMost(1.5),
    });
    rows.collect()
}

/// What `make package` left of a function.
struct Packed {
    name: String,
    folder: PathBuf,
}

/// The Lambda that does nothing and all functions, or why they cannot be measured.
fn packed() -> Result<(Packed, Vec<Packed>), String> {
    let folders = fs::read_dir(root().join("functions")).unwrap();
    let mut names: Vec<_> =
        folders.map(|folder| folder.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let hello = Packed::of("hello".to_owned())?;
    Ok((hello, names.into_iter().map(Packed::of).collect::<Result<_, _>>()?))
}

impl Packed {
    fn of(name: String) -> Result<Self, String> {
        let folder = root().join("target/lambda").join(&name);
        let wanted = format!("{} lambda", std::env::consts::ARCH);
        let built_as = fs::read_to_string(folder.join("built-as")).unwrap_or_default();
        if cfg!(target_os = "linux") && built_as.trim() == wanted {
            Ok(Self { name, folder })
        } else {
            Err(format!(
                "not measured: target/lambda has no {name} for this machine; `make package ARCH=native` makes all of them on \
                 Linux, in a quarter of an hour"
            ))
        }
    }

    fn binary(&self) -> PathBuf {
        self.folder.join("bootstrap")
    }

    fn zip_mb(&self) -> f64 {
        let zip = fs::metadata(self.folder.join("bootstrap.zip")).unwrap();
        f64::from(u32::try_from(zip.len()).unwrap()) / 1_000_000.0
    }
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The stores on ports of loopback, and what the functions are told.
struct Scene {
    stage: Stage,
    variables: BTreeMap<String, String>,
    /// Takes everything that it is sent.
    webhook: String,
}

impl Scene {
    async fn open() -> Self {
        let text = fs::read_to_string(root().join("infra/test-environment.json")).unwrap();
        let mut variables: BTreeMap<String, String> = serde_json::from_str(&text).unwrap();
        let console = Console::Key(bespin_access::ConsoleKey::parse(&variables["DEV_CONSOLE_KEY"]).unwrap());
        let settings = LocalSettings { console, test_clock: false, ..World::settings() };
        // The product that the tenants sign up with hashes their keys as the functions do.
        let world = World::open_with(settings).await.another_with(
            std::sync::Arc::new(SystemClock),
            std::sync::Arc::new(OsRandom),
            |settings| {
                settings.pepper = Pepper::parse(&variables["API_KEY_PEPPER"]).unwrap();
                settings.key_environment.clone_from(&variables["KEY_ENVIRONMENT"]);
            },
        );
        let settings = &world.deps().settings;
        variables.extend([
            ("BRIEF_RUNS_QUEUE_URL".to_owned(), settings.brief_runs_queue_url.clone().unwrap()),
            ("OUTBOX_QUEUE_URL".to_owned(), settings.outbox_queue_url.clone().unwrap()),
            ("WEBHOOKS_ALLOW_LOOPBACK".to_owned(), "1".to_owned()),
            ("AWS_REGION".to_owned(), "eu-west-1".to_owned()),
        ]);
        let (dynamodb, sqs) = (world.embedded().dynamodb().clone(), world.embedded().sqs().clone());
        let (listener, endpoint) = listen().await;
        tokio::spawn(async move { dynamodb.serve(listener, std::future::pending()).await.unwrap() });
        variables.insert("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), endpoint);
        let (listener, endpoint) = listen().await;
        tokio::spawn(async move { sqs.serve(listener, std::future::pending()).await.unwrap() });
        variables.insert("AWS_ENDPOINT_URL_SQS".to_owned(), endpoint);
        let (listener, webhook) = listen().await;
        let takes_all = Router::new().fallback(async || ());
        tokio::spawn(async move { axum::serve(listener, takes_all).await.unwrap() });
        Self { stage: Stage::of(world, None).await, variables, webhook }
    }

    /// Under the variables of a deployment, where no endpoint is given and TLS is made ready. Nothing is sent to AWS before
    /// there is an event.
    async fn start_ms(&self, function: &Packed) -> f64 {
        let mut variables = self.variables.clone();
        variables.retain(|name, _| !name.starts_with("AWS_ENDPOINT_URL"));
        for variable in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
            variables.insert(variable.to_owned(), "made up".to_owned());
        }
        let process = Process::start(&function.binary(), &variables).await;
        let start = process.start;
        process.end().await;
        start.as_secs_f64() * 1_000.0
    }

    /// The memory that a function takes at most while it answers its event of `events/`, of a tenant of its own.
    async fn peak_mb(&self, function: &Packed) -> f64 {
        let tenant = self.tenant().await;
        let sample = root().join("events").join(&function.name).with_extension("json");
        // The one that does nothing has no event of its own.
        let sample = if sample.exists() { sample } else { root().join("events/tools.json") };
        let sample: Value = serde_json::from_str(&fs::read_to_string(sample).unwrap()).unwrap();
        let mut process = Process::start(&function.binary(), &self.variables).await;
        for number in 0..EVENTS {
            let event = self.filled(&sample, &tenant, number).await;
            let answer = process.invoke(event).await;
            let good = match &answer["statusCode"] {
                Value::Null => answer.get("batchItemFailures").is_none_or(|failed| *failed == json!([])),
                status => status.as_u64().is_some_and(|status| (200..300).contains(&status)),
            };
            assert!(good, "{}: {answer}", function.name);
        }
        let peak = process.peak_mb();
        process.end().await;
        peak
    }

    /// A tenant that has KPIs, a schedule and a webhook.
    async fn tenant(&self) -> Actor {
        let tenant = self.stage.tenant().await;
        with_kpis(&self.stage, &tenant, 5, 100).await;
        let schedule = json!({"enabled": true, "hour": 6});
        tenant.request("PUT", "/v1/briefs/schedule").json(&schedule).send().await.expect(200);
        let webhook = json!({"url": self.webhook});
        tenant.request("PUT", "/v1/notifications/webhook").json(&webhook).send().await.expect(201);
        tenant
    }

    /// A sample event as it is sent once: with its caller's credentials, and a key, a message or a payment that never was.
    async fn filled(&self, sample: &Value, tenant: &Actor, number: u64) -> Value {
        let mut event = sample.clone();
        let known = [
            ("idempotency-key", format!("event-{number}")),
            ("x-tenant-id", tenant.tenant_id.clone()),
            ("x-user-id", tenant.user_id.clone()),
            ("x-api-key", tenant.api_key.clone()),
            ("x-platform-admin-key", self.variables["PLATFORM_ADMIN_KEY"].clone()),
        ];
        for (header, value) in known {
            if let Some(header) = event.pointer_mut(&format!("/headers/{header}")) {
                *header = json!(value);
            }
        }
        // A single user holds a hundred credits at most.
        if let Some(body) = event["body"].as_str() {
            event["body"] = json!(body.replace("maria", &format!("maria-{number}")));
        }
        if event.pointer("/headers/stripe-signature").is_some() {
            self.sign_payment(&mut event, tenant, number);
        }
        if event["rawPath"] == "/console" {
            event["rawQueryString"] = json!("");
            event["headers"]["cookie"] = json!(self.console_session());
        }
        if let Some(records) = event["Records"].as_array_mut() {
            // The others are there to fail.
            records.truncate(1);
            let body = records[0]["body"].as_str().unwrap();
            records[0]["body"] = json!(
                if body.contains("delivery_id") {
                    let body: Value = serde_json::from_str(body).unwrap();
                    self.delivery(body, tenant).await
                } else {
                    let date =
                        Timestamp::parse_rfc3339("2026-01-31T00:00:00Z").unwrap().minus_days(number).date();
                    json!({"tenant_id": tenant.tenant_id, "date": date.to_string(), "named": true})
                }
                .to_string()
            );
        }
        event
    }

    fn sign_payment(&self, event: &mut Value, tenant: &Actor, number: u64) {
        let body = event["body"].as_str().unwrap();
        let body = body.replace("<tenant_id of the answer to tenants.json>", &tenant.tenant_id);
        let body =
            body.replace("evt_1001", &format!("evt_{number}")).replace("pi_1001", &format!("pi_{number}"));
        let sent_at = SystemClock.now().epoch_seconds();
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.variables["STRIPE_WEBHOOK_SECRET"].as_bytes()).unwrap();
        mac.update(format!("{sent_at}.{body}").as_bytes());
        let signature = HEXLOWER.encode(&mac.finalize().into_bytes());
        event["headers"]["stripe-signature"] = json!(format!("t={sent_at},v1={signature}"));
        event["body"] = json!(body);
    }

    fn console_session(&self) -> String {
        let settings = &self.stage.world.deps().settings;
        let key = settings.console_key.as_ref().unwrap();
        let access = key.authorise(&self.variables["DEV_CONSOLE_KEY"]).unwrap();
        format!("bespin_console={}", access.session(&settings.pepper, SystemClock.now()))
    }

    /// The message of a new delivery to the tenant's webhook.
    async fn delivery(&self, mut message: Value, tenant: &Actor) -> Value {
        let told = tenant.post("/v1/notifications/webhook/test").send().await.expect(202);
        message["delivery"]["tenant_id"] = json!(tenant.tenant_id);
        message["delivery"]["delivery_id"] = told["delivery_id"].clone();
        message
    }
}

/// A port of loopback, and its URL.
async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}
