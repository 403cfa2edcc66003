//! Building and committing the one transaction.

use std::{collections::HashMap, sync::Arc};

use bespin_access::TenantAccess;
use bespin_entitlements::{Admission, EntitlementError, admit};
use bespin_metering::{Metering, Posting, Usage, post};
use bespin_primitives::{BillingPeriod, Cache, Clock, Random, RequestId, Timestamp, cache};
use bespin_table::{
    CommitError, Condition, Item, Key, Slot, StoredText, Table, TableError, Transaction, keys,
};

use crate::{
    Claim, Earlier, LeaseTerms, RecordError, idempotency::expiry, leased::Leases, refused::RefusedCharges,
};

/// How often a recording is tried while what stands in its way goes away. Others may hold something again at once.
const ATTEMPTS: u32 = 32;

/// How many recently used idempotency keys a process remembers.
const REMEMBERED_KEYS: usize = 50_000;

/// Everything that one request writes, to be committed together.
#[derive(Debug)]
pub struct Recording<'r> {
    access: &'r TenantAccess,
    request_id: RequestId,
    now: Timestamp,
    /// The change itself; concepts add their writes here and keep the slots they want to hear of.
    pub transaction: Transaction,
    charge: Option<Charged<'r>>,
    answer: Option<(Slot, &'r Claim)>,
}

#[derive(Debug)]
struct Charged<'r> {
    admission: &'r Admission,
    /// The write of the counters; `None` when the charge is beyond a ceiling by itself, so that no condition could
    /// hold it. Then the transaction must not even be tried.
    counters: Option<Slot>,
}

/// How a recording ended well.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was committed: the answer may be given.
    Recorded,
    /// The same request was answered before, with this text; nothing was written.
    Replayed(String),
}

impl Outcome {
    /// The text to answer with: of the request before, or else `answer`, which was just recorded.
    pub fn or(self, answer: String) -> String {
        match self {
            Self::Recorded => answer,
            Self::Replayed(earlier) => earlier,
        }
    }
}

/// When to read before acting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Always: acting reads more, or fails in a way that a replay or a refusal comes before.
    First,
    /// Only where a replay or a refusal is likely. Acting is mere computing, and the transaction finds out.
    IfInDoubt,
}

/// What the record of a key says.
#[derive(Debug)]
pub(crate) enum Kept {
    /// The same request was answered before, with this text.
    Answer(String),
    /// Nothing was charged for its answer, which was never given. The record is removed.
    Void,
    /// There is none that counts.
    Nothing,
}

/// What a look before acting found.
#[derive(Debug)]
pub struct Looked<const N: usize> {
    /// The answer of the same request before.
    pub replay: Option<String>,
    /// What the tenant used in the month so far.
    pub usage: Usage,
    /// The rows the caller asked for besides; absent ones are `None`.
    pub rows: [Option<Item>; N],
}

impl<'r> Recording<'r> {
    /// A recording of nothing yet.
    pub fn new(access: &'r TenantAccess, request_id: RequestId, now: Timestamp) -> Self {
        let transaction = Transaction::new();
        Self { access, request_id, now, transaction, charge: None, answer: None }
    }

    /// Adds the ledger entry and the move of the counters, held by the admission's limits.
    #[must_use]
    pub fn charge(
        mut self,
        admission: &'r Admission,
        tool_name: Option<&str>,
        action: Option<&'static str>,
        random: &dyn Random,
    ) -> Self {
        let posting = Posting {
            charge: *admission.charge(),
            request_id: self.request_id,
            tool_name: tool_name.map(str::to_owned),
            action,
            at: self.now,
        };
        let counters = admission
            .ceilings()
            .map(|ceilings| post(&mut self.transaction, self.access, &posting, &ceilings, random));
        self.charge = Some(Charged { admission, counters });
        self
    }
}

/// Commits recordings. One for each process.
#[derive(Debug)]
pub struct Recorder {
    pub(crate) table: Table,
    pub(crate) metering: Metering,
    random: Arc<dyn Random>,
    /// Keys this process saw lately. A retry usually comes soon: reading first makes it cost no write at all. A
    /// key that is not here is most likely new, and then the transaction itself finds out.
    remembered: Cache<Key, ()>,
    refused: RefusedCharges,
    /// None where every call is counted by itself.
    pub(crate) leases: Option<Leases>,
}

impl Recorder {
    /// Over `table`; `clock` only ages what is remembered.
    pub fn new(table: Table, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        let remembered = cache(REMEMBERED_KEYS);
        let metering = Metering::new(table.clone());
        Self { table, metering, random, remembered, refused: RefusedCharges::new(clock), leases: None }
    }

    /// The same, but calls of busy tenants are charged to leases.
    #[must_use]
    pub fn with_leases(self, terms: LeaseTerms) -> Self {
        Self { leases: Some(Leases::new(terms)), ..self }
    }

    /// Where entry ids come from.
    pub fn random(&self) -> &dyn Random {
        &*self.random
    }

    /// Steps 9 and 10 ahead of acting: the answer of the same request before, or a refusal. At most one round trip,
    /// and none for a refusal that is repeated within a second under the same key or none; `None` means that nothing
    /// is known to stand in the way. What does not fit for other reasons (an event that is switched off) is left to
    /// the caller, who hears of a replay first.
    pub async fn before_acting(
        &self,
        access: &TenantAccess,
        claim: Option<&Claim>,
        admission: &Result<Admission, EntitlementError>,
        now: Timestamp,
        look: Look,
    ) -> Result<Option<String>, RecordError> {
        if let Ok(admission) = admission
            && let Some(answer) = self.refuse_again(access, claim, admission, now).await?
        {
            return Ok(Some(answer));
        }
        let tenant_id = access.tenant_id();
        let looks_good =
            admission.as_ref().is_ok_and(|admission| !self.refused.expects(tenant_id, admission));
        if look == Look::IfInDoubt && looks_good {
            return match claim {
                Some(claim) => self.recalled(claim, now).await,
                None => Ok(None),
            };
        }
        let looked = self.look(access, claim, now, []).await?;
        if let (None, Ok(admission)) = (&looked.replay, admission) {
            let is_held = looked.usage.is_held();
            let refused = self.admit(access, claim, admission, looked.usage);
            // What was held until a moment ago may be enough: then the transaction finds out.
            if refused.is_err() && !(is_held && self.lapse(access, now).await?) {
                refused?;
            }
        }
        Ok(looked.replay)
    }

    /// Writes down what became of what turns of the tenant held and hold no more; whether there was any.
    pub async fn lapse(&self, access: &TenantAccess, now: Timestamp) -> Result<bool, TableError> {
        self.metering.lapse(access, now, &*self.random).await
    }

    /// Whether a charge fits on top of what was just read. A refusal is remembered.
    pub fn admit(
        &self,
        access: &TenantAccess,
        claim: Option<&Claim>,
        admission: &Admission,
        usage: Usage,
    ) -> Result<(), RecordError> {
        admit(admission, &usage).map_err(|refusal| {
            // What is held comes back, so such a refusal is not one to be repeated from memory.
            if matches!(refusal, EntitlementError::Refused(_)) && !usage.is_held() {
                self.refused.note(access.tenant_id(), admission, usage, claim.map(Claim::row));
            }
            refusal.into()
        })
    }

    /// Refuses what was refused a moment ago. A key comes first, as ever: one that is not known to be unused is read,
    /// and its answer given. `None` means that the charge may fit by now.
    async fn refuse_again(
        &self,
        access: &TenantAccess,
        claim: Option<&Claim>,
        admission: &Admission,
        now: Timestamp,
    ) -> Result<Option<String>, RecordError> {
        let Some(usage) = self.refused.recent_usage(access.tenant_id(), admission) else { return Ok(None) };
        let Err(refusal) = admit(admission, &usage) else { return Ok(None) };
        if let Some(claim) = claim.filter(|claim| !self.refused.is_unused(&claim.row())) {
            let record = self.table.get(claim.row()).await?;
            if let Some(answer) = self.replay(claim, record.as_ref(), now).await? {
                return Ok(Some(answer));
            }
            self.refused.note_unused(claim.row());
        }
        Err(refusal.into())
    }

    /// The answer of the same request before, if this process remembers the key. At most one round trip, and none
    /// for a key it has not seen.
    async fn recalled(&self, claim: &Claim, now: Timestamp) -> Result<Option<String>, RecordError> {
        let row = claim.row();
        if self.remembered.get(&row).is_none() {
            return Ok(None);
        }
        let record = self.table.get(row).await?;
        self.replay(claim, record.as_ref(), now).await
    }

    /// Reads, in one round trip, the idempotency record, the counters, and whatever rows the caller needs to act.
    /// A key used with another body is refused here; limits are not.
    pub async fn look<const N: usize>(
        &self,
        access: &TenantAccess,
        claim: Option<&Claim>,
        now: Timestamp,
        rows: [Key; N],
    ) -> Result<Looked<N>, RecordError> {
        let period: BillingPeriod = now.period();
        let counters = keys::usage(access.tenant_id(), period);
        let mut wanted = vec![counters.clone()];
        wanted.extend_from_slice(&rows);
        let (replay, mut found) = self.look_at(claim, now, wanted).await?;
        let usage = Usage::of(period, found.remove(&counters));
        Ok(Looked { replay, usage, rows: rows.map(|row| found.remove(&row)) })
    }

    /// Reads, in one round trip, the idempotency record and whatever rows the caller needs to act: the answer that was
    /// given before, if any, and the rows that there are.
    pub async fn look_at(
        &self,
        claim: Option<&Claim>,
        now: Timestamp,
        mut rows: Vec<Key>,
    ) -> Result<(Option<String>, HashMap<Key, Item>), RecordError> {
        rows.extend(claim.map(Claim::row));
        let found = self.table.get_all(&rows).await?;
        let replay = match claim {
            Some(claim) => self.replay(claim, found.get(&claim.row()), now).await?,
            None => None,
        };
        Ok((replay, found))
    }

    /// What was answered under a key, by its record; `None` where the key is free to act under.
    async fn replay(
        &self,
        claim: &Claim,
        record: Option<&Item>,
        now: Timestamp,
    ) -> Result<Option<String>, RecordError> {
        match self.kept(claim, record, now).await? {
            Kept::Answer(answer) => Ok(Some(answer)),
            Kept::Nothing | Kept::Void => Ok(None),
        }
    }

    /// What the record of a key says.
    pub(crate) async fn kept(
        &self,
        claim: &Claim,
        record: Option<&Item>,
        now: Timestamp,
    ) -> Result<Kept, RecordError> {
        let record = record.filter(|record| !record.is_expired_at(now));
        if let Some(record) = record
            && self.is_void(record).await?
        {
            return Ok(Kept::Void);
        }
        match claim.earlier(record, now)? {
            None => Ok(Kept::Nothing),
            Some(Earlier::OtherBody(conflict)) => Err(conflict.into()),
            Some(Earlier::Answered(stored)) => {
                let tenant_id = claim.tenant_id();
                Ok(Kept::Answer(self.table.whole_text(tenant_id, stored).await?))
            }
        }
    }

    /// Adds the record that keeps `answer` under the claimed key; nothing where no key was sent. An answer too
    /// large for a row is written beforehand in pieces that expire by themselves.
    pub async fn keep_answer<'r>(
        &self,
        mut recording: Recording<'r>,
        claim: Option<&'r Claim>,
        answer: &str,
    ) -> Result<Recording<'r>, RecordError> {
        let Some(claim) = claim else { return Ok(recording) };
        let (now, request_id) = (recording.now, recording.request_id);
        let text = self.stored_answer(recording.access, request_id, answer, now).await?;
        let record = claim.record(request_id, &text, now);
        let slot = recording.transaction.put(record, Condition::absent_or_expired(now));
        recording.answer = Some((slot, claim));
        Ok(recording)
    }

    /// An answer as its record holds it.
    pub(crate) async fn stored_answer(
        &self,
        access: &TenantAccess,
        request_id: RequestId,
        answer: &str,
        now: Timestamp,
    ) -> Result<StoredText, TableError> {
        let id = request_id.to_string();
        self.table.keep_text(access.tenant_id(), &id, answer.to_owned(), Some(expiry(now))).await
    }

    /// Remembers that a key is about to be used.
    pub(crate) fn remember(&self, claim: &Claim) {
        self.remembered.insert(claim.row(), ());
    }

    /// Notes that a charge was admitted, and that the key it came under is used.
    pub(crate) fn note_charged(&self, access: &TenantAccess, admission: &Admission, claim: Option<&Claim>) {
        let used = claim.map(Claim::row);
        self.refused.forget(access.tenant_id(), admission, used.as_ref());
    }

    /// Commits everything or nothing, in one round trip. What stands in the way is told in the contract's order:
    /// an earlier use of the key, then the change's own conditions, then the limits.
    pub async fn commit(&self, recording: Recording<'_>) -> Result<Outcome, RecordError> {
        let Recording { access, now, transaction, charge, answer, .. } = recording;
        let claimed = answer.map(|(_, claim)| claim);
        if let Some(claim) = claimed {
            self.remember(claim);
        }
        if let Some(Charged { admission, counters: None }) = charge {
            return self.refuse_untried(access, admission, claimed, now).await;
        }
        let mut tried = self.table.commit(transaction).await;
        for _ in 0..ATTEMPTS {
            let refusals = match tried {
                Ok(()) => {
                    if let Some(charged) = charge {
                        self.note_charged(access, charged.admission, claimed);
                    }
                    return Ok(Outcome::Recorded);
                }
                Err(CommitError::Table(error)) => return Err(error.into()),
                Err(CommitError::Refused(refusals)) => refusals,
            };
            if let Some((slot, claim)) = answer
                && refusals.of(slot).is_some()
            {
                match self.kept(claim, refusals.old(slot), now).await? {
                    Kept::Answer(earlier) => return Ok(Outcome::Replayed(earlier)),
                    // The record stood in the way and yet tells nothing: it ended between two clocks.
                    Kept::Nothing => return Err(TableError::Contended.into()),
                    Kept::Void => {}
                }
                tried = self.table.commit_again(refusals).await;
                continue;
            }
            let charged = charge.as_ref().and_then(|charged| Some((charged.counters?, charged.admission)));
            let Some((slot, admission)) = charged.filter(|(slot, _)| refusals.only(*slot)) else {
                return Err(RecordError::ChangeRefused(refusals));
            };
            // The counters as they were in the instant of the transaction.
            let usage = Usage::of(now.period(), refusals.old(slot).cloned());
            let is_held = usage.is_held();
            let refused = match self.admit(access, claimed, admission, usage) {
                Err(refused) => refused,
                // The store says no and the same numbers say yes: never let that through.
                Ok(()) => TableError::Contended.into(),
            };
            // What others held until a moment ago may be enough.
            if !(is_held && self.lapse(access, now).await?) {
                return Err(refused);
            }
            tried = self.table.commit_again(refusals).await;
        }
        Err(TableError::Contended.into())
    }

    /// A charge that no usage lets through: the counters are read only to tell what was used.
    async fn refuse_untried(
        &self,
        access: &TenantAccess,
        admission: &Admission,
        claim: Option<&Claim>,
        now: Timestamp,
    ) -> Result<Outcome, RecordError> {
        let looked = self.look(access, claim, now, []).await?;
        if let Some(answer) = looked.replay {
            return Ok(Outcome::Replayed(answer));
        }
        self.admit(access, claim, admission, looked.usage)?;
        // Not reached: what is beyond a ceiling by itself is beyond it with any usage.
        Err(TableError::Contended.into())
    }
}
