//! The log of deliveries: reading it, and sending again what it holds.

use bespin_access::{TenantAccess, TenantScope};
use bespin_audit::{Author, Changed};
use bespin_primitives::Timestamp;
use bespin_table::{CommitError, Condition, Cursor, Query, Range, TableError, Transaction, keys};
use serde_json::Value;

use crate::{
    Attempt, Delivery, DeliveryId, DeliveryState, Due, WebhookError, Webhooks, delivery::KEPT_SECONDS,
};

/// How many deliveries one page looks at to find those of one status.
pub const MAX_EXAMINED: usize = 5_000;

/// How many are asked of the store at a time when most of them may not be wanted.
const STORE_PAGE: usize = 1_000;

/// How often a change is made anew because another one was faster.
const TRIES: usize = 32;

/// Which deliveries, and which page of them.
#[derive(Debug, Clone)]
pub struct DeliveryListing {
    /// Only those of one status, one of [`DeliveryState::NAMES`].
    pub status: Option<&'static str>,
    /// At most so many, at least 1.
    pub limit: usize,
    /// Continues behind the page that gave this cursor.
    pub after: Option<Cursor>,
}

impl DeliveryListing {
    /// The rows it is about, for reading a cursor.
    pub fn range(tenant: &impl TenantScope) -> Range {
        keys::deliveries(tenant.tenant_id())
    }
}

impl Webhooks {
    /// A page of the tenant's deliveries, newest first, and where the next page starts. A page of one status looks at no
    /// more than [`MAX_EXAMINED`], so it may hold fewer than asked for, even none, and still lead on.
    pub async fn deliveries(
        &self,
        tenant: &impl TenantScope,
        listing: DeliveryListing,
        now: Timestamp,
    ) -> Result<(Vec<Delivery>, Option<Cursor>), TableError> {
        let DeliveryListing { status, limit, mut after } = listing;
        let (mut found, mut left) = (Vec::new(), MAX_EXAMINED);
        loop {
            let page_limit = if status.is_some() { left.min(STORE_PAGE) } else { limit };
            let query =
                Query::of(DeliveryListing::range(tenant)).newest_first().limit(page_limit).after(after);
            let page = self.table.query(query).await?;
            left = left.saturating_sub(page.items.len());
            for (number, row) in page.items.iter().enumerate() {
                let delivery = Delivery::read(row)?;
                let is_wanted = status.is_none_or(|status| status == delivery.state.name());
                if is_wanted && !row.is_expired_at(now) {
                    found.push(delivery);
                }
                let more = number + 1 < page.items.len() || page.next.is_some();
                if found.len() == limit {
                    return Ok((found, more.then(|| Cursor::behind(&row.key()))));
                }
            }
            after = page.next;
            if after.is_none() || left == 0 {
                return Ok((found, after));
            }
        }
    }

    /// One delivery with its attempts, oldest first. Two round trips.
    pub async fn delivery(
        &self,
        tenant: &impl TenantScope,
        delivery_id: &str,
        now: Timestamp,
    ) -> Result<(Delivery, Vec<Attempt>), WebhookError> {
        let delivery = self.logged(tenant, delivery_id, now).await?;
        let range = keys::delivery_attempts(tenant.tenant_id(), delivery.id.0);
        let rows = self.table.query_whole(Query::of(range)).await?;
        let attempts = rows.iter().map(Attempt::read).collect::<Result<_, _>>()?;
        Ok((delivery, attempts))
    }

    async fn logged(
        &self,
        tenant: &impl TenantScope,
        delivery_id: &str,
        now: Timestamp,
    ) -> Result<Delivery, WebhookError> {
        let row = match DeliveryId::parse(delivery_id) {
            Some(id) => self.table.get(id.key(tenant.tenant_id())).await?,
            None => None,
        };
        let row = row.filter(|row| !row.is_expired_at(now));
        let row =
            row.ok_or_else(|| WebhookError::DeliveryNotFound { delivery_id: delivery_id.to_owned() })?;
        Ok(Delivery::read(&row)?)
    }

    /// Lets a delivery begin anew, whatever became of it: due at once, with all its attempts. The id stays, so a receiver
    /// that knows it may ignore it.
    pub async fn replay(
        &self,
        author: &Author<'_>,
        access: &TenantAccess,
        delivery_id: &str,
    ) -> Result<Delivery, WebhookError> {
        let (tenant_id, now) = (access.tenant_id(), author.now);
        for _ in 0..TRIES {
            let before = self.logged(access, delivery_id, now).await?;
            self.check_heard(access).await?;
            if before.is_leased_at(now) {
                return Err(WebhookError::UnderWay { delivery_id: delivery_id.to_owned() });
            }
            let state = DeliveryState::Pending { next_at: now };
            let after = Delivery { state, tried: 0, leased_until: None, ..before.clone() };
            let mut transaction = Transaction::new();
            let change = Delivery::becomes(state)
                .set("tried", &0_u32)
                .set("expires_at", &now.plus_seconds(KEPT_SECONDS).epoch_seconds());
            transaction.update(before.id.key(tenant_id), change, before.untouched(now));
            if let Some(next_at) = before.next_at().filter(|next_at| *next_at != now) {
                transaction.delete(keys::due_delivery(next_at, tenant_id, before.id.0), Condition::default());
            }
            transaction.put(after.due_row(tenant_id, now), Condition::default());
            author.post(&mut transaction, changed("webhook.replay", access, &after, before.view()));
            if self.is_made(transaction).await? {
                self.outbox.ask_later(after.due(tenant_id, now), now).await;
                return Ok(after);
            }
        }
        Err(TableError::Contended.into())
    }

    /// Makes a delivery that says nothing but that it is a test.
    pub async fn send_test(
        &self,
        author: &Author<'_>,
        access: &TenantAccess,
    ) -> Result<Delivery, WebhookError> {
        let (tenant_id, now) = (access.tenant_id(), author.now);
        self.check_heard(access).await?;
        for _ in 0..TRIES {
            let moment = self.notifications.free_moment(access, now).await?;
            let mut transaction = Transaction::new();
            let id = self.notifications.take_moment(&mut transaction, moment, now);
            let delivery = Delivery::of_test(id, now);
            transaction.put(delivery.row(tenant_id, now), Condition::absent());
            transaction.put(delivery.due_row(tenant_id, now), Condition::default());
            author.post(&mut transaction, changed("webhook.test", access, &delivery, Value::Null));
            if self.is_made(transaction).await? {
                self.outbox.ask_later(delivery.due(tenant_id, now), now).await;
                return Ok(delivery);
            }
        }
        Err(TableError::Contended.into())
    }

    async fn check_heard(&self, access: &TenantAccess) -> Result<(), WebhookError> {
        match self.find(access).await? {
            None => Err(WebhookError::NotFound),
            Some((endpoint, _)) if !endpoint.is_enabled() => Err(WebhookError::Disabled),
            Some(_) => Ok(()),
        }
    }

    /// Whether a change was made; it was not where another one was faster.
    async fn is_made(&self, transaction: Transaction) -> Result<bool, TableError> {
        match self.table.commit(transaction).await {
            Ok(()) => Ok(true),
            Err(CommitError::Refused(_)) => Ok(false),
            Err(CommitError::Table(error)) => Err(error),
        }
    }
}

impl Delivery {
    /// The message that asks for its next attempt.
    pub(crate) fn due(&self, tenant_id: bespin_primitives::TenantId, due_at: Timestamp) -> Due {
        Due { tenant_id, delivery_id: self.id, attempt: self.attempts + 1, due_at }
    }
}

fn changed(action: &'static str, access: &TenantAccess, delivery: &Delivery, before: Value) -> Changed {
    let tenant_id = Some(access.tenant_id());
    Changed { action, tenant_id, subject: delivery.id.to_string(), before, after: delivery.view() }
}
