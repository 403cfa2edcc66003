//! Reads and writes of tenants, users and keys.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bespin_primitives::{ApiKeyId, Cache, Clock, Random, TenantId, Timestamp, UserId, cache};
use bespin_table::{
    Change, CommitError, Condition, Item, Key, Query, RetryPolicy, Row, Table, TableError, Transaction, keys,
};

use crate::{
    AccessError, Action, ApiKey, Caller, Credentials, KeyHash, Pepper, Role, ServedTenant, StoredKey, Tenant,
    TenantAccess, User, caller::Profile,
};

/// For how long a caller's profile is believed: a change made by another process shows at the latest then.
pub const CACHED_SECONDS: i64 = 5;

/// How many callers are remembered; the least used are forgotten first.
const CACHED_CALLERS: usize = 10_000;

/// Who may do what. One for each process, shared by everything in it, so that a change made here shows in the
/// next call.
#[derive(Debug)]
pub struct Access {
    table: Table,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    pepper: Pepper,
    environment: String,
    callers: Cache<CallerKey, (Timestamp, Arc<Profile>)>,
    /// Callers who show nothing but a key.
    bearers: Cache<KeyHash, (Timestamp, Arc<Profile>)>,
    /// Counts changes: what was loaded before a change is not put into the cache after it.
    changes: AtomicU64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct CallerKey {
    tenant_id: TenantId,
    user_id: UserId,
    key_hash: KeyHash,
}

/// What a sign-up says.
#[derive(Debug, Clone)]
pub struct NewTenant {
    /// 1 to 255 characters.
    pub name: String,
    /// 1 to 50 characters.
    pub region: String,
    /// A valid address.
    pub admin_email: String,
}

/// What a sign-up makes.
#[derive(Debug)]
pub struct FoundedTenant {
    /// The tenant.
    pub tenant: Tenant,
    /// Its first admin.
    pub admin: User,
    /// Its first key, which nobody can show again.
    pub api_key: ApiKey,
}

impl Access {
    /// Access over `table`. Keys are hashed with `pepper` and carry `environment` (lower-case letters, digits).
    pub fn new(
        table: Table,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        pepper: Pepper,
        environment: String,
    ) -> Self {
        let (callers, bearers) = (cache(CACHED_CALLERS), cache(CACHED_CALLERS));
        Self { table, clock, random, pepper, environment, callers, bearers, changes: AtomicU64::new(0) }
    }

    /// The secret that hashes are keyed with.
    pub fn pepper(&self) -> &Pepper {
        &self.pepper
    }

    /// Proves tenant, key and user at the moment of a call, in this order. A warm caller costs no read, a cold one
    /// one round trip, and a key that is none of ours nothing. The first cold call with a key on a day costs one
    /// more, to note that day.
    pub async fn authenticate(
        &self,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<Caller, AccessError> {
        let tenant_id = TenantId::parse(&credentials.tenant_id).ok_or(AccessError::InvalidCredentials)?;
        let api_key = ApiKey::parse(&credentials.api_key).ok_or(AccessError::InvalidCredentials)?;
        let key_hash = api_key.hash(&self.pepper);
        let Some(user_id) = UserId::parse(&credentials.user_id) else {
            // No user has such an id; but who lacks the key must not learn even that.
            self.prove_key(tenant_id, &key_hash, now).await?;
            return Err(AccessError::UnknownUser);
        };
        let known_as = CallerKey { tenant_id, user_id, key_hash };
        if let Some(profile) = self.cached(&known_as) {
            // A key may come to its end while it is believed.
            let good = profile.key.as_ref().is_none_or(|key| key.is_good_at(now));
            return if good { Ok(Caller::new(profile)) } else { Err(AccessError::InvalidCredentials) };
        }
        let changes = self.changes.load(Ordering::Acquire);
        let profile = Arc::new(self.load(&known_as, now).await?);
        if let Some(key) = &profile.key {
            self.note_use(tenant_id, key, now).await;
        }
        if self.changes.load(Ordering::Acquire) == changes {
            self.callers.insert(known_as, (self.clock.now(), Arc::clone(&profile)));
        }
        Ok(Caller::new(profile))
    }

    /// Proves a key that is shown alone, as `Authorization: Bearer <key>`. A key of one user acts as that user; one of all
    /// users as an admin of the tenant. A warm caller costs no read, a cold one two round trips, or three where the key
    /// is good for all users.
    pub async fn authenticate_bearer(&self, api_key: &str, now: Timestamp) -> Result<Caller, AccessError> {
        let api_key = ApiKey::parse(api_key).ok_or(AccessError::InvalidCredentials)?;
        let hash = api_key.hash(&self.pepper);
        if let Some((loaded_at, profile)) = self.bearers.get(&hash)
            && loaded_at.is_fresh_at(self.clock.now(), CACHED_SECONDS)
        {
            let good = profile.key.as_ref().is_some_and(|key| key.is_good_at(now));
            return if good { Ok(Caller::new(profile)) } else { Err(AccessError::InvalidCredentials) };
        }
        let changes = self.changes.load(Ordering::Acquire);
        let profile = Arc::new(self.load_bearer(&hash, now).await?);
        if let Some(key) = &profile.key {
            self.note_use(profile.tenant.id, key, now).await;
        }
        if self.changes.load(Ordering::Acquire) == changes {
            self.bearers.insert(hash, (self.clock.now(), Arc::clone(&profile)));
        }
        Ok(Caller::new(profile))
    }

    async fn load_bearer(&self, hash: &KeyHash, now: Timestamp) -> Result<Profile, AccessError> {
        let owner = self.table.get(keys::api_key_owner(hash.as_str())).await?;
        let owner = owner.ok_or(AccessError::InvalidCredentials)?;
        let tenant_id = owner.get("tenant_id").map_err(TableError::from)?;
        let user_id: Option<UserId> = owner.get_some("user_id").map_err(TableError::from)?;
        let [limits, subscription] = [keys::daily_limits(tenant_id), keys::subscription(tenant_id)];
        let mut wanted = vec![
            keys::tenant(tenant_id),
            keys::api_key(tenant_id, hash.as_str()),
            limits.clone(),
            subscription.clone(),
        ];
        wanted.extend(user_id.map(|user_id| keys::user(tenant_id, user_id)));
        let mut found = self.table.get_all(&wanted).await?;
        let (tenant, key) = proved(&found, tenant_id, hash, now)?;
        let user = match key.user_id {
            Some(user_id) => found.remove(&keys::user(tenant_id, user_id)),
            None => self.first_admin(tenant_id).await?,
        };
        let user = User::read(&user.ok_or(AccessError::UnknownUser)?).map_err(TableError::from)?;
        let (limits, subscription) = (found.remove(&limits), found.remove(&subscription));
        Ok(Profile { tenant, key: Some(key), user, by_key_alone: true, limits, subscription })
    }

    /// Whoever signed a tenant up: its first user, unless others were made in the same microsecond. One round trip.
    async fn first_admin(&self, tenant_id: TenantId) -> Result<Option<Item>, TableError> {
        let oldest = Query::of(keys::users_by_creation(tenant_id)).limit(10);
        let is_admin = |row: &Item| User::read(row).is_ok_and(|user| user.role == Role::Admin);
        Ok(self.table.query(oldest).await?.items.into_iter().find(is_admin))
    }

    fn cached(&self, known_as: &CallerKey) -> Option<Arc<Profile>> {
        let (loaded_at, profile) = self.callers.get(known_as)?;
        loaded_at.is_fresh_at(self.clock.now(), CACHED_SECONDS).then_some(profile)
    }

    async fn prove_key(
        &self,
        tenant_id: TenantId,
        key_hash: &KeyHash,
        now: Timestamp,
    ) -> Result<(), AccessError> {
        let wanted = [keys::tenant(tenant_id), keys::api_key(tenant_id, key_hash.as_str())];
        let found = self.table.get_all(&wanted).await?;
        proved(&found, tenant_id, key_hash, now).map(|_| ())
    }

    /// Notes the day on which a key was used, where that is not known yet. Whoever calls is not kept waiting for a
    /// store that falters: the next cold call notes it.
    async fn note_use(&self, tenant_id: TenantId, key: &StoredKey, now: Timestamp) {
        let today = now.date();
        if key.last_used_on.is_some_and(|day| today <= day) {
            return;
        }
        let mut transaction = Transaction::new();
        transaction.update(
            keys::api_key(tenant_id, key.hash.as_str()),
            Change::default().set("last_used_on", &today),
            // A key that was revoked meanwhile must not come back as a row.
            Condition::present().and_at_most("last_used_on", &today),
        );
        let once = RetryPolicy { attempts: 1, ..RetryPolicy::default() };
        let noted = self.table.clone().with_retry(once).commit(transaction).await;
        if let Err(CommitError::Table(error)) = noted {
            tracing::warn!(%error, "the day of a key's use was not noted");
        }
    }

    async fn load(&self, caller: &CallerKey, now: Timestamp) -> Result<Profile, AccessError> {
        let CallerKey { tenant_id, user_id, key_hash } = caller;
        let wanted = [
            keys::tenant(*tenant_id),
            keys::api_key(*tenant_id, key_hash.as_str()),
            keys::daily_limits(*tenant_id),
            keys::subscription(*tenant_id),
            keys::user(*tenant_id, *user_id),
            keys::user_owner(*user_id),
        ];
        let mut found = self.table.get_all(&wanted).await?;
        let (tenant, key) = proved(&found, *tenant_id, key_hash, now)?;
        if !key.is_for(*user_id) {
            return Err(AccessError::InvalidCredentials);
        }
        let [_, _, limits, subscription, user, owner] = wanted;
        let user = match found.get(&user) {
            Some(user) => User::read(user).map_err(TableError::from)?,
            None if found.contains_key(&owner) => return Err(AccessError::ForeignUser),
            None => return Err(AccessError::UnknownUser),
        };
        let (limits, subscription) = (found.remove(&limits), found.remove(&subscription));
        Ok(Profile { tenant, key: Some(key), user, by_key_alone: false, limits, subscription })
    }

    /// The proof that a user may act in work that it ordered before, whose request is long answered. No key is shown:
    /// the order was, so only what takes our own messages from our own queues asks here. Whether the role still allows
    /// `action` is judged as of now. One round trip.
    pub async fn on_order(
        &self,
        tenant_id: TenantId,
        user_id: UserId,
        action: Action,
    ) -> Result<TenantAccess, AccessError> {
        let wanted = [
            keys::tenant(tenant_id),
            keys::user(tenant_id, user_id),
            keys::daily_limits(tenant_id),
            keys::subscription(tenant_id),
        ];
        let mut found = self.table.get_all(&wanted).await?;
        let [tenant, user, limits, subscription] = wanted.map(|key| found.remove(&key));
        let tenant = tenant.as_ref().ok_or(AccessError::InvalidCredentials)?;
        let user = user.as_ref().ok_or(AccessError::UnknownUser)?;
        let tenant = Tenant::read(tenant).map_err(TableError::from)?;
        let user = User::read(user).map_err(TableError::from)?;
        Caller::new(Arc::new(Profile { tenant, key: None, user, by_key_alone: false, limits, subscription }))
            .authorise(action)
    }

    /// The proof that work which nobody in particular ordered may touch a tenant, such as bringing its notifications to
    /// its own endpoint. Only what takes our own messages from our own queues asks here.
    pub fn serve(&self, tenant_id: TenantId) -> ServedTenant {
        ServedTenant::new(tenant_id)
    }

    /// Forgets what is remembered of a tenant's callers, after any change to its keys, users, limits or plan.
    pub fn forget(&self, tenant_id: TenantId) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        self.callers.retain(|caller, _| caller.tenant_id != tenant_id);
        self.bearers.retain(|_, (_, profile)| profile.tenant.id != tenant_id);
    }

    /// Adds to `transaction` the rows of a new tenant, its first admin and its first key. The entitlements add
    /// theirs.
    pub fn found_tenant(
        &self,
        transaction: &mut Transaction,
        order: NewTenant,
        now: Timestamp,
    ) -> FoundedTenant {
        let tenant = Tenant {
            id: TenantId::random(&*self.random),
            name: order.name,
            region: order.region,
            created_at: now,
        };
        transaction.put(tenant.at(keys::tenant(tenant.id)), Condition::absent());
        transaction.put(tenant.at(keys::tenant_by_creation(tenant.id, now)), Condition::absent());
        let admin = self.put_user(transaction, tenant.id, order.admin_email, Role::Admin, now);
        let (api_key, stored) = self.new_key(None, None, now);
        stored.put(transaction, tenant.id);
        FoundedTenant { tenant, admin, api_key }
    }

    /// Adds to `transaction` the rows of a new user of the caller's tenant.
    pub fn create_user(
        &self,
        transaction: &mut Transaction,
        access: &TenantAccess,
        email: String,
        role: Role,
        now: Timestamp,
    ) -> User {
        self.put_user(transaction, access.tenant_id(), email, role, now)
    }

    /// A new key, and what is to be kept of it. Nothing is written.
    pub fn new_key(
        &self,
        name: Option<String>,
        user_id: Option<UserId>,
        now: Timestamp,
    ) -> (ApiKey, StoredKey) {
        let api_key = ApiKey::random(&self.environment, &*self.random);
        let stored = StoredKey {
            id: ApiKeyId::random(&*self.random),
            hash: api_key.hash(&self.pepper),
            name,
            prefix: api_key.prefix().to_owned(),
            user_id,
            created_at: now,
            last_used_on: None,
            expires_at: None,
        };
        (api_key, stored)
    }

    fn put_user(
        &self,
        transaction: &mut Transaction,
        tenant_id: TenantId,
        email: String,
        role: Role,
        now: Timestamp,
    ) -> User {
        let user = User { id: UserId::random(&*self.random), tenant_id, email, role, created_at: now };
        transaction.put(user.at(keys::user(tenant_id, user.id)), Condition::absent());
        transaction.put(user.at(keys::user_by_creation(tenant_id, now, user.id)), Condition::absent());
        let owner = Item::new(keys::user_owner(user.id)).with("tenant_id", &tenant_id);
        transaction.put(owner, Condition::absent());
        user
    }
}

/// The tenant and the key, if both exist, belong together and the key is still good.
fn proved(
    found: &HashMap<Key, Item>,
    tenant_id: TenantId,
    key_hash: &KeyHash,
    now: Timestamp,
) -> Result<(Tenant, StoredKey), AccessError> {
    let tenant = found.get(&keys::tenant(tenant_id)).ok_or(AccessError::InvalidCredentials)?;
    let key =
        found.get(&keys::api_key(tenant_id, key_hash.as_str())).ok_or(AccessError::InvalidCredentials)?;
    let key = StoredKey::read(key).map_err(TableError::from)?;
    if !key_hash.matches(&key.hash) || !key.is_good_at(now) {
        return Err(AccessError::InvalidCredentials);
    }
    let tenant = Tenant::read(tenant).map_err(TableError::from)?;
    Ok((tenant, key))
}
