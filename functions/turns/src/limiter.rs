//! `POST {cp}/limiter/...`: the limiter for turns that run in the client's own processes (control-plane.md 5). A refusal is an
//! answer, not an error.

use axum::extract::State;
use bespin_access::Action;
use bespin_edge::Deps;
use bespin_policies::MAX_NAME;
use bespin_turns::LockOrder;
use bespin_web::{Answer, Body, Call, Problem, integer, text};
use serde_json::json;

use crate::{
    allowed::{Kind, allowed},
    subject::Place,
};

/// How long a lock lasts where nothing is said, and at most: a day.
const LOCK_SECONDS: i64 = 120;
const MAX_LOCK_SECONDS: i64 = 86_400;

pub(crate) async fn admit(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    let caller = deps.identify(&call).await?;
    let mut fields = body.fields()?;
    let (place, kind) = (Place::read(&mut fields), Kind::read(&mut fields));
    let lock_id = fields.required("lock_id", text(1..=MAX_NAME));
    let lock_seconds = fields.or("lock_seconds", LOCK_SECONDS, integer(1..=MAX_LOCK_SECONDS));
    let (place, kind, lock_id, lock_seconds) =
        fields.finish(|| Some((place?, kind?, lock_id?, lock_seconds?)))?;
    let access = caller.authorise(Action::RunTurns)?;

    let allowed = allowed(&deps, &access, &place, &kind, call.now).await?;
    let lock = LockOrder { lock_id: &lock_id, until: call.now.plus_seconds(lock_seconds) };
    let Place { project, subject } = &place;
    let verdict = deps.turns.admit(&access, project, subject, &allowed, lock, call.now).await?;
    let mut view = verdict.view(&lock_id);
    view["expires_at"] = json!(verdict.is_allowed().then_some(lock.until));
    Ok(Answer::ok(&view))
}

/// A turn that came to its end.
struct Ended {
    place: Place,
    tokens: u64,
    lock_id: Option<String>,
    commit_id: Option<String>,
}

impl Ended {
    fn parse(body: &Body) -> Result<Self, Problem> {
        let mut fields = body.fields()?;
        let place = Place::read(&mut fields);
        // None, zero and less still count one request.
        let tokens = fields.or("tokens", 0, integer(..));
        let lock_id = fields.optional("lock_id", text(1..=MAX_NAME));
        let commit_id = fields.optional("commit_id", text(1..=MAX_NAME));
        fields.finish(|| {
            let tokens = u64::try_from(tokens?).unwrap_or_default();
            Some(Self { place: place?, tokens, lock_id: lock_id?, commit_id: commit_id? })
        })
    }
}

pub(crate) async fn commit(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    let caller = deps.identify(&call).await?;
    let Ended { place, tokens, lock_id, commit_id } = Ended::parse(&body)?;
    let access = caller.authorise(Action::RunTurns)?;
    let ids = (lock_id.as_deref(), commit_id.as_deref());
    let Place { project, subject } = &place;
    let (snapshot, repeated) = deps.turns.commit(&access, project, subject, tokens, ids, call.now).await?;
    Ok(Answer::ok(&json!({"status": "ok", "counted": !repeated, "snapshot": snapshot.view()})))
}

/// A turn that runs, perhaps.
struct Running {
    place: Place,
    lock_id: String,
    lock_seconds: i64,
}

impl Running {
    fn parse(body: &Body) -> Result<Self, Problem> {
        let mut fields = body.fields()?;
        let place = Place::read(&mut fields);
        let lock_id = fields.required("lock_id", text(1..=MAX_NAME));
        let lock_seconds = fields.or("lock_seconds", LOCK_SECONDS, integer(1..=MAX_LOCK_SECONDS));
        fields.finish(|| Some(Self { place: place?, lock_id: lock_id?, lock_seconds: lock_seconds? }))
    }
}

pub(crate) async fn release(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    let caller = deps.identify(&call).await?;
    let Running { place: Place { project, subject }, lock_id, .. } = Running::parse(&body)?;
    let access = caller.authorise(Action::RunTurns)?;
    let released = deps.turns.release(&access, &project, &subject, &lock_id, call.now).await?;
    Ok(Answer::ok(&json!({"status": "ok", "released": u8::from(released)})))
}

pub(crate) async fn heartbeat(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    let caller = deps.identify(&call).await?;
    let Running { place: Place { project, subject }, lock_id, lock_seconds } = Running::parse(&body)?;
    let access = caller.authorise(Action::RunTurns)?;
    let lock = LockOrder { lock_id: &lock_id, until: call.now.plus_seconds(lock_seconds) };
    let renewed = deps.turns.renew(&access, &project, &subject, lock, call.now).await?;
    Ok(Answer::ok(&json!({"status": "ok", "renewed": renewed, "expires_at": renewed.then_some(lock.until)})))
}
