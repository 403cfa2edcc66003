//! The routes of this function, and what each of them promises.

use axum::response::IntoResponse;
use bespin_web::describe::{Api, Audience, Content, Operation, Shape};
use bespin_web::{Answer, Asset, Call, Page, Problem, STYLESHEET};
use http::StatusCode;

use crate::{OPENAPI, page};

const EVERYBODY: Audience = Audience { schemes: &[], refusals: &[] };

const SHEET: Asset =
    Asset { content_type: "text/css; charset=utf-8", content: include_str!("../assets/docs.css") };

/// Tells all of them.
pub fn api<S>(api: &mut impl Api<S>)
where
    S: Clone + Send + Sync + 'static,
{
    api.get("/openapi.json", document, || {
        Operation::new("getOpenApi", "This document", &EVERYBODY).answers(
            200,
            "An OpenAPI 3.1 document",
            Shape::free_object(),
        )
    });
    api.get("/docs", show, || {
        Operation::new("showDocs", "This document as a page", &EVERYBODY).answers_with(
            200,
            "The page",
            Content::Other(&["text/html"]),
        )
    });
    api.get("/docs/assets/{file}", asset, || {
        Operation::new("getDocsAsset", "A stylesheet of the page", &EVERYBODY)
            .path("file", "Its name, which changes with its content", Some("docs.css"))
            .answers_with(200, "The file", Content::Other(&["text/css"]))
            .refuses(&[(404, "not_found")])
    });
}

async fn document() -> Answer {
    Answer::json_text(StatusCode::OK, OPENAPI)
}

async fn show() -> Result<Page, Problem> {
    page::html().map(|html| Page::ok(html.to_owned()))
}

/// The stylesheets of the page: the one that all pages share, and its own.
pub(crate) fn stylesheets() -> [(String, Asset); 2] {
    [(STYLESHEET.name("bespin", "css"), STYLESHEET), (SHEET.name("docs", "css"), SHEET)]
}

async fn asset(call: Call) -> impl IntoResponse {
    let found = stylesheets().into_iter().find(|(name, _)| name == call.path("file"));
    found.map(|(_, asset)| asset).ok_or_else(Problem::not_found)
}
