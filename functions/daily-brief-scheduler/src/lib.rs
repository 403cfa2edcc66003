//! Finds whose daily brief is due and puts one message for each on the queue, for `daily-brief-runner`.
//!
//! It runs every hour and walks the schedules of all tenants page by page, so its memory does not grow with their number.
//! It may run twice, or die in the middle: a tenant is due until its brief was dealt with, and a second message for
//! the same brief finds it made.
//!
//! In the same hour it settles the leases whose process went away and whose tenant nobody asks about.

mod order;

use bespin_edge::Deps;
use bespin_jobs::{BriefMessage, DueBrief};
use bespin_primitives::{TenantId, Timestamp};
use bespin_queue::Queue;
use bespin_schedule::{PARTITIONS, Schedule};
use bespin_table::TableError;
use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use serde_json::Value;

pub use order::{BadEvent, Order};

/// How many schedules are read at a time: one page of each partition under way is all that is held.
const PAGE: usize = 250;

/// How many partitions are walked at the same time.
const AT_A_TIME: usize = 4;

/// What one run of the scheduler did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Scheduled {
    /// How many schedules were looked at.
    pub examined: usize,
    /// How many briefs were put on the queue.
    pub sent: usize,
    /// How many leases were settled that processes had left behind.
    pub leases: usize,
}

/// Why a run failed, wholly or in part. The next one finds what this one left.
#[derive(Debug, thiserror::Error)]
pub enum SchedulerError {
    /// The event asks for something impossible.
    #[error(transparent)]
    Event(#[from] BadEvent),
    /// `BRIEF_RUNS_QUEUE_URL` is not set.
    #[error("BRIEF_RUNS_QUEUE_URL is not set, so due briefs have nowhere to go")]
    NoQueue,
    /// The schedules could not be read.
    #[error("the schedules could not be read: {0}")]
    Table(#[from] TableError),
    /// Leases that processes left behind were not all settled.
    #[error("the leases that are over could not be settled: {0}")]
    Leases(#[source] TableError),
    /// Some messages were not sent.
    #[error("{unsent} of {due} due briefs were not sent, the first because: {reason}")]
    Unsent {
        /// How many.
        unsent: usize,
        /// Of how many that were due.
        due: usize,
        /// Why the first of them was not.
        reason: String,
    },
}

/// Sends a message for each brief that `event` asks for: those that are due at `now`, or of the date that it names; of
/// all tenants, or the one it names. One tenant's or partition's failure does not keep the others from being sent; it
/// is told at the end.
pub async fn handle(deps: &Deps, event: &Value, now: Timestamp) -> Result<Scheduled, SchedulerError> {
    let order = Order::parse(event)?;
    let queue = deps.brief_queue.as_ref().ok_or(SchedulerError::NoQueue)?;
    let scheduler = Scheduler { deps, queue, order, now };
    if let Some(tenant_id) = order.tenant_id {
        return scheduler.one(tenant_id).await?.outcome();
    }
    // Neither keeps the other from being done.
    let (walked, leases) = futures::join!(scheduler.all(), deps.metering.sweep_leases(now));
    let briefs = walked?.outcome()?;
    Ok(Scheduled { leases: leases.map_err(SchedulerError::Leases)?, ..briefs })
}

struct Scheduler<'a> {
    deps: &'a Deps,
    queue: &'a Queue<BriefMessage>,
    order: Order,
    now: Timestamp,
}

/// How far a walk came.
#[derive(Debug, Default)]
struct Walked {
    examined: usize,
    due: usize,
    unsent: usize,
    /// Why the first one was not sent.
    reason: Option<String>,
}

impl Scheduler<'_> {
    async fn one(&self, tenant_id: TenantId) -> Result<Walked, TableError> {
        let schedule = self.deps.schedules.find(tenant_id).await?;
        Ok(self.send(&schedule.into_iter().collect::<Vec<_>>()).await)
    }

    async fn all(&self) -> Result<Walked, TableError> {
        let mut walks = stream::iter((0..PARTITIONS).map(|partition| self.partition(partition)))
            .buffer_unordered(AT_A_TIME);
        let (mut all, mut failure) = (Walked::default(), None);
        while let Some(walked) = walks.next().await {
            match walked {
                Ok(walked) => all = all.and(walked),
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(all), Err)
    }

    async fn partition(&self, partition: usize) -> Result<Walked, TableError> {
        let pages = stream::try_unfold(Some(None), move |next| async move {
            let Some(after) = next else { return Ok(None) };
            let (schedules, after) = self.deps.schedules.page(partition, PAGE, after).await?;
            Ok::<_, TableError>(Some((schedules, after.map(Some))))
        });
        pages
            .try_fold(
                Walked::default(),
                async |walked, schedules| Ok(walked.and(self.send(&schedules).await)),
            )
            .await
    }

    async fn send(&self, schedules: &[Schedule]) -> Walked {
        let due: Vec<_> = schedules.iter().filter_map(|schedule| self.due(schedule)).collect();
        let count = due.len();
        let unsent = self.queue.send_all(due.into_iter().map(BriefMessage::Due)).await;
        let reason = unsent.first().map(|unsent| unsent.error.to_string());
        Walked { examined: schedules.len(), due: count, unsent: unsent.len(), reason }
    }

    fn due(&self, schedule: &Schedule) -> Option<DueBrief> {
        let tenant_id = schedule.tenant_id;
        match self.order.date {
            Some(date) => schedule.order.enabled.then_some(DueBrief { tenant_id, date, named: true }),
            None => schedule.due_at(self.now).map(|date| DueBrief { tenant_id, date, named: false }),
        }
    }
}

impl Walked {
    fn and(self, other: Self) -> Self {
        Self {
            examined: self.examined + other.examined,
            due: self.due + other.due,
            unsent: self.unsent + other.unsent,
            reason: self.reason.or(other.reason),
        }
    }

    fn outcome(self) -> Result<Scheduled, SchedulerError> {
        let Self { examined, due, unsent, reason } = self;
        if let Some(reason) = reason {
            return Err(SchedulerError::Unsent { unsent, due, reason });
        }
        if due > 0 {
            tracing::info!(examined, due, "daily briefs are on their way");
        }
        Ok(Scheduled { examined, sent: due, leases: 0 })
    }
}
