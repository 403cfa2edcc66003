//! The product without a socket.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use axum::Router;
use bespin_access::{ConsoleKey, Pepper};
use bespin_aws::Connection;
use bespin_edge::{Deps, Settings};
use bespin_embedded::{Embedded, MillisClock, as_function, is_observed};
use bespin_primitives::{Clock, OsRandom, Random, SystemClock, Timestamp};
use bespin_queue::sqs_client;
use data_encoding::HEXLOWER;
use serde_json::Value;

use crate::{
    Console, DataFolder, EventSource, Function, LocalError, LocalSettings, RequestClock, Storage, queues,
};

const PEPPER_FILE: &str = "pepper";
const CONSOLE_KEY_FILE: &str = "console-key";

/// Every function's router over an embedded table and queue.
#[derive(Debug)]
pub struct Cloud {
    embedded: Embedded,
    /// The store of the table, where that is not the embedded one.
    elsewhere: Option<Connection>,
    deps: Deps,
    router: Router,
    folder: Option<DataFolder>,
    clock: Arc<dyn Clock>,
    test_clock: bool,
}

impl Cloud {
    /// Opens the stores, makes the table and the catalogue if they are not there, and joins all routers.
    pub async fn open(settings: &LocalSettings) -> Result<Self, LocalError> {
        Self::open_with(settings, Arc::new(SystemClock), Arc::new(OsRandom)).await
    }

    /// The same with another clock and another source of randomness.
    pub async fn open_with(
        settings: &LocalSettings,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, LocalError> {
        let (embedded, folder) = match &settings.storage {
            Storage::Memory => (Embedded::open_in_memory()?, None),
            Storage::Folder(path) => {
                let folder = DataFolder::open(path)?;
                (Embedded::open(folder.path())?, Some(folder))
            }
        };
        // Messages are held back by the same clock.
        let sqs = embedded.sqs().clone().with_clock(millis(Arc::clone(&clock)));
        let embedded = Embedded::new(embedded.dynamodb().clone(), sqs);
        let mut edge_settings = edge_settings(settings, pepper(folder.as_ref(), &*random)?);
        edge_settings.console_key = console_key(&settings.console, folder.as_ref(), &*random)?;
        // The queues are embedded wherever the table is.
        let queues = embedded.connection();
        let client = sqs_client(&queues);
        edge_settings.brief_runs_queue_url = Some(queues::create(&client, queues::BRIEF_RUNS).await?);
        edge_settings.outbox_queue_url = Some(queues::create(&client, queues::OUTBOX).await?);
        let elsewhere = settings.dynamodb.as_deref().map(connection_to).transpose()?;
        let table = elsewhere.as_ref().unwrap_or(&queues);
        let deps = Deps::with_queues(table, &queues, edge_settings, aging(&clock), random);
        deps.table.create_if_absent().await?;
        deps.entitlements.catalogue().await?;
        Ok(Self::joined(embedded, elsewhere, deps, clock, folder, settings.test_clock))
    }

    /// Another process over the same stores: the same settings and secrets, but caches and faults of its own.
    #[must_use]
    pub fn another(&self, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        self.another_with(clock, random, |_| ())
    }

    /// The same with other settings.
    #[must_use]
    pub fn another_with(
        &self,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let embedded = Embedded::new(self.embedded.dynamodb().clone(), self.embedded.sqs().clone());
        let mut settings = Settings::clone(&self.deps.settings);
        change(&mut settings);
        let queues = embedded.connection();
        let deps = Deps::with_queues(&self.table_of(&embedded), &queues, settings, aging(&clock), random);
        Self::joined(embedded, self.elsewhere.clone(), deps, clock, None, self.test_clock)
    }

    fn joined(
        embedded: Embedded,
        elsewhere: Option<Connection>,
        deps: Deps,
        clock: Arc<dyn Clock>,
        folder: Option<DataFolder>,
        test_clock: bool,
    ) -> Self {
        let request_clock = RequestClock { clock: Arc::clone(&clock), header_counts: test_clock };
        // On a developer's machine every answer tells what it cost.
        let surface = deps.settings.surface(Arc::new(request_clock), Arc::clone(&deps.random), true);
        let router = surface.wrap(routes(&deps));
        Self { embedded, elsewhere, deps, router, folder, clock, test_clock }
    }

    /// The connection to the store of the table: `embedded`, unless the settings named another one.
    pub fn table_of(&self, embedded: &Embedded) -> Connection {
        self.elsewhere.clone().unwrap_or_else(|| embedded.connection())
    }

    /// All routes, as strangers see them.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// The joined parts.
    pub fn deps(&self) -> &Deps {
        &self.deps
    }

    /// The stores, with their faults.
    pub fn embedded(&self) -> &Embedded {
        &self.embedded
    }

    /// Does what the hourly rule does: briefs that are due are put on the queue. More often does no harm.
    pub async fn schedule_briefs(&self) {
        let now = self.clock.now();
        let scheduled = bespin_fn_daily_brief_scheduler::handle(&self.deps, &Value::Null, now);
        if let Err(error) = as_function("daily-brief-scheduler", scheduled).await {
            tracing::warn!(%error, "daily briefs were not scheduled");
        }
    }

    /// Does what Lambdas behind queues do, until `stop` is done: daily briefs that are due, and the rest of large ones.
    pub async fn work_off_queues(&self, stop: impl Future<Output = ()>) {
        let Some(queue) = &self.deps.brief_queue else { return stop.await };
        let source = self.event_source(queue.url());
        let handle = |event| {
            let handled = bespin_fn_daily_brief_runner::handle(&self.deps, event, self.clock.now());
            as_function("daily-brief-runner", handled)
        };
        source.poll(handle, stop).await;
    }

    /// One of the cloud's queues, as a function behind it sees it.
    pub fn event_source(&self, url: &str) -> EventSource {
        EventSource::new(sqs_client(&self.embedded.connection()), url)
    }

    /// Does what the Lambda behind the outbox queue does, until `stop` is done. Several of these may run side by side, as
    /// they do on AWS: a batch takes as long as its slowest receiver.
    pub async fn dispatch_outbox(&self, stop: impl Future<Output = ()>) {
        let Some(url) = &self.deps.settings.outbox_queue_url else { return stop.await };
        let handle = |event| {
            let handled = bespin_fn_outbox_dispatcher::handle(&self.deps, event, self.clock.now());
            as_function("outbox-dispatcher", handled)
        };
        self.event_source(url).poll(handle, stop).await;
    }

    /// Does what the schedule of the outbox does each minute.
    pub async fn sweep_outbox(&self) {
        let swept = bespin_fn_outbox_dispatcher::sweep(&self.deps, self.clock.now());
        if let Err(error) = as_function("outbox-dispatcher", swept).await {
            tracing::warn!(%error, "the outbox was not swept");
        }
    }

    /// Deletes what has expired, as the service does by itself; reads never rely on it. Under a test clock nothing is
    /// deleted: the machine's clock, by which the store judges, is not the one that the requests live by.
    pub fn sweep_expired(&self) {
        if self.test_clock {
            return;
        }
        if let Err(error) = self.embedded.dynamodb().sweep_ttl() {
            tracing::warn!(%error, "expired items were not deleted");
        }
    }

    /// Where the data stay, unless in memory.
    pub fn folder(&self) -> Option<&DataFolder> {
        self.folder.as_ref()
    }
}

/// Every function's routes over one set of parts, so that a change made through one shows at once in all.
fn routes(deps: &Deps) -> Router {
    Function::ALL.iter().map(|function| function.routes(deps)).fold(Router::new(), Router::merge)
}

/// The clock that ages caches. Where calls are observed, nothing that was read is believed a second time: in a deployment
/// each function is a process of its own, and must be allowed to read for itself what another one reads here.
fn aging(clock: &Arc<dyn Clock>) -> Arc<dyn Clock> {
    if is_observed() { Arc::new(HastyClock(AtomicI64::new(0))) } else { Arc::clone(clock) }
}

/// A clock that is an hour on whenever it is asked.
#[derive(Debug)]
struct HastyClock(AtomicI64);

impl Clock for HastyClock {
    fn now(&self) -> Timestamp {
        SystemClock.now().plus_seconds(3600 * self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// The queues' clock: it stands still while the cloud's is set back.
fn millis(clock: Arc<dyn Clock>) -> MillisClock {
    let latest = AtomicI64::new(i64::MIN);
    MillisClock::new(move || {
        let now = clock.now().micros() / 1000;
        latest.fetch_max(now, Ordering::Relaxed).max(now)
    })
}

fn edge_settings(settings: &LocalSettings, pepper: Pepper) -> Settings {
    Settings {
        table_name: settings.table_name.clone(),
        pepper,
        key_environment: "local".to_owned(),
        cors_origins: bespin_web::cors_origins(settings.cors_origins.as_deref()),
        signups_per_minute: settings.signups_per_minute,
        invite_token: settings.invite_token.clone(),
        platform_keys: settings.platform_keys.clone(),
        daily_limit_ceiling: settings.daily_limit_ceiling,
        per_tenant_per_second: None,
        per_address_per_second: None,
        auth_failures_per_minute: None,
        console_key: None,
        console_may_scan: settings.dynamodb.as_deref().is_none_or(is_of_this_machine),
        playground: settings.playground,
        brief_runs_queue_url: None,
        outbox_queue_url: None,
        webhooks_allow_loopback: true,
        stripe: settings.stripe.clone(),
        leases: settings.leases,
    }
}

/// Whether a store's URL leads to a port of this machine.
fn is_of_this_machine(url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = host.split(['/', ':']).next().unwrap_or_default();
    matches!(host, "localhost" | "127.0.0.1")
}

/// The connection to another store, such as the official DynamoDB Local. Region and credentials are the
/// environment's, or made up.
pub fn connection_to(url: &str) -> Result<Connection, LocalError> {
    Connection::from_lookup(|name| match name {
        "AWS_ENDPOINT_URL_DYNAMODB" => Some(url.to_owned()),
        _ => std::env::var(name).ok(),
    })
    .map_err(LocalError::Connection)
}

/// The secret of this folder, made at its first use. Without it no stored key would be recognised.
fn pepper(folder: Option<&DataFolder>, random: &dyn Random) -> Result<Pepper, LocalError> {
    let secret = secret(PEPPER_FILE, folder, random)?;
    Pepper::parse(secret.trim()).ok_or_else(|| LocalError::Damaged {
        file: folder.map(|folder| folder.path().join(PEPPER_FILE)).unwrap_or_default(),
        reason: "the secret is too short".to_owned(),
    })
}

/// What opens the console, if there is one.
fn console_key(
    console: &Console,
    folder: Option<&DataFolder>,
    random: &dyn Random,
) -> Result<Option<ConsoleKey>, LocalError> {
    match console {
        Console::Off => Ok(None),
        Console::Key(key) => Ok(Some(key.clone())),
        Console::OwnKey => {
            let secret = secret(CONSOLE_KEY_FILE, folder, random)?;
            let key = ConsoleKey::parse(secret.trim()).ok_or_else(|| LocalError::Damaged {
                file: folder.map(|folder| folder.path().join(CONSOLE_KEY_FILE)).unwrap_or_default(),
                reason: "the key is too short".to_owned(),
            });
            key.map(Some)
        }
    }
}

/// A secret of the folder, made at its first use.
fn secret(file: &str, folder: Option<&DataFolder>, random: &dyn Random) -> Result<String, LocalError> {
    if let Some(stored) = folder.map(|folder| folder.read(file)).transpose()?.flatten() {
        return Ok(stored);
    }
    let mut secret = [0; 32];
    random.fill(&mut secret);
    let secret = HEXLOWER.encode(&secret);
    if let Some(folder) = folder {
        folder.write(file, &secret)?;
    }
    Ok(secret)
}
