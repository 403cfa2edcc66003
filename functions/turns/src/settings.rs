//! `GET` and `PUT /v1/turn-settings`: what becomes of what a turn holds when its time is over and nobody settled it.

use axum::extract::State;
use bespin_access::Action;
use bespin_edge::Deps;
use bespin_turns::AtExpiry;
use bespin_web::{Answer, Body, Call, Problem, one_of};

use crate::turns::settings_view;

pub(crate) async fn show(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let access = deps.identify(&call).await?.authorise(Action::RunTurns)?;
    Ok(Answer::ok(&settings_view(deps.turns.at_expiry(&access).await?)))
}

pub(crate) fn parse(body: &Body) -> Result<AtExpiry, Problem> {
    let mut fields = body.fields()?;
    let name = fields.required("at_expiry", one_of(&AtExpiry::NAMES));
    fields.finish(|| AtExpiry::parse(name?))
}

pub(crate) async fn set(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    let caller = deps.identify(&call).await?;
    let at_expiry = parse(&body)?;
    let access = caller.authorise(Action::RunTurns)?;
    let author = deps.author(&call, &access);
    deps.turns.set_at_expiry(&author, &access, at_expiry).await?;
    Ok(Answer::ok(&settings_view(at_expiry)))
}
