//! Finding what no message tells any more. Messages are lost where a process dies between its transaction and the queue,
//! or the queue gives up; what the table says is still to be done is asked for again.

use bespin_notifications::Departure;
use bespin_primitives::Timestamp;
use bespin_table::{CorruptItem, Item, Query, Range, TableError, keys};
use futures::future::try_join_all;

use crate::{DeliveryId, Due, OutboxMessage, WebhookError, Webhooks};

/// For how long a message may be on its way before it counts as lost. One that was only late does no harm.
const LATE_SECONDS: i64 = 60;

/// How many of a partition one sweep asks for, the oldest first: what was asked for moves on when it is worked off, so
/// the next sweep finds the next ones, and a queue that is behind gets no flood on top.
const ASKED_FOR: usize = 200;

/// What a sweep found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Chunks of notifications that no delivery was made of.
    pub pending: usize,
    /// Deliveries that were due.
    pub due: usize,
    /// How many of both could not be asked for; the next sweep will.
    pub unsent: usize,
}

impl Webhooks {
    /// Asks for everything again that should have been done a minute ago. 32 queries, however much there is.
    pub async fn sweep(&self, now: Timestamp) -> Result<Swept, WebhookError> {
        let late = now.plus_seconds(-LATE_SECONDS);
        let pending = self.oldest(keys::outgoing_before(late)).await?;
        let due = self.oldest(keys::due_deliveries_before(late)).await?;
        let departures = pending.iter().map(|row| Departure::read(row).map(OutboxMessage::from));
        let attempts = due.iter().map(|row| read_due(row).map(OutboxMessage::from));
        // A row that nobody can read must not keep the others.
        let readable = |read: Result<OutboxMessage, CorruptItem>| {
            read.inspect_err(|error| tracing::error!(%error, "a row of the outbox cannot be read")).ok()
        };
        let messages: Vec<OutboxMessage> = departures.chain(attempts).filter_map(readable).collect();
        let unsent = self.outbox.ask(messages).await;
        Ok(Swept { pending: pending.len(), due: due.len(), unsent })
    }

    async fn oldest(&self, partitions: [Range; 16]) -> Result<Vec<Item>, TableError> {
        let oldest = |range: Range| self.table.query(Query::of(range).limit(ASKED_FOR));
        let pages = try_join_all(partitions.map(oldest)).await?;
        Ok(pages.into_iter().flat_map(|page| page.items).collect())
    }
}

fn read_due(row: &Item) -> Result<Due, CorruptItem> {
    Ok(Due {
        tenant_id: row.get("tenant_id")?,
        delivery_id: DeliveryId(row.get("delivery")?),
        attempt: row.get::<u32>("attempts")? + 1,
        due_at: row.get("due_at")?,
    })
}
