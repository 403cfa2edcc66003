//! The stylesheet of all pages and the script of the playground.

use std::sync::LazyLock;

use bespin_web::{Asset, Call, Problem, STYLESHEET};

const SCRIPT: Asset = Asset {
    content_type: "text/javascript; charset=utf-8",
    content: include_str!("../assets/playground.js"),
};

static STYLESHEET_NAME: LazyLock<String> = LazyLock::new(|| STYLESHEET.name("bespin", "css"));
static SCRIPT_NAME: LazyLock<String> = LazyLock::new(|| SCRIPT.name("playground", "js"));

/// The name of the stylesheet.
pub(crate) fn stylesheet() -> &'static str {
    &STYLESHEET_NAME
}

/// The name of the playground's script.
pub(crate) fn script() -> &'static str {
    &SCRIPT_NAME
}

/// A file by its name. It tells nothing, so it is there for everybody: a refusal must look decent, too.
pub(crate) async fn serve(call: Call) -> Result<Asset, Problem> {
    match call.path("file") {
        name if name == stylesheet() => Ok(STYLESHEET),
        name if name == script() => Ok(SCRIPT),
        _ => Err(Problem::not_found()),
    }
}
