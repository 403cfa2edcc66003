//! What is kept under clients' keys, for the operator to look at.

use bespin_primitives::{RequestId, TenantId, Timestamp};
use bespin_table::{Item, Key, Table, TableError, keys};

/// An idempotency key that was used, without the answer that is kept under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptKey {
    /// Whose it is.
    pub tenant_id: TenantId,
    /// Where it was used and what it says; none where the answer is sealed, because such a key opens a secret.
    pub used: Option<(String, String)>,
    /// The request that was answered; none where the answer is sealed.
    pub request_id: Option<RequestId>,
    /// When.
    pub created_at: Timestamp,
    /// When it is free again.
    pub expires_at: Option<Timestamp>,
}

impl KeptKey {
    /// Looks at so many items of the whole table, in no order, and gives the keys among them, each with the item's place
    /// in [`keys::everything`]; also the place of the last item, unless it was the end.
    ///
    /// Nothing lists the keys of a tenant: an index would cost a write with each call. So this is for a store on one's
    /// own machine ([`Table::scan`]).
    pub async fn scan(
        table: &Table,
        items: usize,
        after: Option<Key>,
    ) -> Result<(Vec<(Self, Key)>, Option<Key>), TableError> {
        let (found, last) = table.scan(items, after).await?;
        let kept = found.iter().filter_map(|item| Some((keys::tenant_of_idempotency(item.pk())?, item)));
        let read = |(tenant_id, item): (TenantId, &Item)| Ok((Self::read(tenant_id, item)?, item.key()));
        Ok((kept.map(read).collect::<Result<_, TableError>>()?, last))
    }

    fn read(tenant_id: TenantId, item: &Item) -> Result<Self, TableError> {
        let (endpoint, key): (Option<String>, Option<String>) =
            (item.get_some("endpoint")?, item.get_some("key")?);
        Ok(Self {
            tenant_id,
            used: endpoint.zip(key),
            request_id: item.get_some("request_id")?,
            created_at: item.get("created_at")?,
            expires_at: item.get_some::<i64>("expires_at")?.and_then(Timestamp::from_epoch_seconds),
        })
    }
}
