//! A tenant's schedule.

use bespin_primitives::{Date, TenantId, Timestamp, UserId};
use bespin_table::{CorruptItem, Item, Row};
use serde_json::{Value, json};

use crate::DueTime;

/// How a tenant wants its daily brief.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScheduleOrder {
    /// Whether it is made by itself at all.
    pub enabled: bool,
    /// When on each local day.
    pub due: DueTime,
    /// How many days it looks back.
    pub window_days: u32,
    /// How many highlights it has.
    pub top_n: u32,
}

impl Default for ScheduleOrder {
    /// Off; what a brief looks back on and shows is as in a request that does not say (gateway.md 7.1).
    fn default() -> Self {
        Self { enabled: false, due: DueTime::USUAL, window_days: 7, top_n: 3 }
    }
}

/// A tenant's schedule, and what became of it so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Whose.
    pub tenant_id: TenantId,
    /// How the tenant wants it.
    pub order: ScheduleOrder,
    /// Who set it last: briefs are made in this user's name.
    pub set_by: UserId,
    /// When.
    pub updated_at: Timestamp,
    /// No brief of this date or an earlier one is due any more.
    pub done_through: Option<Date>,
    /// The brief of the latest date that was dealt with.
    pub last: Option<LastBrief>,
    /// Counts the writes of the row: each stands on the one before.
    pub(crate) version: u64,
}

/// What became of the brief of a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastBrief {
    /// The local date.
    pub date: Date,
    /// When it was dealt with.
    pub at: Timestamp,
    /// How.
    pub outcome: Outcome,
}

/// How the brief of a date was dealt with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was made, and its notifications are out or on their way.
    Made {
        /// The run of the daily-brief job.
        run_id: String,
    },
    /// It cannot be made until somebody changes something.
    Skipped {
        /// The stable code of the error.
        reason: String,
        /// The error as a sentence.
        message: String,
    },
}

impl Schedule {
    /// The schedule after an order. One that is switched on begins with the next brief: what is due already is not made
    /// up for.
    pub(crate) fn ordered(
        before: Option<&Self>,
        tenant_id: TenantId,
        order: ScheduleOrder,
        set_by: UserId,
        now: Timestamp,
    ) -> Self {
        let done_through = before.and_then(|before| before.done_through);
        let was_on = before.is_some_and(|before| before.order.enabled);
        let done_through =
            if order.enabled && !was_on { done_through.max(order.due.latest(now)) } else { done_through };
        Self {
            tenant_id,
            order,
            set_by,
            updated_at: now,
            done_through,
            last: before.and_then(|before| before.last.clone()),
            version: before.map_or(0, |before| before.version) + 1,
        }
    }

    /// The schedule after a brief was dealt with; `None` where that is known, or a later one was dealt with since. A brief
    /// that somebody asked for ahead of its time is not noted, or none would be due until then: when its own time comes it
    /// is found made.
    pub(crate) fn noted(&self, last: LastBrief) -> Option<Self> {
        let known = self.last.as_ref().is_some_and(|known| known.date >= last.date);
        let is_ahead = self.order.due.latest(last.at).is_none_or(|latest| latest < last.date);
        let done_through = self.done_through.max(Some(last.date));
        (!known && !is_ahead).then(|| Self {
            done_through,
            last: Some(last),
            version: self.version + 1,
            ..self.clone()
        })
    }

    /// The date whose brief is due at `now` and was not dealt with.
    pub fn due_at(&self, now: Timestamp) -> Option<Date> {
        let latest = self.order.due.latest(now).filter(|_| self.order.enabled)?;
        self.done_through.is_none_or(|done| done < latest).then_some(latest)
    }

    /// When the next brief is due: in the past where one is due and not dealt with yet, `None` where none will be.
    pub fn next_due_at(&self, now: Timestamp) -> Option<Timestamp> {
        let due = self.order.due;
        match self.due_at(now) {
            Some(date) => due.on(date),
            None if self.order.enabled => due.after(self.done_through.max(due.latest(now))?),
            None => None,
        }
    }

    /// As the API shows it.
    pub fn view(&self, now: Timestamp) -> Value {
        let mut view = self.order.view();
        view["next_due_at"] = json!(self.next_due_at(now));
        view["last"] = self.last.as_ref().map_or(Value::Null, LastBrief::view);
        view["set_by"] = json!(self.set_by);
        view["updated_at"] = json!(self.updated_at);
        view
    }

    /// As the API shows that of a tenant that never set any.
    pub fn view_of_none() -> Value {
        let mut view = ScheduleOrder::default().view();
        for absent in ["next_due_at", "last", "set_by", "updated_at"] {
            view[absent] = Value::Null;
        }
        view
    }
}

impl ScheduleOrder {
    /// As the API and the audit show it.
    pub fn view(&self) -> Value {
        json!({
            "enabled": self.enabled, "hour": self.due.hour(), "time_zone": self.due.zone_name(),
            "window_days": self.window_days, "top_n": self.top_n,
        })
    }
}

impl LastBrief {
    fn view(&self) -> Value {
        let (status, run_id, reason, message) = match &self.outcome {
            Outcome::Made { run_id } => (MADE, Some(run_id), None, None),
            Outcome::Skipped { reason, message } => (SKIPPED, None, Some(reason), Some(message)),
        };
        json!({
            "date": self.date.to_string(), "at": self.at, "status": status, "run_id": run_id, "reason": reason,
            "message": message,
        })
    }

    fn write(&self, item: &mut Item) {
        item.set("last_date", &self.date);
        item.set("last_at", &self.at);
        match &self.outcome {
            Outcome::Made { run_id } => item.set("last_run", run_id),
            Outcome::Skipped { reason, message } => {
                item.set("last_reason", reason);
                item.set("last_message", message);
            }
        }
    }

    fn read(item: &Item) -> Result<Option<Self>, CorruptItem> {
        let Some(date) = item.get_some("last_date")? else { return Ok(None) };
        let outcome = match item.get_some("last_run")? {
            Some(run_id) => Outcome::Made { run_id },
            None => Outcome::Skipped { reason: item.get("last_reason")?, message: item.get("last_message")? },
        };
        Ok(Some(Self { date, at: item.get("last_at")?, outcome }))
    }
}

const MADE: &str = "made";
const SKIPPED: &str = "skipped";

impl Row for Schedule {
    fn write(&self, item: &mut Item) {
        let ScheduleOrder { enabled, due, window_days, top_n } = self.order;
        item.set("tenant_id", &self.tenant_id);
        item.set("enabled", &enabled);
        item.set("hour", &u64::from(due.hour()));
        item.set("time_zone", &due.zone_name().to_owned());
        item.set("window_days", &u64::from(window_days));
        item.set("top_n", &u64::from(top_n));
        item.set("set_by", &self.set_by);
        item.set("updated_at", &self.updated_at);
        item.set("version", &self.version);
        item.set_some("done_through", self.done_through.as_ref());
        if let Some(last) = &self.last {
            last.write(item);
        }
    }

    fn read(item: &Item) -> Result<Self, CorruptItem> {
        let small = |name: &str| {
            let number: u64 = item.get(name)?;
            u32::try_from(number).map_err(|_| item.corrupt(name))
        };
        let zone: String = item.get("time_zone")?;
        let zone = DueTime::parse_zone(&zone).map_err(|_| item.corrupt("time_zone"))?;
        let hour = u8::try_from(small("hour")?).map_err(|_| item.corrupt("hour"))?;
        Ok(Self {
            tenant_id: item.get("tenant_id")?,
            order: ScheduleOrder {
                enabled: item.get("enabled")?,
                due: DueTime::new(hour, zone),
                window_days: small("window_days")?,
                top_n: small("top_n")?,
            },
            set_by: item.get("set_by")?,
            updated_at: item.get("updated_at")?,
            done_through: item.get_some("done_through")?,
            last: LastBrief::read(item)?,
            version: item.get("version")?,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use bespin_primitives::{SeededRandom, parse_date};

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    fn berlin(enabled: bool, hour: u8) -> ScheduleOrder {
        let due = DueTime::new(hour, DueTime::parse_zone("Europe/Berlin").unwrap());
        ScheduleOrder { enabled, due, ..ScheduleOrder::default() }
    }

    fn ordered(before: Option<&Schedule>, order: ScheduleOrder, now: &str) -> Schedule {
        let random = SeededRandom::new(1);
        Schedule::ordered(before, TenantId::random(&random), order, UserId::random(&random), at(now))
    }

    fn made(date: &str) -> LastBrief {
        let outcome = Outcome::Made { run_id: "r".to_owned() };
        LastBrief { date: parse_date(date).unwrap(), at: at(&format!("{date}T23:00:00Z")), outcome }
    }

    #[test]
    fn a_schedule_begins_with_the_next_brief() {
        // Ten to seven: today's is yet to come. Ten past: it begins tomorrow.
        let early = ordered(None, berlin(true, 7), "2026-02-10T05:50:00Z");
        let late = ordered(None, berlin(true, 7), "2026-02-10T06:10:00Z");

        assert_eq!(early.next_due_at(at("2026-02-10T05:50:00Z")), Some(at("2026-02-10T06:00:00Z")));
        assert_eq!(early.due_at(at("2026-02-10T05:59:59Z")), None);
        assert_eq!(early.due_at(at("2026-02-10T06:00:00Z")), parse_date("2026-02-10"));
        assert_eq!(late.due_at(at("2026-02-10T06:10:00Z")), None);
        assert_eq!(late.next_due_at(at("2026-02-10T06:10:00Z")), Some(at("2026-02-11T06:00:00Z")));
    }

    #[test]
    fn what_was_dealt_with_is_not_due_again_whatever_hour_and_zone_are_set_then() {
        let schedule = ordered(None, berlin(true, 7), "2026-02-09T12:00:00Z");
        let schedule = schedule.noted(made("2026-02-10")).unwrap();
        let now = "2026-02-10T12:00:00Z";

        for (hour, zone) in [(0, "UTC"), (23, "Europe/Berlin"), (5, "Pacific/Honolulu")] {
            let due = DueTime::new(hour, DueTime::parse_zone(zone).unwrap());
            let order = ScheduleOrder { due, ..berlin(true, 7) };
            let changed = ordered(Some(&schedule), order, now);
            assert_eq!(changed.due_at(at("2026-02-10T23:30:00Z")), None, "{hour} {zone}");
            assert_eq!(changed.next_due_at(at(now)), due.after(parse_date("2026-02-10").unwrap()));
        }
        // Ahead of the date line it is the eleventh already.
        let due = DueTime::new(1, DueTime::parse_zone("Pacific/Kiritimati").unwrap());
        let changed = ordered(Some(&schedule), ScheduleOrder { due, ..berlin(true, 7) }, now);
        assert_eq!(changed.due_at(at(now)), parse_date("2026-02-11"));
    }

    #[test]
    fn a_brief_that_is_late_is_made_once_and_earlier_ones_are_not_made_up_for() {
        let schedule = ordered(None, berlin(true, 7), "2026-02-09T12:00:00Z");
        let after_an_outage = at("2026-02-14T02:00:00Z");

        assert_eq!(schedule.due_at(after_an_outage), parse_date("2026-02-13"));
        assert_eq!(schedule.next_due_at(after_an_outage), Some(at("2026-02-13T06:00:00Z")));
        let done = schedule.noted(made("2026-02-13")).unwrap();
        assert_eq!(done.due_at(after_an_outage), None);
        assert_eq!(done.noted(made("2026-02-13")), None);
        assert_eq!(done.noted(made("2026-02-12")), None, "a message that comes late");
    }

    #[test]
    fn a_brief_that_was_asked_for_ahead_of_its_time_holds_up_none_that_is_due_before() {
        let schedule = ordered(None, berlin(true, 7), "2026-02-09T12:00:00Z");
        let early = |date: &str| LastBrief { at: at("2026-02-10T05:59:59Z"), ..made(date) };

        for date in ["2026-02-10", "2026-02-11", "2999-12-31"] {
            assert_eq!(schedule.noted(early(date)), None, "{date}");
        }
        let caught_up = schedule.noted(early("2026-02-08")).unwrap();
        assert_eq!(caught_up.due_at(at("2026-02-10T06:00:00Z")), parse_date("2026-02-10"));
    }

    #[test]
    fn a_schedule_that_was_off_does_not_make_up_for_it() {
        let schedule = ordered(None, berlin(true, 7), "2026-02-09T12:00:00Z");
        let off = ordered(Some(&schedule), berlin(false, 7), "2026-02-09T13:00:00Z");
        assert_eq!(
            (off.due_at(at("2026-02-12T12:00:00Z")), off.next_due_at(at("2026-02-12T12:00:00Z"))),
            (None, None)
        );

        let on = ordered(Some(&off), berlin(true, 7), "2026-02-12T12:00:00Z");
        assert_eq!(on.due_at(at("2026-02-12T12:00:00Z")), None);
        assert_eq!(on.next_due_at(at("2026-02-12T12:00:00Z")), Some(at("2026-02-13T06:00:00Z")));
    }

    #[test]
    fn a_schedule_is_read_back_as_it_was_written() {
        let skipped = Outcome::Skipped { reason: "quota_exceeded".to_owned(), message: "No more".to_owned() };
        let fresh = ordered(None, berlin(true, 23), "2026-02-09T12:00:00Z");
        let skipped = fresh.noted(LastBrief { outcome: skipped, ..made("2026-02-10") }).unwrap();
        for schedule in [fresh.clone(), fresh.noted(made("2026-02-10")).unwrap(), skipped] {
            let key = bespin_table::keys::schedule(schedule.tenant_id);
            assert_eq!(Schedule::read(&schedule.at(key)), Ok(schedule));
        }
    }
}
