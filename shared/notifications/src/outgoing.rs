//! What leaves the building: the notifications of one chunk, kept until deliveries were made of them.

use bespin_access::TenantScope;
use bespin_primitives::{Date, RequestId, TenantId, Timestamp, UserId};
use bespin_table::{CorruptItem, Item, Key, keys};
use serde_json::Value;

use crate::{Notification, NotificationType, Notifications, Status, id, notification::payload};

/// Names what one chunk lets leave the building.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Departure {
    /// Whose.
    pub tenant_id: TenantId,
    /// When the notifications were made.
    pub at: Timestamp,
    /// The moment of their ids.
    pub moment: u64,
}

impl Departure {
    /// Where the row stands.
    pub fn key(&self) -> Key {
        keys::outgoing(self.at, self.tenant_id, self.moment)
    }

    /// What a row of [`Outgoing`] is named by, for whoever finds it by its place in time.
    pub fn read(row: &Item) -> Result<Self, CorruptItem> {
        Ok(Self { tenant_id: row.get("tenant_id")?, at: row.get("at")?, moment: row.get("moment")? })
    }
}

/// The notifications of one chunk. All but who has them is the same for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// What names them.
    pub departure: Departure,
    /// What they are about.
    pub notification_type: NotificationType,
    /// The date they are about.
    pub date: Date,
    /// The run that made them.
    pub request_id: RequestId,
    /// Who has one, in the order of their ids.
    pub users: Vec<UserId>,
}

impl Outgoing {
    /// Each user with the id of its notification.
    pub fn notifications(&self) -> impl Iterator<Item = (UserId, u64)> {
        let moment = self.departure.moment;
        self.users.iter().enumerate().map(move |(index, user)| (*user, id::id(moment, index)))
    }

    pub(crate) fn row(&self) -> Item {
        let Departure { tenant_id, at, moment } = &self.departure;
        let users: Vec<String> = self.users.iter().map(ToString::to_string).collect();
        Item::new(self.departure.key())
            .with("tenant_id", tenant_id)
            .with("at", at)
            .with("moment", moment)
            .with("type", &self.notification_type.name().to_owned())
            .with("date", &self.date)
            .with("request_id", &self.request_id)
            .with("users", &users)
    }

    /// Reads back what the chunk wrote.
    pub fn read(row: &Item) -> Result<Self, CorruptItem> {
        let users: Vec<String> = row.get("users")?;
        let user = |text: &String| UserId::parse(text).ok_or_else(|| row.corrupt("users"));
        let kind: String = row.get("type")?;
        Ok(Self {
            departure: Departure::read(row)?,
            notification_type: NotificationType::parse(&kind).ok_or_else(|| row.corrupt("type"))?,
            date: row.get("date")?,
            request_id: row.get("request_id")?,
            users: users.iter().map(user).collect::<Result<_, _>>()?,
        })
    }
}

impl Notifications {
    /// Where it stands what all notifications of a type and date say.
    pub fn notice_row(&self, tenant: &impl TenantScope, kind: NotificationType, date: Date) -> Key {
        keys::notice(tenant.tenant_id(), kind.name(), date)
    }

    /// A notification as it was when it was made; `notice` is the row that says what it says.
    pub fn as_made(
        &self,
        notice: &Item,
        id: u64,
        notification_type: NotificationType,
        date: Date,
        request_id: RequestId,
    ) -> Result<Notification, CorruptItem> {
        let payload: Value = payload(notice)?;
        Ok(Notification { id, notification_type, date, status: Status::Queued, request_id, payload })
    }
}
