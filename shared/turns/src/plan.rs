//! What a turn holds of its tenant's plan, where it says how many metered units it may use: the same credits, caps and
//! daily limits that guard tool calls and chats.

use std::collections::{BTreeMap, HashMap};

use bespin_entitlements::{Admissions, Catalogue, EntitlementError};
use bespin_metering::{Charge, MeteredEvent, PlanHold, TurnPosting, Usage};
use bespin_primitives::{BillingPeriod, Random, RequestId, TenantId};
use bespin_table::{Item, Key, Refusals, Row, Slot, TableError, Transaction, keys};

use crate::{AtExpiry, Turn, TurnState, rows::learn};

/// By what the units of a turn are priced, and what their entries are made with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pricing<'a> {
    /// Weights and prices; `None` where nothing is posted.
    pub(crate) catalogue: Option<&'a Catalogue>,
    pub(crate) request_id: RequestId,
    pub(crate) random: &'a dyn Random,
}

impl Pricing<'_> {
    /// What so many units cost: as far as they are held at the weight and price of the moment in which the turn began, so
    /// that what was held is enough for them, and what goes beyond at those of now.
    fn charges(
        &self,
        units: &BTreeMap<MeteredEvent, u64>,
        held: &[Charge],
    ) -> Result<Vec<Charge>, EntitlementError> {
        let Some(catalogue) = self.catalogue else { return Ok(Vec::new()) };
        let charge = |(event, units): (&MeteredEvent, &u64)| {
            let held = held.iter().find(|charge| charge.event == *event).map(|held| held.part(*units));
            let Some(held) = held else { return catalogue.charge(*event, *units) };
            let beyond = units - held.raw_units;
            if beyond == 0 {
                return Ok(held);
            }
            let uncountable = EntitlementError::UnknownEvent { event_key: event.key() };
            held.and(&catalogue.charge(*event, beyond)?).ok_or(uncountable)
        };
        units.iter().map(charge).collect()
    }
}

/// The one row of the plan that a turn has to do with: the counters of the month when it begins, what it holds when it
/// changes; none where it states no units.
#[derive(Debug)]
pub(crate) struct PlanRow {
    tenant_id: TenantId,
    key: Option<Key>,
    row: Option<Item>,
    slot: Option<Slot>,
}

impl PlanRow {
    /// The counters that a turn with these units is admitted by.
    pub(crate) fn of_month(
        tenant_id: TenantId,
        period: BillingPeriod,
        units: &BTreeMap<MeteredEvent, u64>,
    ) -> Self {
        let key = (!units.is_empty()).then(|| keys::usage(tenant_id, period));
        Self { tenant_id, key, row: None, slot: None }
    }

    /// What a turn holds that was begun.
    pub(crate) fn of_turn(tenant_id: TenantId, turn: &Turn) -> Self {
        let holds = !turn.order.estimate.units.is_empty();
        let key = holds.then(|| keys::hold(tenant_id, turn.until, turn.id));
        Self { tenant_id, key, row: None, slot: None }
    }

    pub(crate) fn key(&self) -> Option<Key> {
        self.key.clone()
    }

    pub(crate) fn read(&mut self, found: &HashMap<Key, Item>) {
        self.row = self.key.as_ref().and_then(|key| found.get(key)).cloned();
    }

    pub(crate) fn learn(&mut self, refusals: &Refusals) {
        learn(&mut self.row, self.slot, refusals);
    }

    /// Whether somebody let go of what the turn held: its time is over, by whatever clock.
    pub(crate) fn is_let_go(&self) -> bool {
        self.key.is_some() && self.row.is_none()
    }

    /// The counters of the month.
    pub(crate) fn usage(&self, period: BillingPeriod) -> Usage {
        Usage::of(period, self.row.clone())
    }

    /// Adds to `transaction` that the turn holds what it may cost, or says which limit leaves no room for it.
    pub(crate) fn take(
        &mut self,
        transaction: &mut Transaction,
        turn: &Turn,
        admissions: &Admissions,
    ) -> Result<(), EntitlementError> {
        if admissions.is_empty() {
            return Ok(());
        }
        admissions.admit(&self.usage(turn.started_at.period()))?;
        // Not reached: what is beyond a ceiling by itself is not admitted on top of any usage.
        let ceilings = admissions.ceilings().ok_or(TableError::Contended)?;
        let hold = PlanHold {
            turn_id: turn.id,
            charges: admissions.charges(),
            from: turn.started_at,
            until: turn.until,
            is_charged: turn.at_expiry == AtExpiry::Charge,
            request_id: turn.request_id,
            user_id: turn.started_by,
        };
        self.slot = hold.take(transaction, self.tenant_id, &ceilings);
        Ok(())
    }

    /// Adds to `transaction` what a change of the turn means for it. Entries are never taken back: of a turn whose
    /// estimate was posted at its expiry, only what goes beyond is posted when it is settled.
    pub(crate) fn follow(
        &mut self,
        transaction: &mut Transaction,
        before: &Turn,
        after: &Turn,
        pricing: &Pricing<'_>,
    ) -> Result<(), EntitlementError> {
        let hold = self.row.as_ref().map(PlanHold::read).transpose().map_err(TableError::from)?;
        let (id, random) = (self.tenant_id, pricing.random);
        self.slot = match (&after.state, &hold) {
            (TurnState::Held, Some(hold)) => Some(hold.renew(transaction, id, after.until)),
            (TurnState::Cancelled { .. }, Some(hold)) => Some(hold.release(transaction, id)),
            (TurnState::Held | TurnState::Cancelled { .. }, None) => None,
            (TurnState::Settled(settled), _) => {
                let was_charged = self.is_let_go() && before.at_expiry == AtExpiry::Charge;
                let beyond = settled.amounts.beyond(&before.order.estimate);
                let units = if was_charged { &beyond.units } else { &settled.amounts.units };
                let reserved = hold.as_ref().map_or(&[][..], |hold| &hold.charges);
                let charges = pricing.charges(units, reserved)?;
                let Turn { id: turn_id, started_by: user_id, started_at: at, .. } = *before;
                let posting = TurnPosting { turn_id, request_id: pricing.request_id, user_id, at };
                if let Some(hold) = &hold {
                    Some(hold.settle(transaction, id, (&posting, &charges), random))
                } else {
                    posting.post_unheld(transaction, id, &charges, random);
                    None
                }
            }
        };
        Ok(())
    }
}
