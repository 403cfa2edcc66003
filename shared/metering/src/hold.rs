//! Charges that are held: they count against every limit of the tenant, and are posted when it is known what was used.
//!
//! What a turn uses counts in the month and on the day in which it began, because there it is held: so what it holds is
//! within the limits of that day, and stays so when it is posted, be that after midnight.
//!
//! A hold is a row of its own that is put with the move of the counters and deleted with the move back, so it is let go
//! of once, whoever does that. Its time is over by itself; the first one to whom that makes a difference writes it down
//! ([`Metering::lapse`]).

use bespin_access::TenantScope;
use bespin_primitives::{Credits, EntryId, Random, RequestId, TenantId, Timestamp, TurnId, Usd, UserId};
use bespin_table::{
    CommitError, Condition, CorruptItem, Item, Key, Query, Row, Slot, TableError, Transaction, keys,
};

use crate::{
    Charge, Counter, Lease, LedgerEntry, MeteredEvent, Metering,
    counter::{self, Moves},
};

/// How many leases and holds are read at a time.
const LAPSED_AT_A_TIME: usize = 100;

/// What a turn holds of its tenant's plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanHold {
    /// The turn.
    pub turn_id: TurnId,
    /// What it may cost, at the weight and price of the moment in which it began; one for each event.
    pub charges: Vec<Charge>,
    /// When it was taken; also decides the month and the day whose counters hold it.
    pub from: Timestamp,
    /// When its time is over; exclusive.
    pub until: Timestamp,
    /// Whether it is posted when its time is over, or free again.
    pub is_charged: bool,
    /// The request that took it.
    pub request_id: RequestId,
    /// Who acted.
    pub user_id: UserId,
}

/// Why, by whom and as of when what a turn used is posted.
#[derive(Debug, Clone, Copy)]
pub struct TurnPosting {
    /// The turn.
    pub turn_id: TurnId,
    /// The request that says what was used.
    pub request_id: RequestId,
    /// Who began the turn.
    pub user_id: UserId,
    /// When the turn began: decides the month and the day it counts for.
    pub at: Timestamp,
}

impl TurnPosting {
    /// Adds to `transaction` an entry for each charge that is of anything, and to `moves` how it moves the counters.
    fn post(
        &self,
        transaction: &mut Transaction,
        moves: &mut Moves,
        tenant_id: TenantId,
        charges: &[Charge],
        random: &dyn Random,
    ) {
        for charge in charges.iter().filter(|charge| charge.raw_units > 0) {
            moves.post(charge, self.at.date());
            let entry = LedgerEntry {
                id: EntryId::random(random),
                tenant_id,
                event: charge.event,
                raw_units: charge.raw_units,
                credits: charge.credits,
                list_cost: charge.list_cost,
                tool_name: Some("turn".to_owned()),
                request_id: self.request_id,
                user_id: self.user_id,
                action: None,
                subject: Some(self.turn_id.to_string()),
                created_at: self.at,
            };
            let key = keys::ledger_entry(tenant_id, self.at, entry.id);
            transaction.put(entry.at(key), Condition::absent());
        }
    }

    /// Adds to `transaction` that charges are posted of which nothing is held.
    pub fn post_unheld(
        &self,
        transaction: &mut Transaction,
        tenant_id: TenantId,
        charges: &[Charge],
        random: &dyn Random,
    ) {
        let mut moves = Moves::default();
        self.post(transaction, &mut moves, tenant_id, charges, random);
        moves.write(transaction, tenant_id, &Condition::default());
    }
}

impl PlanHold {
    /// Where it stands.
    pub fn row(&self, tenant_id: TenantId) -> Key {
        keys::hold(tenant_id, self.until, self.turn_id)
    }

    /// Adds to `transaction` that this is held, on the condition that each counter of `ceilings` is not above its number
    /// beforehand. The slot is the counters'; `None` where nothing moves them.
    pub fn take(
        &self,
        transaction: &mut Transaction,
        tenant_id: TenantId,
        ceilings: &[(Counter, u64)],
    ) -> Option<Slot> {
        transaction.put(self.at(self.row(tenant_id)), Condition::absent());
        let mut moves = Moves::default();
        for charge in &self.charges {
            moves.take(charge, self.from.date());
        }
        moves.write(transaction, tenant_id, &counter::within(ceilings))
    }

    /// Adds to `transaction` that this is let go of. The slot is refused where somebody else did that.
    pub fn release(&self, transaction: &mut Transaction, tenant_id: TenantId) -> Slot {
        let (slot, moves) = self.let_go(transaction, tenant_id);
        moves.write(transaction, tenant_id, &Condition::default());
        slot
    }

    /// Adds to `transaction` that this is let go of, and `charges` are posted instead, be they more or less. The slot is
    /// refused where somebody else let go of it.
    pub fn settle(
        &self,
        transaction: &mut Transaction,
        tenant_id: TenantId,
        (posting, charges): (&TurnPosting, &[Charge]),
        random: &dyn Random,
    ) -> Slot {
        let (slot, mut moves) = self.let_go(transaction, tenant_id);
        posting.post(transaction, &mut moves, tenant_id, charges, random);
        moves.write(transaction, tenant_id, &Condition::default());
        slot
    }

    /// Adds to `transaction` that this is held until then. The slot is refused where somebody let go of it.
    pub fn renew(&self, transaction: &mut Transaction, tenant_id: TenantId, until: Timestamp) -> Slot {
        if until == self.until {
            return transaction.check(self.row(tenant_id), Condition::present());
        }
        let renewed = Self { until, ..self.clone() };
        transaction.put(renewed.at(renewed.row(tenant_id)), Condition::absent());
        transaction.delete(self.row(tenant_id), Condition::present())
    }

    fn let_go(&self, transaction: &mut Transaction, tenant_id: TenantId) -> (Slot, Moves) {
        let mut moves = Moves::default();
        for charge in &self.charges {
            moves.give_back(charge, self.from.date());
        }
        (transaction.delete(self.row(tenant_id), Condition::present()), moves)
    }
}

impl Metering {
    /// Ends all leases of a tenant, and writes down what became of the holds whose time is over: each is posted, or free.
    /// Whether there was any, so that what did not fit may fit now, and what was read is old. One query for each hundred, and
    /// one write for each hold.
    pub async fn lapse(
        &self,
        tenant: &impl TenantScope,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<bool, TableError> {
        let range = keys::holds_over_at(tenant.tenant_id(), now);
        let (mut were_any, mut after) = (false, None);
        loop {
            let page =
                self.table.query(Query::of(range.clone()).limit(LAPSED_AT_A_TIME).after(after)).await?;
            were_any |= !page.items.is_empty();
            let (leases, holds): (Vec<&Item>, Vec<&Item>) =
                page.items.iter().partition(|item| keys::is_lease(item.sk()));
            let leases = leases.into_iter().map(Lease::read).collect::<Result<Vec<_>, _>>()?;
            self.settle_leases(tenant, &leases).await?;
            for item in holds {
                self.let_lapse(tenant.tenant_id(), &PlanHold::read(item)?, random).await?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(were_any);
            }
        }
    }

    async fn let_lapse(
        &self,
        tenant_id: TenantId,
        hold: &PlanHold,
        random: &dyn Random,
    ) -> Result<(), TableError> {
        let mut transaction = Transaction::new();
        if hold.is_charged {
            let PlanHold { turn_id, request_id, user_id, from, .. } = *hold;
            let posting = TurnPosting { turn_id, request_id, user_id, at: from };
            hold.settle(&mut transaction, tenant_id, (&posting, &hold.charges), random);
        } else {
            hold.release(&mut transaction, tenant_id);
        }
        match self.table.commit(transaction).await {
            // Refused means that somebody else let go of it meanwhile.
            Ok(()) | Err(CommitError::Refused(_)) => Ok(()),
            Err(CommitError::Table(error)) => Err(error),
        }
    }
}

impl Row for PlanHold {
    fn write(&self, item: &mut Item) {
        item.set("turn_id", &self.turn_id);
        item.set("from", &self.from);
        item.set("until", &self.until);
        item.set("charged", &self.is_charged);
        item.set("request_id", &self.request_id);
        item.set("user_id", &self.user_id);
        item.set(
            "events",
            &self.charges.iter().map(|charge| charge.event.key().to_owned()).collect::<Vec<_>>(),
        );
        for charge in &self.charges {
            let [units, credits, list_cost] = attributes(charge.event);
            item.set(&units, &charge.raw_units);
            item.set(&credits, &charge.credits);
            item.set(&list_cost, &charge.list_cost);
        }
    }

    fn read(item: &Item) -> Result<Self, CorruptItem> {
        let events: Vec<String> = item.get("events")?;
        let charge = |key: &String| {
            let event = MeteredEvent::parse(key).ok_or_else(|| item.corrupt("events"))?;
            let [units, credits, list_cost] = attributes(event);
            let (raw_units, credits): (u64, Credits) = (item.get(&units)?, item.get(&credits)?);
            Ok(Charge { event, raw_units, credits, list_cost: item.get::<Usd>(&list_cost)? })
        };
        Ok(Self {
            turn_id: item.get("turn_id")?,
            charges: events.iter().map(charge).collect::<Result<_, CorruptItem>>()?,
            from: item.get("from")?,
            until: item.get("until")?,
            is_charged: item.get("charged")?,
            request_id: item.get("request_id")?,
            user_id: item.get("user_id")?,
        })
    }
}

fn attributes(event: MeteredEvent) -> [String; 3] {
    ["units", "credits", "list_cost"].map(|what| format!("{}.{what}", event.key()))
}
