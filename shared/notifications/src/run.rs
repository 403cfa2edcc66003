//! One run: the notifications of one brief, for one idempotency key.

use bespin_primitives::{BriefId, Date, RequestId, Timestamp, UserId};
use bespin_recording::Claim;
use bespin_table::{Condition, CorruptItem, Item, Key, keys};
use serde_json::{Value, json};

use crate::{NotificationType, recipients::Place};

/// What a run did so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Users who were notified by this run.
    pub inserted: u64,
    /// Users who had the notification already, seen or not.
    pub ignored: u64,
    /// Users for whom the tenant's quota did not suffice.
    pub suppressed: u64,
}

impl Counts {
    /// Whether the run met nobody.
    pub fn is_zero(self) -> bool {
        self == Self::default()
    }
}

/// What a run is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOrder {
    /// The key it has its one effect under.
    pub claim: Claim,
    /// The request that began it, which all its notifications and entries carry.
    pub request_id: RequestId,
    /// Who began it, and so acts in all its entries.
    pub user_id: UserId,
    /// When it began.
    pub began_at: Timestamp,
    /// What its notifications are about.
    pub notification_type: NotificationType,
    /// The date of the brief.
    pub date: Date,
    /// The brief.
    pub brief_id: BriefId,
    /// Whether the run made the brief; then nobody can have heard of it before.
    pub brief_created: bool,
}

/// A run and how far it came. Its row is replaced with each step, on the condition that it is still the one that was
/// read, so of several who drive one run each step is done by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub(crate) order: RunOrder,
    pub(crate) place: Place,
    pub(crate) counts: Counts,
    /// Whether somebody was answered before the run was done, and the rest went to the queue.
    pub(crate) handed_over: bool,
    /// The last moment that ids were made of.
    pub(crate) last_moment: Option<u64>,
    /// How many steps were done; 0 is not stored yet.
    pub(crate) steps: u64,
}

impl Run {
    /// A run that did nothing yet and is not stored.
    pub fn new(order: RunOrder) -> Self {
        Self {
            order,
            place: Place::Saved(None),
            counts: Counts::default(),
            handed_over: false,
            last_moment: None,
            steps: 0,
        }
    }

    /// Names the run in its tenant.
    pub fn id(&self) -> String {
        self.order.claim.id()
    }

    /// What it is about.
    pub fn order(&self) -> &RunOrder {
        &self.order
    }

    /// What it did so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Whether nothing is left to do.
    pub fn is_done(&self) -> bool {
        self.place == Place::End
    }

    /// The answer to whoever began it (gateway.md 9). One that was handed over tells where it stands, too.
    pub fn answer(&self) -> Value {
        if self.handed_over { self.report() } else { self.outcome() }
    }

    /// The same with its id and where it stands, whoever asks.
    pub fn report(&self) -> Value {
        let mut report = self.outcome();
        report["status"] = json!(if self.is_done() { "done" } else { "running" });
        report["run_id"] = json!(self.id());
        report
    }

    fn outcome(&self) -> Value {
        let Counts { inserted, ignored, suppressed } = self.counts;
        json!({
            "date": self.order.date.to_string(), "brief_id": self.order.brief_id,
            "brief_created": self.order.brief_created, "notifications_inserted": inserted,
            "notifications_ignored": ignored, "notifications_suppressed_due_to_quota": suppressed,
        })
    }

    /// The row after one more step, and the condition on which it replaces the one before.
    pub(crate) fn next_row(&self, key: Key, now: Timestamp) -> (Item, Condition) {
        let condition = match self.steps {
            0 => Condition::absent_or_expired(now),
            steps => Condition::present().and_equals("steps", &steps),
        };
        let RunOrder {
            claim,
            request_id,
            user_id,
            began_at,
            notification_type,
            date,
            brief_id,
            brief_created,
        } = &self.order;
        let mut row = Item::new(key)
            .with("request_id", request_id)
            .with("user_id", user_id)
            .with("began_at", began_at)
            .with("type", &notification_type.name().to_owned())
            .with("date", date)
            .with("brief_id", brief_id)
            .with("brief_created", brief_created)
            .with("inserted", &self.counts.inserted)
            .with("ignored", &self.counts.ignored)
            .with("suppressed", &self.counts.suppressed)
            .with("handed_over", &self.handed_over)
            .with("steps", &(self.steps + 1))
            .with("expires_at", &began_at.plus_seconds(bespin_recording::KEPT_SECONDS).epoch_seconds());
        claim.write(&mut row);
        row.set_some("last_moment", self.last_moment.as_ref());
        let (group, behind) = match &self.place {
            Place::Saved(behind) => (SAVED, behind.as_ref()),
            Place::Unsaved(behind) => (UNSAVED, behind.as_ref()),
            Place::End => (END, None),
        };
        row.set("group", &group.to_owned());
        row.set_some("behind", behind);
        (row, condition)
    }

    /// Reads back a row of [`Run::next_row`].
    pub(crate) fn read(row: &Item) -> Result<Self, CorruptItem> {
        let text = |name: &str| row.get::<String>(name);
        let behind = row.get_some("behind")?;
        Ok(Self {
            order: RunOrder {
                claim: Claim::read(row)?,
                request_id: row.get("request_id")?,
                user_id: row.get("user_id")?,
                began_at: row.get("began_at")?,
                notification_type: NotificationType::parse(&text("type")?)
                    .ok_or_else(|| row.corrupt("type"))?,
                date: row.get("date")?,
                brief_id: row.get("brief_id")?,
                brief_created: row.get("brief_created")?,
            },
            place: match text("group")?.as_str() {
                SAVED => Place::Saved(behind),
                UNSAVED => Place::Unsaved(behind),
                END => Place::End,
                _ => return Err(row.corrupt("group")),
            },
            counts: Counts {
                inserted: row.get("inserted")?,
                ignored: row.get("ignored")?,
                suppressed: row.get("suppressed")?,
            },
            handed_over: row.get("handed_over")?,
            last_moment: row.get_some("last_moment")?,
            steps: row.get("steps")?,
        })
    }
}

const SAVED: &str = "saved";
const UNSAVED: &str = "unsaved";
const END: &str = "end";

/// Where the run of a claim stands.
pub(crate) fn key(claim: &Claim) -> Key {
    keys::run(claim.tenant_id(), &claim.id())
}
