//! Reads for who looks at a tenant from outside: the operator.

use bespin_access::TenantScope;
use bespin_primitives::{Timestamp, UserId};
use bespin_table::{Cursor, Query, TableError, keys};

use crate::{Notifications, Prefs, notification::Envelope};

/// The preferences that a user saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedPrefs {
    /// Whose.
    pub user_id: UserId,
    /// What they are now.
    pub prefs: Prefs,
    /// When they were saved last.
    pub updated_at: Timestamp,
    /// Where they stand among those of the tenant.
    pub place: Cursor,
}

impl Notifications {
    /// A page of the preferences of those of a tenant's users who ever saved any, newest user first, and where the next
    /// page starts. One round trip.
    pub async fn saved_prefs(
        &self,
        tenant: &impl TenantScope,
        limit: usize,
        after: Option<Cursor>,
    ) -> Result<(Vec<SavedPrefs>, Option<Cursor>), TableError> {
        let range = keys::notification_prefs_by_creation(tenant.tenant_id());
        let page = self.table.query(Query::of(range).newest_first().limit(limit).after(after)).await?;
        let read = |item: &bespin_table::Item| {
            let (user_id, updated_at) = (item.get("user_id")?, item.get("updated_at")?);
            Ok(SavedPrefs {
                user_id,
                prefs: Prefs::read(item)?,
                updated_at,
                place: Cursor::behind(&item.key()),
            })
        };
        Ok((page.items.iter().map(read).collect::<Result<_, TableError>>()?, page.next))
    }

    /// A page of the notifications of one of a tenant's users, newest first, and where the next page starts: without what
    /// they say. One round trip.
    pub async fn outbox_of(
        &self,
        tenant: &impl TenantScope,
        user_id: UserId,
        limit: usize,
        after: Option<Cursor>,
    ) -> Result<(Vec<Envelope>, Option<Cursor>), TableError> {
        let range = keys::outbox(tenant.tenant_id(), user_id);
        let page = self.table.query(Query::of(range).newest_first().limit(limit).after(after)).await?;
        Ok((page.items.iter().map(Envelope::read).collect::<Result<_, _>>()?, page.next))
    }
}
