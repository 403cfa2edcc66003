//! Refusals as people read them. Whoever does not ask for HTML gets the one envelope of all errors.

use askama::Template;
use axum::{extract::Request, middleware::Next, response::IntoResponse, response::Response};
use bespin_web::{Page, Problem, Step};
use http::{HeaderValue, StatusCode, header};

use crate::session::is_console;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn<'a> {
    /// Where to go from here.
    to: &'a str,
}

#[derive(Template)]
#[template(path = "refusal.html")]
struct Refusal<'a> {
    status: u16,
    message: &'a str,
    /// What is wrong with which parameter.
    faults: Vec<(String, &'a str)>,
}

/// Renders a refusal as a page where a browser asks. It never says more than the envelope does.
pub(crate) async fn told_to_people(request: Request, next: Next) -> Response {
    let accepted = request.headers().get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok());
    let wants_html = accepted.is_some_and(|accepted| accepted.contains("text/html"));
    let to = request.uri().path_and_query().map(ToString::to_string).filter(|to| is_console(to));
    let mut response = next.run(request).await;
    if wants_html
        && let Some(problem) = response.extensions_mut().remove::<Problem>()
        && let Ok(html) = html(&problem, to.as_deref().unwrap_or("/console"))
    {
        let retry_after = response.headers_mut().remove(header::RETRY_AFTER);
        let page = Page::new(problem.status(), html);
        response = match retry_after {
            Some(seconds) => page.with_header(header::RETRY_AFTER, seconds).into_response(),
            None => page.into_response(),
        };
    }
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(no_store);
    response
}

fn html(problem: &Problem, to: &str) -> askama::Result<String> {
    let faults: Vec<_> =
        problem.faults().iter().map(|fault| (name(&fault.loc), fault.msg.as_str())).collect();
    if problem.status() == StatusCode::UNPROCESSABLE_ENTITY
        && faults.iter().any(|(name, _)| name == "query.key")
    {
        return SignIn { to }.render();
    }
    Refusal { status: problem.status().as_u16(), message: problem.message(), faults }.render()
}

fn name(loc: &[Step]) -> String {
    let step = |step: &Step| match step {
        Step::Name(name) => name.clone(),
        Step::Index(index) => index.to_string(),
    };
    loc.iter().map(step).collect::<Vec<_>>().join(".")
}
