//! Reads and writes of policies.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bespin_access::TenantScope;
use bespin_audit::{Author, Changed};
use bespin_primitives::{Cache, Clock, TenantId, Timestamp, cache};
use bespin_table::{
    Change, CommitError, Condition, Item, Key, Query, Range, Row, Slot, Table, TableError, Transaction, keys,
};
use serde_json::Value;

use crate::{
    BudgetOrder, BudgetPolicy, EVERY_BUNDLE, PolicyError, Project, QuotaOrder, QuotaPolicy, Quotas,
    StoredBudget, record::Ceilings,
};

/// How many policies of each kind a project has, those that do not hold any more included: lists read all of them.
pub const MAX_POLICIES: u64 = 1_000;

/// For how many providers a bundle has budgets that hold: a turn reads all of them in one row.
pub const MAX_PROVIDERS: usize = 100;

/// For how long policies are believed: a change made by another process shows at the latest then.
pub const CACHED_SECONDS: i64 = 5;

/// How many answers of each kind are remembered, those of "there is none" included.
const CACHED_ANSWERS: usize = 10_000;

/// How often a change is made anew because another one of the same policy was faster.
const ATTEMPTS: usize = 32;

/// Policies, by way of the table. One for each process, so that a change made here shows in the next call. Cloning is
/// cheap, and clones remember together.
#[derive(Debug, Clone)]
pub struct Policies {
    table: Table,
    clock: Arc<dyn Clock>,
    remembered: Arc<Remembered>,
}

/// Answers of a tenant, each with when it was loaded.
type Answers<T> = Cache<(TenantId, Key), (Timestamp, T)>;

#[derive(Debug)]
struct Remembered {
    /// By tenant, and the key of the policy of the very bundle.
    quotas: Answers<Option<Quotas>>,
    /// By tenant, and the key of the ceilings of the very bundle.
    budgets: Answers<Arc<[BudgetPolicy]>>,
    /// Counts changes: what was loaded before a change is not remembered after it.
    changes: AtomicU64,
}

/// The rows that a change is made from.
type Found = HashMap<Key, Item>;

/// What a change comes to.
struct Planned<P> {
    next: P,
    transaction: Transaction,
    /// The condition that a project has room for one more.
    room: Option<Slot>,
}

impl Policies {
    /// Over `table`; `clock` only ages what is remembered.
    pub fn new(table: Table, clock: Arc<dyn Clock>) -> Self {
        let remembered = Remembered {
            quotas: cache(CACHED_ANSWERS),
            budgets: cache(CACHED_ANSWERS),
            changes: AtomicU64::new(0),
        };
        Self { table, clock, remembered: Arc::new(remembered) }
    }

    /// What a kind of user may do in a bundle: by the policy of the very bundle, or else by that of all of them
    /// (control-plane.md 3). One round trip, none when warm; it brings the budgets of the bundle along.
    pub async fn quota_for(
        &self,
        tenant: &impl TenantScope,
        project: &Project,
        user_type: &str,
        bundle: &str,
    ) -> Result<Option<Quotas>, TableError> {
        let tenant_id = tenant.tenant_id();
        let of_bundle = |bundle| keys::quota_policy(tenant_id, project.as_str(), user_type, bundle);
        let (exact, every) = (of_bundle(bundle), of_bundle(EVERY_BUNDLE));
        let known_as = (tenant_id, exact.clone());
        if let Some((loaded_at, quotas)) = self.remembered.quotas.get(&known_as)
            && self.is_fresh(loaded_at)
        {
            return Ok(quotas);
        }
        let changes = self.remembered.changes.load(Ordering::Acquire);
        let [ceilings, all_ceilings] = ceilings_keys(tenant_id, project, bundle);
        let mut wanted = vec![exact.clone(), every.clone(), ceilings.clone(), all_ceilings.clone()];
        wanted.dedup();
        let found = self.table.get_all(&wanted).await?;
        let holding = |key: &Key| -> Result<Option<QuotaPolicy>, TableError> {
            let policy = found.get(key).map(QuotaPolicy::read).transpose()?;
            Ok(policy.filter(|policy| policy.origin.active))
        };
        let policy = match holding(&exact)? {
            Some(policy) => Some(policy),
            None => holding(&every)?,
        };
        let budgets = budgets_of(bundle, found.get(&ceilings), found.get(&all_ceilings))?;
        let quotas = policy.map(|policy| policy.quotas);
        if self.remembered.changes.load(Ordering::Acquire) == changes {
            let now = self.clock.now();
            self.remembered.quotas.insert(known_as, (now, quotas));
            self.remembered.budgets.insert((tenant_id, ceilings), (now, budgets));
        }
        Ok(quotas)
    }

    /// What providers may cost in a bundle, and in the whole project, by provider (control-plane.md 4). One round trip,
    /// none when warm, as it is after [`Policies::quota_for`] of the same bundle.
    pub async fn budgets_for(
        &self,
        tenant: &impl TenantScope,
        project: &Project,
        bundle: &str,
    ) -> Result<Vec<BudgetPolicy>, TableError> {
        let tenant_id = tenant.tenant_id();
        let [ceilings, all_ceilings] = ceilings_keys(tenant_id, project, bundle);
        let known_as = (tenant_id, ceilings.clone());
        if let Some((loaded_at, budgets)) = self.remembered.budgets.get(&known_as)
            && self.is_fresh(loaded_at)
        {
            return Ok(budgets.to_vec());
        }
        let changes = self.remembered.changes.load(Ordering::Acquire);
        let mut wanted = vec![ceilings.clone(), all_ceilings.clone()];
        wanted.dedup();
        let found = self.table.get_all(&wanted).await?;
        let budgets = budgets_of(bundle, found.get(&ceilings), found.get(&all_ceilings))?;
        if self.remembered.changes.load(Ordering::Acquire) == changes {
            self.remembered.budgets.insert(known_as, (self.clock.now(), Arc::clone(&budgets)));
        }
        Ok(budgets.to_vec())
    }

    /// All quota policies of a project, whether they hold or not, oldest first. At most [`MAX_POLICIES`].
    pub async fn quotas(
        &self,
        tenant: &impl TenantScope,
        project: &Project,
    ) -> Result<Vec<QuotaPolicy>, TableError> {
        let mut all: Vec<QuotaPolicy> = self.all(Self::quota_range(tenant, project)).await?;
        all.sort_by_cached_key(|policy| (policy.origin.created_at, policy.row(tenant.tenant_id()).sk));
        Ok(all)
    }

    /// All budget policies of a project, whether they hold or not, oldest first. At most [`MAX_POLICIES`].
    pub async fn budgets(
        &self,
        tenant: &impl TenantScope,
        project: &Project,
    ) -> Result<Vec<StoredBudget>, TableError> {
        let mut all: Vec<StoredBudget> = self.all(Self::budget_range(tenant, project)).await?;
        all.sort_by_cached_key(|stored| (stored.origin.created_at, stored.row(tenant.tenant_id()).sk));
        Ok(all)
    }

    /// The rows of [`Policies::quotas`], for reading a cursor.
    pub fn quota_range(tenant: &impl TenantScope, project: &Project) -> Range {
        keys::quota_policies(tenant.tenant_id(), project.as_str())
    }

    /// The rows of [`Policies::budgets`], for reading a cursor.
    pub fn budget_range(tenant: &impl TenantScope, project: &Project) -> Range {
        keys::budget_policies(tenant.tenant_id(), project.as_str())
    }

    async fn all<R: Row>(&self, range: Range) -> Result<Vec<R>, TableError> {
        let rows = self.table.query_whole(Query::of(range)).await?;
        Ok(rows.iter().map(R::read).collect::<Result<_, _>>()?)
    }

    /// Sets a quota policy, with an audit entry. One that did not hold any more holds again.
    pub async fn set_quota(
        &self,
        author: &Author<'_>,
        tenant: &impl TenantScope,
        project: &Project,
        order: &QuotaOrder,
    ) -> Result<QuotaPolicy, PolicyError> {
        let tenant_id = tenant.tenant_id();
        let row = keys::quota_policy(tenant_id, project.as_str(), &order.user_type, &order.bundle_id);
        let plan = |found: &Found| {
            let before = found.get(&row).map(QuotaPolicy::read).transpose().map_err(TableError::from)?;
            let next = order.apply(before.as_ref(), project, &author.actor.name(), author.now);
            let mut transaction = Transaction::new();
            transaction
                .put(next.at(row.clone()), unchanged(before.as_ref().map(|before| before.origin.version)));
            let room = before.is_none().then(|| count(&mut transaction, tenant_id, project, "quotas"));
            let was = before.map_or(Value::Null, |before| before.view(tenant));
            author
                .post(&mut transaction, changed("quota_policy.set", tenant_id, &row, was, next.view(tenant)));
            Ok(Some(Planned { next, transaction, room }))
        };
        self.change(tenant_id, "quota", std::slice::from_ref(&row), plan)
            .await?
            .ok_or(TableError::Contended.into())
    }

    /// Lets a quota policy hold no more, with an audit entry. One that does not anyway is left alone.
    pub async fn deactivate_quota(
        &self,
        author: &Author<'_>,
        tenant: &impl TenantScope,
        project: &Project,
        user_type: &str,
        bundle: &str,
    ) -> Result<(), PolicyError> {
        let tenant_id = tenant.tenant_id();
        let row = keys::quota_policy(tenant_id, project.as_str(), user_type, bundle);
        let plan = |found: &Found| {
            let before = found.get(&row).map(QuotaPolicy::read).transpose().map_err(TableError::from)?;
            let Some(before) = before.filter(|before| before.origin.active) else { return Ok(None) };
            let next = QuotaPolicy { origin: before.origin.deactivated(author.now), ..before.clone() };
            let mut transaction = Transaction::new();
            transaction.put(next.at(row.clone()), unchanged(Some(before.origin.version)));
            let (was, is) = (before.view(tenant), next.view(tenant));
            author.post(&mut transaction, changed("quota_policy.deactivate", tenant_id, &row, was, is));
            Ok(Some(Planned { next, transaction, room: None }))
        };
        self.change(tenant_id, "quota", std::slice::from_ref(&row), plan).await.map(|_| ())
    }

    /// Sets a budget policy, with an audit entry. One that did not hold any more holds again.
    pub async fn set_budget(
        &self,
        author: &Author<'_>,
        tenant: &impl TenantScope,
        project: &Project,
        order: &BudgetOrder,
    ) -> Result<StoredBudget, PolicyError> {
        let tenant_id = tenant.tenant_id();
        let row = keys::budget_policy(tenant_id, project.as_str(), &order.bundle_id, &order.provider);
        let all = keys::bundle_ceilings(tenant_id, project.as_str(), &order.bundle_id);
        let plan = |found: &Found| {
            let (before, mut ceilings) = budget(found, &row, &all)?;
            let next = order.apply(before.as_ref(), project, &author.actor.name(), author.now);
            let mut transaction = Transaction::new();
            transaction
                .put(next.at(row.clone()), unchanged(before.as_ref().map(|before| before.origin.version)));
            ceilings.of_provider.insert(order.provider.clone(), next.policy.budget);
            if ceilings.of_provider.len() > MAX_PROVIDERS {
                return Err(PolicyError::TooManyProviders);
            }
            put_ceilings(&mut transaction, tenant_id, project, &order.bundle_id, ceilings);
            let room = before.is_none().then(|| count(&mut transaction, tenant_id, project, "budgets"));
            let was = before.map_or(Value::Null, |before| before.view(tenant));
            author.post(
                &mut transaction,
                changed("budget_policy.set", tenant_id, &row, was, next.view(tenant)),
            );
            Ok(Some(Planned { next, transaction, room }))
        };
        self.change(tenant_id, "budget", &[row.clone(), all.clone()], plan)
            .await?
            .ok_or(TableError::Contended.into())
    }

    /// Lets a budget policy hold no more, with an audit entry. One that does not anyway is left alone.
    pub async fn deactivate_budget(
        &self,
        author: &Author<'_>,
        tenant: &impl TenantScope,
        project: &Project,
        bundle: &str,
        provider: &str,
    ) -> Result<(), PolicyError> {
        let tenant_id = tenant.tenant_id();
        let row = keys::budget_policy(tenant_id, project.as_str(), bundle, provider);
        let all = keys::bundle_ceilings(tenant_id, project.as_str(), bundle);
        let plan = |found: &Found| {
            let (before, mut ceilings) = budget(found, &row, &all)?;
            let Some(before) = before.filter(|before| before.origin.active) else { return Ok(None) };
            let next = StoredBudget { origin: before.origin.deactivated(author.now), ..before.clone() };
            let mut transaction = Transaction::new();
            transaction.put(next.at(row.clone()), unchanged(Some(before.origin.version)));
            ceilings.of_provider.remove(provider);
            put_ceilings(&mut transaction, tenant_id, project, bundle, ceilings);
            let (was, is) = (before.view(tenant), next.view(tenant));
            author.post(&mut transaction, changed("budget_policy.deactivate", tenant_id, &row, was, is));
            Ok(Some(Planned { next, transaction, room: None }))
        };
        self.change(tenant_id, "budget", &[row.clone(), all.clone()], plan).await.map(|_| ())
    }

    /// Makes a change from what is stored when it is written; `None` where there is nothing to change.
    async fn change<P>(
        &self,
        tenant_id: TenantId,
        kind: &'static str,
        rows: &[Key],
        plan: impl Fn(&Found) -> Result<Option<Planned<P>>, PolicyError>,
    ) -> Result<Option<P>, PolicyError> {
        for _ in 0..ATTEMPTS {
            let found = self.table.get_all(rows).await?;
            let Some(Planned { next, transaction, room }) = plan(&found)? else { return Ok(None) };
            let committed = self.table.commit(transaction).await;
            // A change whose answer was lost may be stored all the same: what is remembered goes in any case.
            self.forget(tenant_id);
            match committed {
                Ok(()) => return Ok(Some(next)),
                Err(CommitError::Refused(refusals)) if room.is_some_and(|room| refusals.only(room)) => {
                    return Err(PolicyError::TooMany { kind });
                }
                Err(CommitError::Refused(_)) => {}
                Err(CommitError::Table(error)) => return Err(error.into()),
            }
        }
        Err(TableError::Contended.into())
    }

    /// Forgets what is remembered of a tenant's policies, after any change to them: they change rarely, and then for
    /// many users at once.
    pub fn forget(&self, tenant_id: TenantId) {
        self.remembered.changes.fetch_add(1, Ordering::AcqRel);
        self.remembered.quotas.retain(|(of, _), _| *of != tenant_id);
        self.remembered.budgets.retain(|(of, _), _| *of != tenant_id);
    }

    fn is_fresh(&self, loaded_at: Timestamp) -> bool {
        loaded_at.is_fresh_at(self.clock.now(), CACHED_SECONDS)
    }
}

fn ceilings_keys(tenant_id: TenantId, project: &Project, bundle: &str) -> [Key; 2] {
    [bundle, EVERY_BUNDLE].map(|bundle| keys::bundle_ceilings(tenant_id, project.as_str(), bundle))
}

/// The budgets of a bundle, and the project's own; each by provider.
fn budgets_of(
    bundle: &str,
    of_bundle: Option<&Item>,
    of_all: Option<&Item>,
) -> Result<Arc<[BudgetPolicy]>, TableError> {
    let mut budgets = Vec::new();
    let scopes = [(bundle, of_bundle), (EVERY_BUNDLE, of_all)];
    let both = if bundle == EVERY_BUNDLE { &scopes[1..] } else { &scopes[..] };
    for (scope, row) in both {
        let ceilings = row.map(Ceilings::read).transpose()?.unwrap_or_default();
        budgets.extend(ceilings.of_provider.into_iter().map(|(provider, budget)| BudgetPolicy {
            bundle_id: (*scope).to_owned(),
            provider,
            budget,
        }));
    }
    budgets.sort_by(|one, other| one.provider.cmp(&other.provider));
    Ok(budgets.into())
}

/// A stored budget, and all that hold in its bundle.
fn budget(found: &Found, row: &Key, all: &Key) -> Result<(Option<StoredBudget>, Ceilings), TableError> {
    let before = found.get(row).map(StoredBudget::read).transpose()?;
    let ceilings = found.get(all).map(Ceilings::read).transpose()?;
    Ok((before, ceilings.unwrap_or_default()))
}

fn unchanged(version: Option<u64>) -> Condition {
    version.map_or_else(Condition::absent, |version| Condition::present().and_equals("version", &version))
}

fn put_ceilings(
    transaction: &mut Transaction,
    tenant_id: TenantId,
    project: &Project,
    bundle: &str,
    ceilings: Ceilings,
) {
    let before = (ceilings.version > 0).then_some(ceilings.version);
    let next = Ceilings { version: ceilings.version + 1, ..ceilings };
    transaction.put(next.at(keys::bundle_ceilings(tenant_id, project.as_str(), bundle)), unchanged(before));
}

/// Counts one more policy of a project, as a condition that it has room for it.
fn count(transaction: &mut Transaction, tenant_id: TenantId, project: &Project, kind: &str) -> Slot {
    let room = Condition::default().and_at_most(kind, &(MAX_POLICIES - 1));
    let counts = keys::policy_counts(tenant_id, project.as_str());
    transaction.update(counts, Change::default().add(kind, &1u64), room)
}

fn changed(action: &'static str, tenant_id: TenantId, row: &Key, before: Value, after: Value) -> Changed {
    Changed { action, tenant_id: Some(tenant_id), subject: row.sk.clone(), before, after }
}
