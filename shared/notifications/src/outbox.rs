//! The outbox of a user: what it was notified of, newest first.

use std::collections::HashMap;

use bespin_access::TenantAccess;
use bespin_primitives::Date;
use bespin_table::{
    Change, CommitError, Condition, CorruptItem, Cursor, Item, Key, Query, Range, Table, TableError,
    Transaction, keys,
};
use serde_json::Value;

use crate::{
    Notification, NotificationType, Status,
    notification::{Envelope, payload},
    tell::EARLIER,
};

/// How many notifications one page looks at to find those of one status.
pub const MAX_EXAMINED: usize = 5_000;

/// How many are asked of the store at a time when most of them may not be wanted.
const STORE_PAGE: usize = 1_000;

/// How much the payloads of one page may have together, so that an answer stays below what goes through the front
/// door (6 MB). A page has one notification at least.
const MAX_PAYLOAD_BYTES: usize = 4_000_000;

/// How many payloads are read at a time: what one batched read takes.
const PAYLOADS_TOGETHER: usize = 100;

/// Notifications, by way of the table.
#[derive(Debug, Clone)]
pub struct Notifications {
    pub(crate) table: Table,
}

/// Which of the caller's notifications, and which page of them.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// Only those about one date.
    pub date: Option<Date>,
    /// Only those of one status.
    pub status: Option<Status>,
    /// At most so many, at least 1.
    pub limit: usize,
    /// Continues behind the page that gave this cursor.
    pub after: Option<Cursor>,
}

impl Listing {
    /// The rows it is about, for reading a cursor.
    pub fn range(access: &TenantAccess) -> Range {
        keys::outbox(access.tenant_id(), access.user_id())
    }
}

/// What notifications of a type and date say, with the size of it as text.
type Payloads = HashMap<(NotificationType, Date), (Value, usize)>;

/// A page of rows, and where the next page starts.
type Page = (Vec<Envelope>, Option<Cursor>);

impl Notifications {
    /// Over `table`.
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// The caller's own newest notifications, whatever their status; at most `limit`. Two round trips.
    pub async fn newest(&self, access: &TenantAccess, limit: usize) -> Result<Vec<Notification>, TableError> {
        let listing = Listing { limit, ..Listing::default() };
        Ok(self.list(access, listing).await?.0)
    }

    /// A page of the caller's own notifications, newest first, and where the next page starts.
    ///
    /// Those of one date are found by their marks, whatever the number of others. A page of one status looks at no more
    /// than [`MAX_EXAMINED`] notifications, so it may hold fewer than asked for, even none, and still lead on; so
    /// may one whose payloads are large.
    pub async fn list(
        &self,
        access: &TenantAccess,
        listing: Listing,
    ) -> Result<(Vec<Notification>, Option<Cursor>), TableError> {
        let (envelopes, next) = match listing.date {
            Some(date) => (self.of_date(access, date, &listing).await?, None),
            None => self.page(access, &listing).await?,
        };
        let mut bytes = 0;
        let mut notifications: Vec<Notification> = Vec::with_capacity(envelopes.len());
        // What goes beyond the page is not even read, but for the last batch.
        for some in envelopes.chunks(PAYLOADS_TOGETHER) {
            let payloads = self.payloads(access, some).await?;
            for envelope in some {
                let (payload, size) = said(access, envelope, &payloads)?;
                bytes += size;
                if let Some(last) = notifications.last().filter(|_| bytes > MAX_PAYLOAD_BYTES) {
                    let key = keys::notification(access.tenant_id(), access.user_id(), last.id);
                    return Ok((notifications, Some(Cursor::behind(&key))));
                }
                notifications.push(envelope.with(payload));
            }
        }
        Ok((notifications, next))
    }

    /// At most one of most types, whatever the number of notifications.
    async fn of_date(
        &self,
        access: &TenantAccess,
        date: Date,
        listing: &Listing,
    ) -> Result<Vec<Envelope>, TableError> {
        let (tenant_id, user_id) = (access.tenant_id(), access.user_id());
        let marks =
            NotificationType::ALL.map(|kind| keys::notified_once(tenant_id, user_id, kind.name(), date));
        let marks = self.table.get_all(&marks).await?;
        let ids = marks.values().map(marked).collect::<Result<Vec<_>, _>>()?;
        let rows: Vec<Key> =
            ids.into_iter().flatten().map(|id| keys::notification(tenant_id, user_id, id)).collect();
        let rows = self.table.get_all(&rows).await?;
        let mut found = rows.values().map(Envelope::read).collect::<Result<Vec<_>, _>>()?;
        found.retain(|envelope| listing.status.is_none_or(|status| status == envelope.status));
        found.sort_by_key(|envelope| std::cmp::Reverse(envelope.id));
        found.truncate(listing.limit);
        Ok(found)
    }

    async fn page(&self, access: &TenantAccess, listing: &Listing) -> Result<Page, TableError> {
        let Listing { status, limit, .. } = *listing;
        let mut after = listing.after.clone();
        let mut found = Vec::new();
        let mut left = MAX_EXAMINED;
        loop {
            let page_limit = if status.is_some() { left.min(STORE_PAGE) } else { limit };
            let query = Query::of(Listing::range(access)).newest_first().limit(page_limit).after(after);
            let page = self.table.query(query).await?;
            left = left.saturating_sub(page.items.len());
            for (number, item) in page.items.iter().enumerate() {
                let envelope = Envelope::read(item)?;
                if status.is_none_or(|status| status == envelope.status) {
                    found.push(envelope);
                }
                let more = number + 1 < page.items.len() || page.next.is_some();
                if found.len() == limit {
                    return Ok((found, more.then(|| Cursor::behind(&item.key()))));
                }
            }
            after = page.next;
            if after.is_none() || left == 0 {
                return Ok((found, after));
            }
        }
    }

    /// What notifications say that do not say it themselves, with the size of it as text. One round trip for each
    /// hundred dates, and none where there is no such notification.
    async fn payloads(&self, access: &TenantAccess, envelopes: &[Envelope]) -> Result<Payloads, TableError> {
        let elsewhere = envelopes.iter().filter(|envelope| envelope.own_words.is_none());
        let mut wanted: Vec<_> = elsewhere.map(about).collect();
        wanted.sort_by_key(|(kind, date)| (kind.name(), *date));
        wanted.dedup();
        let key =
            |(kind, date): (NotificationType, Date)| keys::notice(access.tenant_id(), kind.name(), date);
        let rows: Vec<Key> = wanted.iter().copied().map(key).collect();
        let rows = self.table.get_all(&rows).await?;
        let read = |about| {
            let row = rows.get(&key(about)).ok_or_else(|| Item::new(key(about)).corrupt("payload"))?;
            let size = row.get::<String>("payload")?.len();
            Ok((about, (payload(row)?, size)))
        };
        wanted.into_iter().map(read).collect()
    }

    /// Notes that the caller has seen one of its own notifications, and gives it; `None` where it has none of this id.
    /// Three round trips, two where it was noted before.
    pub async fn acknowledge(
        &self,
        access: &TenantAccess,
        id: u64,
    ) -> Result<Option<Notification>, TableError> {
        if id > keys::MAX_NOTIFICATION_ID {
            return Ok(None);
        }
        let key = keys::notification(access.tenant_id(), access.user_id(), id);
        let Some(row) = self.table.get(key.clone()).await? else { return Ok(None) };
        let envelope = Envelope::read(&row)?;
        let payloads = self.payloads(access, std::slice::from_ref(&envelope)).await?;
        let (payload, _) = said(access, &envelope, &payloads)?;
        if envelope.status != Status::Acked {
            let mut transaction = Transaction::new();
            let acked = Change::default().set("status", &Status::Acked.name().to_owned());
            transaction.update(key, acked, Condition::present());
            match self.table.commit(transaction).await {
                Ok(()) => {}
                Err(CommitError::Table(error)) => return Err(error),
                Err(CommitError::Refused(_)) => return Ok(None),
            }
        }
        Ok(Some(Envelope { status: Status::Acked, ..envelope }.with(payload)))
    }
}

/// What a notification says, with the size of it as text.
fn said(
    access: &TenantAccess,
    envelope: &Envelope,
    payloads: &Payloads,
) -> Result<(Value, usize), CorruptItem> {
    let key = keys::notification(access.tenant_id(), access.user_id(), envelope.id);
    let said = match &envelope.own_words {
        Some(words) => serde_json::from_str(words).ok().map(|payload| (payload, words.len())),
        None => payloads.get(&about(envelope)).cloned(),
    };
    said.ok_or_else(|| Item::new(key).corrupt("payload"))
}

/// The ids of the notifications that a mark of a type and date stands for.
fn marked(mark: &Item) -> Result<Vec<u64>, CorruptItem> {
    let mut ids = vec![mark.get("id")?];
    for id in mark.get_some::<Vec<String>>(EARLIER)?.unwrap_or_default() {
        ids.push(id.parse().map_err(|_| mark.corrupt(EARLIER))?);
    }
    Ok(ids)
}

/// What a notification is about, which is what it says unless it has words of its own.
fn about(envelope: &Envelope) -> (NotificationType, Date) {
    (envelope.notification_type, envelope.date)
}
