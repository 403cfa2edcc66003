//! `GET /v1/briefs/{date}` and `GET /v1/briefs/latest` (gateway.md 7.3). Reading is free and needs no capability.

use axum::{extract::State, http::StatusCode};
use bespin_access::Action;
use bespin_edge::Deps;
use bespin_primitives::{FaultKind, parse_date};
use bespin_web::{Answer, Call, Problem};

pub(crate) async fn of_date(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let access = deps.identify(&call).await?.authorise(Action::ReadBriefs)?;
    let date = call.path("date");
    // Any text may stand in the path; what is no date has no brief.
    let brief = match parse_date(date) {
        Some(date) => deps.briefs.of_date(&access, date).await?,
        None => None,
    };
    found(brief, || format!("Brief for date '{date}' not found"))
}

pub(crate) async fn latest(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let access = deps.identify(&call).await?.authorise(Action::ReadBriefs)?;
    found(deps.briefs.latest(&access).await?, || "No briefs found for this tenant".to_owned())
}

fn found(brief: Option<String>, sentence: impl FnOnce() -> String) -> Result<Answer, Problem> {
    match brief {
        Some(brief) => Ok(Answer::json_text(StatusCode::OK, brief)),
        None => Err(Problem::new(FaultKind::Missing, "brief_not_found", sentence())),
    }
}
