//! What goes over the outbox queue.

use bespin_notifications::Departure;
use bespin_primitives::{TenantId, Timestamp};
use bespin_queue::{DeadLetters, Depth, Queue, QueueError};
use serde::{Deserialize, Serialize};

use crate::{DeliveryId, schedule::hop_seconds};

/// Something to be done. It may come twice, late, early, or when nothing is left to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutboxMessage {
    /// Deliveries are to be made of the notifications of a chunk.
    Pending {
        /// Whose.
        tenant_id: String,
        /// When they were made, RFC 3339.
        at: String,
        /// The moment of their ids.
        moment: u64,
    },
    /// An attempt of a delivery is due.
    Delivery {
        /// Whose.
        tenant_id: String,
        /// Which.
        delivery_id: String,
        /// Which attempt, counted from 1.
        attempt: u32,
        /// When it is due, RFC 3339.
        due_at: String,
    },
}

/// An attempt that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Whose.
    pub tenant_id: TenantId,
    /// Of which delivery.
    pub delivery_id: DeliveryId,
    /// Which attempt, counted from 1.
    pub attempt: u32,
    /// When.
    pub due_at: Timestamp,
}

/// What a message asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// To make deliveries.
    Expand(Departure),
    /// To try one.
    Attempt(Due),
}

impl OutboxMessage {
    /// What it asks for; `None` where the message is not one of ours.
    pub fn task(&self) -> Option<Task> {
        match self {
            Self::Pending { tenant_id, at, moment } => Some(Task::Expand(Departure {
                tenant_id: TenantId::parse(tenant_id)?,
                at: Timestamp::parse_rfc3339(at)?,
                moment: *moment,
            })),
            Self::Delivery { tenant_id, delivery_id, attempt, due_at } => Some(Task::Attempt(Due {
                tenant_id: TenantId::parse(tenant_id)?,
                delivery_id: DeliveryId::parse(delivery_id)?,
                attempt: *attempt,
                due_at: Timestamp::parse_rfc3339(due_at)?,
            })),
        }
    }
}

impl From<Departure> for OutboxMessage {
    fn from(Departure { tenant_id, at, moment }: Departure) -> Self {
        Self::Pending { tenant_id: tenant_id.to_string(), at: at.to_string(), moment }
    }
}

impl From<Due> for OutboxMessage {
    fn from(Due { tenant_id, delivery_id, attempt, due_at }: Due) -> Self {
        let (tenant_id, delivery_id) = (tenant_id.to_string(), delivery_id.to_string());
        Self::Delivery { tenant_id, delivery_id, attempt, due_at: due_at.to_string() }
    }
}

/// The way to the dispatcher. What stands in the table counts: a message only makes it soon, so where one cannot be sent
/// that is logged, and the sweeper sends it later.
#[derive(Debug, Clone)]
pub struct Outbox {
    queue: Option<Queue<OutboxMessage>>,
}

impl Outbox {
    /// Over a queue. Without one nothing leaves, and all that should stays in the table.
    pub fn new(queue: Option<Queue<OutboxMessage>>) -> Self {
        Self { queue }
    }

    /// Where messages end that nothing can be done with; none without a queue.
    pub fn dead_letters(&self) -> Option<DeadLetters> {
        self.queue.as_ref().map(Queue::dead_letters)
    }

    /// How full the queue is; `None` where there is none. Two round trips.
    pub async fn depth(&self) -> Option<Result<Depth, QueueError>> {
        match &self.queue {
            Some(queue) => Some(Box::pin(queue.depth()).await),
            None => None,
        }
    }

    /// Asks for all of these at once; gives how many could not be asked for.
    pub async fn ask(&self, messages: impl IntoIterator<Item = OutboxMessage>) -> usize {
        let Some(queue) = &self.queue else { return messages.into_iter().count() };
        let unsent = queue.send_all(messages).await;
        if let Some(first) = unsent.first() {
            tracing::warn!(unsent = unsent.len(), error = %first.error, "left for the sweeper of the outbox");
        }
        unsent.len()
    }

    /// Asks for an attempt when it is due.
    pub async fn ask_later(&self, due: Due, now: Timestamp) {
        if let Err(error) = self.hold(due, now).await {
            tracing::warn!(%error, "left for the sweeper of the outbox");
        }
    }

    /// The same, where whoever asks has to know that it was done.
    pub async fn hold(&self, due: Due, now: Timestamp) -> Result<(), QueueError> {
        let Some(queue) = &self.queue else { return Ok(()) };
        queue.send_after(&due.into(), hop_seconds(now, due.due_at)).await
    }
}
