//! One thing that an endpoint is told, and each attempt to tell it.

use std::fmt;

use bespin_notifications::{NotificationType, Outgoing};
use bespin_primitives::{Date, RequestId, TenantId, Timestamp, UserId};
use bespin_table::{Change, Condition, CorruptItem, Item, Key, keys};
use serde_json::{Value, json};

use crate::{Sent, sender::Reply};

/// For how long a delivery stands in the log, from its creation or its last replay on.
pub const KEPT_SECONDS: i64 = 30 * 86_400;

/// How long an attempt has its delivery for itself. More than an attempt takes, and less than a message that died with
/// its process stays away.
pub(crate) const LEASE_SECONDS: i64 = 60;

/// Names a delivery: the id of its notification, and to the receiver the id of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub(crate) u64);

impl DeliveryId {
    /// Reads the one spelling we ever give out; any other text names nothing.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("msg_").filter(|digits| digits.len() == 16)?;
        let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
        all_digits.then(|| digits.parse().ok().map(Self)).flatten()
    }

    /// Where it stands in the log of a tenant.
    pub(crate) fn key(self, tenant_id: TenantId) -> Key {
        keys::delivery(tenant_id, self.0)
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "msg_{:016}", self.0)
    }
}

/// What an endpoint is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A user was notified.
    NotificationCreated {
        /// Who.
        user_id: UserId,
        /// What of.
        notification_type: NotificationType,
        /// About which date.
        date: Date,
        /// By which run.
        request_id: RequestId,
    },
    /// An admin wants to see whether it arrives.
    Test,
}

impl Event {
    /// The word in bodies, answers and rows.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotificationCreated { .. } => CREATED,
            Self::Test => TEST,
        }
    }
}

const CREATED: &str = "notification.created";
const TEST: &str = "webhook.test";

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// Something is due.
    Pending {
        /// When.
        next_at: Timestamp,
    },
    /// Nothing is due any more.
    Ended {
        /// Why.
        end: End,
        /// Since when.
        at: Timestamp,
    },
}

/// How a delivery ended. Each may be replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The endpoint answered 2xx.
    Delivered,
    /// It was tried as often as it may.
    Failed,
    /// There was no endpoint, or it was disabled.
    Cancelled,
}

impl DeliveryState {
    /// All spellings.
    pub const NAMES: [&str; 4] = [PENDING, "delivered", "failed", "cancelled"];

    /// The word in answers and rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending { .. } => PENDING,
            Self::Ended { end, .. } => end.name(),
        }
    }
}

const PENDING: &str = "pending";

impl End {
    fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::Delivered, Self::Failed, Self::Cancelled].into_iter().find(|end| end.name() == name)
    }
}

/// One delivery. What a notification says stands once for all users, so it is not in here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// What is told.
    pub event: Event,
    /// When that happened.
    pub created_at: Timestamp,
    /// Where it stands.
    pub state: DeliveryState,
    /// How often it was tried since its creation.
    pub attempts: u32,
    /// How often since its creation or its last replay.
    pub tried: u32,
    /// Until when an attempt has it for itself.
    pub leased_until: Option<Timestamp>,
}

impl Delivery {
    /// The delivery of one notification, to be tried at once, or cancelled where there is nobody to tell.
    pub(crate) fn of_notification(
        outgoing: &Outgoing,
        user_id: UserId,
        id: u64,
        is_heard: bool,
        now: Timestamp,
    ) -> Self {
        let &Outgoing { notification_type, date, request_id, .. } = outgoing;
        let event = Event::NotificationCreated { user_id, notification_type, date, request_id };
        let state = if is_heard {
            DeliveryState::Pending { next_at: now }
        } else {
            DeliveryState::Ended { end: End::Cancelled, at: now }
        };
        Self::new(DeliveryId(id), event, outgoing.departure.at, state)
    }

    /// A test, to be tried at once.
    pub(crate) fn of_test(id: u64, now: Timestamp) -> Self {
        Self::new(DeliveryId(id), Event::Test, now, DeliveryState::Pending { next_at: now })
    }

    fn new(id: DeliveryId, event: Event, created_at: Timestamp, state: DeliveryState) -> Self {
        Self { id, event, created_at, state, attempts: 0, tried: 0, leased_until: None }
    }

    /// When it is due, unless it is done with.
    pub fn next_at(&self) -> Option<Timestamp> {
        match self.state {
            DeliveryState::Pending { next_at } => Some(next_at),
            DeliveryState::Ended { .. } => None,
        }
    }

    /// Whether an attempt has it for itself.
    pub fn is_leased_at(&self, now: Timestamp) -> bool {
        self.leased_until.is_some_and(|until| now < until)
    }

    /// The mark that it is due; its place tells when.
    pub(crate) fn due_row(&self, tenant_id: TenantId, due_at: Timestamp) -> Item {
        Item::new(keys::due_delivery(due_at, tenant_id, self.id.0))
            .with("tenant_id", &tenant_id)
            .with("delivery", &self.id.0)
            .with("attempts", &self.attempts)
            .with("due_at", &due_at)
    }

    /// That it is as it was read and that nobody is at it: what every change but the record of an attempt asks for.
    pub(crate) fn untouched(&self, now: Timestamp) -> Condition {
        let same = Condition::present()
            .and_equals("status", &self.state.name().to_owned())
            .and_equals("attempts", &self.attempts)
            .and_at_most("leased_until", &now);
        match self.next_at() {
            Some(next_at) => same.and_equals("next_at", &next_at),
            None => same,
        }
    }

    /// That the attempt which has it for itself still has.
    pub(crate) fn leased(&self, until: Timestamp) -> Condition {
        Condition::present().and_equals("attempts", &self.attempts).and_equals("leased_until", &until)
    }

    /// The change into a state. The mark that it is due must be moved with it.
    pub(crate) fn becomes(state: DeliveryState) -> Change {
        let change = Change::default().set("status", &state.name().to_owned()).remove("leased_until");
        match state {
            DeliveryState::Pending { next_at } => change.set("next_at", &next_at).remove("ended_at"),
            DeliveryState::Ended { at, .. } => change.set("ended_at", &at).remove("next_at"),
        }
    }

    /// As the API shows it.
    pub fn view(&self) -> Value {
        let ended_at = match self.state {
            DeliveryState::Pending { .. } => None,
            DeliveryState::Ended { at, .. } => Some(at),
        };
        let (user_id, notification_id) = match self.event {
            Event::NotificationCreated { user_id, .. } => (Some(user_id), Some(self.id.0)),
            Event::Test => (None, None),
        };
        json!({
            "delivery_id": self.id.to_string(), "event_type": self.event.name(), "status": self.state.name(),
            "user_id": user_id, "notification_id": notification_id, "attempts": self.attempts,
            "created_at": self.created_at, "next_attempt_at": self.next_at(), "ended_at": ended_at,
        })
    }

    pub(crate) fn row(&self, tenant_id: TenantId, now: Timestamp) -> Item {
        let mut row = Item::new(self.id.key(tenant_id))
            .with("id", &self.id.0)
            .with("event", &self.event.name().to_owned())
            .with("created_at", &self.created_at)
            .with("status", &self.state.name().to_owned())
            .with("attempts", &self.attempts)
            .with("tried", &self.tried)
            .with("expires_at", &now.plus_seconds(KEPT_SECONDS).epoch_seconds());
        match &self.state {
            DeliveryState::Pending { next_at } => row.set("next_at", next_at),
            DeliveryState::Ended { at, .. } => row.set("ended_at", at),
        }
        if let Event::NotificationCreated { user_id, notification_type, date, request_id } = &self.event {
            row.set("user_id", user_id);
            row.set("type", &notification_type.name().to_owned());
            row.set("date", date);
            row.set("request_id", request_id);
        }
        row
    }

    pub(crate) fn read(row: &Item) -> Result<Self, CorruptItem> {
        let text = |name: &str| row.get::<String>(name);
        let state = match text("status")?.as_str() {
            PENDING => DeliveryState::Pending { next_at: row.get("next_at")? },
            ended => DeliveryState::Ended {
                end: End::parse(ended).ok_or_else(|| row.corrupt("status"))?,
                at: row.get("ended_at")?,
            },
        };
        let event = match text("event")?.as_str() {
            CREATED => Event::NotificationCreated {
                user_id: row.get("user_id")?,
                notification_type: NotificationType::parse(&text("type")?)
                    .ok_or_else(|| row.corrupt("type"))?,
                date: row.get("date")?,
                request_id: row.get("request_id")?,
            },
            TEST => Event::Test,
            _ => return Err(row.corrupt("event")),
        };
        Ok(Self {
            id: DeliveryId(row.get("id")?),
            event,
            created_at: row.get("created_at")?,
            state,
            attempts: row.get("attempts")?,
            tried: row.get("tried")?,
            leased_until: row.get_some("leased_until")?,
        })
    }
}

/// One attempt, as the log keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Counted from 1.
    pub number: u32,
    /// When it began.
    pub at: Timestamp,
    /// The status of the answer, if there was one.
    pub status_code: Option<u16>,
    /// Why there was none.
    pub error: Option<String>,
    /// How long it took.
    pub duration_ms: u64,
    /// The first 1,024 bytes of the answer.
    pub answer: Option<String>,
}

impl Attempt {
    pub(crate) fn of(number: u32, at: Timestamp, sent: &Sent) -> Self {
        let (status_code, answer, error) = match &sent.outcome {
            Ok(Reply { status, beginning, .. }) => (Some(*status), Some(beginning.clone()), None),
            Err(error) => (None, None, Some(error.code().to_owned())),
        };
        Self { number, at, status_code, error, duration_ms: sent.duration_ms, answer }
    }

    /// As the API shows it.
    pub fn view(&self) -> Value {
        json!({
            "attempt": self.number, "at": self.at, "status_code": self.status_code, "error": self.error,
            "duration_ms": self.duration_ms, "answer": self.answer,
        })
    }

    pub(crate) fn row(&self, tenant_id: TenantId, delivery: DeliveryId) -> Item {
        let mut row = Item::new(keys::delivery_attempt(tenant_id, delivery.0, self.number))
            .with("number", &self.number)
            .with("at", &self.at)
            .with("duration_ms", &self.duration_ms)
            .with("expires_at", &self.at.plus_seconds(KEPT_SECONDS).epoch_seconds());
        row.set_some("status_code", self.status_code.as_ref());
        row.set_some("error", self.error.as_ref());
        row.set_some("answer", self.answer.as_ref());
        row
    }

    pub(crate) fn read(row: &Item) -> Result<Self, CorruptItem> {
        Ok(Self {
            number: row.get("number")?,
            at: row.get("at")?,
            status_code: row.get_some("status_code")?,
            error: row.get_some("error")?,
            duration_ms: row.get("duration_ms")?,
            answer: row.get_some("answer")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling_that_sorts_by_time() {
        let (early, late) = (DeliveryId(7), DeliveryId(1_000));

        assert_eq!(early.to_string(), "msg_0000000000000007");
        assert_eq!(DeliveryId::parse(&late.to_string()), Some(late));
        assert!(early.to_string() < late.to_string());
        for other in ["", "msg_", "msg_7", "msg_+000000000000007", "0000000000000007", "MSG_0000000000000007"]
        {
            assert_eq!(DeliveryId::parse(other), None, "{other}");
        }
    }
}
