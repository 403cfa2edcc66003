//! `GET /v1/notifications/outbox` and `POST /v1/notifications/{id}/ack` (gateway.md 8.2, 8.3).

use axum::extract::State;
use bespin_access::Action;
use bespin_edge::{Deps, cursor};
use bespin_notifications::{Listing, Notification, Status};
use bespin_primitives::{FaultKind, parse_date};
use bespin_table::Range;
use bespin_web::{Answer, Call, Problem, Read, clamped, text};
use serde_json::{Value, json};

/// The largest page.
const MAX_LIMIT: i64 = 500;

/// The page of `range` that is asked for; `None` where nothing can match.
pub(crate) fn parse(call: &Call, range: &Range) -> Result<Option<Listing>, Problem> {
    let mut query = call.query();
    let date = query.optional("date", text(..).about("Only those about this date"));
    let status = query
        .optional("status", text(..).about("Only those `queued` or `acked`; nothing has any other status"));
    let limit = query.or("limit", 50, clamped(-1..=MAX_LIMIT).about("How many; 0 gives none, -1 gives one"));
    let after = query.optional("cursor", cursor(range));
    let (date, status, limit, after) = query.finish(|| Some((date?, status?, limit?, after?)))?;
    // An empty text filters nothing; a text that is no date, and a status that there is not, match nothing.
    let (of_date, of_status) = (date.filter(|text| !text.is_empty()), status.filter(|text| !text.is_empty()));
    let (date, status) =
        (of_date.as_deref().and_then(parse_date), of_status.as_deref().and_then(Status::parse));
    if of_date.is_some() != date.is_some() || of_status.is_some() != status.is_some() {
        return Ok(None);
    }
    // 0 gives nothing, but less than nothing is taken for a mistake and gives one.
    let limit = usize::try_from(limit).unwrap_or(1);
    Ok((limit > 0).then_some(Listing { date, status, limit, after }))
}

pub(crate) async fn list(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let access = deps.identify(&call).await?.authorise(Action::UseOwnNotifications)?;
    let (notifications, next) = match parse(&call, &Listing::range(&access))? {
        Some(listing) => deps.notifications.list(&access, listing).await?,
        None => (Vec::new(), None),
    };
    let items: Value = notifications.iter().map(Notification::view).collect();
    Ok(Answer::ok(&json!({"items": items, "next_cursor": next.map(|next| next.to_string())})))
}

pub(crate) async fn acknowledge(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let caller = deps.identify(&call).await?;
    let mut path = call.path_fields();
    let id = path.required("notification_id", clamped(..));
    let id = path.finish(|| id)?;
    let access = caller.authorise(Action::UseOwnNotifications)?;
    let found = match u64::try_from(id) {
        Ok(id) => deps.notifications.acknowledge(&access, id).await?,
        Err(_) => None,
    };
    match found {
        Some(notification) => Ok(Answer::ok(&notification.view())),
        None => Err(not_found(&call, id)),
    }
}

/// The id as it was read; one beyond 64 bits as it was sent.
fn not_found(call: &Call, id: i64) -> Problem {
    let beyond = id == i64::MIN || id == i64::MAX;
    let id = if beyond { call.path("notification_id").trim().to_owned() } else { id.to_string() };
    Problem::new(FaultKind::Missing, "notification_not_found", format!("Notification {id} not found"))
}
