//! `/ui`: a page that talks to the API (gateway.md 15). Credentials stay in the browser.

use askama::Template;
use axum::extract::State;
use bespin_edge::Deps;
use bespin_primitives::FaultKind;
use bespin_web::{Page, Problem};

use crate::page;

#[derive(Template)]
#[template(path = "playground.html")]
struct Playground {
    /// Whether there is a console to link to. The link has no key.
    console: bool,
}

pub(crate) async fn show(State(deps): State<Deps>) -> Result<Page, Problem> {
    if !deps.settings.playground {
        let sentence = "Playground UI is disabled. Set PLAYGROUND_UI_ENABLED=1 to enable.";
        return Err(Problem::new(FaultKind::Missing, "playground_disabled", sentence));
    }
    page(&Playground { console: deps.settings.console_key.is_some() })
}
