//! `GET` and `PUT /v1/notifications/prefs`: how the caller wants to be notified (gateway.md 8.1).

use axum::extract::State;
use bespin_access::Action;
use bespin_edge::Deps;
use bespin_notifications::{DeliveryMethod, Prefs};
use bespin_web::{Answer, Body, Call, Problem, boolean, one_of};

/// A member left out goes back to its default: the body replaces all of them.
pub(crate) fn parse(body: &Body) -> Result<Prefs, Problem> {
    let usual = Prefs::default();
    let mut fields = body.fields()?;
    let enabled = fields.or("daily_brief_enabled", usual.daily_brief_enabled, boolean());
    let method = fields.or("delivery_method", usual.delivery_method.name(), one_of(&DeliveryMethod::NAMES));
    fields.finish(|| {
        Some(Prefs { daily_brief_enabled: enabled?, delivery_method: DeliveryMethod::parse(method?)? })
    })
}

pub(crate) async fn show(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let access = deps.identify(&call).await?.authorise(Action::UseOwnNotifications)?;
    Ok(Answer::ok(&deps.notifications.prefs(&access).await?.view()))
}

pub(crate) async fn set(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    let caller = deps.identify(&call).await?;
    let prefs = parse(&body)?;
    let access = caller.authorise(Action::UseOwnNotifications)?;
    deps.notifications.set_prefs(&access, prefs, call.now).await?;
    Ok(Answer::ok(&prefs.view()))
}
