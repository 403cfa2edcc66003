//! The joined parts.

use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use bespin_access::{Access, Tenants};
use bespin_api_keys::ApiKeys;
use bespin_audit::Audit;
use bespin_aws::Connection;
use bespin_briefs::Briefs;
use bespin_conversations::Conversations;
use bespin_entitlements::Entitlements;
use bespin_grants::Grants;
use bespin_jobs::{BriefMessage, DailyBrief, INLINE_STEPS};
use bespin_kpi::Kpis;
use bespin_metering::Metering;
use bespin_notifications::Notifications;
use bespin_observation::{Observation, Stores};
use bespin_payments::Payments;
use bespin_policies::Policies;
use bespin_primitives::{Clock, OsRandom, Random, SystemClock};
use bespin_queue::{Queue, Sqs};
use bespin_recording::Recorder;
use bespin_schedule::Schedules;
use bespin_table::Table;
use bespin_turns::Turns;
use bespin_web::{FailureLimiter, ProcessClock, Surface};
use bespin_webhooks::{Guard, Outbox, Sender, SystemResolver, Webhooks};

use crate::{Settings, SettingsError};

/// Everything a function may need. A clone is another handle to the same parts and their caches, so that in one process
/// every change shows in the next call.
#[derive(Debug, Clone)]
pub struct Deps(Arc<Parts>);

impl Deref for Deps {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// The parts that are joined in [`Deps`].
#[derive(Debug, Clone)]
pub struct Parts {
    /// The one table.
    pub table: Table,
    /// Who may do what.
    pub access: Arc<Access>,
    /// The life of API keys.
    pub api_keys: ApiKeys,
    /// All tenants, for the operator.
    pub tenants: Tenants,
    /// What tenants may use.
    pub entitlements: Arc<Entitlements>,
    /// What they used.
    pub metering: Metering,
    /// The one transaction.
    pub recorder: Arc<Recorder>,
    /// Who changed what.
    pub audit: Audit,
    /// KPIs and their points.
    pub kpis: Kpis,
    /// Daily briefs.
    pub briefs: Briefs,
    /// Preferences, outboxes, and who hears of what.
    pub notifications: Notifications,
    /// Where notifications go besides the outboxes.
    pub webhooks: Webhooks,
    /// Conversations and their messages.
    pub conversations: Conversations,
    /// The job that makes a brief and notifies.
    pub daily_brief: DailyBrief,
    /// When each tenant's brief is due.
    pub schedules: Schedules,
    /// The limiter, budgets and turns of the tenants' own users.
    pub turns: Turns,
    /// What kinds of users may do, and what providers may cost.
    pub policies: Policies,
    /// What single users are granted on top.
    pub grants: Grants,
    /// What was paid for it.
    pub payments: Payments,
    /// Where briefs that are due go, and what is left of large ones; none where there is no queue.
    pub brief_queue: Option<Queue<BriefMessage>>,
    /// What the console shows of all tenants.
    pub observation: Observation,
    /// Where ids and keys come from.
    pub random: Arc<dyn Random>,
    /// What the process was told.
    pub settings: Arc<Settings>,
    pub(crate) failures: Option<Arc<FailureLimiter>>,
}

impl Deps {
    /// Joins the parts. `clock` is the process's own: it ages caches, never decides a rule.
    pub fn new(
        connection: &Connection,
        settings: Settings,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self::with_queues(connection, connection, settings, clock, random)
    }

    /// The same with the queues behind another connection than the table.
    pub fn with_queues(
        connection: &Connection,
        queues: &Connection,
        settings: Settings,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        let table = Table::new(connection, &settings.table_name, Arc::clone(&random));
        let access = Arc::new(Access::new(
            table.clone(),
            Arc::clone(&clock),
            Arc::clone(&random),
            settings.pepper.clone(),
            settings.key_environment.clone(),
        ));
        let minute = std::num::NonZeroU32::MIN.saturating_add(59);
        let failures =
            settings.auth_failures_per_minute.map(|most| Arc::new(FailureLimiter::new(most, minute)));
        let entitlements = Arc::new(Entitlements::new(table.clone(), Arc::clone(&clock)));
        let policies = Policies::new(table.clone(), Arc::clone(&clock));
        let grants = Grants::new(table.clone(), Arc::clone(&clock));
        let tenants = Tenants::new(table.clone());
        let stripe = settings.stripe.clone();
        let payments = Payments::new(table.clone(), tenants.clone(), grants.clone(), stripe);
        let recorder = Recorder::new(table.clone(), clock, Arc::clone(&random));
        let recorder = Arc::new(match settings.leases {
            Some(terms) => recorder.with_leases(terms),
            None => recorder,
        });
        let kpis = Kpis::new(table.clone());
        let briefs = Briefs::new(table.clone());
        let notifications = Notifications::new(table.clone());
        let sqs = Sqs::over(queues);
        let webhooks = webhooks(sqs.clone(), &settings, &table, &notifications, &random);
        let daily_brief = DailyBrief::new(
            briefs.clone(),
            kpis.clone(),
            notifications.clone(),
            webhooks.clone(),
            Arc::clone(&recorder),
            Arc::clone(&entitlements),
        );
        let brief_queue = settings.brief_runs_queue_url.as_deref().map(|url| Queue::new(sqs.clone(), url));
        let daily_brief = match &brief_queue {
            Some(queue) => daily_brief.with_queue(queue.clone(), INLINE_STEPS),
            None => daily_brief,
        };
        let (tenants, metering, audit) =
            (Tenants::new(table.clone()), Metering::new(table.clone()), Audit::new(table.clone()));
        let conversations = Conversations::new(table.clone());
        let stores = Stores {
            table: table.clone(),
            tenants: tenants.clone(),
            entitlements: Arc::clone(&entitlements),
            metering: metering.clone(),
            audit: audit.clone(),
            kpis: kpis.clone(),
            briefs: briefs.clone(),
            notifications: notifications.clone(),
            conversations: conversations.clone(),
        };
        Self(Arc::new(Parts {
            observation: Observation::new(stores, settings.console_may_scan),
            api_keys: ApiKeys::new(table.clone(), Arc::clone(&access)),
            access,
            tenants,
            entitlements,
            metering,
            recorder,
            audit,
            kpis,
            briefs,
            notifications,
            webhooks,
            conversations,
            daily_brief,
            schedules: Schedules::new(table.clone()),
            turns: Turns::new(table.clone(), Arc::clone(&random)),
            policies,
            grants,
            payments,
            brief_queue,
            random,
            settings: Arc::new(settings),
            failures,
            table,
        }))
    }

    /// The same with some parts exchanged.
    #[must_use]
    pub fn with(&self, exchange: impl FnOnce(&mut Parts)) -> Self {
        let mut parts = Parts::clone(self);
        exchange(&mut parts);
        Self(Arc::new(parts))
    }
}

fn webhooks(
    sqs: Sqs,
    settings: &Settings,
    table: &Table,
    notifications: &Notifications,
    random: &Arc<dyn Random>,
) -> Webhooks {
    let guard = Guard { allow_loopback: settings.webhooks_allow_loopback };
    let queue = settings.outbox_queue_url.as_deref().map(|url| Queue::new(sqs, url));
    Webhooks::new(
        table.clone(),
        notifications.clone(),
        settings.pepper.clone(),
        Sender::new(Arc::new(SystemResolver), guard),
        Outbox::new(queue),
        Arc::clone(random),
    )
}

/// A function's process: the joined parts and what surrounds its router.
#[derive(Debug)]
pub struct Edge {
    /// The joined parts.
    pub deps: Deps,
    surface: Surface,
}

impl Edge {
    /// Joins everything as the environment says. The client is made here, in the init phase of a Lambda, because
    /// every function needs it.
    ///
    /// The log has a failure as a sentence: what `main` returns shows as the fields of an error only.
    pub fn from_env() -> Result<Self, SettingsError> {
        bespin_web::init_logging();
        Self::joined().inspect_err(|error| tracing::error!(%error, "the function cannot start"))
    }

    fn joined() -> Result<Self, SettingsError> {
        let settings = Settings::from_lookup(|name| std::env::var(name).ok())?;
        let connection = Connection::from_env()?;
        let clock = Arc::new(ProcessClock(Arc::new(SystemClock)));
        let surface = settings.surface(clock, Arc::new(OsRandom), false);
        let deps = Deps::new(&connection, settings, Arc::new(SystemClock), Arc::new(OsRandom));
        Ok(Self { deps, surface })
    }

    /// Serves one function's routes with the events of Lambda.
    pub async fn serve(self, routes: impl FnOnce(Deps) -> Router) -> Result<(), lambda_http::Error> {
        bespin_web::serve(self.surface.wrap(routes(self.deps))).await
    }
}
