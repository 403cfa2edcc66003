//! Driving a run: chunk after chunk, until it is done or the time it may take is used up.
//!
//! A chunk's transaction stands on four conditions: the run is still the one that was read, no recipient has the
//! notification, the counters leave room, and nobody took the moment of the ids. What is false among them comes
//! with the refusal, and the chunk is planned anew with what is known then. So a run may die between any two chunks
//! and be taken up by anybody, and several may drive it at once.

use std::collections::HashSet;

use bespin_access::TenantAccess;
use bespin_entitlements::Allowance;
use bespin_metering::Usage;
use bespin_primitives::{Timestamp, UserId};
use bespin_recording::{Outcome, RecordError, Recorder, Recording};
use bespin_table::{Item, Key, Refusals, Slot, TableError, Transaction, keys};
use serde_json::Value;

use crate::{
    Departure, Notifications, Run,
    chunk::{Chunk, MAX_INSERTED, Scene, Slots},
    id,
    recipients::Recipients,
    run,
};

/// How many recipients are looked up at a time: what one batched read takes.
const LOOKED_UP: usize = 100;

/// How many pages of users one step reads at most before it notes how far it came.
const PAGES_A_STEP: usize = 4;

/// How often a chunk is planned before others count as faster for good. Each time somebody else got something done.
const ATTEMPTS: usize = 128;

/// Who drives a run, with what, when.
#[derive(Debug, Clone, Copy)]
pub struct Driver<'a> {
    /// Commits the chunks.
    pub recorder: &'a Recorder,
    /// In whose tenant.
    pub access: &'a TenantAccess,
    /// How many notifications the tenant may have; `None` where the event is switched off.
    pub allowance: Option<&'a Allowance>,
    /// The present: of ids, ledger entries and limits.
    pub now: Timestamp,
    /// Whether the tenant's notifications leave the building, too.
    pub leaves: bool,
}

impl<'a> Driver<'a> {
    fn scene(&self) -> Scene<'a> {
        Scene {
            access: self.access,
            allowance: self.allowance,
            now: self.now,
            random: self.recorder.random(),
            leaves: self.leaves,
        }
    }
}

impl Notifications {
    /// Where the run of a claim stands, for reading it with other rows.
    pub fn run_row(&self, claim: &bespin_recording::Claim) -> Key {
        run::key(claim)
    }

    /// The run of a row that was read; none where it is over for so long that its key is free again.
    pub fn run_of(&self, row: Option<&Item>, now: Timestamp) -> Result<Option<Run>, TableError> {
        let row = row.filter(|row| !row.is_expired_at(now));
        Ok(row.map(Run::read).transpose()?)
    }

    /// Where a run of this id stands; none for a text that is no id of any.
    pub fn row_of_run_id(&self, access: &TenantAccess, run_id: &str) -> Option<Key> {
        let is_id =
            run_id.len() == 40 && run_id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_id.then(|| keys::run(access.tenant_id(), run_id))
    }

    /// A run of the tenant. One round trip.
    pub async fn find_run(
        &self,
        access: &TenantAccess,
        run_id: &str,
        now: Timestamp,
    ) -> Result<Option<Run>, TableError> {
        match self.row_of_run_id(access, run_id) {
            Some(key) => self.run_of(self.table.get(key).await?.as_ref(), now),
            None => Ok(None),
        }
    }

    /// Adds the beginning of a run to the transaction that makes its brief, with what its notifications will say. The
    /// slot is refused where a run of the same key is under way.
    pub fn begin(
        &self,
        transaction: &mut Transaction,
        driver: &Driver<'_>,
        run: &mut Run,
        payload: &Value,
    ) -> Slot {
        let scene = driver.scene();
        scene.put_notice(transaction, run, payload);
        let slot = scene.put_run(transaction, run);
        run.steps += 1;
        slot
    }

    /// Drives a run for so many steps at most, or to its end where there is no bound, and gives it as it is then. A
    /// step is one transaction, which handles 30 recipients or more. `payload` is what the notifications say, for a
    /// run that is not stored yet; `usage` is what the tenant used of late. `departures` gets what leaves the building,
    /// also where the run ends with an error.
    pub async fn drive(
        &self,
        driver: Driver<'_>,
        run: Run,
        payload: Option<&Value>,
        usage: Usage,
        steps: Option<usize>,
        departures: &mut Vec<Departure>,
    ) -> Result<Run, RecordError> {
        let recipients = Recipients::from(run.place.clone(), run.order.began_at);
        let known = Known::default();
        let mut enqueuing =
            Enqueuing { notifications: self, driver, run, payload, recipients, known, usage, departures };
        let mut left = steps;
        while !enqueuing.run.is_done() && left != Some(0) {
            let is_last = left == Some(1);
            if enqueuing.step(is_last).await? {
                left = left.map(|left| left - 1);
            }
        }
        Ok(enqueuing.run)
    }
}

/// A run that is being driven.
struct Enqueuing<'a> {
    notifications: &'a Notifications,
    driver: Driver<'a>,
    run: Run,
    payload: Option<&'a Value>,
    recipients: Recipients,
    known: Known,
    usage: Usage,
    departures: &'a mut Vec<Departure>,
}

/// What is known of the recipients ahead. Nobody loses a notification, so what was found stays true; that somebody
/// has none is for the conditions of the transaction to say.
#[derive(Default)]
struct Known {
    /// Who has the notification already.
    notified: HashSet<UserId>,
    /// How many of those ahead were looked up, from the first on.
    looked_up: usize,
}

impl Enqueuing<'_> {
    /// One chunk. `false` where somebody else had done the step, and the run is now as it was left.
    async fn step(&mut self, is_last: bool) -> Result<bool, RecordError> {
        let table = &self.notifications.table;
        self.recipients.look_ahead(table, self.driver.access, LOOKED_UP, PAGES_A_STEP).await?;
        let candidates: Vec<UserId> =
            self.recipients.ahead().take(LOOKED_UP).map(|recipient| recipient.user_id).collect();
        let next = self.run.last_moment.map_or(0, |last| last + 1);
        let mut moment = id::moment(self.driver.access.tenant_id(), self.driver.now).max(next);
        for _ in 0..ATTEMPTS {
            let chunk = self.plan(&candidates).await?;
            match self.try_chunk(&chunk, &mut moment, is_last).await? {
                Tried::Committed => return Ok(true),
                Tried::Overtaken => return Ok(false),
                Tried::Refused => {}
            }
        }
        Err(TableError::Contended.into())
    }

    /// How many more notifications fit. No round trip, unless it is too few and turns hold some of the plan: what they
    /// held until a moment ago counts no more.
    async fn room(&mut self) -> Result<usize, RecordError> {
        let Some(allowance) = self.driver.allowance else { return Ok(0) };
        let Driver { recorder, access, now, .. } = self.driver;
        let mut room = allowance.fitting(MAX_INSERTED as u64, &self.usage)?;
        let is_enough = room == MAX_INSERTED as u64 || !self.usage.is_held();
        if !is_enough && recorder.lapse(access, now).await? {
            self.usage = recorder.look(access, None, now, []).await?.usage;
            room = allowance.fitting(MAX_INSERTED as u64, &self.usage)?;
        }
        Ok(usize::try_from(room).unwrap_or(MAX_INSERTED))
    }

    /// What becomes of the first candidates. At most one round trip, and none where enough is known of them.
    async fn plan(&mut self, candidates: &[UserId]) -> Result<Chunk, RecordError> {
        let room = self.room().await?;
        if self.run.order.brief_created {
            // Nobody but by a race has heard of a brief that the run made itself: the marks' conditions find that
            // out. Who is not notified has no such condition, so they are looked up.
            let chunk = Chunk::plan(candidates, &self.known.notified, room);
            if chunk.suppressed == 0 {
                return Ok(chunk);
            }
        }
        let looked_up = self.known.looked_up.min(candidates.len());
        let chunk = Chunk::plan(&candidates[..looked_up], &self.known.notified, room);
        if looked_up == candidates.len() || chunk.inserted.len() == MAX_INSERTED {
            return Ok(chunk);
        }
        let notified = self.who_has_it(&candidates[looked_up..]).await?;
        self.known.notified.extend(notified);
        self.known.looked_up = candidates.len();
        Ok(Chunk::plan(candidates, &self.known.notified, room))
    }

    /// Who of these has the notification. One round trip.
    async fn who_has_it(&self, users: &[UserId]) -> Result<Vec<UserId>, TableError> {
        let tenant = self.driver.access.tenant_id();
        let order = &self.run.order;
        let mark =
            |user: &UserId| keys::notified_once(tenant, *user, order.notification_type.name(), order.date);
        let marks: Vec<Key> = users.iter().map(mark).collect();
        let there = self.notifications.table.get_all(&marks).await?;
        let has_it = users.iter().zip(&marks).filter(|(_, mark)| there.contains_key(mark));
        Ok(has_it.map(|(user, _)| *user).collect())
    }

    async fn try_chunk(
        &mut self,
        chunk: &Chunk,
        moment: &mut u64,
        is_last: bool,
    ) -> Result<Tried, RecordError> {
        let next = self.run_after(chunk, *moment, is_last);
        let scene = self.driver.scene();
        let mut recording = Recording::new(self.driver.access, next.order.request_id, self.driver.now);
        let slots = self.write(&mut recording.transaction, &scene, &next, chunk, *moment)?;
        let answer;
        if next.is_done() {
            scene.put_audit(&mut recording.transaction, &next);
            answer = next.answer().to_string();
            let claim = Some(&next.order.claim);
            recording = self.driver.recorder.keep_answer(recording, claim, &answer).await?;
        }
        match self.driver.recorder.commit(recording).await {
            Ok(Outcome::Recorded) => {
                self.recipients.done_with(chunk.len());
                self.known.looked_up = self.known.looked_up.saturating_sub(chunk.len());
                if let Some(insertion) = slots.insertion {
                    self.usage.note(insertion.total, self.driver.now.date());
                    self.departures.extend(insertion.departure);
                }
                self.payload = None;
                self.run = Run { steps: next.steps + 1, ..next };
                Ok(Tried::Committed)
            }
            // The answer is kept in the transaction that ends the run, so the run was ended.
            Ok(Outcome::Replayed(_)) => {
                let row = self.notifications.table.get(run::key(&self.run.order.claim)).await?;
                self.take_up(row.as_ref())
            }
            Err(RecordError::ChangeRefused(refusals)) => self.learn(&slots, &refusals, moment).await,
            Err(error) => Err(error),
        }
    }

    /// The run when the chunk is done.
    fn run_after(&self, chunk: &Chunk, moment: u64, is_last: bool) -> Run {
        let mut next = self.run.clone();
        next.place = self.recipients.place_after(chunk.len());
        next.counts.inserted += chunk.inserted.len() as u64;
        next.counts.ignored += chunk.ignored;
        next.counts.suppressed += chunk.suppressed;
        next.handed_over |= is_last && !next.is_done();
        if !chunk.inserted.is_empty() {
            next.last_moment = Some(moment);
        }
        next
    }

    fn write(
        &self,
        transaction: &mut Transaction,
        scene: &Scene<'_>,
        next: &Run,
        chunk: &Chunk,
        moment: u64,
    ) -> Result<Slots, TableError> {
        let run = scene.put_run(transaction, next);
        if let Some(payload) = self.payload {
            scene.put_notice(transaction, next, payload);
        }
        let insertion = scene.put_notifications(transaction, next, &chunk.inserted, moment);
        if insertion.is_none() && !chunk.inserted.is_empty() {
            // Not reached: what fits on top of what was used fits by itself. Nobody is counted who is not notified.
            return Err(TableError::Contended);
        }
        Ok(Slots { run, insertion })
    }

    /// What stood in the way of a chunk.
    async fn learn(
        &mut self,
        slots: &Slots,
        refusals: &Refusals,
        moment: &mut u64,
    ) -> Result<Tried, RecordError> {
        if let Some(refused) = refusals.of(slots.run) {
            return self.take_up(refused.old.as_ref());
        }
        let Some(insertion) = &slots.insertion else { return Err(TableError::Contended.into()) };
        let refused = insertion.marks.iter().filter(|(_, slot)| refusals.of(*slot).is_some());
        self.known.notified.extend(refused.map(|(user, _)| *user));
        if let Some(refused) = refusals.of(insertion.counters) {
            self.usage = Usage::of(self.driver.now.period(), refused.old.clone());
        }
        if refusals.of(insertion.moment).is_some() {
            *moment = id::next_free(&self.notifications.table, *moment).await?;
        }
        Ok(Tried::Refused)
    }

    /// Goes on with the run as somebody else left it.
    fn take_up(&mut self, row: Option<&Item>) -> Result<Tried, RecordError> {
        // Gone means that it was over for a week; whoever asks again begins anew.
        let row = row.ok_or(TableError::Contended)?;
        let run = Run::read(row).map_err(TableError::from)?;
        self.run.order.claim.agree(&run.order.claim)?;
        self.recipients = Recipients::from(run.place.clone(), run.order.began_at);
        self.known.looked_up = 0;
        self.payload = None;
        self.run = run;
        Ok(Tried::Overtaken)
    }
}

/// What became of a chunk.
enum Tried {
    /// It is done.
    Committed,
    /// Somebody else went on with the run.
    Overtaken,
    /// Something else stood in the way, which is known now.
    Refused,
}
