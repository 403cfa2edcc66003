//! The daily-brief job.

use std::sync::Arc;

use bespin_access::TenantAccess;
use bespin_briefs::{BriefOrder, Briefs};
use bespin_entitlements::{Capability, Entitlements, Standing, admit};
use bespin_kpi::Kpis;
use bespin_metering::{MeteredEvent, Usage};
use bespin_notifications::{Driver, NotificationType, Notifications, Run, RunOrder};
use bespin_primitives::{BriefId, RequestId, Timestamp};
use bespin_queue::Queue;
use bespin_recording::{Claim, RecordError, Recorder};
use bespin_table::{Item, TableError};
use bespin_webhooks::Webhooks;
use serde_json::Value;

use crate::{BriefMessage, BriefRun, JobError, notice};

/// How many steps a request does itself before the rest goes to the queue: about 2,000 users, which is a second or two.
pub const INLINE_STEPS: usize = 67;

/// Makes the brief of a date and notifies the tenant's users.
#[derive(Debug, Clone)]
pub struct DailyBrief {
    pub(crate) briefs: Briefs,
    pub(crate) kpis: Kpis,
    pub(crate) recorder: Arc<Recorder>,
    notifications: Notifications,
    webhooks: Webhooks,
    entitlements: Arc<Entitlements>,
    /// Where the rest of a large tenant's run goes, and after how many steps.
    rest: Option<(Queue<BriefMessage>, usize)>,
}

/// What is asked of the job.
#[derive(Debug, Clone)]
pub struct JobOrder {
    /// The key under which the job has its one effect.
    pub claim: Claim,
    /// The brief, if there is none of its date.
    pub brief: BriefOrder,
    /// The request, which brief, notifications and ledger entries carry.
    pub request_id: RequestId,
    /// The present.
    pub now: Timestamp,
}

/// How far a job is.
#[derive(Debug)]
pub enum Progress {
    /// The same job was done before; this was its answer.
    Replayed(String),
    /// The run as it is now: done, or its rest is in the queue.
    At(Box<Run>),
}

impl Progress {
    /// The text to answer with.
    pub fn answer(self) -> String {
        match self {
            Self::Replayed(text) => text,
            Self::At(run) => run.answer().to_string(),
        }
    }
}

/// A run and what is known as it is about to be driven.
struct Begun {
    run: Run,
    /// What its notifications say, where it is not stored yet.
    payload: Option<Value>,
    usage: Usage,
}

impl DailyBrief {
    /// The job over its parts. Without a queue every run is driven to its end at once.
    pub fn new(
        briefs: Briefs,
        kpis: Kpis,
        notifications: Notifications,
        webhooks: Webhooks,
        recorder: Arc<Recorder>,
        entitlements: Arc<Entitlements>,
    ) -> Self {
        Self { briefs, kpis, recorder, notifications, webhooks, entitlements, rest: None }
    }

    /// The same, but what is left of a run after so many steps goes to `queue`, for [`DailyBrief::resume`].
    #[must_use]
    pub fn with_queue(self, queue: Queue<BriefMessage>, steps: usize) -> Self {
        Self { rest: Some((queue, steps.max(1))), ..self }
    }

    /// Steps 9 to 11 of the job (gateway.md 1.4, 9): a replay, or the brief of the date, made if there is none, and its
    /// notifications. Whoever calls has checked the capabilities; `standing` tells the limits.
    pub async fn run(
        &self,
        access: &TenantAccess,
        standing: &Standing<'_>,
        order: &JobOrder,
    ) -> Result<Progress, JobError> {
        let allowance = standing.allowance(MeteredEvent::NotificationEnqueued)?;
        let rows = [
            self.briefs.row(access, order.brief.date),
            self.notifications.run_row(&order.claim),
            self.webhooks.row(access),
        ];
        let looked = self.recorder.look(access, Some(&order.claim), order.now, rows).await?;
        if let Some(answer) = looked.replay {
            return Ok(Progress::Replayed(answer));
        }
        let [brief, run, webhook] = &looked.rows;
        let driver = Driver {
            recorder: &self.recorder,
            access,
            allowance: allowance.as_ref(),
            now: order.now,
            leaves: self.webhooks.is_heard(webhook.as_ref())?,
        };
        let begun = if let Some(run) = self.notifications.run_of(run.as_ref(), order.now)? {
            order.claim.agree(&run.order().claim).map_err(RecordError::from)?;
            Begun { run, payload: None, usage: looked.usage }
        } else if let Some(brief) = brief {
            self.of_existing(driver, order, brief, looked.usage).await?
        } else {
            self.of_new(driver, standing, order, looked.usage).await?
        };
        let steps = self.rest.as_ref().map(|(_, steps)| *steps);
        self.drive(driver, begun, steps).await.map(|run| Progress::At(Box::new(run)))
    }

    /// Goes on with a run for so many steps, whoever began it; `None` where there is no such run. What is left then goes
    /// to the queue again.
    pub async fn resume(
        &self,
        access: &TenantAccess,
        run_id: &str,
        now: Timestamp,
        steps: Option<usize>,
    ) -> Result<Option<Run>, JobError> {
        let Some(row) = self.notifications.row_of_run_id(access, run_id) else { return Ok(None) };
        let looked = self.recorder.look(access, None, now, [row, self.webhooks.row(access)]).await?;
        let [row, webhook] = &looked.rows;
        let Some(run) = self.notifications.run_of(row.as_ref(), now)? else { return Ok(None) };
        if run.is_done() {
            return Ok(Some(run));
        }
        let catalogue = self.entitlements.catalogue().await?;
        let standing = Standing::entitled(access, &catalogue, Capability::Notifications, now)?;
        let allowance = standing.allowance(MeteredEvent::NotificationEnqueued)?;
        let leaves = self.webhooks.is_heard(webhook.as_ref())?;
        let driver = Driver { recorder: &self.recorder, access, allowance: allowance.as_ref(), now, leaves };
        let begun = Begun { run, payload: None, usage: looked.usage };
        self.drive(driver, begun, steps).await.map(Some)
    }

    async fn drive(&self, driver: Driver<'_>, begun: Begun, steps: Option<usize>) -> Result<Run, JobError> {
        let Begun { run, payload, usage } = begun;
        let mut departures = Vec::new();
        let outcome =
            self.notifications.drive(driver, run, payload.as_ref(), usage, steps, &mut departures).await;
        // What was committed leaves, however the run ended. The sweeper finds what cannot be asked for here.
        self.webhooks.outbox().ask(departures.into_iter().map(Into::into)).await;
        let run = outcome?;
        // Whoever dies between the last step and the message has answered nobody: a retry of the key goes on, or the
        // message that it was working on comes again.
        if let (false, Some((queue, _))) = (run.is_done(), &self.rest) {
            queue.send(&BriefMessage::Rest(BriefRun::rest_of(&run))).await?;
        }
        Ok(run)
    }

    /// The run for a brief that there is. It is stored with its first step.
    async fn of_existing(
        &self,
        driver: Driver<'_>,
        order: &JobOrder,
        brief: &Item,
        usage: Usage,
    ) -> Result<Begun, JobError> {
        let text = self.briefs.text(driver.access, brief).await?;
        let payload = notice::of_brief(&text).ok_or_else(|| TableError::from(brief.corrupt("text")))?;
        let brief_id = brief.get("brief_id").map_err(TableError::from)?;
        Ok(Begun { run: new_run(driver.access, order, brief_id, false), payload: Some(payload), usage })
    }

    /// The run for a brief that is made here, in one transaction with the beginning of the run. Whoever loses the race for
    /// the date goes on with the winner's brief, free; who loses that for the key goes on with the winner's run.
    async fn of_new(
        &self,
        driver: Driver<'_>,
        standing: &Standing<'_>,
        order: &JobOrder,
        mut usage: Usage,
    ) -> Result<Begun, JobError> {
        let admission = standing.admission(MeteredEvent::DailyBriefGenerated, 1)?;
        if let Err(refusal) = admit(&admission, &usage) {
            // The rows of a look are not of one instant: whoever made the brief just now may be who used up its quota.
            let row = self.briefs.row(driver.access, order.brief.date);
            let looked = self.recorder.look(driver.access, None, order.now, [row]).await?;
            return match &looked.rows {
                [Some(row)] => self.of_existing(driver, order, row, looked.usage).await,
                [None] => Err(refusal.into()),
            };
        }
        let mut brief =
            self.draft(driver.access, &admission, &order.brief, order.request_id, order.now).await?;
        let mut run = new_run(driver.access, order, brief.id, true);
        let payload = notice::of_brief(&brief.text).unwrap_or_default();
        let slot = self.notifications.begin(&mut brief.recording.transaction, &driver, &mut run, &payload);
        match self.recorder.commit(brief.recording).await {
            Ok(_) => {
                usage.note(*admission.charge(), order.now.date());
                Ok(Begun { run, payload: None, usage })
            }
            Err(RecordError::ChangeRefused(refusals)) => {
                if let Some(run) = self.notifications.run_of(refusals.old(slot), order.now)? {
                    order.claim.agree(&run.order().claim).map_err(RecordError::from)?;
                    return Ok(Begun { run, payload: None, usage });
                }
                match refusals.old(brief.slot) {
                    Some(row) => self.of_existing(driver, order, row, usage).await,
                    None => Err(RecordError::ChangeRefused(refusals).into()),
                }
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn new_run(access: &TenantAccess, order: &JobOrder, brief_id: BriefId, brief_created: bool) -> Run {
    Run::new(RunOrder {
        claim: order.claim.clone(),
        request_id: order.request_id,
        user_id: access.user_id(),
        began_at: order.now,
        notification_type: NotificationType::DailyBrief,
        date: order.brief.date,
        brief_id,
        brief_created,
    })
}
