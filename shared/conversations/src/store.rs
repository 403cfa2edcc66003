//! Reads and writes of conversations.

use bespin_access::{TenantAccess, TenantScope};
use bespin_primitives::{ConversationId, UserId};
use bespin_table::{
    Condition, Cursor, Item, Page, Query, Range, Row, Slot, StoredText, Table, TableError, Transaction, keys,
};

use crate::{Conversation, Exchange};

/// How many messages one page of a conversation has at most.
pub const MAX_MESSAGES: usize = 1_000;

/// How many exchanges are asked of the store at a time.
const STORE_PAGE: usize = 50;

/// How long the answers of one page may be together, so that what goes back stays below what passes the front door
/// (6 MB). A page has one exchange at least.
const MAX_REPLY_BYTES: usize = 3_000_000;

/// Conversations, by way of the table.
#[derive(Debug, Clone)]
pub struct Conversations {
    table: Table,
}

/// Which of the caller's conversations a list shows.
#[derive(Debug, Clone)]
pub struct Listing {
    /// At most so many.
    pub limit: usize,
    /// So many of the newest are left out.
    pub offset: usize,
    /// Continues behind this place; `offset` counts from there.
    pub after: Option<Cursor>,
}

impl Conversations {
    /// Over `table`.
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// Adds to `transaction` the rows of a new conversation of the caller.
    pub fn begin(&self, transaction: &mut Transaction, access: &TenantAccess, conversation: &Conversation) {
        let (tenant, user) = (access.tenant_id(), access.user_id());
        let Conversation { id, created_at, .. } = *conversation;
        transaction.put(conversation.at(keys::conversation(tenant, user, id)), Condition::absent());
        let place = keys::conversation_by_creation(tenant, user, created_at, id);
        transaction.put(conversation.at(place), Condition::absent());
    }

    /// Lets `transaction` stand only if the caller has this conversation. The slot is that condition's.
    pub fn check(&self, transaction: &mut Transaction, access: &TenantAccess, id: ConversationId) -> Slot {
        let key = keys::conversation(access.tenant_id(), access.user_id(), id);
        transaction.check(key, Condition::present())
    }

    /// Adds an exchange to `transaction`. An answer too large for a row is written in pieces with it.
    pub async fn say(
        &self,
        transaction: &mut Transaction,
        access: &TenantAccess,
        id: ConversationId,
        exchange: &Exchange,
    ) -> Result<(), TableError> {
        let tenant = access.tenant_id();
        let reply = exchange.reply.text();
        let reply = self.table.put_text(transaction, tenant, &exchange.reply_id.to_string(), reply).await?;
        let mut row = Item::new(keys::exchange(tenant, id, exchange.created_at, exchange.question_id));
        exchange.write(&reply, &mut row);
        transaction.put(row, Condition::absent());
        Ok(())
    }

    /// One of the caller's conversations. One round trip.
    pub async fn find(
        &self,
        access: &TenantAccess,
        id: ConversationId,
    ) -> Result<Option<Conversation>, TableError> {
        let key = keys::conversation(access.tenant_id(), access.user_id(), id);
        let row = self.table.get(key).await?;
        Ok(row.as_ref().map(Conversation::read).transpose()?)
    }

    /// Where the cursors of a list point into.
    pub fn listing_range(&self, access: &TenantAccess) -> Range {
        keys::conversations_by_creation(access.tenant_id(), access.user_id())
    }

    /// A page of the caller's conversations, newest first, and where the next page starts.
    pub async fn list(
        &self,
        access: &TenantAccess,
        listing: Listing,
    ) -> Result<(Vec<Conversation>, Option<Cursor>), TableError> {
        let Listing { limit, offset, after } = listing;
        let query = Query::of(self.listing_range(access)).newest_first();
        let Page { items, next } =
            self.table.query(query.limit(offset.saturating_add(limit)).after(after)).await?;
        let conversations = items.iter().skip(offset).map(Conversation::read).collect::<Result<_, _>>()?;
        Ok((conversations, next))
    }

    /// A page of the conversations of one of a tenant's users, newest first, and where the next page starts.
    pub async fn of_user(
        &self,
        tenant: &impl TenantScope,
        user_id: UserId,
        limit: usize,
        after: Option<Cursor>,
    ) -> Result<(Vec<Conversation>, Option<Cursor>), TableError> {
        let range = keys::conversations_by_creation(tenant.tenant_id(), user_id);
        let page = self.table.query(Query::of(range).newest_first().limit(limit).after(after)).await?;
        Ok((page.items.iter().map(Conversation::read).collect::<Result<_, _>>()?, page.next))
    }

    /// A page of exchanges of one of a tenant's conversations, newest first, and where the next page starts. One round
    /// trip, and one for each answer that is too large for its row.
    pub async fn newest_exchanges(
        &self,
        tenant: &impl TenantScope,
        id: ConversationId,
        limit: usize,
        after: Option<Cursor>,
    ) -> Result<(Vec<Exchange>, Option<Cursor>), TableError> {
        let range = keys::exchanges(tenant.tenant_id(), id);
        let page = self.table.query(Query::of(range).newest_first().limit(limit).after(after)).await?;
        let mut exchanges = Vec::with_capacity(page.items.len());
        for item in &page.items {
            let reply = self.table.whole_text(tenant.tenant_id(), StoredText::read(item)?).await?;
            exchanges.push(Exchange::read(item, &reply)?);
        }
        Ok((exchanges, page.next))
    }

    /// Where the cursors of a conversation's messages point into.
    pub fn messages_range(&self, access: &TenantAccess, id: ConversationId) -> Range {
        keys::exchanges(access.tenant_id(), id)
    }

    /// A page of exchanges of a conversation that was found, oldest first, and where the next page starts: at most
    /// [`MAX_MESSAGES`] messages, fewer where answers are long.
    pub async fn exchanges(
        &self,
        access: &TenantAccess,
        id: ConversationId,
        mut after: Option<Cursor>,
    ) -> Result<(Vec<Exchange>, Option<Cursor>), TableError> {
        let (mut exchanges, mut bytes) = (Vec::new(), 0);
        loop {
            let query = Query::of(self.messages_range(access, id)).limit(STORE_PAGE).after(after);
            let page = self.table.query(query).await?;
            for (number, item) in page.items.iter().enumerate() {
                let reply = self.table.whole_text(access.tenant_id(), StoredText::read(item)?).await?;
                bytes += reply.len();
                exchanges.push(Exchange::read(item, &reply)?);
                let more = number + 1 < page.items.len() || page.next.is_some();
                if 2 * exchanges.len() >= MAX_MESSAGES || bytes >= MAX_REPLY_BYTES {
                    return Ok((exchanges, more.then(|| Cursor::behind(&item.key()))));
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok((exchanges, None));
            }
        }
    }
}
