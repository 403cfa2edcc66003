//! The life of turns: begun, settled, given up or prolonged (control-plane.md 7).

use std::collections::BTreeSet;

use bespin_access::{TenantAccess, TenantScope};
use bespin_primitives::{RequestId, Timestamp, TurnId};
use bespin_recording::{Claim, Outcome, RecordError, Recorder, Recording};
use bespin_table::{CommitError, Condition, Row, Table, TableError, Transaction, keys};

use crate::{
    Allowed, Amounts, ProviderBudget, Turn, TurnError, TurnOrder, TurnState,
    rows::{ATTEMPTS, TurnRows},
    settings::at_expiry_of,
};

/// Tallies, spends and turns, by way of the table.
#[derive(Debug, Clone)]
pub struct Turns {
    pub(crate) table: Table,
}

impl Turns {
    /// Over `table`.
    pub fn new(table: Table) -> Self {
        Self { table }
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
            if rows.have_lost(&turn, &changed, now)? {
                // Somebody else changed the turn, or its time was over by a clock that is ahead of ours.
                let found = self.find(tenant, turn_id).await?;
                if found.version == turn.version {
                    return Err(TurnError::Expired { turn_id: turn.id });
                }
                turn = found;
                continue;
            }
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
