//! `POST {cp}/limiter/...`: the limiter for turns that run in the client's own processes (control-plane.md 5). A refusal is an
//! answer, not an error.

use axum::extract::State;
use bespin_access::Action;
use bespin_edge::{Deps, Named, Place};
use bespin_policies::MAX_NAME;
use bespin_turns::{LockOrder, Subject};
use bespin_web::{Answer, Body, Call, Problem, Read, integer, text};
use serde_json::json;

use crate::{
    allowed::{Kind, allowed},
    subject::subject,
};

/// How long a lock lasts where nothing is said, and at most: a day.
const LOCK_SECONDS: i64 = 120;
const MAX_LOCK_SECONDS: i64 = 86_400;

/// A turn that runs, or wants to.
pub(crate) struct Running {
    named: Named,
    subject: Subject,
    kind: Kind,
    lock_id: String,
    lock_seconds: i64,
}

impl Running {
    pub(crate) fn parse(body: &Body, call: &Call) -> Result<Self, Problem> {
        let mut fields = body.fields()?;
        let named = Named::in_body(&mut fields, call);
        let (subject, kind) = (subject(&mut fields), Kind::read(&mut fields));
        let lock_id = fields.required("lock_id", text(1..=MAX_NAME));
        let lock_seconds = fields.or(
            "lock_seconds",
            LOCK_SECONDS,
            integer(1..=MAX_LOCK_SECONDS).about("After how many seconds the lock ends by itself"),
        );
        let named = named?;
        fields.finish(|| {
            Some(Self {
                named: named?,
                subject: subject?,
                kind: kind?,
                lock_id: lock_id?,
                lock_seconds: lock_seconds?,
            })
        })
    }

    fn lock(&self, call: &Call) -> LockOrder<'_> {
        LockOrder { lock_id: &self.lock_id, until: call.now.plus_seconds(self.lock_seconds) }
    }
}

pub(crate) async fn admit(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    let administrator = deps.sender(&call).await?.authorise(Action::RunTurns)?;
    let turn = Running::parse(&body, &call)?;
    let Place { tenant, project } = turn.named.clone().of(&deps, administrator).await?;

    let allowed = allowed(&deps, (&tenant, &project), &turn.subject, &turn.kind, call.now).await?;
    let lock = turn.lock(&call);
    let verdict = deps.turns.admit(&tenant, &project, &turn.subject, &allowed, lock, call.now).await?;
    let mut view = verdict.view(&turn.lock_id);
    view["expires_at"] = json!(verdict.is_allowed().then_some(lock.until));
    Ok(Answer::ok(&view))
}

pub(crate) async fn heartbeat(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    let administrator = deps.sender(&call).await?.authorise(Action::RunTurns)?;
    let turn = Running::parse(&body, &call)?;
    let Place { tenant, project } = turn.named.clone().of(&deps, administrator).await?;
    let lock = turn.lock(&call);
    let renewed = deps.turns.renew(&tenant, &project, &turn.subject, lock, call.now).await?;
    Ok(Answer::ok(&json!({"status": "ok", "renewed": renewed, "expires_at": renewed.then_some(lock.until)})))
}

pub(crate) async fn release(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    let administrator = deps.sender(&call).await?.authorise(Action::RunTurns)?;
    let turn = Running::parse(&body, &call)?;
    let Place { tenant, project } = turn.named.clone().of(&deps, administrator).await?;
    let released = deps.turns.release(&tenant, &project, &turn.subject, &turn.lock_id, call.now).await?;
    Ok(Answer::ok(&json!({"status": "ok", "released": u8::from(released)})))
}

/// A turn that came to its end.
pub(crate) struct Ended {
    named: Named,
    subject: Subject,
    tokens: u64,
    lock_id: Option<String>,
    commit_id: Option<String>,
}

impl Ended {
    pub(crate) fn parse(body: &Body, call: &Call) -> Result<Self, Problem> {
        let mut fields = body.fields()?;
        let named = Named::in_body(&mut fields, call);
        let subject = subject(&mut fields);
        // None, zero and less still count one request.
        let tokens = fields.or("tokens", 0, integer(..).about("Zero, less and none still count one request"));
        let lock_id = fields.optional("lock_id", text(1..=MAX_NAME));
        let commit_id = fields.optional("commit_id", text(1..=MAX_NAME).about("Counts once in 24 hours"));
        let named = named?;
        fields.finish(|| {
            let tokens = u64::try_from(tokens?).unwrap_or_default();
            Some(Self { named: named?, subject: subject?, tokens, lock_id: lock_id?, commit_id: commit_id? })
        })
    }
}

pub(crate) async fn commit(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    let administrator = deps.sender(&call).await?.authorise(Action::RunTurns)?;
    let Ended { named, subject, tokens, lock_id, commit_id } = Ended::parse(&body, &call)?;
    let Place { tenant, project } = named.of(&deps, administrator).await?;
    let ids = (lock_id.as_deref(), commit_id.as_deref());
    let (snapshot, repeated) = deps.turns.commit(&tenant, &project, &subject, tokens, ids, call.now).await?;
    Ok(Answer::ok(&json!({"status": "ok", "counted": !repeated, "snapshot": snapshot.view()})))
}
