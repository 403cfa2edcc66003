//! Telling one user something that no run tells: one notification, in its own words, free of charge.

use bespin_access::TenantScope;
use bespin_primitives::{Date, RequestId, Timestamp, UserId};
use bespin_table::{Condition, Item, TableError, Transaction, keys};
use serde_json::Value;

use crate::{NotificationType, Notifications, Status, id, notification::Envelope};

/// In the mark of a type and date: the ids of those before the latest.
pub(crate) const EARLIER: &str = "earlier";

/// What a user is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Who is told.
    pub user_id: UserId,
    /// What it is about.
    pub notification_type: NotificationType,
    /// What made it so.
    pub request_id: RequestId,
    /// When.
    pub at: Timestamp,
    /// What it says.
    pub payload: Value,
}

impl Told {
    fn date(&self) -> Date {
        self.at.date()
    }
}

/// What must be known to write it: a free moment for the id, and what was told of that type on that day before.
#[derive(Debug)]
pub struct Telling {
    moment: u64,
    mark: Option<Item>,
}

impl Notifications {
    /// Looks for an id and for what the user was told before. Two round trips.
    pub async fn prepare_telling(
        &self,
        tenant: &impl TenantScope,
        told: &Told,
    ) -> Result<Telling, TableError> {
        let kind = told.notification_type.name();
        let mark = keys::notified_once(tenant.tenant_id(), told.user_id, kind, told.date());
        let mark = self.table.get(mark).await?;
        let moment = self.free_moment(tenant, told.at).await?;
        Ok(Telling { moment, mark })
    }

    /// Adds the notification to `transaction`, which is refused where its moment was taken or the user was told
    /// something else of that type meanwhile.
    pub fn tell(
        &self,
        transaction: &mut Transaction,
        tenant: &impl TenantScope,
        told: &Told,
        telling: &Telling,
    ) -> Result<u64, TableError> {
        let (tenant_id, kind, date) = (tenant.tenant_id(), told.notification_type, told.date());
        id::take(transaction, telling.moment, told.at);
        let id = id::id(telling.moment, 0);
        let envelope = Envelope {
            id,
            notification_type: kind,
            date,
            status: Status::Queued,
            request_id: told.request_id,
            own_words: Some(told.payload.to_string()),
        };
        transaction.put(envelope.at(keys::notification(tenant_id, told.user_id, id)), Condition::absent());
        let mut mark =
            Item::new(keys::notified_once(tenant_id, told.user_id, kind.name(), date)).with("id", &id);
        let unchanged = match &telling.mark {
            None => Condition::absent(),
            Some(before) => {
                let latest: u64 = before.get("id")?;
                let mut earlier: Vec<String> = before.get_some(EARLIER)?.unwrap_or_default();
                earlier.push(latest.to_string());
                mark.set(EARLIER, &earlier);
                Condition::present().and_equals("id", &latest)
            }
        };
        transaction.put(mark, unchanged);
        Ok(id)
    }

    /// A moment from about `now` on that nobody took yet. One round trip for the first 8, then one for each 96.
    pub async fn free_moment(&self, tenant: &impl TenantScope, now: Timestamp) -> Result<u64, TableError> {
        id::next_free(&self.table, id::moment(tenant.tenant_id(), now).saturating_sub(1)).await
    }

    /// Adds to `transaction`, which is refused where somebody took it, that a moment is ours; gives its first id.
    pub fn take_moment(&self, transaction: &mut Transaction, moment: u64, now: Timestamp) -> u64 {
        id::take(transaction, moment, now);
        id::id(moment, 0)
    }
}
