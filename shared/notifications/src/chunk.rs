//! A chunk: what becomes of the next few recipients, and the one transaction in which it does.

use std::collections::HashSet;

use bespin_access::TenantAccess;
use bespin_audit::{AuditActor, Changed};
use bespin_entitlements::Allowance;
use bespin_metering::{Charge, UnitPosting, post_units};
use bespin_primitives::{Random, Timestamp, UserId};
use bespin_table::{Condition, Item, MAX_WRITES, Slot, Transaction, keys};
use serde_json::Value;

use crate::{
    Departure, NotificationType, Run, Status, id,
    notification::{Envelope, notice},
    outgoing::Outgoing,
    run,
};

/// How many users one chunk notifies at most.
pub(crate) const MAX_INSERTED: usize = 30;

/// A notification, its mark, its ledger entry.
const WRITES_FOR_EACH: usize = 3;
/// The run, what the notifications say, the moment of their ids, the counters, the audit, the kept answer.
const WRITES_BESIDES: usize = 6;
/// What leaves the building.
const WRITES_OUTGOING: usize = 1;
/// Left for what else must happen with a chunk.
const WRITES_FREE: usize = 1;

const _: () =
    assert!(MAX_INSERTED * WRITES_FOR_EACH + WRITES_BESIDES + WRITES_OUTGOING + WRITES_FREE <= MAX_WRITES);
const _: () = assert!(MAX_INSERTED as u64 <= id::IDS_IN_A_MOMENT);

/// The tool that ledger and audit name.
pub(crate) const TOOL_NAME: &str = "daily_brief";

/// The action in the audit.
const AUDITED: &str = "notifications.enqueue";

/// What becomes of the next recipients.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Chunk {
    /// Who is notified.
    pub(crate) inserted: Vec<UserId>,
    /// How many have the notification already.
    pub(crate) ignored: u64,
    /// For how many the quota does not suffice.
    pub(crate) suppressed: u64,
}

impl Chunk {
    /// What becomes of `candidates`, in their order, where those of `notified` have the notification and the quota
    /// lets `room` more through, of which [`MAX_INSERTED`] or more mean that it is not what ends the chunk.
    pub(crate) fn plan(candidates: &[UserId], notified: &HashSet<UserId>, room: usize) -> Self {
        let mut chunk = Self::default();
        for user in candidates {
            if notified.contains(user) {
                chunk.ignored += 1;
            } else if chunk.inserted.len() < room.min(MAX_INSERTED) {
                chunk.inserted.push(*user);
            } else if room < MAX_INSERTED {
                chunk.suppressed += 1;
            } else {
                break;
            }
        }
        chunk
    }

    /// How many of the candidates it is about.
    pub(crate) fn len(&self) -> usize {
        self.inserted.len() + usize::try_from(self.ignored + self.suppressed).unwrap_or(usize::MAX)
    }
}

/// Which write of a chunk's transaction is which.
#[derive(Debug)]
pub(crate) struct Slots {
    pub(crate) run: Slot,
    pub(crate) insertion: Option<Insertion>,
}

/// The writes by which users are notified.
#[derive(Debug)]
pub(crate) struct Insertion {
    pub(crate) moment: Slot,
    pub(crate) counters: Slot,
    pub(crate) marks: Vec<(UserId, Slot)>,
    /// What all of them are charged together.
    pub(crate) total: Charge,
    /// What of them leaves the building, if anything does.
    pub(crate) departure: Option<Departure>,
}

/// Everything that the writes of a chunk depend on besides the chunk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) access: &'a TenantAccess,
    pub(crate) allowance: Option<&'a Allowance>,
    pub(crate) now: Timestamp,
    pub(crate) random: &'a dyn Random,
    /// Whether what is made leaves the building, too.
    pub(crate) leaves: bool,
}

impl Scene<'_> {
    /// Adds the first or next row of a run to `transaction`.
    pub(crate) fn put_run(&self, transaction: &mut Transaction, run: &Run) -> Slot {
        let (row, condition) = run.next_row(run::key(&run.order.claim), self.now);
        transaction.put(row, condition)
    }

    /// Adds what all notifications of a run say. It follows from the brief, which never changes, so whoever writes it
    /// writes the same.
    pub(crate) fn put_notice(&self, transaction: &mut Transaction, run: &Run, payload: &Value) {
        let order = &run.order;
        let row = notice(self.access.tenant_id(), order.notification_type, order.date, payload);
        transaction.put(row, Condition::default());
    }

    /// Adds the notifications of `users` with their marks, their ledger entries, the move of the counters, and what
    /// leaves the building: there is no notification that waits for no delivery, and none that is delivered and not
    /// there. `None` where nobody is notified, or not even an unused quota lets so many through.
    pub(crate) fn put_notifications(
        &self,
        transaction: &mut Transaction,
        run: &Run,
        users: &[UserId],
        moment: u64,
    ) -> Option<Insertion> {
        let allowance = self.allowance.filter(|_| !users.is_empty())?;
        let (total, ceilings) = allowance.of_units(users.len() as u64)?;
        let taken = id::take(transaction, moment, self.now);
        let made: Vec<(UserId, u64)> =
            users.iter().enumerate().map(|(index, user)| (*user, id::id(moment, index))).collect();
        let marks =
            made.iter().map(|(user, id)| (*user, self.put_notification(transaction, run, *user, *id)));
        let marks = marks.collect();
        let posting = UnitPosting {
            unit: *allowance.unit(),
            request_id: run.order.request_id,
            user_id: run.order.user_id,
            tool_name: Some(TOOL_NAME.to_owned()),
            at: self.now,
        };
        let subjects = made.iter().map(|(_, id)| id.to_string());
        let counters =
            post_units(transaction, self.access, &posting, subjects, &total, &ceilings, self.random);
        let departure = self.leaves.then(|| self.put_outgoing(transaction, run, users, moment));
        Some(Insertion { moment: taken, counters, marks, total, departure })
    }

    fn put_outgoing(
        &self,
        transaction: &mut Transaction,
        run: &Run,
        users: &[UserId],
        moment: u64,
    ) -> Departure {
        let outgoing = Outgoing {
            departure: Departure { tenant_id: self.access.tenant_id(), at: self.now, moment },
            notification_type: run.order.notification_type,
            date: run.order.date,
            request_id: run.order.request_id,
            users: users.to_vec(),
        };
        transaction.put(outgoing.row(), Condition::absent());
        outgoing.departure
    }

    /// The slot is that of the mark, which is refused where the user has the notification.
    fn put_notification(&self, transaction: &mut Transaction, run: &Run, user: UserId, id: u64) -> Slot {
        let tenant = self.access.tenant_id();
        let (kind, date, request_id) = (run.order.notification_type, run.order.date, run.order.request_id);
        let status = Status::Queued;
        let envelope = Envelope { id, notification_type: kind, date, status, request_id, own_words: None };
        transaction.put(envelope.at(keys::notification(tenant, user, id)), Condition::absent());
        let mark = Item::new(keys::notified_once(tenant, user, NotificationType::name(kind), date));
        transaction.put(mark.with("id", &id), Condition::absent())
    }

    /// Adds the one audit entry of a run that met anybody (gateway.md 9, 14). Its ledger entries cannot carry it, because
    /// there may be none.
    pub(crate) fn put_audit(&self, transaction: &mut Transaction, run: &Run) {
        if run.counts.is_zero() {
            return;
        }
        let changed = Changed {
            action: AUDITED,
            tenant_id: Some(self.access.tenant_id()),
            subject: TOOL_NAME.to_owned(),
            before: Value::Null,
            after: run.answer(),
        };
        let actor = AuditActor::User(run.order.user_id);
        bespin_audit::post(transaction, actor, changed, run.order.request_id, self.now, self.random);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use bespin_primitives::SeededRandom;
    use proptest::prelude::*;

    use super::*;

    fn users(count: usize) -> Vec<UserId> {
        let random = SeededRandom::new(7);
        (0..count).map(|_| UserId::random(&random)).collect()
    }

    #[test]
    fn the_quota_goes_to_the_first_who_have_none_and_the_others_are_counted() {
        let users = users(6);
        let notified = HashSet::from([users[0], users[4]]);

        let chunk = Chunk::plan(&users, &notified, 2);

        assert_eq!(chunk, Chunk { inserted: users[1..3].to_vec(), ignored: 2, suppressed: 2 });
        assert_eq!(chunk.len(), 6);
    }

    #[test]
    fn a_full_chunk_ends_without_suppressing_anybody() {
        let users = users(MAX_INSERTED + 5);

        let chunk = Chunk::plan(&users, &HashSet::new(), MAX_INSERTED);

        assert_eq!((chunk.inserted.len(), chunk.suppressed, chunk.len()), (MAX_INSERTED, 0, MAX_INSERTED));
    }

    proptest! {
        /// A chunk is about a prefix of the candidates, each of whom is counted once.
        #[test]
        fn a_chunk_is_about_the_first_candidates(count in 0usize..70, room in 0usize..40, every in 1usize..9) {
            let users = users(count);
            let notified: HashSet<UserId> = users.iter().copied().step_by(every).skip(1).collect();

            let chunk = Chunk::plan(&users, &notified, room);

            prop_assert!(chunk.len() <= users.len() && chunk.inserted.len() <= room.min(MAX_INSERTED));
            let first = &users[..chunk.len()];
            prop_assert_eq!(chunk.ignored, first.iter().filter(|user| notified.contains(user)).count() as u64);
            prop_assert!(chunk.inserted.iter().all(|user| first.contains(user) && !notified.contains(user)));
            prop_assert!(chunk.len() == users.len() || chunk.inserted.len() == MAX_INSERTED);
        }
    }
}
