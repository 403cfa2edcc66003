//! One delivery of an event, and what became of it.

use bespin_primitives::{GrantId, Random, RequestId, TenantId, Timestamp};
use bespin_table::{CorruptItem, Item, Row};
use serde_json::{Value, json};

use crate::Event;

/// How much of a text that somebody else wrote is kept beside the event itself, in characters.
const SHOWN: usize = 255;

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It paid for a grant.
    Granted,
    /// Its payment was granted before.
    Duplicate,
    /// Events of its type grant nothing.
    Ignored,
    /// It did not pay enough, or the user has too many grants; an administrator decides.
    Parked,
    /// It can never be granted as it is.
    Failed,
}

impl Outcome {
    /// All spellings.
    pub const NAMES: [&'static str; 5] = ["granted", "duplicate", "ignored", "parked", "failed"];

    /// The spelling.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// Reads one of [`Outcome::NAMES`].
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Granted, Self::Duplicate, Self::Ignored, Self::Parked, Self::Failed]
            .into_iter()
            .find(|outcome| outcome.name() == name)
    }
}

/// One delivery of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id: when it came, and something random.
    pub id: String,
    /// Whose it is; none where it names no tenant that exists.
    pub tenant_id: Option<TenantId>,
    /// What became of it.
    pub outcome: Outcome,
    /// The same in a sentence.
    pub message: String,
    /// The grant that its payment paid for.
    pub grant_id: Option<GrantId>,
    /// The provider's id of the event.
    pub event_id: Option<String>,
    /// The type of the event.
    pub event_type: Option<String>,
    /// The provider's id of the payment.
    pub payment_id: Option<String>,
    /// Whom it is for.
    pub user_id: Option<String>,
    /// What was paid, in the smallest unit of its currency.
    pub amount: Option<u64>,
    /// The currency.
    pub currency: Option<String>,
    /// When it came.
    pub received_at: Timestamp,
    /// How often it was tried again.
    pub replays: u64,
    /// When it was tried again last.
    pub replayed_at: Option<Timestamp>,
    /// The event as it came.
    pub(crate) payload: String,
}

impl Delivery {
    /// A delivery that nothing became of yet. Without an event it was none.
    pub(crate) fn new(payload: &[u8], event: Option<&Event>, random: &dyn Random, now: Timestamp) -> Self {
        let text = |text: Option<&str>| text.map(|text| text.chars().take(SHOWN).collect());
        Self {
            id: format!("{}-{}", now.sortable(), RequestId::random(random)),
            tenant_id: None,
            outcome: Outcome::Failed,
            message: String::new(),
            grant_id: None,
            event_id: text(event.and_then(Event::id)),
            event_type: text(event.map(Event::event_type)),
            payment_id: text(event.and_then(|event| event.payment("id"))),
            user_id: text(event.and_then(|event| event.metadata("user_id"))),
            amount: event.and_then(Event::amount),
            currency: text(event.and_then(|event| event.payment("currency"))),
            received_at: now,
            replays: 0,
            replayed_at: None,
            payload: String::from_utf8_lossy(payload).into_owned(),
        }
    }

    /// Whether a text can be the id of a delivery.
    pub(crate) fn is_id(text: &str) -> bool {
        let (instant, random) = text.split_once('-').unwrap_or_default();
        instant.len() == 18
            && instant.bytes().all(|byte| byte.is_ascii_digit())
            && RequestId::parse(random).is_some()
    }

    /// As the API shows it.
    pub fn view(&self) -> Value {
        json!({
            "delivery_id": self.id, "tenant": self.tenant_id, "outcome": self.outcome.name(),
            "message": self.message, "grant_id": self.grant_id, "event_id": self.event_id,
            "event_type": self.event_type, "payment_id": self.payment_id, "user_id": self.user_id,
            "amount": self.amount, "currency": self.currency, "received_at": self.received_at,
            "replays": self.replays, "replayed_at": self.replayed_at,
        })
    }
}

impl Row for Delivery {
    fn write(&self, item: &mut Item) {
        item.set("delivery_id", &self.id);
        item.set_some("tenant_id", self.tenant_id.as_ref());
        item.set("outcome", &self.outcome.name().to_owned());
        item.set("message", &self.message);
        item.set_some("grant_id", self.grant_id.as_ref());
        item.set_some("event_id", self.event_id.as_ref());
        item.set_some("event_type", self.event_type.as_ref());
        item.set_some("payment_id", self.payment_id.as_ref());
        item.set_some("user_id", self.user_id.as_ref());
        item.set_some("amount", self.amount.as_ref());
        item.set_some("currency", self.currency.as_ref());
        item.set("received_at", &self.received_at);
        item.set("replays", &self.replays);
        item.set_some("replayed_at", self.replayed_at.as_ref());
        item.set("payload", &self.payload);
    }

    fn read(item: &Item) -> Result<Self, CorruptItem> {
        let outcome: String = item.get("outcome")?;
        Ok(Self {
            id: item.get("delivery_id")?,
            tenant_id: item.get_some("tenant_id")?,
            outcome: Outcome::parse(&outcome).ok_or_else(|| item.corrupt("outcome"))?,
            message: item.get("message")?,
            grant_id: item.get_some("grant_id")?,
            event_id: item.get_some("event_id")?,
            event_type: item.get_some("event_type")?,
            payment_id: item.get_some("payment_id")?,
            user_id: item.get_some("user_id")?,
            amount: item.get_some("amount")?,
            currency: item.get_some("currency")?,
            received_at: item.get("received_at")?,
            replays: item.get("replays")?,
            replayed_at: item.get_some("replayed_at")?,
            payload: item.get("payload")?,
        })
    }
}
