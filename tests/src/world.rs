//! The whole product in memory.

use std::sync::Arc;

use axum::Router;
use bespin_access::{ConsoleKey, PlatformKeys};
use bespin_aws::Connection;
use bespin_edge::{Deps, Settings};
use bespin_embedded::{Embedded, Faults, as_function};
use bespin_entitlements::{DailyLimits, Plan, Subscription, SubscriptionStatus};
use bespin_fn_daily_brief_scheduler::{Scheduled, SchedulerError};
use bespin_local::{Cloud, Console, EventSource, LocalSettings};
use bespin_metering::{EventDefinition, LedgerEntry, LedgerListing, MeteredEvent, Usage};
use bespin_payments::{StripeSettings, WebhookSecret};
use bespin_primitives::{
    BillingPeriod, Clock, OsRandom, Random, SystemClock, TenantId, Timestamp, parse_date,
};
use bespin_proof::Prover;
use bespin_table::{Condition, Key, Row, Transaction, keys};
use bespin_testing::StoppedClock;
use serde_json::{Value, json};

use crate::{Actor, NOON, Request};

/// The key of the platform's operator.
const OPERATOR_KEY: &str = "the key of the operator";

/// What the payment provider signs its events with: the secret of the contract's worked example.
pub const STRIPE_SECRET: &str = "whsec_spec_example_A1";
/// The key of the console, where there is one.
pub const CONSOLE_KEY: &str = "the key of the console";

/// The whole product in memory. Each specification has a world of its own.
#[derive(Debug, Clone)]
pub struct World {
    cloud: Arc<Cloud>,
}

impl World {
    /// A world in which a request's `X-Test-Now` is its clock.
    pub async fn open() -> Self {
        Self::open_with(Self::settings()).await
    }

    /// The settings of a world: a test clock, a key for the operator, and a secret of the payment provider.
    pub fn settings() -> LocalSettings {
        let platform_keys = PlatformKeys::parse(OPERATOR_KEY, "").unwrap();
        let secrets = WebhookSecret::parse(STRIPE_SECRET).into_iter().collect();
        let stripe = StripeSettings { secrets, ..StripeSettings::default() };
        LocalSettings { test_clock: true, platform_keys, stripe, ..LocalSettings::default() }
    }

    /// A world with a console and a playground.
    pub async fn with_console() -> Self {
        let console = Console::Key(ConsoleKey::parse(CONSOLE_KEY).unwrap());
        Self::open_with(LocalSettings { console, playground: true, ..Self::settings() }).await
    }

    /// A request of somebody who signed in to the console at noon.
    pub fn console(&self, path: &str) -> Request {
        let settings = &self.deps().settings;
        let key = settings.console_key.as_ref().expect("a world with a console");
        let session = key.authorise(CONSOLE_KEY).unwrap().session(&settings.pepper, noon());
        self.request("GET", path).header("cookie", format!("bespin_console={session}"))
    }

    /// A world with other settings.
    pub async fn open_with(settings: LocalSettings) -> Self {
        Self::open_seeded(settings, Arc::new(OsRandom)).await
    }

    /// A world with other settings and replayable ids and waits.
    ///
    /// With `BESPIN_DYNAMODB` in the environment the table is in that store, and each world has one of its own.
    pub async fn open_seeded(settings: LocalSettings, random: Arc<dyn Random>) -> Self {
        Self::open_at(settings, Arc::new(SystemClock), random).await
    }

    /// The same with another clock for what ages in a process.
    pub async fn open_at(
        mut settings: LocalSettings,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        if let Ok(url) = std::env::var("BESPIN_DYNAMODB") {
            settings.dynamodb = Some(url);
            settings.table_name = format!("bespin-{}", TenantId::random(&OsRandom));
        }
        Self { cloud: Arc::new(Cloud::open_with(&settings, clock, random).await.unwrap()) }
    }

    /// A world whose process never forgets a caller for age, so that what is counted is the request alone, however slow
    /// the machine is.
    pub async fn unhurried() -> Self {
        Self::open_at(Self::settings(), Arc::new(StoppedClock::at(noon())), Arc::new(OsRandom)).await
    }

    /// Another process over the same stores, with caches and faults of its own.
    #[must_use]
    pub fn another(&self, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { cloud: Arc::new(self.cloud.another(clock, random)) }
    }

    /// Another process that was told something else.
    #[must_use]
    pub fn another_with(
        &self,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        Self { cloud: Arc::new(self.cloud.another_with(clock, random, change)) }
    }

    /// The joined parts, for looking behind the requests.
    pub fn deps(&self) -> &Deps {
        self.cloud.deps()
    }

    /// The stores.
    pub fn embedded(&self) -> &Embedded {
        self.cloud.embedded()
    }

    /// The connection to the table for another process over `embedded`.
    pub fn table_of(&self, embedded: &Embedded) -> Connection {
        self.cloud.table_of(embedded)
    }

    /// What goes wrong between the product and its stores.
    pub fn faults(&self) -> &Faults {
        self.embedded().faults()
    }

    /// Lets the store delete what has expired.
    pub fn sweep_expired(&self) {
        self.cloud.sweep_expired();
    }

    /// All routes, for requests over a socket.
    pub fn router(&self) -> Router {
        self.cloud.router()
    }

    /// A request of a stranger.
    pub fn request(&self, method: &str, path: &str) -> Request {
        Request::new(self.cloud.router(), method, path)
    }

    /// A request of the platform's operator.
    pub fn operator(&self, method: &str, path: &str) -> Request {
        self.request(method, path).header("x-platform-admin-key", OPERATOR_KEY)
    }

    /// A sign-up that nothing is wrong with.
    pub fn sign_up(&self) -> Request {
        let body = json!({"name": "Acme", "region": "eu-west-1", "admin_email": "owner@example.com"});
        self.request("POST", "/v1/tenants").json(&body)
    }

    /// The admin of a new tenant.
    pub async fn tenant(&self) -> Actor {
        Actor::new(self, &self.sign_up().send().await.expect(201))
    }

    /// Somebody who signed up before this world was opened on its folder.
    pub fn actor(&self, tenant_id: &str, user_id: &str, api_key: &str) -> Actor {
        Actor::known(self, tenant_id, user_id, api_key)
    }

    /// Sets a tenant's daily limits, effective in the next call.
    pub async fn set_daily_limits(&self, actor: &Actor, limits: DailyLimits) {
        let tenant_id = actor.access().await.tenant_id();
        self.put(&limits, keys::daily_limits(tenant_id)).await;
        self.deps().access.forget(tenant_id);
    }

    /// Sets how often a tool may be called in a day.
    pub async fn set_daily_tool_limit(&self, actor: &Actor, limit: u64) {
        self.set_daily_limits(actor, DailyLimits { tool_invocation: limit, ..DailyLimits::default() }).await;
    }

    /// Lets a tenant do as much as it likes.
    pub async fn without_limits(&self, actor: &Actor) {
        self.set_plan(actor, |plan| {
            plan.included_credits = 1_000_000;
            plan.caps.clear();
        })
        .await;
        let most = 1_000_000;
        let limits = DailyLimits {
            assistant_query: most,
            tool_invocation: most,
            daily_brief_generated: most,
            notification_enqueued: most,
        };
        self.set_daily_limits(actor, limits).await;
    }

    /// Suspends a tenant, or lets it go on.
    pub async fn set_status(&self, actor: &Actor, status: SubscriptionStatus) {
        self.change_subscription(actor, |subscription| subscription.status = status).await;
    }

    /// Puts a tenant on a plan of its own, made from the starter plan by `change`.
    pub async fn set_plan(&self, actor: &Actor, change: impl FnOnce(&mut Plan)) {
        let catalogue = self.deps().entitlements.catalogue().await.unwrap();
        let mut plan = catalogue.plans["starter"].clone();
        plan.plan_id = format!("of-{}", actor.tenant_id);
        change(&mut plan);
        self.put(&plan, keys::plan(&plan.plan_id)).await;
        self.deps().entitlements.forget_catalogue();
        self.change_subscription(actor, |subscription| subscription.plan_id = plan.plan_id).await;
    }

    /// Changes a metered event of the catalogue.
    pub async fn change_event(&self, event: MeteredEvent, change: impl FnOnce(&mut EventDefinition)) {
        let catalogue = self.deps().entitlements.catalogue().await.unwrap();
        let mut definition = catalogue.events[event.key()].clone();
        change(&mut definition);
        self.put(&definition, keys::metered_event(event.key())).await;
        self.deps().entitlements.forget_catalogue();
    }

    async fn change_subscription(&self, actor: &Actor, change: impl FnOnce(&mut Subscription)) {
        let access = actor.access().await;
        let mut subscription = Subscription::read(access.subscription_row().unwrap()).unwrap();
        change(&mut subscription);
        self.put(&subscription, keys::subscription(access.tenant_id())).await;
        self.deps().access.forget(access.tenant_id());
    }

    async fn put(&self, row: &impl Row, key: Key) {
        let mut write = Transaction::new();
        write.put(row.at(key), Condition::default());
        self.deps().table.commit(write).await.unwrap();
    }

    /// What the rule that fires each hour does at `now`; `event` may name a date or a tenant.
    pub async fn schedule(&self, event: &Value, now: Timestamp) -> Result<Scheduled, SchedulerError> {
        let scheduled = bespin_fn_daily_brief_scheduler::handle(self.deps(), event, now);
        as_function("daily-brief-scheduler", Box::pin(scheduled)).await
    }

    /// Works off what is in the queue of briefs, as far as the queue answers. What fails is held back, and comes again only
    /// later. How many messages were handled.
    pub async fn work_off_briefs(&self, now: Timestamp) -> usize {
        self.work_off_briefs_at(|| now).await
    }

    /// The same with a clock that goes on from batch to batch.
    pub async fn work_off_briefs_at(&self, now: impl Fn() -> Timestamp) -> usize {
        let source = self.brief_source();
        let mut handled = 0;
        loop {
            let messages = source.receive(0).await.unwrap_or_default();
            if messages.is_empty() {
                return handled;
            }
            let event = EventSource::event(&messages);
            let handling = bespin_fn_daily_brief_runner::handle(self.deps(), event, now());
            let response = as_function("daily-brief-runner", handling).await;
            source.settle(&messages, &response).await;
            handled += messages.len() - response.batch_item_failures.len();
        }
    }

    /// The queue of briefs.
    pub fn brief_source(&self) -> EventSource {
        self.cloud.event_source(self.deps().brief_queue.as_ref().unwrap().url())
    }

    /// The queue of what leaves the building.
    pub fn outbox_source(&self) -> EventSource {
        self.cloud.event_source(self.deps().settings.outbox_queue_url.as_ref().unwrap())
    }

    /// Everything a tenant's ledger says about a month (`2026-02`), newest first.
    pub async fn ledger(&self, actor: &Actor, month: &str) -> Vec<LedgerEntry> {
        let access = actor.access().await;
        let from = Timestamp::midnight(period(month).start()).unwrap();
        let (mut entries, mut after) = (Vec::new(), None);
        loop {
            let listing = LedgerListing { from, event: None, limit: 500, after };
            let page = self.deps().metering.entries(&access, listing).await.unwrap();
            entries.extend(page.0);
            after = page.1;
            if after.is_none() {
                return entries;
            }
        }
    }

    /// The counters of a tenant's month.
    pub async fn usage(&self, actor: &Actor, month: &str) -> Usage {
        self.deps().metering.usage(&actor.access().await, period(month)).await.unwrap()
    }

    /// Asserts that all counters of a tenant are the sums of its ledger, to the micro-credit, and gives the number of
    /// entries of one month.
    #[track_caller]
    pub fn assert_ledger_equals_counters(&self, actor: &Actor, month: &str) -> impl Future<Output = usize> {
        let caller = std::panic::Location::caller();
        async move {
            let prover = Prover::new(self.deps().table.clone());
            let tenant_id = TenantId::parse(&actor.tenant_id).unwrap();
            let tenant = prover.find(tenant_id).await.unwrap().unwrap();
            let proof = prover.tenant(&tenant, noon(), &|_| ()).await.unwrap();
            let differences: Vec<String> = proof.differences.iter().map(ToString::to_string).collect();
            assert!(differences.is_empty(), "{caller}: {differences:#?}");
            proof.months.get(&period(month)).map_or(0, |entries| usize::try_from(*entries).unwrap())
        }
    }
}

fn period(month: &str) -> BillingPeriod {
    BillingPeriod::containing(parse_date(&format!("{month}-01")).expect("a month such as 2026-02"))
}

/// The instant of [`NOON`].
pub fn noon() -> Timestamp {
    Timestamp::parse_rfc3339(NOON).unwrap()
}
