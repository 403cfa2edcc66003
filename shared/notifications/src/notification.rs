//! One notification of one user.

use bespin_primitives::{Date, RequestId};
use bespin_table::{CorruptItem, Item, Key, keys};
use serde_json::{Value, json};

/// What a notification is about. The contract knows the first; the second tells whoever registered a webhook that it was
/// disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotificationType {
    /// There is a brief for a date.
    DailyBrief,
    /// The tenant's webhook was disabled, because its endpoint failed for too long.
    WebhookDisabled,
}

impl NotificationType {
    /// All there are.
    pub const ALL: [Self; 2] = [Self::DailyBrief, Self::WebhookDisabled];

    /// The word in answers and rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::DailyBrief => "daily_brief",
            Self::WebhookDisabled => "webhook_disabled",
        }
    }

    /// The type of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }
}

/// Whether the user has seen it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Not yet.
    Queued,
    /// Yes; there is no way back (gateway.md 8.3).
    Acked,
}

impl Status {
    /// The word in answers and rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Acked => "acked",
        }
    }

    /// The status of this name; any other text is none, and nothing has it.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Queued, Self::Acked].into_iter().find(|known| known.name() == name)
    }
}

/// One notification of one user.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// Grows with time, unique over all tenants, at most 2^53 - 1.
    pub id: u64,
    /// What it is about.
    pub notification_type: NotificationType,
    /// The date it is about.
    pub date: Date,
    /// Whether the user has seen it.
    pub status: Status,
    /// The run that made it.
    pub request_id: RequestId,
    /// What it says; of a brief the same for all users of a tenant.
    pub payload: Value,
}

impl Notification {
    /// As the API shows it (gateway.md 8.2).
    pub fn view(&self) -> Value {
        json!({
            "id": self.id, "notification_type": self.notification_type.name(), "date": self.date.to_string(),
            "status": self.status.name(), "request_id": self.request_id, "payload": self.payload,
        })
    }
}

/// A notification as its row holds it: all but what it says where that stands once for all users of the tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Grows with time, unique over all tenants.
    pub id: u64,
    /// What it is about.
    pub notification_type: NotificationType,
    /// The date it is about.
    pub date: Date,
    /// Whether the user has seen it.
    pub status: Status,
    /// The run that made it.
    pub request_id: RequestId,
    /// What it says, as JSON, where that is for this user only.
    pub(crate) own_words: Option<String>,
}

impl Envelope {
    pub(crate) fn at(&self, key: Key) -> Item {
        let mut row = Item::new(key)
            .with("id", &self.id)
            .with("type", &self.notification_type.name().to_owned())
            .with("date", &self.date)
            .with("status", &self.status.name().to_owned())
            .with("request_id", &self.request_id);
        row.set_some("payload", self.own_words.as_ref());
        row
    }

    pub(crate) fn read(item: &Item) -> Result<Self, CorruptItem> {
        let text = |name: &str| item.get::<String>(name);
        Ok(Self {
            id: item.get("id")?,
            notification_type: NotificationType::parse(&text("type")?).ok_or_else(|| item.corrupt("type"))?,
            date: item.get("date")?,
            status: Status::parse(&text("status")?).ok_or_else(|| item.corrupt("status"))?,
            request_id: item.get("request_id")?,
            own_words: item.get_some("payload")?,
        })
    }

    pub(crate) fn with(&self, payload: Value) -> Notification {
        let Self { id, notification_type, date, status, request_id, .. } = *self;
        Notification { id, notification_type, date, status, request_id, payload }
    }
}

/// What all notifications of a type and date say, as its row holds it.
pub(crate) fn notice(
    tenant: bespin_primitives::TenantId,
    notification_type: NotificationType,
    date: Date,
    payload: &Value,
) -> Item {
    Item::new(keys::notice(tenant, notification_type.name(), date)).with("payload", &payload.to_string())
}

/// What a row of [`notice`] says.
pub(crate) fn payload(notice: &Item) -> Result<Value, CorruptItem> {
    let text: String = notice.get("payload")?;
    serde_json::from_str(&text).map_err(|_| notice.corrupt("payload"))
}
