//! What is kept of an API key.

use bespin_primitives::{ApiKeyId, Date, TenantId, Timestamp, UserId};
use bespin_table::{Change, Condition, CorruptItem, Item, Row, Transaction, keys};
use serde_json::{Value, json};

use crate::KeyHash;

/// One API key of a tenant, as the table has it: everything but the key itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Its id, by which it is named once it was shown.
    pub id: ApiKeyId,
    /// What recognises it.
    pub hash: KeyHash,
    /// For people: 1 to 255 characters.
    pub name: Option<String>,
    /// How the key begins, by which people tell their keys apart.
    pub prefix: String,
    /// The one user it is good for; `None` is good for every user of the tenant.
    pub user_id: Option<UserId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The last UTC day on which somebody was let in with it.
    pub last_used_on: Option<Date>,
    /// From when on it opens nothing, in whole seconds; `None` is good until it is revoked.
    pub expires_at: Option<Timestamp>,
}

impl StoredKey {
    /// Whether it opens anything at a moment. The end is exclusive: from `expires_at` on it does not.
    pub fn is_good_at(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now.epoch_seconds() < end.epoch_seconds())
    }

    /// Whether `user_id` may show it.
    pub fn is_for(&self, user_id: UserId) -> bool {
        self.user_id.is_none_or(|only| only == user_id)
    }

    /// Adds to `transaction` the rows of a new key: its own, and the one that finds its tenant.
    pub fn put(&self, transaction: &mut Transaction, tenant_id: TenantId) {
        transaction.put(self.at(keys::api_key(tenant_id, self.hash.as_str())), Condition::absent());
        transaction.put(self.owner(tenant_id), Condition::absent());
    }

    /// Adds to `transaction` that the key opens nothing from `end` on.
    pub fn end(&self, transaction: &mut Transaction, tenant_id: TenantId, end: Timestamp) {
        let row = keys::api_key(tenant_id, self.hash.as_str());
        let change = Change::default().set("expires_at", &end.epoch_seconds());
        transaction.update(row, change, Condition::present());
        let owner = self.owner(tenant_id).with("expires_at", &end.epoch_seconds());
        transaction.put(owner, Condition::default());
    }

    /// Adds to `transaction` that the key is gone.
    pub fn delete(&self, transaction: &mut Transaction, tenant_id: TenantId) {
        transaction.delete(keys::api_key(tenant_id, self.hash.as_str()), Condition::present());
        transaction.delete(keys::api_key_owner(self.hash.as_str()), Condition::default());
    }

    fn owner(&self, tenant_id: TenantId) -> Item {
        let mut owner = Item::new(keys::api_key_owner(self.hash.as_str())).with("tenant_id", &tenant_id);
        owner.set_some("user_id", self.user_id.as_ref());
        owner
    }

    /// As the API shows it.
    pub fn view(&self) -> Value {
        json!({
            "key_id": self.id, "name": self.name, "prefix": self.prefix, "user_id": self.user_id,
            "created_at": self.created_at, "last_used_on": self.last_used_on.map(|day| day.to_string()),
            "expires_at": self.expires_at,
        })
    }
}

impl Row for StoredKey {
    fn write(&self, item: &mut Item) {
        item.set("key_id", &self.id);
        item.set("hash", &self.hash.as_str().to_owned());
        item.set_some("name", self.name.as_ref());
        item.set("fingerprint", &self.prefix);
        item.set_some("user_id", self.user_id.as_ref());
        item.set("created_at", &self.created_at);
        item.set_some("last_used_on", self.last_used_on.as_ref());
        item.set_some("expires_at", self.expires_at.map(Timestamp::epoch_seconds).as_ref());
    }

    fn read(item: &Item) -> Result<Self, CorruptItem> {
        let expires_at = item
            .get_some::<i64>("expires_at")?
            .map(|seconds| Timestamp::from_epoch_seconds(seconds).ok_or_else(|| item.corrupt("expires_at")));
        Ok(Self {
            id: item.get("key_id")?,
            hash: KeyHash::stored(item.get("hash")?),
            name: item.get_some("name")?,
            prefix: item.get("fingerprint")?,
            user_id: item.get_some("user_id")?,
            created_at: item.get("created_at")?,
            last_used_on: item.get_some("last_used_on")?,
            expires_at: expires_at.transpose()?,
        })
    }
}
