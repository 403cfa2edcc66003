//! `GET` and `PUT /v1/briefs/schedule`: when the tenant's brief is made by itself, and what became of the last one.

use axum::extract::State;
use bespin_access::Action;
use bespin_edge::Deps;
use bespin_schedule::{DueTime, MAX_HOUR, Schedule, ScheduleOrder};
use bespin_web::{Answer, Body, Call, Problem, Read, boolean, integer, parsed};

const HOUR: &str = "The local hour at which it is due. An hour that clocks skip is due when they go on, one that they \
    show twice the first time";

/// A member left out goes back to its default: the body replaces all of them. Only whether it is on must be said.
pub(crate) fn parse(body: &Body) -> Result<ScheduleOrder, Problem> {
    let usual = ScheduleOrder::default();
    let mut fields = body.fields()?;
    let enabled = fields.required("enabled", boolean().about("Whether the brief is made by itself"));
    let hour = fields.or("hour", usual.due.hour().into(), integer(0..=MAX_HOUR.into()).about(HOUR));
    let zone = fields.optional(
        "time_zone",
        parsed(DueTime::parse_zone).about("A time zone of the IANA database; `UTC` where nothing is said"),
    );
    let window_days = fields.or("window_days", usual.window_days.into(), integer(1..=365));
    let top_n = fields.or("top_n", usual.top_n.into(), integer(1..=100));
    fields.finish(|| {
        let (window_days, top_n) = (u32::try_from(window_days?).ok()?, u32::try_from(top_n?).ok()?);
        let due = DueTime::new(u8::try_from(hour?).ok()?, zone?.unwrap_or_default());
        Some(ScheduleOrder { enabled: enabled?, due, window_days, top_n })
    })
}

pub(crate) async fn show(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let access = deps.identify(&call).await?.authorise(Action::ReadBriefs)?;
    let schedule = deps.schedules.of(&access).await?;
    Ok(Answer::ok(&schedule.map_or_else(Schedule::view_of_none, |schedule| schedule.view(call.now))))
}

pub(crate) async fn set(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    let caller = deps.identify(&call).await?;
    let order = parse(&body)?;
    let access = caller.authorise(Action::ScheduleBriefs)?;
    let author = deps.author(&call, &access);
    let schedule = deps.schedules.set(&author, &access, order).await?;
    Ok(Answer::ok(&schedule.view(call.now)))
}
