//! What the operator of the platform changes: the catalogue, and the subscriptions of tenants (gateway.md 13).
//!
//! A change is read, made, and written on the condition that nobody changed the row in between; its time of change is
//! that condition, so it always moves on. Each change and its audit entry are one transaction.

use std::collections::BTreeSet;

use bespin_access::{OperatedTenant, TenantScope};
use bespin_audit::{Author, Changed};
use bespin_metering::EventDefinition;
use bespin_primitives::{Micros, Timestamp};
use bespin_table::{Change, CommitError, Condition, Key, Row, TableError, Transaction, keys};
use serde_json::Value;

use crate::{
    AdministrationError, Capability, Entitlements, EventUpdate, NewEvent, NewPlan, Plan, PlanUpdate,
    Subscription, SubscriptionOrder, SubscriptionStatus,
};

/// How many events, and how many plans, a catalogue holds: every process reads all of it every few seconds.
pub const MAX_CATALOGUE: u64 = 1_000;

/// How often a change is made anew because another one of the same row was faster.
const ATTEMPTS: usize = 32;

impl Entitlements {
    /// Adds a metered event.
    pub async fn create_event(
        &self,
        author: &Author<'_>,
        order: NewEvent,
    ) -> Result<EventDefinition, AdministrationError> {
        let event = order.define(author.now);
        let changed = Changed {
            action: "metered_event.create",
            tenant_id: None,
            subject: event.event_key.clone(),
            before: Value::Null,
            after: event.view(),
        };
        let exists = AdministrationError::EventExists { event_key: event.event_key.clone() };
        self.create(author, &event, keys::metered_event(&event.event_key), "events", changed, exists).await?;
        Ok(event)
    }

    /// Changes a metered event. Weights and prices hold for what happens from now on.
    pub async fn update_event(
        &self,
        author: &Author<'_>,
        event_key: &str,
        update: &EventUpdate,
    ) -> Result<EventDefinition, AdministrationError> {
        let revise = |event: EventDefinition, now| {
            let before = event.view();
            let event = update.apply(event, now);
            let changed = Changed {
                action: "metered_event.update",
                tenant_id: None,
                subject: event_key.to_owned(),
                before,
                after: event.view(),
            };
            Some((event, changed))
        };
        let revised = self.revise(author, keys::metered_event(event_key), revise).await?;
        revised.ok_or_else(|| AdministrationError::EventNotFound { event_key: event_key.to_owned() })
    }

    /// Adds a plan, which includes nothing and caps nothing yet.
    pub async fn create_plan(
        &self,
        author: &Author<'_>,
        order: NewPlan,
    ) -> Result<Plan, AdministrationError> {
        let plan = order.define(author.now);
        let changed = Changed {
            action: "plan.create",
            tenant_id: None,
            subject: plan.plan_id.clone(),
            before: Value::Null,
            after: plan.view(),
        };
        let exists = AdministrationError::PlanExists { plan_id: plan.plan_id.clone() };
        self.create(author, &plan, keys::plan(&plan.plan_id), "plans", changed, exists).await?;
        Ok(plan)
    }

    /// Changes a plan, for all its subscribers at once.
    pub async fn update_plan(
        &self,
        author: &Author<'_>,
        plan_id: &str,
        update: &PlanUpdate,
    ) -> Result<Plan, AdministrationError> {
        self.revise_plan(author, plan_id, "plan.update", Plan::view, |plan, now| update.apply(plan, now))
            .await
    }

    /// Replaces everything a plan includes.
    pub async fn set_capabilities(
        &self,
        author: &Author<'_>,
        plan_id: &str,
        keys: &[String],
    ) -> Result<Plan, AdministrationError> {
        let known: Result<BTreeSet<Capability>, &String> =
            keys.iter().map(|key| Capability::parse(key).ok_or(key)).collect();
        let capabilities = match known {
            Ok(capabilities) => capabilities,
            // A plan that does not exist is told first.
            Err(key) if self.stored_catalogue().await?.plans.contains_key(plan_id) => {
                return Err(AdministrationError::UnknownCapability { key: key.clone() });
            }
            Err(_) => return Err(AdministrationError::PlanNotFound { plan_id: plan_id.to_owned() }),
        };
        let replace = |plan, now| Plan { capabilities: capabilities.clone(), updated_at: now, ..plan };
        self.revise_plan(author, plan_id, "plan.set_capabilities", Plan::capabilities_view, replace).await
    }

    /// Replaces all caps of a plan; of several on one event the last counts. Each event must be in the catalogue.
    pub async fn set_caps(
        &self,
        author: &Author<'_>,
        plan_id: &str,
        caps: &[(String, Micros)],
    ) -> Result<Plan, AdministrationError> {
        let catalogue = self.stored_catalogue().await?;
        if !catalogue.plans.contains_key(plan_id) {
            return Err(AdministrationError::PlanNotFound { plan_id: plan_id.to_owned() });
        }
        // Events are never removed, so what is there now is there when the plan is written.
        if let Some((event_key, _)) = caps.iter().find(|(key, _)| !catalogue.events.contains_key(key)) {
            return Err(AdministrationError::UnknownCappedEvent { event_key: event_key.clone() });
        }
        let replace = |plan, now| Plan { caps: caps.iter().cloned().collect(), updated_at: now, ..plan };
        self.revise_plan(author, plan_id, "plan.set_caps", Plan::caps_view, replace).await
    }

    async fn revise_plan(
        &self,
        author: &Author<'_>,
        plan_id: &str,
        action: &'static str,
        view: impl Fn(&Plan) -> Value,
        make: impl Fn(Plan, Timestamp) -> Plan,
    ) -> Result<Plan, AdministrationError> {
        let revise = |plan: Plan, now| {
            let before = view(&plan);
            let plan = make(plan, now);
            let subject = plan_id.to_owned();
            let changed = Changed { action, tenant_id: None, subject, before, after: view(&plan) };
            Some((plan, changed))
        };
        let revised = self.revise(author, keys::plan(plan_id), revise).await?;
        revised.ok_or_else(|| AdministrationError::PlanNotFound { plan_id: plan_id.to_owned() })
    }

    /// Gives a tenant a subscription, or changes the one it has. Whoever caches callers forgets this tenant's.
    pub async fn subscribe(
        &self,
        author: &Author<'_>,
        tenant: &OperatedTenant,
        order: &SubscriptionOrder,
    ) -> Result<Subscription, AdministrationError> {
        let tenant_id = tenant.tenant_id();
        let [found, row, plan] =
            [keys::tenant(tenant_id), keys::subscription(tenant_id), keys::plan(&order.plan_id)];
        let wanted = [found.clone(), row.clone(), plan.clone()];
        self.seed_if_new().await?;
        for _ in 0..ATTEMPTS {
            let stored = self.table.get_all(&wanted).await?;
            if !stored.contains_key(&found) {
                return Err(AdministrationError::TenantNotFound { tenant_id: tenant_id.to_string() });
            }
            if !stored.contains_key(&plan) {
                return Err(AdministrationError::PlanNotFound { plan_id: order.plan_id.clone() });
            }
            let before = stored.get(&row).map(Subscription::read).transpose().map_err(TableError::from)?;
            let now = before.as_ref().map_or(author.now, |before| later(before.updated_at, author.now));
            let next = order.apply(before.as_ref(), now);
            let unchanged = before.as_ref().map_or_else(Condition::absent, |before| {
                Condition::present().and_equals("updated_at", &before.updated_at)
            });
            let changed = Changed {
                action: "subscription.set",
                tenant_id: Some(tenant_id),
                subject: String::new(),
                before: before.map_or(Value::Null, |before| before.view(tenant_id, author.now)),
                after: next.view(tenant_id, author.now),
            };
            let mut transaction = Transaction::new();
            transaction.put(next.at(row.clone()), unchanged);
            author.post(&mut transaction, changed);
            match self.table.commit(transaction).await {
                Ok(()) => return Ok(next),
                Err(CommitError::Refused(_)) => {}
                Err(CommitError::Table(error)) => return Err(error.into()),
            }
        }
        Err(TableError::Contended.into())
    }

    /// Suspends a tenant's subscription, or lets it go on; nothing is written where it stands so already. Whoever
    /// caches callers forgets this tenant's.
    pub async fn set_status(
        &self,
        author: &Author<'_>,
        tenant: &OperatedTenant,
        status: SubscriptionStatus,
    ) -> Result<Subscription, AdministrationError> {
        let tenant_id = tenant.tenant_id();
        let action = match status {
            SubscriptionStatus::Active => "subscription.resume",
            SubscriptionStatus::Suspended => "subscription.suspend",
        };
        let revise = |subscription: Subscription, now| {
            if subscription.status == status {
                return None;
            }
            let before = subscription.view(tenant_id, author.now);
            let next = Subscription { status, updated_at: now, ..subscription };
            let after = next.view(tenant_id, author.now);
            let changed =
                Changed { action, tenant_id: Some(tenant_id), subject: String::new(), before, after };
            Some((next, changed))
        };
        let revised = self.revise(author, keys::subscription(tenant_id), revise).await?;
        revised.ok_or(AdministrationError::NoSubscription)
    }

    /// The first request to a new platform finds no catalogue yet, and there must be one to change.
    async fn seed_if_new(&self) -> Result<(), TableError> {
        self.catalogue().await.map(drop)
    }

    /// Writes a new row of the catalogue, unless there is one or the catalogue is full.
    async fn create(
        &self,
        author: &Author<'_>,
        row: &impl Row,
        key: Key,
        count: &'static str,
        changed: Changed,
        exists: AdministrationError,
    ) -> Result<(), AdministrationError> {
        self.seed_if_new().await?;
        let mut transaction = Transaction::new();
        let slot = transaction.put(row.at(key), Condition::absent());
        let room = Condition::present().and_at_most(count, &(MAX_CATALOGUE - 1));
        transaction.update(keys::catalogue_seeded(), Change::default().add(count, &1u64), room);
        author.post(&mut transaction, changed);
        let committed = self.table.commit(transaction).await;
        // A change whose answer was lost may be stored all the same: what is remembered goes in any case.
        self.forget_catalogue();
        match committed {
            Ok(()) => Ok(()),
            Err(CommitError::Refused(refusals)) if refusals.of(slot).is_some() => Err(exists),
            Err(CommitError::Refused(_)) => Err(AdministrationError::CatalogueFull { kind: count }),
            Err(CommitError::Table(error)) => Err(error.into()),
        }
    }

    /// Makes the next version of a row, from the version that is there when it is written. `None` where there is no
    /// such row; where `revise` gives nothing, the row stays as it is.
    async fn revise<T: Row + Clone>(
        &self,
        author: &Author<'_>,
        key: Key,
        revise: impl Fn(T, Timestamp) -> Option<(T, Changed)>,
    ) -> Result<Option<T>, TableError> {
        self.seed_if_new().await?;
        for _ in 0..ATTEMPTS {
            let Some(item) = self.table.get(key.clone()).await? else { return Ok(None) };
            let seen: Timestamp = item.get("updated_at")?;
            let current = T::read(&item)?;
            let Some((next, changed)) = revise(current.clone(), later(seen, author.now)) else {
                return Ok(Some(current));
            };
            let mut transaction = Transaction::new();
            transaction.put(next.at(key.clone()), Condition::present().and_equals("updated_at", &seen));
            author.post(&mut transaction, changed);
            let committed = self.table.commit(transaction).await;
            self.forget_catalogue();
            match committed {
                Ok(()) => return Ok(Some(next)),
                Err(CommitError::Refused(_)) => {}
                Err(CommitError::Table(error)) => return Err(error),
            }
        }
        Err(TableError::Contended)
    }
}

/// The time of a change: now, but always after the change before, whatever the clocks say.
fn later(seen: Timestamp, now: Timestamp) -> Timestamp {
    let after = Timestamp::from_micros(seen.micros() + 1).unwrap_or(seen);
    now.max(after)
}
