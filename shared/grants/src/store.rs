//! Giving and taking back, and what a request reads.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bespin_access::TenantScope;
use bespin_audit::{Author, Changed};
use bespin_policies::{CACHED_SECONDS, Project, Quotas};
use bespin_primitives::{Cache, Clock, GrantId, Micros, TenantId, Timestamp, cache};
use bespin_table::{
    Change, CommitError, Condition, Item, Key, Row, Slot, Table, TableError, Transaction, keys,
};
use serde_json::{Value, json};

use crate::{
    Grant, GrantError, GrantOrder,
    live::{LiveGrant, LiveGrants},
    revenue::{self, PAID, PAID_BACK},
};

/// How many grants of one user may hold at the same time in a project: a request reads all of them in one row.
pub const MAX_LIVE_GRANTS: usize = 100;

/// How many grants are taken back in one transaction: three writes each, of the store's hundred.
const TAKEN_BACK_TOGETHER: usize = 30;

/// How many users' grants are remembered, those of users without any included.
const CACHED_USERS: usize = 10_000;

/// How often a change is made anew because another one of the same user was faster.
const ATTEMPTS: usize = 64;

/// Grants, by way of the table. One for each process, so that a change made here shows in the next call. Cloning is
/// cheap, and clones remember together.
#[derive(Debug, Clone)]
pub struct Grants {
    pub(crate) table: Table,
    clock: Arc<dyn Clock>,
    remembered: Arc<Remembered>,
}

#[derive(Debug)]
struct Remembered {
    live: Cache<Key, (Timestamp, Arc<LiveGrants>)>,
    /// Counts changes: what was loaded before a change is not remembered after it.
    changes: AtomicU64,
}

/// What makes sure that something is granted once.
pub trait Once: Sync {
    /// The row that stands where it was granted before.
    fn row(&self) -> Key;

    /// Whether this row means that it was.
    fn stands(&self, row: &Item, now: Timestamp) -> bool;

    /// Adds that row to the transaction of the grant, unless it is there, and whatever else stands or falls with it.
    fn mark(&self, transaction: &mut Transaction, grant: &Grant) -> Slot;
}

/// What became of an order.
#[derive(Debug, Clone)]
pub enum Issued {
    /// It was granted.
    Now(Box<Grant>),
    /// It was granted before; here is the row that says so.
    Before(Item),
}

impl Grants {
    /// Over `table`; `clock` only ages what is remembered.
    pub fn new(table: Table, clock: Arc<dyn Clock>) -> Self {
        let remembered = Remembered { live: cache(CACHED_USERS), changes: AtomicU64::new(0) };
        Self { table, clock, remembered: Arc::new(remembered) }
    }

    /// What a user is granted in a bundle at `now`, all together (control-plane.md 2.4, decision D1); `None` where no grant
    /// holds there. One round trip, none when warm. What is remembered counts no longer than until its end.
    pub async fn additions(
        &self,
        tenant: &impl TenantScope,
        project: &Project,
        user_id: &str,
        bundle: &str,
        now: Timestamp,
    ) -> Result<Option<Quotas>, TableError> {
        let row = keys::live_grants(tenant.tenant_id(), project.as_str(), user_id);
        if let Some((loaded_at, live)) = self.remembered.live.get(&row)
            && loaded_at.is_fresh_at(self.clock.now(), CACHED_SECONDS)
        {
            return Ok(live.additions(bundle, now));
        }
        let changes = self.remembered.changes.load(Ordering::Acquire);
        let live = Arc::new(self.live(&row).await?);
        if self.remembered.changes.load(Ordering::Acquire) == changes {
            self.remembered.live.insert(row, (self.clock.now(), Arc::clone(&live)));
        }
        Ok(live.additions(bundle, now))
    }

    /// The grants of a user as they are stored now. One round trip.
    pub(crate) async fn live(&self, row: &Key) -> Result<LiveGrants, TableError> {
        let stored = self.table.get(row.clone()).await?;
        read(stored.as_ref())
    }

    /// Grants what is ordered: its records, what was paid for it and the audit entry in one transaction, together with
    /// what makes sure that it happens `once`. Two round trips.
    pub async fn issue(
        &self,
        author: &Author<'_>,
        tenant: &impl TenantScope,
        project: &Project,
        order: &GrantOrder,
        once: Option<&dyn Once>,
    ) -> Result<Issued, GrantError> {
        let row = keys::live_grants(tenant.tenant_id(), project.as_str(), &order.user_id);
        for _ in 0..ATTEMPTS {
            let mut wanted = vec![row.clone()];
            wanted.extend(once.map(Once::row));
            let mut found = self.table.get_all(&wanted).await?;
            if let Some(once) = once
                && let Some(before) = found.remove(&once.row()).filter(|row| once.stands(row, author.now))
            {
                return Ok(Issued::Before(before));
            }
            let before = found.get(&row);
            let live = read(before)?;
            let grant = order.issue(GrantId::random(author.random), project, author.now);
            let mut next = live.without(&[], author.now, author.random);
            if next.grants.len() >= MAX_LIVE_GRANTS {
                return Err(GrantError::TooMany);
            }
            next.grants.push(LiveGrant::from(&grant));

            let mut transaction = Transaction::new();
            let lock = transaction.put(next.at(row.clone()), unchanged(before.map(|_| live.version)));
            put(&mut transaction, tenant.tenant_id(), &grant);
            let paid: Vec<Micros> = grant.purchase_amount.into_iter().collect();
            revenue::post(&mut transaction, tenant.tenant_id(), project, PAID, &paid, author.now);
            author.post(&mut transaction, issued(tenant, &grant, author.now));
            let mark = once.map(|once| once.mark(&mut transaction, &grant));
            let committed = self.table.commit(transaction).await;
            // A grant whose answer was lost may be stored all the same: what is remembered goes in any case.
            self.forget_user(&row);
            match committed {
                Ok(()) => return Ok(Issued::Now(Box::new(grant))),
                // Somebody else was faster, at this user or at this very order: the next look tells.
                Err(CommitError::Refused(refusals))
                    if refusals.of(lock).is_some()
                        || mark.is_some_and(|mark| refusals.of(mark).is_some()) => {}
                Err(CommitError::Refused(_)) => return Err(TableError::Contended.into()),
                Err(CommitError::Table(error)) => return Err(error.into()),
            }
        }
        Err(TableError::Contended.into())
    }

    /// Takes back every grant of a user that holds in exactly this scope; how many there were. What was paid for them is
    /// paid back as of now. Many are taken back in several transactions, the oldest first; whoever died in between is
    /// helped by a repeat.
    pub async fn deactivate(
        &self,
        author: &Author<'_>,
        tenant: &impl TenantScope,
        project: &Project,
        user_id: &str,
        scope: &str,
    ) -> Result<usize, GrantError> {
        let tenant_id = tenant.tenant_id();
        let row = keys::live_grants(tenant_id, project.as_str(), user_id);
        let mut taken_back = 0;
        for _ in 0..ATTEMPTS {
            let live = self.live(&row).await?;
            let in_scope = live.valid_at(author.now).filter(|grant| grant.bundle_id == scope);
            let gone: Vec<&LiveGrant> = in_scope.take(TAKEN_BACK_TOGETHER).collect();
            if gone.is_empty() {
                return Ok(taken_back);
            }
            let ids: Vec<GrantId> = gone.iter().map(|grant| grant.id).collect();
            let mut transaction = Transaction::new();
            let next = live.without(&ids, author.now, author.random);
            transaction.put(next.at(row.clone()), unchanged(Some(live.version)));
            for grant in &gone {
                take_back(&mut transaction, tenant_id, project, user_id, grant, author.now);
            }
            let paid: Vec<Micros> = gone.iter().filter_map(|grant| grant.purchase_amount).collect();
            revenue::post(&mut transaction, tenant_id, project, PAID_BACK, &paid, author.now);
            author.post(&mut transaction, deactivated(tenant_id, project, user_id, scope, &ids));
            let committed = self.table.commit(transaction).await;
            self.forget_user(&row);
            match committed {
                Ok(()) => taken_back += ids.len(),
                Err(CommitError::Refused(_)) => {}
                Err(CommitError::Table(error)) => return Err(error.into()),
            }
        }
        Err(TableError::Contended.into())
    }

    fn forget_user(&self, row: &Key) {
        self.remembered.changes.fetch_add(1, Ordering::AcqRel);
        self.remembered.live.remove(row);
    }

    /// Forgets what is remembered of a tenant's grants.
    pub fn forget(&self, tenant_id: TenantId) {
        self.remembered.changes.fetch_add(1, Ordering::AcqRel);
        self.remembered.live.retain(|row, _| keys::tenant_of(&row.pk) != Some(tenant_id));
    }
}

fn read(stored: Option<&Item>) -> Result<LiveGrants, TableError> {
    Ok(stored.map(LiveGrants::read).transpose()?.unwrap_or_default())
}

fn unchanged(version: Option<u64>) -> Condition {
    version.map_or_else(Condition::absent, |version| Condition::present().and_equals("version", &version))
}

/// The three places of a grant's record, each of them whole: by time, by user, by end.
fn places(tenant_id: TenantId, project: &Project, user_id: &str, grant: &LiveGrant) -> [Key; 3] {
    let (project, at) = (project.as_str(), grant.created_at);
    [
        keys::grant(tenant_id, project, at, grant.id),
        keys::grant_of_user(tenant_id, project, user_id, at, grant.id),
        keys::grant_end(tenant_id, project, grant.expires_at, at, grant.id),
    ]
}

fn put(transaction: &mut Transaction, tenant_id: TenantId, grant: &Grant) {
    for place in places(tenant_id, &grant.project, &grant.user_id, &grant.into()) {
        transaction.put(grant.at(place), Condition::absent());
    }
}

/// A grant that was taken back stays where it is found by its time, and is in no list any more.
fn take_back(
    transaction: &mut Transaction,
    tenant_id: TenantId,
    project: &Project,
    user_id: &str,
    grant: &LiveGrant,
    now: Timestamp,
) {
    let [record, of_user, by_end] = places(tenant_id, project, user_id, grant);
    let change = Change::default().set("active", &false).set("updated_at", &now);
    transaction.update(record, change, Condition::present());
    transaction.delete(of_user, Condition::present());
    transaction.delete(by_end, Condition::present());
}

fn issued(tenant: &impl TenantScope, grant: &Grant, now: Timestamp) -> Changed {
    Changed {
        action: "grant.issue",
        tenant_id: Some(tenant.tenant_id()),
        subject: grant.id.to_string(),
        before: Value::Null,
        after: grant.view(tenant, now),
    }
}

fn deactivated(
    tenant_id: TenantId,
    project: &Project,
    user_id: &str,
    scope: &str,
    ids: &[GrantId],
) -> Changed {
    Changed {
        action: "grant.deactivate",
        tenant_id: Some(tenant_id),
        subject: user_id.to_owned(),
        before: json!({"project": project.as_str(), "user_id": user_id, "bundle_id": scope, "grant_ids": ids}),
        after: Value::Null,
    }
}
