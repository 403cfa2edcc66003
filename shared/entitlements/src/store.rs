//! Reads and writes of the catalogue, and the rows a new tenant starts with.

use std::sync::{Arc, PoisonError, RwLock};

use bespin_metering::EventDefinition;
use bespin_primitives::{Clock, TenantId, Timestamp};
use bespin_table::{CommitError, Condition, Item, Query, Row, Table, TableError, Transaction, keys};

use crate::{Catalogue, DailyLimits, Plan, Subscription, SubscriptionStatus, seed};

/// For how long the catalogue is believed: a change made by another process shows at the latest then.
const CACHED_SECONDS: i64 = 5;

/// What the platform offers. One for each process, so that a change made here shows in the next call.
#[derive(Debug)]
pub struct Entitlements {
    pub(crate) table: Table,
    clock: Arc<dyn Clock>,
    cached: RwLock<Cached>,
}

#[derive(Debug, Default)]
struct Cached {
    catalogue: Option<(Timestamp, Arc<Catalogue>)>,
    /// Counts changes: what was loaded before a change is not kept after it.
    changes: u64,
}

impl Entitlements {
    /// Over `table`; `clock` only ages the cache.
    pub fn new(table: Table, clock: Arc<dyn Clock>) -> Self {
        Self { table, clock, cached: RwLock::default() }
    }

    /// The catalogue, at most five seconds old. Seeds it when nobody did before. No round trip when warm.
    pub async fn catalogue(&self) -> Result<Arc<Catalogue>, TableError> {
        let changes = {
            let cached = self.cached.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(catalogue) = self.fresh(&cached) {
                return Ok(catalogue);
            }
            cached.changes
        };
        let catalogue = if let Some(catalogue) = self.load().await? {
            catalogue
        } else {
            self.seed(self.clock.now()).await?;
            self.load().await?.unwrap_or_default()
        };
        let catalogue = Arc::new(catalogue);
        let mut cached = self.cached.write().unwrap_or_else(PoisonError::into_inner);
        if cached.changes == changes {
            cached.catalogue = Some((self.clock.now(), Arc::clone(&catalogue)));
        }
        Ok(catalogue)
    }

    fn fresh(&self, cached: &Cached) -> Option<Arc<Catalogue>> {
        let (loaded_at, catalogue) = cached.catalogue.as_ref()?;
        loaded_at.is_fresh_at(self.clock.now(), CACHED_SECONDS).then(|| Arc::clone(catalogue))
    }

    /// Forgets what is remembered, after any change to the catalogue.
    pub fn forget_catalogue(&self) {
        let mut cached = self.cached.write().unwrap_or_else(PoisonError::into_inner);
        cached.changes += 1;
        cached.catalogue = None;
    }

    /// The catalogue as it is stored now, for whoever changes it. One round trip.
    pub async fn stored_catalogue(&self) -> Result<Catalogue, TableError> {
        match self.load().await? {
            Some(catalogue) => Ok(catalogue),
            // Nobody asked before: that seeds it.
            None => self.catalogue().await.map(|catalogue| Catalogue::clone(&catalogue)),
        }
    }

    /// The catalogue as stored; `None` when it was never seeded.
    async fn load(&self) -> Result<Option<Catalogue>, TableError> {
        let items = self.table.query_whole(Query::of(keys::catalogue())).await?;
        let mut catalogue = Catalogue::default();
        let mut seeded = false;
        for item in &items {
            match item.sk().split_once('#') {
                Some(("EVENT", key)) => {
                    catalogue.events.insert(key.to_owned(), EventDefinition::read(item)?);
                }
                Some(("PLAN", id)) => {
                    catalogue.plans.insert(id.to_owned(), Plan::read(item)?);
                }
                _ => seeded |= item.key() == keys::catalogue_seeded(),
            }
        }
        Ok(seeded.then_some(catalogue))
    }

    /// Writes what the catalogue starts with, unless somebody did: then that is what counts.
    async fn seed(&self, now: Timestamp) -> Result<(), TableError> {
        let mut transaction = Transaction::new();
        let (events, plans) = (seed::events(now), seed::plans(now));
        let mark = Item::new(keys::catalogue_seeded())
            .with("seeded_at", &now)
            .with("events", &(events.len() as u64))
            .with("plans", &(plans.len() as u64));
        transaction.put(mark, Condition::absent());
        for event in events {
            transaction.put(event.at(keys::metered_event(&event.event_key)), Condition::absent());
        }
        for plan in plans {
            transaction.put(plan.at(keys::plan(&plan.plan_id)), Condition::absent());
        }
        match self.table.commit(transaction).await {
            Ok(()) | Err(CommitError::Refused(_)) => Ok(()),
            Err(CommitError::Table(error)) => Err(error),
        }
    }
}

/// Adds to `transaction` what a new tenant may use: the default daily limits and the starter plan, active, for
/// the calendar month of `now`.
pub fn start_tenant(transaction: &mut Transaction, tenant_id: TenantId, now: Timestamp) {
    transaction.put(DailyLimits::default().at(keys::daily_limits(tenant_id)), Condition::absent());
    let subscription = Subscription {
        plan_id: seed::STARTER.to_owned(),
        status: SubscriptionStatus::Active,
        period: now.period(),
        pinned: false,
        created_at: now,
        updated_at: now,
    };
    transaction.put(subscription.at(keys::subscription(tenant_id)), Condition::absent());
}
