//! Reads and writes of API keys.

use std::sync::Arc;

use bespin_access::{Access, ApiKey, OperatedTenant, StoredKey, TenantAccess, TenantScope};
use bespin_audit::{Author, Changed};
use bespin_primitives::{TenantId, Timestamp, UserId};
use bespin_recording::SealedClaim;
use bespin_table::{Change, CommitError, Condition, Item, Query, Row, Table, TableError, Transaction, keys};
use serde_json::{Value, json};

use crate::ApiKeyError;

/// How many good keys a tenant has at most, so that a list of them needs no pages.
pub const MAX_KEYS: usize = 100;

/// How often a change is made anew because another one of the same tenant's keys was faster.
const ATTEMPTS: usize = 32;

/// A key that shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// For people: 1 to 255 characters.
    pub name: Option<String>,
    /// The id of the only user it is good for, as sent; `None` is good for all of the tenant.
    pub user_id: Option<String>,
}

/// A key that shall be replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// The id of the old key, as sent.
    pub key_id: String,
    /// For how long the old key stays good beside the new one; 0 ends it at once.
    pub overlap_seconds: u32,
}

/// API keys, by way of the table.
#[derive(Debug, Clone)]
pub struct ApiKeys {
    table: Table,
    access: Arc<Access>,
}

/// A tenant's keys at one moment, and what must still be so when a change of them is written.
struct Keyring {
    /// Good ones only, oldest first.
    good: Vec<StoredKey>,
    version: u64,
}

/// What a change comes to.
struct Planned {
    transaction: Transaction,
    changed: Changed,
    /// What the client is shown.
    answer: Value,
}

impl ApiKeys {
    /// Over `table`; keys are made by `access`, which also forgets what it remembers when they change.
    pub fn new(table: Table, access: Arc<Access>) -> Self {
        Self { table, access }
    }

    /// The good keys of a tenant, oldest first. One query.
    pub async fn list(
        &self,
        tenant: &impl TenantScope,
        now: Timestamp,
    ) -> Result<Vec<StoredKey>, TableError> {
        let rows = self.table.query_whole(Query::of(keys::api_keys(tenant.tenant_id()))).await?;
        let mut good = rows.iter().map(StoredKey::read).collect::<Result<Vec<_>, _>>()?;
        good.retain(|key| key.is_good_at(now));
        good.sort_by_key(|key| (key.created_at, key.id));
        Ok(good)
    }

    /// Makes a key. Gives the answer that shows it, which is the first one where the claimed key was used before.
    pub async fn create(
        &self,
        author: &Author<'_>,
        tenant: &impl TenantScope,
        order: &NewKey,
        claim: Option<&SealedClaim>,
    ) -> Result<String, ApiKeyError> {
        let tenant_id = tenant.tenant_id();
        let user_id = self.bound_user(tenant_id, order).await?;
        let plan = |keyring: &Keyring| {
            keyring.room_for_one()?;
            let (api_key, stored) = self.access.new_key(order.name.clone(), user_id, author.now);
            let mut transaction = Transaction::new();
            stored.put(&mut transaction, tenant_id);
            let changed = changed("api_key.create", tenant_id, &stored, Value::Null, stored.view());
            Ok(Planned { transaction, changed, answer: shown(&stored, &api_key) })
        };
        self.change(author, tenant, claim, plan).await
    }

    /// Makes a key in place of another one, of the same name and for the same user. The old one stays good for a
    /// while; an end that it has already is not put off. Gives the answer that shows the new one.
    pub async fn rotate(
        &self,
        author: &Author<'_>,
        tenant: &impl TenantScope,
        order: &Rotation,
        claim: Option<&SealedClaim>,
    ) -> Result<String, ApiKeyError> {
        let tenant_id = tenant.tenant_id();
        let plan = |keyring: &Keyring| {
            let old = keyring.find(&order.key_id)?;
            if order.overlap_seconds > 0 {
                keyring.room_for_one()?;
            }
            let (api_key, stored) = self.access.new_key(old.name.clone(), old.user_id, author.now);
            let mut transaction = Transaction::new();
            stored.put(&mut transaction, tenant_id);
            let end = author.now.plus_seconds(order.overlap_seconds.into());
            let end = old.expires_at.map_or(end, |earlier| earlier.min(end));
            if order.overlap_seconds == 0 {
                old.delete(&mut transaction, tenant_id);
            } else {
                old.end(&mut transaction, tenant_id, end);
            }
            let changed = changed("api_key.rotate", tenant_id, &stored, old.view(), stored.view());
            let mut answer = shown(&stored, &api_key);
            let end = Timestamp::from_epoch_seconds(end.epoch_seconds());
            answer["replaces"] = json!({"key_id": old.id, "expires_at": end});
            Ok(Planned { transaction, changed, answer })
        };
        self.change(author, tenant, claim, plan).await
    }

    /// Takes back a key of the caller's tenant, which keeps at least one without an end. Gives the key as it was.
    pub async fn revoke(
        &self,
        author: &Author<'_>,
        tenant: &TenantAccess,
        key_id: &str,
    ) -> Result<String, ApiKeyError> {
        self.take_back(author, tenant, key_id, Keyring::lasts_without).await
    }

    /// Takes back any key of a tenant, for the operator, who can also give it a new one. Gives the key as it was.
    pub async fn revoke_any(
        &self,
        author: &Author<'_>,
        tenant: &OperatedTenant,
        key_id: &str,
    ) -> Result<String, ApiKeyError> {
        self.take_back(author, tenant, key_id, |_, _| Ok(())).await
    }

    async fn take_back(
        &self,
        author: &Author<'_>,
        tenant: &impl TenantScope,
        key_id: &str,
        allowed: impl Fn(&Keyring, &StoredKey) -> Result<(), ApiKeyError>,
    ) -> Result<String, ApiKeyError> {
        let tenant_id = tenant.tenant_id();
        let plan = |keyring: &Keyring| {
            let key = keyring.find(key_id)?;
            allowed(keyring, key)?;
            let mut transaction = Transaction::new();
            key.delete(&mut transaction, tenant_id);
            let changed = changed("api_key.revoke", tenant_id, key, key.view(), Value::Null);
            Ok(Planned { transaction, changed, answer: key.view() })
        };
        self.change(author, tenant, None, plan).await
    }

    /// The user that a new key is bound to, who must be one of the tenant. Users are never removed.
    async fn bound_user(&self, tenant_id: TenantId, order: &NewKey) -> Result<Option<UserId>, ApiKeyError> {
        let Some(sent) = &order.user_id else { return Ok(None) };
        let user_id = UserId::parse(sent);
        let known = match user_id {
            Some(user_id) => self.table.get(keys::user(tenant_id, user_id)).await?.is_some(),
            None => false,
        };
        if known { Ok(user_id) } else { Err(ApiKeyError::UserNotFound { user_id: sent.clone() }) }
    }

    /// Makes a change from the keys that are there when it is written, together with its audit entry and the answer
    /// kept under the client's key.
    async fn change(
        &self,
        author: &Author<'_>,
        tenant: &impl TenantScope,
        claim: Option<&SealedClaim>,
        plan: impl Fn(&Keyring) -> Result<Planned, ApiKeyError>,
    ) -> Result<String, ApiKeyError> {
        let tenant_id = tenant.tenant_id();
        for _ in 0..ATTEMPTS {
            let (version, record) = self.look(tenant_id, claim).await?;
            if let Some(claim) = claim
                && let Some(answer) = claim.replay(record.as_ref(), author.now)?
            {
                return Ok(answer);
            }
            // The version is read first: keys that change after it make the change refused, never wrong.
            let keyring = Keyring { good: self.list(tenant, author.now).await?, version };
            let Planned { mut transaction, changed, answer } = plan(&keyring)?;
            let answer = answer.to_string();
            keyring.lock(&mut transaction, tenant_id);
            author.post(&mut transaction, changed);
            if let Some(claim) = claim {
                claim.keep(&mut transaction, &answer, author.random, author.now);
            }
            let committed = self.table.commit(transaction).await;
            // A change whose answer was lost may be stored all the same: what is remembered goes in any case.
            self.access.forget(tenant_id);
            match committed {
                Ok(()) => return Ok(answer),
                Err(CommitError::Refused(_)) => {}
                Err(CommitError::Table(error)) => return Err(error.into()),
            }
        }
        Err(TableError::Contended.into())
    }

    /// The version of a tenant's keys, and the record of the client's key.
    async fn look(
        &self,
        tenant_id: TenantId,
        claim: Option<&SealedClaim>,
    ) -> Result<(u64, Option<Item>), ApiKeyError> {
        let (tenant, keyring) = (keys::tenant(tenant_id), keys::keyring(tenant_id));
        let mut wanted = vec![tenant.clone(), keyring.clone()];
        wanted.extend(claim.map(SealedClaim::row));
        let mut found = self.table.get_all(&wanted).await?;
        if !found.contains_key(&tenant) {
            return Err(ApiKeyError::TenantNotFound { tenant_id: tenant_id.to_string() });
        }
        let version = match found.get(&keyring) {
            Some(row) => row.get("version").map_err(TableError::from)?,
            None => 0,
        };
        Ok((version, claim.and_then(|claim| found.remove(&claim.row()))))
    }
}

impl Keyring {
    fn find(&self, key_id: &str) -> Result<&StoredKey, ApiKeyError> {
        let found = self.good.iter().find(|key| key.id.to_string() == key_id);
        found.ok_or_else(|| ApiKeyError::NotFound { key_id: key_id.to_owned() })
    }

    fn room_for_one(&self) -> Result<(), ApiKeyError> {
        if self.good.len() < MAX_KEYS { Ok(()) } else { Err(ApiKeyError::TooMany) }
    }

    /// Without the last lasting key the tenant's admins would be locked out, now or later.
    fn lasts_without(&self, key: &StoredKey) -> Result<(), ApiKeyError> {
        let another = self.good.iter().any(|other| other.id != key.id && other.expires_at.is_none());
        if another { Ok(()) } else { Err(ApiKeyError::LastKey) }
    }

    /// Lets the transaction stand only if no other change came in between.
    fn lock(&self, transaction: &mut Transaction, tenant_id: TenantId) {
        let unchanged = match self.version {
            0 => Condition::absent(),
            version => Condition::present().and_equals("version", &version),
        };
        let change = Change::default().set("version", &(self.version + 1));
        transaction.update(keys::keyring(tenant_id), change, unchanged);
    }
}

/// The one answer that shows a key.
fn shown(stored: &StoredKey, api_key: &ApiKey) -> Value {
    let mut view = stored.view();
    view["api_key"] = json!(api_key.reveal());
    view
}

fn changed(
    action: &'static str,
    tenant_id: TenantId,
    key: &StoredKey,
    before: Value,
    after: Value,
) -> Changed {
    Changed { action, tenant_id: Some(tenant_id), subject: key.id.to_string(), before, after }
}
