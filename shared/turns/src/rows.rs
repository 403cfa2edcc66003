//! The rows that limiter, budgets and turns read and replace.

use std::collections::{BTreeMap, HashMap};

use bespin_entitlements::Admissions;
use bespin_policies::{EVERY_BUNDLE, Project};
use bespin_primitives::{Micros, TenantId, Timestamp};
use bespin_table::{
    Change, Condition, CorruptItem, Item, Key, Refusals, Row, Slot, TableError, Transaction, keys,
};

use crate::{
    Allowed, Amounts, AtExpiry, BudgetVerdict, ProviderBudget, Reason, Spend, Subject, Tally, Turn,
    TurnError, TurnOrder, TurnState, Verdict,
    plan::{PlanRow, Pricing},
    tally::Ask,
};

/// How often a change is planned anew because another one of the same rows was faster. Each time somebody else got
/// something done.
pub(crate) const ATTEMPTS: usize = 256;

/// For how long a commit that was counted is remembered by its id (control-plane.md 5.2).
const COMMIT_KEPT_SECONDS: i64 = 86_400;

/// The rows of some providers in a bundle and in the whole project, as they were last read.
#[derive(Debug)]
pub(crate) struct Spends {
    tenant_id: TenantId,
    project: String,
    /// Scope and provider, with the row and the slot that would replace it.
    rows: BTreeMap<(String, String), (Option<Item>, Option<Slot>)>,
}

impl Spends {
    pub(crate) fn of<'p>(
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

    pub(crate) fn keys(&self) -> Vec<Key> {
        self.rows.keys().map(|of| self.key(of)).collect()
    }

    pub(crate) fn read(&mut self, found: &HashMap<Key, Item>) {
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
    pub(crate) fn put(
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
    pub(crate) fn learn(&mut self, refusals: &Refusals) {
        for (row, slot) in self.rows.values_mut() {
            learn(row, *slot, refusals);
        }
    }
}

/// Everything a turn holds something of.
#[derive(Debug)]
pub(crate) struct TurnRows {
    tally_key: Key,
    tally: (Option<Item>, Option<Slot>),
    spends: Spends,
    plan: PlanRow,
}

impl TurnRows {
    /// Of `order`, with all `providers` that matter, and the row of the plan.
    pub(crate) fn of<'p>(
        tenant_id: TenantId,
        order: &TurnOrder,
        providers: impl IntoIterator<Item = &'p String>,
        plan: PlanRow,
    ) -> Self {
        let providers = providers.into_iter().map(String::as_str);
        Self {
            tally_key: tally_key(tenant_id, &order.project, &order.subject),
            tally: (None, None),
            spends: Spends::of(tenant_id, &order.project, &order.subject.bundle_id, providers),
            plan,
        }
    }

    pub(crate) fn keys(&self) -> Vec<Key> {
        let mut keys = self.spends.keys();
        keys.push(self.tally_key.clone());
        keys.extend(self.plan.key());
        keys
    }

    pub(crate) fn read(&mut self, found: &HashMap<Key, Item>) {
        self.tally.0 = found.get(&self.tally_key).cloned();
        self.spends.read(found);
        self.plan.read(found);
    }

    pub(crate) fn learn(&mut self, refusals: &Refusals) {
        let (row, slot) = &mut self.tally;
        learn(row, *slot, refusals);
        self.spends.learn(refusals);
        self.plan.learn(refusals);
    }

    /// The row of the plan.
    pub(crate) fn plan(&mut self) -> &mut PlanRow {
        &mut self.plan
    }

    /// Adds to `transaction` that a turn holds its estimate, or says which limit leaves no room for it.
    pub(crate) fn hold(
        &mut self,
        transaction: &mut Transaction,
        turn: &Turn,
        (allowed, budgets, plan): (&Allowed, &[ProviderBudget], &Admissions),
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
        let asked = |provider: &str| dollars(estimate, provider);
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
        self.plan.take(transaction, turn, plan)?;
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

    /// Whether a turn that should go on, or be given up for nothing, is not held any more as it was: that is over then.
    pub(crate) fn have_lost(&self, before: &Turn, after: &Turn, now: Timestamp) -> Result<bool, TableError> {
        let matters = match after.state {
            TurnState::Held => true,
            TurnState::Cancelled { .. } => before.at_expiry == AtExpiry::Charge,
            TurnState::Settled(_) => false,
        };
        let (id, estimate) = (before.id.to_string(), &before.order.estimate);
        let counts = estimate.requests > 0 || estimate.tokens > 0;
        if !matters || self.plan.is_let_go() {
            return Ok(matters);
        }
        if counts && !tally_of(self.tally.0.as_ref(), now)?.holds(&id) {
            return Ok(true);
        }
        for ((_, provider), (row, _)) in &self.spends.rows {
            if dollars(estimate, provider) > 0 && !spend_of(row.as_ref(), now)?.holds(&id) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Adds to `transaction` what a change of a turn means for what it held. What is not held any more was charged, if the
    /// turn is one of those that are: the row tells, because the clock that ended it may have been ahead of ours.
    pub(crate) fn follow(
        &mut self,
        transaction: &mut Transaction,
        (before, after): (&Turn, &Turn),
        pricing: &Pricing<'_>,
        now: Timestamp,
    ) -> Result<(), TurnError> {
        self.plan.follow(transaction, before, after, pricing)?;
        let id = before.id.to_string();
        let estimate = &before.order.estimate;
        let is_charged = before.at_expiry == AtExpiry::Charge;
        let tally = tally_of(self.tally.0.as_ref(), now)?;
        let released = tally.released(&id);
        let next = match &after.state {
            TurnState::Held => tally.renewed(&id, after.until),
            TurnState::Cancelled { .. } => released,
            TurnState::Settled(settled) => {
                let was_charged = is_charged && released.is_none();
                let mut next = released.unwrap_or_else(|| tally.clone());
                if was_charged {
                    next.take_back(estimate.requests, estimate.tokens, before.until);
                }
                next.settle(settled.amounts.requests, settled.amounts.tokens, now);
                Some(next)
            }
        };
        self.tally.1 = next.map(|next| put_tally(transaction, self.tally_key.clone(), &next));
        self.spends.put(transaction, now, |provider, spend| {
            let held = dollars(estimate, provider);
            match &after.state {
                TurnState::Held => spend.renew(&id, after.until),
                TurnState::Cancelled { .. } => spend.release(&id),
                TurnState::Settled(settled) => {
                    if is_charged && !spend.holds(&id) {
                        spend.take_back(held, before.until);
                    }
                    spend.release(&id);
                    let used = dollars(&settled.amounts, provider);
                    if used > 0 {
                        spend.commit(used, now);
                    }
                    return held > 0 || used > 0;
                }
            }
            held > 0
        })?;
        Ok(())
    }
}

/// What of these a provider costs, in micro-dollars.
fn dollars(amounts: &Amounts, provider: &str) -> u64 {
    amounts.usd.get(provider).copied().map_or(0, Micros::get)
}

/// Takes over the item that stood in the way of a write, if one did.
pub(crate) fn learn(row: &mut Option<Item>, slot: Option<Slot>, refusals: &Refusals) {
    if let Some(slot) = slot.filter(|slot| refusals.of(*slot).is_some()) {
        *row = refusals.old(slot).cloned();
    }
}

pub(crate) fn tally_key(tenant_id: TenantId, project: &Project, subject: &Subject) -> Key {
    let Subject { user_id, bundle_id, session_id } = subject;
    keys::tally(tenant_id, project.as_str(), user_id, bundle_id, session_id.as_deref())
}

pub(crate) fn tally_of(row: Option<&Item>, now: Timestamp) -> Result<Tally, TableError> {
    let tally = row.map(Tally::read).transpose()?;
    Ok(tally.unwrap_or_default().standing_at(now))
}

pub(crate) fn spend_of(row: Option<&Item>, now: Timestamp) -> Result<Spend, TableError> {
    let spend: Option<Spend> =
        row.map(Spend::read).transpose().map_err(|error: CorruptItem| TableError::from(error))?;
    Ok(spend.unwrap_or_default().standing_at(now))
}

pub(crate) fn put_tally(transaction: &mut Transaction, key: Key, next: &Tally) -> Slot {
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

pub(crate) fn put_mark(transaction: &mut Transaction, key: Key, now: Timestamp) -> Slot {
    let until = now.plus_seconds(COMMIT_KEPT_SECONDS).epoch_seconds();
    let change = Change::default().set("expires_at", &until);
    transaction.update(key, change, Condition::absent_or_expired(now))
}
