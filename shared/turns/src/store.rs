//! The life of turns: begun, settled, given up or prolonged (control-plane.md 7).

use std::{collections::BTreeSet, sync::Arc};

use bespin_access::{TenantAccess, TenantScope};
use bespin_entitlements::{Admissions, Catalogue, EntitlementError};
use bespin_metering::Metering;
use bespin_primitives::{Random, RequestId, Timestamp, TurnId};
use bespin_recording::{Claim, Outcome, RecordError, Recorder, Recording};
use bespin_table::{CommitError, Condition, Row, Table, TableError, Transaction, keys};

use crate::{
    Allowed, Amounts, ProviderBudget, Turn, TurnError, TurnOrder, TurnState,
    plan::{PlanRow, Pricing},
    rows::{ATTEMPTS, TurnRows},
    settings::at_expiry_of,
};

/// Tallies, spends and turns, by way of the table.
#[derive(Debug, Clone)]
pub struct Turns {
    pub(crate) table: Table,
    metering: Metering,
    random: Arc<dyn Random>,
}

/// Everything that a turn must fit into.
#[derive(Debug)]
pub struct Room<'a> {
    /// What the user may do.
    pub allowed: &'a Allowed,
    /// What the providers may cost.
    pub budgets: &'a [ProviderBudget],
    /// What the units of the estimate cost and which limits of the tenant they must keep, or why they cannot happen;
    /// of nothing where the turn states no units.
    pub plan: Result<Admissions, EntitlementError>,
}

/// What a turn really used, as it is told.
#[derive(Debug, Clone, Copy)]
pub struct Settlement<'a> {
    /// How much.
    pub amounts: &'a Amounts,
    /// By what the units are priced, where there are any.
    pub catalogue: &'a Catalogue,
    /// The request that tells.
    pub request_id: RequestId,
}

impl Turns {
    /// Over `table`.
    pub fn new(table: Table, random: Arc<dyn Random>) -> Self {
        Self { metering: Metering::new(table.clone()), table, random }
    }

    /// Admits a turn against user, providers, number of turns and plan in one write, which holds its estimate and keeps
    /// the answer under the key (control-plane.md 7). The text to answer with. One read, one write.
    pub async fn begin(
        &self,
        recorder: &Recorder,
        access: &TenantAccess,
        claim: &Claim,
        (order, room): (&TurnOrder, Room<'_>),
        request_id: RequestId,
        now: Timestamp,
    ) -> Result<String, TurnError> {
        let tenant_id = access.tenant_id();
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
        let Room { allowed, budgets, plan } = room;
        let budgeted = budgets.iter().map(|budget| &budget.provider);
        let month = PlanRow::of_month(tenant_id, now.period(), &order.estimate.units);
        let mut rows = TurnRows::of(tenant_id, order, order.estimate.usd.keys().chain(budgeted), month);
        let settings = keys::turn_settings(tenant_id);
        let wanted = rows.keys().into_iter().chain(order.at_expiry.is_none().then(|| settings.clone()));
        let (replay, found) = recorder.look_at(Some(claim), now, wanted.collect()).await?;
        if let Some(answer) = replay {
            return Ok(answer);
        }
        if order.at_expiry.is_none() {
            turn.at_expiry = at_expiry_of(found.get(&settings))?;
        }
        rows.read(&found);
        let plan = plan?;
        for _ in 0..ATTEMPTS {
            let mut recording = Recording::new(access, request_id, now);
            let verdict = match rows.hold(&mut recording.transaction, &turn, (allowed, budgets, &plan), now) {
                Err(TurnError::Record(RecordError::Entitlement(EntitlementError::Refused(_))))
                    if rows.plan().usage(now.period()).is_held()
                        && self.metering.lapse(access, now, &*self.random).await? =>
                {
                    // What others held and do not hold any more may be enough.
                    rows.read(&self.table.get_all(&rows.keys()).await?);
                    continue;
                }
                verdict => verdict?,
            };
            recording.transaction.put(turn.at(keys::turn(tenant_id, turn.id)), Condition::absent());
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
        settlement: Settlement<'_>,
        now: Timestamp,
    ) -> Result<Turn, TurnError> {
        let amounts = settlement.amounts;
        let next = |turn: &Turn| turn.settled(amounts.clone(), now);
        self.change_turn(tenant, turn_id, Some(settlement), now, next).await
    }

    /// Gives a turn up: what it held is free, nothing is counted.
    pub async fn cancel(
        &self,
        tenant: &impl TenantScope,
        turn_id: &str,
        now: Timestamp,
    ) -> Result<Turn, TurnError> {
        self.change_turn(tenant, turn_id, None, now, |turn| turn.cancelled(now)).await
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
        self.change_turn(tenant, turn_id, None, now, renew).await
    }

    /// Makes the next state of a turn, and moves everything it holds or used with it, in one write. Two reads: the turn,
    /// then what it touches; again where somebody else changed the turn meanwhile.
    async fn change_turn(
        &self,
        tenant: &impl TenantScope,
        turn_id: &str,
        settlement: Option<Settlement<'_>>,
        now: Timestamp,
        next: impl Fn(&Turn) -> Result<Option<Turn>, TurnError>,
    ) -> Result<Turn, TurnError> {
        for _ in 0..ATTEMPTS {
            let turn = self.find(tenant, turn_id).await?;
            let Some(changed) = next(&turn)? else { return Ok(turn) };
            if let Some(changed) = self.change_once(tenant, (&turn, &changed), settlement, now).await? {
                return Ok(changed);
            }
        }
        Err(TableError::Contended.into())
    }

    /// One change of a turn as it was found; `None` where somebody else has changed it since.
    async fn change_once(
        &self,
        tenant: &impl TenantScope,
        (turn, changed): (&Turn, &Turn),
        settlement: Option<Settlement<'_>>,
        now: Timestamp,
    ) -> Result<Option<Turn>, TurnError> {
        let tenant_id = tenant.tenant_id();
        let used = settlement.iter().flat_map(|settlement| settlement.amounts.usd.keys());
        let providers: BTreeSet<&String> = turn.order.estimate.usd.keys().chain(used).collect();
        let pricing = Pricing {
            catalogue: settlement.map(|settlement| settlement.catalogue),
            request_id: settlement.map_or(turn.request_id, |settlement| settlement.request_id),
            random: &*self.random,
        };
        if turn.is_expired_at(now) && !turn.order.estimate.units.is_empty() {
            self.metering.lapse(tenant, now, &*self.random).await?;
        }
        let mut rows = TurnRows::of(tenant_id, &turn.order, providers, PlanRow::of_turn(tenant_id, turn));
        rows.read(&self.table.get_all(&rows.keys()).await?);
        for _ in 0..ATTEMPTS {
            if rows.have_lost(turn, changed, now)? {
                // Somebody else changed the turn, or its time was over by a clock that is ahead of ours.
                let found = self.find(tenant, &turn.id.to_string()).await?;
                if found.version == turn.version {
                    return Err(TurnError::Expired { turn_id: turn.id });
                }
                return Ok(None);
            }
            // What a turn held of the plan is gone where its time was over by a clock that is ahead of ours.
            let changed = if rows.plan().is_let_go() { changed.as_late() } else { changed.clone() };
            let mut transaction = Transaction::new();
            let unchanged = Condition::present().and_equals("version", &turn.version);
            let slot = transaction.put(changed.at(keys::turn(tenant_id, turn.id)), unchanged);
            rows.follow(&mut transaction, (turn, &changed), &pricing, now)?;
            match self.table.commit(transaction).await {
                Ok(()) => return Ok(Some(changed)),
                Err(CommitError::Refused(refusals)) if refusals.of(slot).is_some() => return Ok(None),
                Err(CommitError::Refused(refusals)) => rows.learn(&refusals),
                Err(CommitError::Table(error)) => return Err(error.into()),
            }
        }
        Err(TableError::Contended.into())
    }
}
