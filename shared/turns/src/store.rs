//! Reads and writes of tallies, spends and turns.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bespin_access::{TenantAccess, TenantScope};
use bespin_audit::{Author, Changed};
use bespin_policies::{EVERY_BUNDLE, Project};
use bespin_primitives::{Micros, RequestId, TenantId, Timestamp, TurnId};
use bespin_recording::{Claim, Outcome, RecordError, Recorder, Recording};
use bespin_table::{
    Change, CommitError, Condition, CorruptItem, Item, Key, Query, Refusals, Row, Slot, Table, TableError,
    Transaction, keys,
};
use serde_json::json;

use crate::{
    Allowed, Amounts, AtExpiry, BudgetVerdict, ProviderBudget, Reason, Snapshot, Spend, Tally, Turn,
    TurnError, TurnOrder, TurnState, Verdict, tally::Ask,
};

/// How often a change is planned anew because another one of the same rows was faster. Each time somebody else got
/// something done.
const ATTEMPTS: usize = 256;

/// For how long a commit that was counted is remembered by its id (control-plane.md 5.2).
const COMMIT_KEPT_SECONDS: i64 = 86_400;

/// Who is limited, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// A user of the tenant's own product.
    pub user_id: String,
    /// An application inside the project.
    pub bundle_id: String,
    /// One of the user's sessions, where they are counted apart.
    pub session_id: Option<String>,
}

/// What a lock is asked for with.
#[derive(Debug, Clone, Copy)]
pub struct LockOrder<'a> {
    /// Names the running turn.
    pub lock_id: &'a str,
    /// When the lock ends by itself.
    pub until: Timestamp,
}

/// Tallies, spends and turns, by way of the table.
#[derive(Debug, Clone)]
pub struct Turns {
    table: Table,
}

impl Turns {
    /// Over `table`.
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// What a subject did and is doing. One round trip.
    pub async fn tally(
        &self,
        tenant: &impl TenantScope,
        project: &Project,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<Tally, TableError> {
        let row = self.table.get(tally_key(tenant.tenant_id(), project, subject)).await?;
        tally_of(row.as_ref(), now)
    }

    /// What a user did and is doing in all bundles and sessions of a project, summed up.
    pub async fn tally_of_user(
        &self,
        tenant: &impl TenantScope,
        project: &Project,
        user_id: &str,
        now: Timestamp,
    ) -> Result<Snapshot, TableError> {
        let (mut sum, mut after) = (Snapshot::default(), None);
        loop {
            let range = keys::tallies_of(tenant.tenant_id(), project.as_str(), user_id);
            let page = self.table.query(Query::of(range).after(after)).await?;
            for row in &page.items {
                sum = sum.and(&tally_of(Some(row), now)?.snapshot(now));
            }
            after = page.next;
            if after.is_none() {
                return Ok(sum);
            }
        }
    }

    /// Lets a turn in by its lock, or says why not (control-plane.md 5.1). One read; one write where it is let in.
    pub async fn admit(
        &self,
        tenant: &impl TenantScope,
        project: &Project,
        subject: &Subject,
        allowed: &Allowed,
        lock: LockOrder<'_>,
        now: Timestamp,
    ) -> Result<Verdict, TableError> {
        // Requests and tokens are counted when the turn is committed.
        let ask =
            Ask { id: lock.lock_id, requests: 0, tokens: 0, until: lock.until, at_expiry: AtExpiry::Free };
        let plan = |tally: &Tally| tally.admit(allowed, &ask, now);
        self.change_tally(tenant, project, subject, now, plan).await
    }

    /// Counts a request with its tokens, and lets go of its lock (control-plane.md 5.2). A `commit_id` counts once in 24
    /// hours. What is counted now, and whether it was before.
    pub async fn commit(
        &self,
        tenant: &impl TenantScope,
        project: &Project,
        subject: &Subject,
        tokens: u64,
        (lock_id, commit_id): (Option<&str>, Option<&str>),
        now: Timestamp,
    ) -> Result<(Snapshot, bool), TableError> {
        let tenant_id = tenant.tenant_id();
        let key = tally_key(tenant_id, project, subject);
        let session = subject.session_id.as_deref().unwrap_or_default();
        let mark = commit_id.map(|id| {
            let texts = ["turn", project.as_str(), &subject.bundle_id, &subject.user_id, session, id];
            keys::commit(tenant_id, &texts)
        });
        let mut row = self.table.get(key.clone()).await?;
        for _ in 0..ATTEMPTS {
            let tally = tally_of(row.as_ref(), now)?;
            let next = tally.clone().committed(tokens, lock_id, now);
            let mut transaction = Transaction::new();
            let slot = put_tally(&mut transaction, key.clone(), &next);
            let counted = mark.clone().map(|mark| put_mark(&mut transaction, mark, now));
            match self.table.commit(transaction).await {
                Ok(()) => return Ok((next.snapshot(now), false)),
                Err(CommitError::Refused(refusals)) => {
                    if counted.is_some_and(|counted| refusals.of(counted).is_some()) {
                        return Ok((tally.snapshot(now), true));
                    }
                    row = refusals.old(slot).cloned();
                }
                Err(CommitError::Table(error)) => return Err(error),
            }
        }
        Err(TableError::Contended)
    }

    /// Lets go of a lock and counts nothing; whether there was one (control-plane.md 5.3).
    pub async fn release(
        &self,
        tenant: &impl TenantScope,
        project: &Project,
        subject: &Subject,
        lock_id: &str,
        now: Timestamp,
    ) -> Result<bool, TableError> {
        let plan = |tally: &Tally| {
            let next = tally.released(lock_id);
            (next.is_some(), next)
        };
        self.change_tally(tenant, project, subject, now, plan).await
    }

    /// Gives a lock more time; whether there is one.
    pub async fn renew(
        &self,
        tenant: &impl TenantScope,
        project: &Project,
        subject: &Subject,
        lock: LockOrder<'_>,
        now: Timestamp,
    ) -> Result<bool, TableError> {
        let plan = |tally: &Tally| {
            let next = tally.renewed(lock.lock_id, lock.until);
            (next.is_some(), next)
        };
        self.change_tally(tenant, project, subject, now, plan).await
    }

    async fn change_tally<T>(
        &self,
        tenant: &impl TenantScope,
        project: &Project,
        subject: &Subject,
        now: Timestamp,
        plan: impl Fn(&Tally) -> (T, Option<Tally>),
    ) -> Result<T, TableError> {
        let key = tally_key(tenant.tenant_id(), project, subject);
        let mut row = self.table.get(key.clone()).await?;
        for _ in 0..ATTEMPTS {
            let (answer, next) = plan(&tally_of(row.as_ref(), now)?);
            let Some(next) = next else { return Ok(answer) };
            let mut transaction = Transaction::new();
            let slot = put_tally(&mut transaction, key.clone(), &next);
            match self.table.commit(transaction).await {
                Ok(()) => return Ok(answer),
                Err(CommitError::Refused(refusals)) => row = refusals.old(slot).cloned(),
                Err(CommitError::Table(error)) => return Err(error),
            }
        }
        Err(TableError::Contended)
    }

    /// What a provider cost in a bundle, or in the whole project where that is `*`. One round trip.
    pub async fn spend(
        &self,
        tenant: &impl TenantScope,
        project: &Project,
        bundle_id: &str,
        provider: &str,
        now: Timestamp,
    ) -> Result<Spend, TableError> {
        let key = keys::spend(tenant.tenant_id(), project.as_str(), bundle_id, provider);
        spend_of(self.table.get(key).await?.as_ref(), now)
    }

    /// What is left of each budget (control-plane.md 6). One round trip; changes nothing.
    pub async fn check(
        &self,
        tenant: &impl TenantScope,
        project: &Project,
        budgets: &[ProviderBudget],
        now: Timestamp,
    ) -> Result<Vec<BudgetVerdict>, TableError> {
        let key = |budget: &ProviderBudget| {
            keys::spend(tenant.tenant_id(), project.as_str(), &budget.scope, &budget.provider)
        };
        let wanted: BTreeSet<(String, String)> =
            budgets.iter().map(key).map(|key| (key.pk, key.sk)).collect();
        let wanted: Vec<Key> = wanted.into_iter().map(|(pk, sk)| Key { pk, sk }).collect();
        let found = self.table.get_all(&wanted).await?;
        let verdict = |budget: &ProviderBudget| {
            Ok(BudgetVerdict::of(budget, &spend_of(found.get(&key(budget)), now)?, 0, now))
        };
        budgets.iter().map(verdict).collect()
    }

    /// Counts what a provider cost, in its bundle and in the whole project (control-plane.md 6). A `commit_id` counts once
    /// in 24 hours; whether it was counted before.
    pub async fn commit_spend(
        &self,
        tenant: &impl TenantScope,
        project: &Project,
        (bundle_id, provider): (&str, &str),
        micros: u64,
        commit_id: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, TableError> {
        let tenant_id = tenant.tenant_id();
        let mark = commit_id
            .map(|id| keys::commit(tenant_id, &["spend", project.as_str(), bundle_id, provider, id]));
        let mut rows = Spends::of(tenant_id, project, bundle_id, [provider]);
        rows.read(&self.table.get_all(&rows.keys()).await?);
        for _ in 0..ATTEMPTS {
            let mut transaction = Transaction::new();
            rows.put(&mut transaction, now, |_, spend| {
                spend.commit(micros, now);
                true
            })?;
            let counted = mark.clone().map(|mark| put_mark(&mut transaction, mark, now));
            match self.table.commit(transaction).await {
                Ok(()) => return Ok(false),
                Err(CommitError::Refused(refusals)) => {
                    if counted.is_some_and(|counted| refusals.of(counted).is_some()) {
                        return Ok(true);
                    }
                    rows.learn(&refusals);
                }
                Err(CommitError::Table(error)) => return Err(error),
            }
        }
        Err(TableError::Contended)
    }

    /// Admits a turn against user, providers and number of turns in one write, which holds its estimate and keeps the
    /// answer under the key (control-plane.md 7). The text to answer with. One read, one write.
    pub async fn begin(
        &self,
        recorder: &Recorder,
        access: &TenantAccess,
        claim: &Claim,
        (order, allowed, budgets): (&TurnOrder, &Allowed, &[ProviderBudget]),
        request_id: RequestId,
        now: Timestamp,
    ) -> Result<String, TurnError> {
        let mut turn = Turn {
            id: TurnId::random(recorder.random()),
            order: order.clone(),
            at_expiry: order.at_expiry.unwrap_or_default(),
            request_id,
            started_by: access.user_id(),
            started_at: now,
            until: now.plus_seconds(order.lifetime_seconds.into()),
            state: TurnState::Held,
            version: 1,
        };
        let mut rows = TurnRows::of(access.tenant_id(), order, budgets, order.estimate.usd.keys());
        let settings = keys::turn_settings(access.tenant_id());
        let wanted = rows.keys().into_iter().chain(order.at_expiry.is_none().then(|| settings.clone()));
        let (replay, found) = recorder.look_at(Some(claim), now, wanted.collect()).await?;
        if let Some(answer) = replay {
            return Ok(answer);
        }
        if order.at_expiry.is_none() {
            turn.at_expiry = at_expiry_of(found.get(&settings))?;
        }
        rows.read(&found);
        for _ in 0..ATTEMPTS {
            let mut recording = Recording::new(access, request_id, now);
            let verdict = rows.hold(&mut recording.transaction, &turn, allowed, budgets, now)?;
            recording.transaction.put(turn.at(keys::turn(access.tenant_id(), turn.id)), Condition::absent());
            let mut answer = turn.view(now);
            answer["admission"] = verdict.view(&turn.id.to_string());
            let answer = answer.to_string();
            let recording = recorder.keep_answer(recording, Some(claim), &answer).await?;
            match recorder.commit(recording).await {
                Ok(Outcome::Recorded) => return Ok(answer),
                Ok(Outcome::Replayed(earlier)) => return Ok(earlier),
                Err(RecordError::ChangeRefused(refusals)) => rows.learn(&refusals),
                Err(error) => return Err(error.into()),
            }
        }
        Err(TableError::Contended.into())
    }

    /// What becomes of what turns hold when their time is over, where the turn itself does not say. One round trip.
    pub async fn at_expiry(&self, tenant: &impl TenantScope) -> Result<AtExpiry, TableError> {
        at_expiry_of(self.table.get(keys::turn_settings(tenant.tenant_id())).await?.as_ref())
    }

    /// Sets that, with an audit entry. Turns that run keep what they began with.
    pub async fn set_at_expiry(
        &self,
        author: &Author<'_>,
        access: &TenantAccess,
        at_expiry: AtExpiry,
    ) -> Result<(), TableError> {
        let tenant_id = access.tenant_id();
        let key = keys::turn_settings(tenant_id);
        let mut row = self.table.get(key.clone()).await?;
        for _ in 0..ATTEMPTS {
            let unchanged = match &row {
                None => Condition::absent(),
                Some(row) => Condition::present().and_equals(AT_EXPIRY, &row.get::<String>(AT_EXPIRY)?),
            };
            let before = at_expiry_of(row.as_ref())?;
            let mut transaction = Transaction::new();
            let next = Item::new(key.clone()).with(AT_EXPIRY, &at_expiry.name().to_owned());
            let slot = transaction.put(next, unchanged);
            author.post(
                &mut transaction,
                Changed {
                    action: "turn_settings.set",
                    tenant_id: Some(tenant_id),
                    subject: String::new(),
                    before: json!({AT_EXPIRY: before.name()}),
                    after: json!({AT_EXPIRY: at_expiry.name()}),
                },
            );
            match self.table.commit(transaction).await {
                Ok(()) => return Ok(()),
                Err(CommitError::Refused(refusals)) => row = refusals.old(slot).cloned(),
                Err(CommitError::Table(error)) => return Err(error),
            }
        }
        Err(TableError::Contended)
    }

    /// A turn. One round trip.
    pub async fn find(&self, tenant: &impl TenantScope, turn_id: &str) -> Result<Turn, TurnError> {
        let missing = || TurnError::NotFound { turn_id: turn_id.to_owned() };
        let id = TurnId::parse(turn_id).ok_or_else(missing)?;
        let row = self.table.get(keys::turn(tenant.tenant_id(), id)).await?.ok_or_else(missing)?;
        Ok(Turn::read(&row).map_err(TableError::from)?)
    }

    /// Counts what a turn really used, once, and lets go of what it held. After its expiry, too: what was counted then
    /// is corrected.
    pub async fn settle(
        &self,
        tenant: &impl TenantScope,
        turn_id: &str,
        amounts: &Amounts,
        now: Timestamp,
    ) -> Result<Turn, TurnError> {
        self.change_turn(tenant, turn_id, amounts.usd.keys(), now, |turn| turn.settled(amounts.clone(), now))
            .await
    }

    /// Gives a turn up: what it held is free, nothing is counted.
    pub async fn cancel(
        &self,
        tenant: &impl TenantScope,
        turn_id: &str,
        now: Timestamp,
    ) -> Result<Turn, TurnError> {
        self.change_turn(tenant, turn_id, [], now, |turn| turn.cancelled(now)).await
    }

    /// Gives a turn more time.
    pub async fn prolong(
        &self,
        tenant: &impl TenantScope,
        turn_id: &str,
        lifetime_seconds: Option<u32>,
        now: Timestamp,
    ) -> Result<Turn, TurnError> {
        let renew = |turn: &Turn| {
            turn.renewed(lifetime_seconds.unwrap_or(turn.order.lifetime_seconds), now).map(Some)
        };
        self.change_turn(tenant, turn_id, [], now, renew).await
    }

    /// Makes the next state of a turn, and moves everything it holds or used with it, in one write. Two reads: the turn,
    /// then what it touches.
    async fn change_turn(
        &self,
        tenant: &impl TenantScope,
        turn_id: &str,
        providers: impl IntoIterator<Item = &String>,
        now: Timestamp,
        next: impl Fn(&Turn) -> Result<Option<Turn>, TurnError>,
    ) -> Result<Turn, TurnError> {
        let mut turn = self.find(tenant, turn_id).await?;
        let providers: BTreeSet<String> =
            turn.order.estimate.usd.keys().cloned().chain(providers.into_iter().cloned()).collect();
        let tenant_id = tenant.tenant_id();
        let mut rows = TurnRows::of(tenant_id, &turn.order, &[], &providers);
        rows.read(&self.table.get_all(&rows.keys()).await?);
        for _ in 0..ATTEMPTS {
            let Some(changed) = next(&turn)? else { return Ok(turn) };
            let mut transaction = Transaction::new();
            let unchanged = Condition::present().and_equals("version", &turn.version);
            let slot = transaction.put(changed.at(keys::turn(tenant_id, turn.id)), unchanged);
            rows.follow(&mut transaction, &turn, &changed, now)?;
            match self.table.commit(transaction).await {
                Ok(()) => return Ok(changed),
                Err(CommitError::Refused(refusals)) => {
                    if let Some(row) = refusals.old(slot) {
                        turn = Turn::read(row).map_err(TableError::from)?;
                    }
                    rows.learn(&refusals);
                }
                Err(CommitError::Table(error)) => return Err(error.into()),
            }
        }
        Err(TableError::Contended.into())
    }
}

impl Snapshot {
    /// Both together.
    fn and(self, other: &Self) -> Self {
        let sum =
            |one: [u64; 3], other: [u64; 3]| [0, 1, 2].map(|place| one[place].saturating_add(other[place]));
        Self {
            requests: sum(self.requests, other.requests),
            tokens: sum(self.tokens, other.tokens),
            in_flight: self.in_flight.saturating_add(other.in_flight),
        }
    }
}

/// The rows of some providers in a bundle and in the whole project, as they were last read.
#[derive(Debug)]
struct Spends {
    tenant_id: TenantId,
    project: String,
    /// Scope and provider, with the row and the slot that would replace it.
    rows: BTreeMap<(String, String), (Option<Item>, Option<Slot>)>,
}

impl Spends {
    fn of<'p>(
        tenant_id: TenantId,
        project: &Project,
        bundle_id: &str,
        providers: impl IntoIterator<Item = &'p str>,
    ) -> Self {
        let mut rows = BTreeMap::new();
        for provider in providers {
            for scope in [bundle_id, EVERY_BUNDLE] {
                rows.insert((scope.to_owned(), provider.to_owned()), (None, None));
            }
        }
        Self { tenant_id, project: project.as_str().to_owned(), rows }
    }

    fn key(&self, (scope, provider): &(String, String)) -> Key {
        keys::spend(self.tenant_id, &self.project, scope, provider)
    }

    fn keys(&self) -> Vec<Key> {
        self.rows.keys().map(|of| self.key(of)).collect()
    }

    fn read(&mut self, found: &HashMap<Key, Item>) {
        let keys: Vec<Key> = self.keys();
        for ((row, _), key) in self.rows.values_mut().zip(keys) {
            *row = found.get(&key).cloned();
        }
    }

    fn spend(&self, scope: &str, provider: &str, now: Timestamp) -> Result<Spend, TableError> {
        let row = self.rows.get(&(scope.to_owned(), provider.to_owned()));
        spend_of(row.and_then(|(row, _)| row.as_ref()), now)
    }

    /// Adds to `transaction` each row that `change` changes.
    fn put(
        &mut self,
        transaction: &mut Transaction,
        now: Timestamp,
        change: impl Fn(&str, &mut Spend) -> bool,
    ) -> Result<(), TableError> {
        let keys: Vec<Key> = self.keys();
        for (((_, provider), (row, slot)), key) in self.rows.iter_mut().zip(keys) {
            let mut spend = spend_of(row.as_ref(), now)?;
            *slot = change(provider, &mut spend).then(|| {
                let unchanged = version_is(spend.version);
                spend.version += 1;
                transaction.put(spend.at(key), unchanged)
            });
        }
        Ok(())
    }

    /// Takes over what stood in the way.
    fn learn(&mut self, refusals: &Refusals) {
        for (row, slot) in self.rows.values_mut() {
            learn(row, *slot, refusals);
        }
    }
}

/// Everything a turn holds something of.
#[derive(Debug)]
struct TurnRows {
    tally_key: Key,
    tally: (Option<Item>, Option<Slot>),
    spends: Spends,
}

impl TurnRows {
    fn of<'p>(
        tenant_id: TenantId,
        order: &TurnOrder,
        budgets: &'p [ProviderBudget],
        providers: impl IntoIterator<Item = &'p String>,
    ) -> Self {
        let providers = providers.into_iter().map(String::as_str);
        let providers = providers.chain(budgets.iter().map(|budget| budget.provider.as_str()));
        Self {
            tally_key: tally_key(tenant_id, &order.project, &order.subject),
            tally: (None, None),
            spends: Spends::of(tenant_id, &order.project, &order.subject.bundle_id, providers),
        }
    }

    fn keys(&self) -> Vec<Key> {
        let mut keys = self.spends.keys();
        keys.push(self.tally_key.clone());
        keys
    }

    fn read(&mut self, found: &HashMap<Key, Item>) {
        self.tally.0 = found.get(&self.tally_key).cloned();
        self.spends.read(found);
    }

    fn learn(&mut self, refusals: &Refusals) {
        let (row, slot) = &mut self.tally;
        learn(row, *slot, refusals);
        self.spends.learn(refusals);
    }

    /// Adds to `transaction` that a turn holds its estimate, or says which limit leaves no room for it.
    fn hold(
        &mut self,
        transaction: &mut Transaction,
        turn: &Turn,
        allowed: &Allowed,
        budgets: &[ProviderBudget],
        now: Timestamp,
    ) -> Result<Verdict, TurnError> {
        let Turn { order: TurnOrder { estimate, .. }, until, at_expiry, .. } = turn;
        let (until, at_expiry) = (*until, *at_expiry);
        let id = turn.id.to_string();
        let tally = tally_of(self.tally.0.as_ref(), now)?;
        let ask = Ask { id: &id, requests: estimate.requests, tokens: estimate.tokens, until, at_expiry };
        let (verdict, next) = tally.admit(allowed, &ask, now);
        if verdict.reason.is_some() {
            return Err(TurnError::RateLimited(Box::new(verdict)));
        }
        let asked = |provider: &str| estimate.usd.get(provider).copied().map_or(0, Micros::get);
        for budget in budgets {
            let spend = self.spends.spend(&budget.scope, &budget.provider, now)?;
            let verdict = BudgetVerdict::of(budget, &spend, asked(&budget.provider), now);
            if !verdict.violated.is_empty() {
                return Err(TurnError::OverBudget(Box::new(verdict)));
            }
        }
        for (scope, provider) in self.spends.rows.keys() {
            if asked(provider) > 0 && !self.spends.spend(scope, provider, now)?.has_room() {
                return Err(TurnError::RateLimited(Box::new(verdict.refused(Reason::TooMany))));
            }
        }
        self.tally.1 = next.map(|next| put_tally(transaction, self.tally_key.clone(), &next));
        self.spends.put(transaction, now, |provider, spend| {
            let micros = asked(provider);
            if micros > 0 {
                spend.hold(&id, micros, until, at_expiry);
            }
            // Also where nothing is held: that there was room must be true when the turn is written.
            micros > 0 || budgets.iter().any(|budget| budget.provider == provider)
        })?;
        Ok(verdict)
    }

    /// Adds to `transaction` what a change of a turn means for what it held.
    fn follow(
        &mut self,
        transaction: &mut Transaction,
        before: &Turn,
        after: &Turn,
        now: Timestamp,
    ) -> Result<(), TurnError> {
        let id = before.id.to_string();
        let estimate = &before.order.estimate;
        let charged = before.was_charged_at(now);
        let tally = tally_of(self.tally.0.as_ref(), now)?;
        let released = tally.released(&id);
        let next = match &after.state {
            TurnState::Held => tally.renewed(&id, after.until),
            TurnState::Cancelled { .. } => released,
            TurnState::Settled(settled) => {
                let mut next = released.unwrap_or_else(|| tally.clone());
                if charged {
                    next.take_back(estimate.requests, estimate.tokens, before.until);
                }
                next.settle(settled.amounts.requests, settled.amounts.tokens, now);
                Some(next)
            }
        };
        self.tally.1 = next.map(|next| put_tally(transaction, self.tally_key.clone(), &next));
        self.spends.put(transaction, now, |provider, spend| {
            let held = estimate.usd.get(provider).copied().map_or(0, Micros::get);
            match &after.state {
                TurnState::Held => spend.renew(&id, after.until),
                TurnState::Cancelled { .. } => spend.release(&id),
                TurnState::Settled(settled) => {
                    spend.release(&id);
                    if charged {
                        spend.take_back(held, before.until);
                    }
                    let micros = settled.amounts.usd.get(provider).copied().map_or(0, Micros::get);
                    if micros > 0 {
                        spend.commit(micros, now);
                    }
                    return held > 0 || micros > 0;
                }
            }
            held > 0
        })?;
        Ok(())
    }
}

/// Takes over the item that stood in the way of a write, if one did.
fn learn(row: &mut Option<Item>, slot: Option<Slot>, refusals: &Refusals) {
    if let Some(slot) = slot.filter(|slot| refusals.of(*slot).is_some()) {
        *row = refusals.old(slot).cloned();
    }
}

const AT_EXPIRY: &str = "at_expiry";

fn at_expiry_of(settings: Option<&Item>) -> Result<AtExpiry, TableError> {
    let Some(settings) = settings else { return Ok(AtExpiry::default()) };
    let name: String = settings.get(AT_EXPIRY)?;
    Ok(AtExpiry::parse(&name).ok_or_else(|| settings.corrupt(AT_EXPIRY))?)
}

fn tally_key(tenant_id: TenantId, project: &Project, subject: &Subject) -> Key {
    let Subject { user_id, bundle_id, session_id } = subject;
    keys::tally(tenant_id, project.as_str(), user_id, bundle_id, session_id.as_deref())
}

fn tally_of(row: Option<&Item>, now: Timestamp) -> Result<Tally, TableError> {
    let tally = row.map(Tally::read).transpose()?;
    Ok(tally.unwrap_or_default().standing_at(now))
}

fn spend_of(row: Option<&Item>, now: Timestamp) -> Result<Spend, TableError> {
    let spend: Option<Spend> =
        row.map(Spend::read).transpose().map_err(|error: CorruptItem| TableError::from(error))?;
    Ok(spend.unwrap_or_default().standing_at(now))
}

fn put_tally(transaction: &mut Transaction, key: Key, next: &Tally) -> Slot {
    let unchanged = version_is(next.version);
    let mut next = next.clone();
    next.version += 1;
    transaction.put(next.at(key), unchanged)
}

/// The row is still the one that was planned on; 0 is none.
fn version_is(version: u64) -> Condition {
    match version {
        0 => Condition::absent(),
        version => Condition::present().and_equals("version", &version),
    }
}

fn put_mark(transaction: &mut Transaction, key: Key, now: Timestamp) -> Slot {
    let until = now.plus_seconds(COMMIT_KEPT_SECONDS).epoch_seconds();
    let change = Change::default().set("expires_at", &until);
    transaction.update(key, change, Condition::absent_or_expired(now))
}
