//! What was answered under a client's key.

use std::borrow::Cow;

use bespin_access::{TenantAccess, TenantScope};
use bespin_primitives::{RequestId, TenantId, Timestamp};
use bespin_table::{Condition, CorruptItem, Item, Key, Slot, StoredText, TableError, Transaction, keys};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::{Fingerprint, IdempotencyConflict};

/// For how long an answer is kept: seven days. After that the key is free again.
pub const KEPT_SECONDS: i64 = 7 * 86_400;

/// A client's key on one endpoint with one body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    tenant_id: TenantId,
    endpoint: Cow<'static, str>,
    key: String,
    fingerprint: Fingerprint,
}

impl Claim {
    /// The claim of a key. Users of a tenant share keys; tenants and endpoints do not (gateway.md 4).
    pub fn new(
        tenant: &impl TenantScope,
        endpoint: &'static str,
        key: &str,
        fingerprint: Fingerprint,
    ) -> Self {
        Self { tenant_id: tenant.tenant_id(), endpoint: endpoint.into(), key: key.to_owned(), fingerprint }
    }

    /// The claim of a key on an endpoint whose objects belong to one user: no two users share it, or one would be
    /// answered with what is another's.
    pub fn of_user(
        access: &TenantAccess,
        endpoint: &'static str,
        key: &str,
        fingerprint: Fingerprint,
    ) -> Self {
        let claim = Self::new(access, endpoint, key, fingerprint);
        Self { endpoint: Cow::Owned(format!("{endpoint}#{}", access.user_id())), ..claim }
    }

    /// Stands for endpoint and key: forty hexadecimal digits that do not tell the client's key.
    pub fn id(&self) -> String {
        hash(&self.endpoint, &self.key)
    }

    /// Puts the claim into the row of something that is longer under way than one request.
    pub fn write(&self, item: &mut Item) {
        item.set("tenant_id", &self.tenant_id);
        item.set("endpoint", &self.endpoint.clone().into_owned());
        item.set("key", &self.key);
        item.set("fingerprint", &self.fingerprint.to_bytes());
    }

    /// Reads back what [`Claim::write`] put there.
    pub fn read(item: &Item) -> Result<Self, CorruptItem> {
        let bytes: Vec<u8> = item.get("fingerprint")?;
        Ok(Self {
            tenant_id: item.get("tenant_id")?,
            endpoint: Cow::Owned(item.get("endpoint")?),
            key: item.get("key")?,
            fingerprint: Fingerprint::from_bytes(&bytes).ok_or_else(|| item.corrupt("fingerprint"))?,
        })
    }

    /// Refuses the key if what is under way under it was asked for with another body.
    pub fn agree(&self, under_way: &Self) -> Result<(), IdempotencyConflict> {
        if self.fingerprint == under_way.fingerprint {
            Ok(())
        } else {
            Err(IdempotencyConflict { key: self.key.clone() })
        }
    }

    /// The tenant whose key it is.
    pub fn tenant_id(&self) -> TenantId {
        self.tenant_id
    }

    /// Where its record stands.
    pub fn row(&self) -> Key {
        keys::idempotency(self.tenant_id, &self.id())
    }

    /// The record that keeps `answer` until seven days after `now`.
    pub(crate) fn record(&self, request_id: RequestId, answer: &StoredText, now: Timestamp) -> Item {
        let mut item = Item::new(self.row())
            .with("endpoint", &self.endpoint.clone().into_owned())
            .with("key", &self.key)
            .with("fingerprint", &self.fingerprint.to_bytes())
            .with("request_id", &request_id)
            .with("created_at", &now)
            .with("expires_at", &expiry(now).epoch_seconds());
        answer.write(&mut item);
        item
    }

    /// Adds to `transaction` the record that keeps `answer` for seven days, unless the key is taken. For what is not
    /// metered; the rest goes through the [`Recorder`](crate::Recorder).
    pub fn keep(
        &self,
        transaction: &mut Transaction,
        request_id: RequestId,
        answer: String,
        now: Timestamp,
    ) -> Slot {
        let record = self.record(request_id, &StoredText::InRow(answer), now);
        transaction.put(record, Condition::absent_or_expired(now))
    }

    /// What the key was used for before, if it still counts at `now`.
    pub fn earlier(&self, record: Option<&Item>, now: Timestamp) -> Result<Option<Earlier>, TableError> {
        let Some(record) = record.filter(|record| !record.is_expired_at(now)) else { return Ok(None) };
        let fingerprint: Vec<u8> = record.get("fingerprint")?;
        if fingerprint != self.fingerprint.to_bytes() {
            return Ok(Some(Earlier::OtherBody(IdempotencyConflict { key: self.key.clone() })));
        }
        Ok(Some(Earlier::Answered(StoredText::read(record)?)))
    }
}

/// When a record made at `now` ends.
pub(crate) fn expiry(now: Timestamp) -> Timestamp {
    now.plus_seconds(KEPT_SECONDS)
}

/// What a key was used for before.
#[derive(Debug, Clone)]
pub enum Earlier {
    /// The same request; here is its answer.
    Answered(StoredText),
    /// Another one.
    OtherBody(IdempotencyConflict),
}

/// Stands for endpoint and key in the row's key: of fixed length, and without telling the client's key.
pub(crate) fn hash(endpoint: &str, key: &str) -> String {
    let digest = Sha256::new().chain_update(endpoint).chain_update([0]).chain_update(key).finalize();
    HEXLOWER.encode(&digest[..20])
}
