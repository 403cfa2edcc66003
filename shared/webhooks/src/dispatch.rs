//! The two steps by which a notification leaves: a chunk becomes deliveries, and a delivery is tried.

use bespin_access::{ServedTenant, TenantScope};
use bespin_notifications::{Departure, NotificationType, Outgoing, Telling, Told};
use bespin_primitives::{RequestId, Timestamp};
use bespin_table::{Change, CommitError, Condition, Item, Slot, TableError, Transaction, keys};
use serde_json::json;

use crate::{
    Attempt, Delivery, DeliveryState, DisabledReason, Due, End, Endpoint, EndpointState, Event, Health,
    Letter, OutboxMessage, Sent, WebhookError, Webhooks,
    delivery::LEASE_SECONDS,
    schedule::behind,
    signature::sign,
    store::after,
    verdict::{Finding, Verdict},
};

/// How often the record of an attempt is made anew because the endpoint changed meanwhile.
const TRIES: usize = 16;

/// A delivery and all that decides about it.
#[derive(Debug)]
struct Scene {
    delivery: Delivery,
    endpoint: Option<Endpoint>,
    health: Option<Health>,
}

/// An attempt that was made.
#[derive(Debug)]
struct Made {
    began_at: Timestamp,
    ended_at: Timestamp,
    leased_until: Timestamp,
    sent: Sent,
    /// The version of the endpoint that was called.
    called: Timestamp,
}

/// Whether an attempt may begin.
enum Lease {
    Taken,
    /// Somebody else is at it, or was.
    Lost,
    /// Somebody else probes the endpoint.
    Barred(Option<Health>),
}

impl Webhooks {
    /// Makes deliveries of the notifications of a chunk, one each, all at once: the transaction that makes them takes the
    /// chunk away, so however often it is asked for they are made once. At most two round trips, and the queue.
    pub async fn expand(
        &self,
        tenant: &ServedTenant,
        departure: &Departure,
        now: Timestamp,
    ) -> Result<(), WebhookError> {
        let tenant_id = tenant.tenant_id();
        let (chunk, endpoint) = (departure.key(), keys::webhook(tenant_id));
        let mut found = self.table.get_all(&[chunk.clone(), endpoint.clone()]).await?;
        let Some(row) = found.remove(&chunk) else { return Ok(()) };
        let outgoing = Outgoing::read(&row)?;
        let is_heard = self.is_heard(found.get(&endpoint))?;
        let delivery = |(user_id, id)| Delivery::of_notification(&outgoing, user_id, id, is_heard, now);
        let deliveries: Vec<Delivery> = outgoing.notifications().map(delivery).collect();
        let mut transaction = Transaction::new();
        let chunk = transaction.delete(chunk, Condition::present());
        for delivery in &deliveries {
            transaction.put(delivery.row(tenant_id, now), Condition::absent());
            if let Some(next_at) = delivery.next_at() {
                transaction.put(delivery.due_row(tenant_id, next_at), Condition::absent());
            }
        }
        match self.table.commit(transaction).await {
            Ok(()) => {}
            // Somebody else did it, and asks for the attempts.
            Err(CommitError::Refused(refusals)) if refusals.of(chunk).is_some() => return Ok(()),
            Err(CommitError::Refused(_)) => return Err(TableError::Contended.into()),
            Err(CommitError::Table(error)) => return Err(error.into()),
        }
        let due = deliveries.iter().filter(|delivery| delivery.next_at().is_some());
        let messages: Vec<OutboxMessage> = due.map(|delivery| delivery.due(tenant_id, now).into()).collect();
        self.outbox.ask(messages).await;
        Ok(())
    }

    /// Tries a delivery, if its attempt is due and nobody else is at it, and asks for the next attempt if one is needed.
    ///
    /// Whoever dies before the lease has done nothing; whoever dies after it may have sent what was not recorded, and
    /// then it is sent again under the same id when the lease is over.
    pub async fn attempt(
        &self,
        tenant: &ServedTenant,
        due: &Due,
        now: Timestamp,
    ) -> Result<(), WebhookError> {
        if now < due.due_at {
            return Ok(self.outbox.hold(*due, now).await?);
        }
        let Some(scene) = self.scene(tenant, due).await? else { return self.forget(tenant, due).await };
        let Some(next_at) = scene.delivery.next_at() else { return Ok(()) };
        if scene.delivery.attempts + 1 != due.attempt || scene.delivery.is_leased_at(now) {
            return Ok(());
        }
        if now < next_at {
            // It was put off, and whoever did so asked for it later.
            return Ok(());
        }
        let Some(endpoint) = scene.endpoint.as_ref().filter(|endpoint| endpoint.is_enabled()) else {
            return self.cancel(tenant, &scene.delivery, next_at, now).await;
        };
        if let Some(until) = scene.health.and_then(|health| health.bars_until(now)) {
            return self.put_off(tenant, &scene.delivery, next_at, until, now).await;
        }
        let leased_until = now.plus_seconds(LEASE_SECONDS);
        let (leased, notice) = futures::join!(
            self.lease(tenant, &scene, leased_until, now),
            self.notice(tenant, &scene.delivery)
        );
        match leased? {
            Lease::Taken => {}
            Lease::Lost => return Ok(()),
            Lease::Barred(health) => {
                let until = health.and_then(|health| health.bars_until(now)).unwrap_or(now);
                return self.put_off(tenant, &scene.delivery, next_at, until, now).await;
            }
        }
        let letter = self.letter(tenant, endpoint, &scene.delivery, notice?.as_ref(), now)?;
        let sent = self.sender.send(&endpoint.url, &letter).await;
        let ended_at = now.plus_millis(sent.duration_ms);
        let made = Made { began_at: now, ended_at, leased_until, sent, called: endpoint.changed_at };
        self.record(tenant, scene, &made).await
    }

    /// The delivery of a message with its endpoint, and the failures of that. One round trip.
    async fn scene(&self, tenant: &ServedTenant, due: &Due) -> Result<Option<Scene>, TableError> {
        let tenant_id = tenant.tenant_id();
        let rows =
            [due.delivery_id.key(tenant_id), keys::webhook(tenant_id), keys::webhook_health(tenant_id)];
        let found = self.table.get_all(&rows).await?;
        let [delivery, endpoint, health] = rows.map(|row| found.get(&row));
        let Some(delivery) = delivery else { return Ok(None) };
        Ok(Some(Scene {
            delivery: Delivery::read(delivery)?,
            endpoint: endpoint.map(Endpoint::read).transpose()?,
            health: health.map(Health::read).transpose()?,
        }))
    }

    async fn notice(&self, tenant: &ServedTenant, delivery: &Delivery) -> Result<Option<Item>, TableError> {
        match delivery.event {
            Event::Test => Ok(None),
            Event::NotificationCreated { notification_type, date, .. } => {
                self.table.get(self.notifications.notice_row(tenant, notification_type, date)).await
            }
        }
    }

    /// Takes the delivery for one attempt, and the endpoint, too, where that must be probed.
    async fn lease(
        &self,
        tenant: &ServedTenant,
        scene: &Scene,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Lease, TableError> {
        let tenant_id = tenant.tenant_id();
        let mut transaction = Transaction::new();
        let lease = Change::default().set("leased_until", &until);
        let delivery =
            transaction.update(scene.delivery.id.key(tenant_id), lease, scene.delivery.untouched(now));
        let probe = scene.health.map(|_| {
            let (probe, free) = Health::probe(now, until);
            transaction.update(keys::webhook_health(tenant_id), probe, free)
        });
        match self.table.commit(transaction).await {
            Ok(()) => Ok(Lease::Taken),
            Err(CommitError::Table(error)) => Err(error),
            Err(CommitError::Refused(refusals)) if refusals.of(delivery).is_some() => Ok(Lease::Lost),
            Err(CommitError::Refused(refusals)) => {
                let row = probe.and_then(|probe| refusals.old(probe));
                Ok(Lease::Barred(row.map(Health::read).transpose()?))
            }
        }
    }

    fn letter(
        &self,
        tenant: &ServedTenant,
        endpoint: &Endpoint,
        delivery: &Delivery,
        notice: Option<&Item>,
        now: Timestamp,
    ) -> Result<Letter, WebhookError> {
        let tenant_id = tenant.tenant_id();
        let opened = endpoint.good_secrets(now).map(|sealed| sealed.open(tenant_id, &self.pepper));
        let corrupt = || Item::new(keys::webhook(tenant_id)).corrupt("secrets");
        let secrets = opened.collect::<Option<Vec<_>>>().filter(|all| !all.is_empty()).ok_or_else(corrupt)?;
        let data = match delivery.event {
            Event::Test => json!({"tenant_id": tenant_id, "message": "This is a test of your webhook."}),
            Event::NotificationCreated { user_id, notification_type, date, request_id } => {
                let row = self.notifications.notice_row(tenant, notification_type, date);
                let notice = notice.ok_or_else(|| Item::new(row).corrupt("payload"))?;
                let id = delivery.id.0;
                let made = self.notifications.as_made(notice, id, notification_type, date, request_id)?;
                json!({"tenant_id": tenant_id, "user_id": user_id, "notification": made.view()})
            }
        };
        let body = json!({"type": delivery.event.name(), "timestamp": delivery.created_at, "data": data});
        let (id, body) = (delivery.id.to_string(), body.to_string());
        let timestamp_seconds = now.epoch_seconds();
        let keys = secrets.iter().map(crate::Secret::as_bytes);
        let signature = sign(keys, &id, timestamp_seconds, body.as_bytes());
        Ok(Letter { id, timestamp_seconds, signature, body })
    }

    /// Takes the mark of a delivery away that is so old that it is gone, or every sweep would ask for it.
    async fn forget(&self, tenant: &ServedTenant, due: &Due) -> Result<(), WebhookError> {
        let mut transaction = Transaction::new();
        let mark = keys::due_delivery(due.due_at, tenant.tenant_id(), due.delivery_id.0);
        transaction.delete(mark, Condition::default());
        self.commit_or_leave(transaction).await.map(|_| ())
    }

    /// Ends a delivery that nobody hears.
    async fn cancel(
        &self,
        tenant: &ServedTenant,
        delivery: &Delivery,
        next_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), WebhookError> {
        let tenant_id = tenant.tenant_id();
        let cancelled = DeliveryState::Ended { end: End::Cancelled, at: now };
        let mut transaction = Transaction::new();
        let change = Delivery::becomes(cancelled);
        transaction.update(delivery.id.key(tenant_id), change, delivery.untouched(now));
        transaction.delete(keys::due_delivery(next_at, tenant_id, delivery.id.0), Condition::default());
        self.commit_or_leave(transaction).await.map(|_| ())
    }

    /// Puts a delivery off whose endpoint is paused or probed by another. It was not tried, so no attempt is counted.
    async fn put_off(
        &self,
        tenant: &ServedTenant,
        delivery: &Delivery,
        next_at: Timestamp,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), WebhookError> {
        let tenant_id = tenant.tenant_id();
        // Never the same instant again: the two marks would be one.
        let later = behind(until, delivery.tried > 0, &*self.random).max(next_at.plus_millis(1));
        let mut transaction = Transaction::new();
        let change = Delivery::becomes(DeliveryState::Pending { next_at: later });
        transaction.update(delivery.id.key(tenant_id), change, delivery.untouched(now));
        transaction.delete(keys::due_delivery(next_at, tenant_id, delivery.id.0), Condition::default());
        transaction.put(delivery.due_row(tenant_id, later), Condition::default());
        if self.commit_or_leave(transaction).await? {
            self.outbox.ask_later(delivery.due(tenant_id, later), now).await;
        }
        Ok(())
    }

    /// Whether it was committed; otherwise somebody else is at the delivery, and it is theirs.
    async fn commit_or_leave(&self, transaction: Transaction) -> Result<bool, WebhookError> {
        match self.table.commit(transaction).await {
            Ok(()) => Ok(true),
            Err(CommitError::Refused(_)) => Ok(false),
            Err(CommitError::Table(error)) => Err(error.into()),
        }
    }

    /// Writes down what came of an attempt, together with what that means for the delivery and the endpoint, and asks for
    /// the next one.
    async fn record(&self, tenant: &ServedTenant, mut scene: Scene, made: &Made) -> Result<(), WebhookError> {
        let tenant_id = tenant.tenant_id();
        for _ in 0..TRIES {
            let Scene { delivery, health, .. } = &scene;
            let verdict = Verdict::of(delivery, health.as_ref(), &made.sent, made.ended_at, &*self.random);
            let mut transaction = Transaction::new();
            let leased = put_attempt(&mut transaction, tenant, delivery, made, verdict.state);
            self.put_finding(&mut transaction, tenant, &scene, made, verdict.endpoint).await?;
            match self.table.commit(transaction).await {
                Ok(()) => {
                    if let DeliveryState::Pending { next_at } = verdict.state {
                        let due = Due { attempt: delivery.attempts + 2, ..delivery.due(tenant_id, next_at) };
                        self.outbox.ask_later(due, made.ended_at).await;
                    }
                    return Ok(());
                }
                Err(CommitError::Table(error)) => return Err(error.into()),
                Err(CommitError::Refused(refusals)) if refusals.of(leased).is_some() => {
                    let delivery_id = delivery.id.to_string();
                    tracing::warn!(%tenant_id, delivery_id, "an attempt outlived its lease and is not recorded");
                    return Ok(());
                }
                Err(CommitError::Refused(_)) => {}
            }
            // The endpoint was changed, worked after all, or was disabled by another delivery.
            let due = delivery.due(tenant_id, made.began_at);
            let Some(now) = self.scene(tenant, &due).await? else { return Ok(()) };
            scene = Scene { delivery: scene.delivery, ..now };
        }
        Err(TableError::Contended.into())
    }

    /// Adds what is known of the endpoint now. An endpoint that was changed since it was called is not judged by that
    /// call, so whatever is said of it is said on the condition that it is still the one that was called.
    async fn put_finding(
        &self,
        transaction: &mut Transaction,
        tenant: &ServedTenant,
        scene: &Scene,
        made: &Made,
        finding: Finding,
    ) -> Result<(), WebhookError> {
        let health = keys::webhook_health(tenant.tenant_id());
        let Some(endpoint) = scene.endpoint.as_ref().filter(|endpoint| endpoint.changed_at == made.called)
        else {
            return Ok(());
        };
        match finding {
            Finding::Works => {
                if scene.health.is_some() {
                    transaction.check(keys::webhook(tenant.tenant_id()), endpoint.unchanged());
                    transaction.delete(health, Condition::default());
                }
            }
            Finding::Fails { failures, paused_until } => {
                let change = Health::fail(made.ended_at, failures, paused_until);
                transaction.check(keys::webhook(tenant.tenant_id()), endpoint.unchanged());
                transaction.update(health, change, Condition::default());
            }
            Finding::Hopeless(reason) => {
                transaction.delete(health, still_failing(scene.health.as_ref(), reason));
                self.put_disabled(transaction, tenant, endpoint, &scene.delivery, made, reason).await?;
            }
        }
        Ok(())
    }

    /// Adds that the endpoint is disabled, and that whoever registered it is told so: once, because an endpoint is disabled
    /// by one delivery.
    async fn put_disabled(
        &self,
        transaction: &mut Transaction,
        tenant: &ServedTenant,
        endpoint: &Endpoint,
        delivery: &Delivery,
        made: &Made,
        reason: DisabledReason,
    ) -> Result<(), WebhookError> {
        let now = made.ended_at;
        let mut disabled = endpoint.clone();
        disabled.state = EndpointState::Disabled { reason, at: now };
        disabled.changed_at = after(endpoint.changed_at, now);
        transaction.put(disabled.at(keys::webhook(tenant.tenant_id())), endpoint.unchanged());
        let message = match reason {
            DisabledReason::Gone => "The endpoint answered 410 Gone.",
            _ => "Nothing could be delivered for many hours.",
        };
        let told = Told {
            user_id: endpoint.registered_by,
            notification_type: NotificationType::WebhookDisabled,
            request_id: RequestId::random(&*self.random),
            at: now,
            payload: json!({
                "title": "Webhook disabled", "date": now.date().to_string(), "message": message,
                "reason": reason.name(), "url": endpoint.url.to_string(), "delivery_id": delivery.id.to_string(),
            }),
        };
        let telling: Telling = self.notifications.prepare_telling(tenant, &told).await?;
        self.notifications.tell(transaction, tenant, &told, &telling)?;
        Ok(())
    }
}

/// That the failures which an endpoint is disabled for are still those that were read: none of its deliveries succeeded
/// meanwhile. What answers 410 is disabled whatever else it did.
fn still_failing(health: Option<&Health>, reason: DisabledReason) -> Condition {
    match (reason, health) {
        (DisabledReason::Failing, Some(health)) => {
            Condition::present().and_equals("failing_since", &health.failing_since)
        }
        _ => Condition::default(),
    }
}

/// Adds the attempt and what became of the delivery. The slot is refused where the lease was lost.
fn put_attempt(
    transaction: &mut Transaction,
    tenant: &ServedTenant,
    delivery: &Delivery,
    made: &Made,
    state: DeliveryState,
) -> Slot {
    let tenant_id = tenant.tenant_id();
    let number = delivery.attempts + 1;
    let change = Delivery::becomes(state).set("attempts", &number).set("tried", &(delivery.tried + 1));
    let leased = delivery.leased(made.leased_until);
    let slot = transaction.update(delivery.id.key(tenant_id), change, leased);
    let attempt = Attempt::of(number, made.began_at, &made.sent);
    transaction.put(attempt.row(tenant_id, delivery.id), Condition::absent());
    if let Some(due_at) = delivery.next_at() {
        transaction.delete(keys::due_delivery(due_at, tenant_id, delivery.id.0), Condition::default());
    }
    if let DeliveryState::Pending { next_at } = state {
        let next = Delivery { attempts: number, ..delivery.clone() };
        transaction.put(next.due_row(tenant_id, next_at), Condition::default());
    }
    slot
}
