//! Calls that are charged to a lease of this process, and the leases it has (see [`bespin_metering::Lease`]).

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use bespin_access::TenantAccess;
use bespin_entitlements::{Admission, Standing};
use bespin_metering::{
    Appended, Charge, Counter, Lease, LeasePlace, LedgerEntry, MAX_LEASE_CALLS, MAX_LEASE_SECONDS,
    MeteredEvent,
};
use bespin_primitives::{Credits, RequestId, TenantId, Timestamp};
use bespin_table::{CommitError, Condition, Item, TableError, Transaction};

use crate::{Claim, RecordError, Recorder, Recording, recorder::Kept};

/// For how many tenants and events a process remembers leases before it lets go of those that are over.
const REMEMBERED: usize = 1_000;

/// How leases are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseTerms {
    /// The most calls that one lease is good for.
    pub calls: u64,
    /// For how long.
    pub seconds: u32,
    /// One lease takes at most this part of the room that limits leave: an eighth is 8.
    pub share: u64,
    /// A lease of fewer calls is not worth it.
    pub least: u64,
}

impl LeaseTerms {
    /// Leases of at most so many calls and seconds. What limits leave is shared by many processes; and the smaller it is,
    /// the smaller the leases, down to none: near a limit every call is counted by itself.
    pub fn new(calls: u64, seconds: u32) -> Self {
        Self { calls, seconds, share: 16, least: 8.min(calls) }
    }

    /// As the environment says; `None` where calls are not charged to leases.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, InvalidLeaseSetting> {
        let number = |name: &'static str, usual: u64, expected: &'static str, most: u64| {
            let text = lookup(name).filter(|text| !text.is_empty());
            let number = text.map_or(Some(usual), |text| text.parse().ok().filter(|number| *number <= most));
            number.ok_or(InvalidLeaseSetting { name, expected })
        };
        let calls = number("LEASE_CALLS", 0, "a whole number up to 1000, 0 for no leases", MAX_LEASE_CALLS)?;
        let most = u64::from(MAX_LEASE_SECONDS);
        let expected = "a whole number from 1 to 60";
        let seconds = number("LEASE_SECONDS", 10, expected, most)?;
        let seconds = u32::try_from(seconds).unwrap_or_default();
        if seconds == 0 {
            return Err(InvalidLeaseSetting { name: "LEASE_SECONDS", expected });
        }
        Ok((calls > 0).then(|| Self::new(calls, seconds)))
    }
}

/// A setting of leases that makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidLeaseSetting {
    /// Which.
    pub name: &'static str,
    /// What it must be.
    pub expected: &'static str,
}

/// A call that changes nothing but what is counted, and keeps its answer.
#[derive(Debug)]
pub struct MeteredCall<'c> {
    /// Who calls.
    pub access: &'c TenantAccess,
    /// The request.
    pub request_id: RequestId,
    /// When.
    pub now: Timestamp,
    /// The client's key.
    pub claim: &'c Claim,
    /// What the tenant may use.
    pub standing: &'c Standing<'c>,
    /// What is charged.
    pub admission: &'c Admission,
    /// The tool.
    pub tool_name: &'c str,
    /// The audited action.
    pub action: &'static str,
}

impl MeteredCall<'_> {
    fn owner(&self) -> Owner {
        (self.access.tenant_id(), self.admission.charge().event)
    }

    fn entry(&self) -> LedgerEntry {
        let Charge { event, raw_units, credits, list_cost } = *self.admission.charge();
        LedgerEntry {
            id: LedgerEntry::leased_id(self.request_id),
            tenant_id: self.access.tenant_id(),
            event,
            raw_units,
            credits,
            list_cost,
            tool_name: Some(self.tool_name.to_owned()),
            request_id: self.request_id,
            user_id: self.access.user_id(),
            action: Some(self.action.to_owned()),
            subject: None,
            created_at: self.now,
        }
    }
}

type Owner = (TenantId, MeteredEvent);

/// A lease of this process.
#[derive(Debug)]
struct Held {
    lease: Lease,
    /// What limits and weight made of one call's ceilings when it was taken. Others mean that they changed.
    ceilings: Option<Vec<(Counter, u64)>>,
    units: u64,
    credits: Credits,
    /// The number of the next entry.
    next: u64,
}

impl Held {
    fn is_good_for(&self, call: &MeteredCall<'_>) -> bool {
        let (lease, charge) = (&self.lease, call.admission.charge());
        let units = self.units.checked_add(charge.raw_units);
        let credits = self.credits.checked_add(charge.credits);
        (lease.from..lease.until).contains(&call.now)
            && lease.from.date() == call.now.date()
            && self.ceilings == call.admission.ceilings()
            && units.is_some_and(|units| units <= lease.charge.raw_units)
            && credits.is_some_and(|credits| credits <= lease.charge.credits)
    }

    fn spend(&mut self, charge: &Charge) {
        self.units = self.units.saturating_add(charge.raw_units);
        self.credits = self.credits.checked_add(charge.credits).unwrap_or(self.lease.charge.credits);
        self.next += 1;
    }
}

/// The leases of one tenant and event.
#[derive(Debug)]
struct Pool {
    free: Vec<Held>,
    /// When a call was last charged without a lease.
    last_call: Timestamp,
    /// Until when none is taken, because there was too little room for one.
    paused_until: Timestamp,
}

/// The leases of this process. Each is spent by one call at a time: whoever spends it has it taken out.
#[derive(Debug)]
pub(crate) struct Leases {
    terms: LeaseTerms,
    pools: Mutex<HashMap<Owner, Pool>>,
}

/// What this process has for a call.
struct Found {
    held: Option<Held>,
    /// Whether the tenant is busy enough for taking one.
    is_busy: bool,
    /// Leases that nothing can be charged to any more.
    useless: Vec<Lease>,
}

impl Leases {
    pub(crate) fn new(terms: LeaseTerms) -> Self {
        Self { terms, pools: Mutex::default() }
    }

    /// Takes out a lease for a call. A first call takes none: a tenant that calls now and then needs none.
    fn take_out(&self, call: &MeteredCall<'_>) -> Found {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = i64::from(self.terms.seconds);
        if pools.len() >= REMEMBERED {
            // What is left of them is settled by whoever misses it.
            pools.retain(|_, pool| {
                pool.free.retain(|held| call.now < held.lease.until);
                !pool.free.is_empty() || call.now < pool.last_call.plus_seconds(seconds)
            });
        }
        let Some(pool) = pools.get_mut(&call.owner()) else {
            return Found { held: None, is_busy: false, useless: Vec::new() };
        };
        let (mut good, useless): (Vec<_>, Vec<_>) =
            pool.free.drain(..).partition(|held| held.is_good_for(call));
        let held = good.pop();
        pool.free = good;
        let since = pool.last_call..pool.last_call.plus_seconds(seconds);
        let is_busy = held.is_none()
            && call.now >= pool.paused_until
            && (since.contains(&call.now) || !useless.is_empty());
        Found { held, is_busy, useless: useless.into_iter().map(|held| held.lease).collect() }
    }

    fn put_back(&self, call: &MeteredCall<'_>, held: Held) {
        self.pool(call, |pool| pool.free.push(held));
    }

    fn note_call(&self, call: &MeteredCall<'_>) {
        self.pool(call, |pool| pool.last_call = call.now);
    }

    fn pause(&self, call: &MeteredCall<'_>) {
        let until = call.now.plus_seconds(self.terms.seconds.into());
        self.pool(call, |pool| pool.paused_until = until);
    }

    fn pool(&self, call: &MeteredCall<'_>, change: impl FnOnce(&mut Pool)) {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let (last_call, paused_until) = (Timestamp::MIN, Timestamp::MIN);
        change(pools.entry(call.owner()).or_insert_with(|| Pool {
            free: Vec::new(),
            last_call,
            paused_until,
        }));
    }
}

/// What became of a call that was to be charged to a lease.
enum Spent {
    /// It is charged.
    Charged,
    /// It was answered before.
    Replayed(String),
    /// The lease was ended by somebody else.
    Ended,
}

impl Recorder {
    /// Charges a call and keeps its answer under the client's key: to a lease where this process has one or should have
    /// one, else in a transaction of its own. Gives the text to answer with: of the request before, or `answer`.
    pub async fn record_call(&self, call: &MeteredCall<'_>, answer: String) -> Result<String, RecordError> {
        if let Some(leases) = &self.leases {
            if let Some(mut held) = self.lease_for(leases, call).await? {
                // Where the store does not answer, nobody knows how far the lease was spent: nobody spends more of it.
                match self.spend(call, &held, &answer).await? {
                    Spent::Charged => {
                        held.spend(call.admission.charge());
                        leases.put_back(call, held);
                        self.note_charged(call.access, call.admission, Some(call.claim));
                        return Ok(answer);
                    }
                    Spent::Replayed(earlier) => {
                        leases.put_back(call, held);
                        return Ok(earlier);
                    }
                    Spent::Ended => {}
                }
            }
            leases.note_call(call);
        }
        let recording = Recording::new(call.access, call.request_id, call.now).charge(
            call.admission,
            Some(call.tool_name),
            Some(call.action),
            self.random(),
        );
        let recording = self.keep_answer(recording, Some(call.claim), &answer).await?;
        Ok(self.commit(recording).await?.or(answer))
    }

    /// A lease for a call: one that there is, or a new one if the tenant is busy and limits leave room.
    async fn lease_for(&self, leases: &Leases, call: &MeteredCall<'_>) -> Result<Option<Held>, RecordError> {
        let Found { held, is_busy, useless } = leases.take_out(call);
        self.metering.settle_leases(call.access, &useless).await?;
        if !is_busy {
            return Ok(held);
        }
        let taken = self.take_lease(leases.terms, call).await?;
        if taken.is_none() {
            leases.pause(call);
        }
        Ok(taken)
    }

    async fn take_lease(
        &self,
        terms: LeaseTerms,
        call: &MeteredCall<'_>,
    ) -> Result<Option<Held>, RecordError> {
        let (admission, now) = (call.admission, call.now);
        let usage = self.metering.usage(call.access, now.period()).await?;
        let calls = terms.calls.min(admission.how_many_fit(&usage)? / terms.share.max(1));
        if calls < terms.least.max(1) {
            return Ok(None);
        }
        let Charge { event, raw_units, .. } = *admission.charge();
        let whole = call.standing.admission(event, calls.saturating_mul(raw_units))?;
        let Some(ceilings) = whole.ceilings() else { return Ok(None) };
        let lease = Lease::new(*whole.charge(), now, terms.seconds, self.random());
        let mut transaction = Transaction::new();
        lease.take(&mut transaction, call.access.tenant_id(), &ceilings);
        match self.table.commit(transaction).await {
            Ok(()) => Ok(Some(Held {
                lease,
                ceilings: admission.ceilings(),
                units: 0,
                credits: Credits::from_micros(0),
                next: 0,
            })),
            // Others were faster.
            Err(CommitError::Refused(_)) => Ok(None),
            Err(CommitError::Table(error)) => Err(error.into()),
        }
    }

    async fn spend(&self, call: &MeteredCall<'_>, held: &Held, answer: &str) -> Result<Spent, RecordError> {
        let (entry, place) = (call.entry(), LeasePlace { lease: held.lease.id, number: held.next });
        let text = self.stored_answer(call.access, call.request_id, answer, call.now).await?;
        let mut record = call.claim.record(call.request_id, &text, call.now);
        place.write(&mut record, &entry);
        self.remember(call.claim);
        let free = || Condition::absent_or_expired(call.now);
        while let Some(refused) = self.table.put(record.clone(), free()).await? {
            let old = refused.old.as_ref();
            let request_id = old.map(|old| old.get("request_id")).transpose().map_err(TableError::from)?;
            if request_id == Some(call.request_id) {
                // Ours: its reply was lost.
                break;
            }
            match self.kept(call.claim, old, call.now).await? {
                Kept::Answer(earlier) => return Ok(Spent::Replayed(earlier)),
                Kept::Nothing => return Err(TableError::Contended.into()),
                // It is gone, so somebody gets the key.
                Kept::Void => {}
            }
        }
        match self.metering.append(place, &entry).await? {
            Appended::Counts => Ok(Spent::Charged),
            Appended::Ended => Ok(Spent::Ended),
        }
    }

    /// Whether a record counts for nothing, because the lease that its answer was to be charged to was ended before that
    /// was written down. Then it is removed, and the key is free.
    pub(crate) async fn is_void(&self, record: &Item) -> Result<bool, TableError> {
        let Some((place, entry)) = LeasePlace::read(record)? else { return Ok(false) };
        if self.metering.confirm(place, &entry).await? == Appended::Counts {
            return Ok(false);
        }
        let mut removal = Transaction::new();
        removal.delete(record.key(), place.unchanged());
        match self.table.commit(removal).await {
            // Refused where somebody else removed it.
            Ok(()) | Err(CommitError::Refused(_)) => Ok(true),
            Err(CommitError::Table(error)) => Err(error),
        }
    }
}
