//! The stylesheet of all pages and the script of the playground. Their names change with what is in them.

use std::sync::LazyLock;

use bespin_web::{Asset, Call, Problem};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

const CSS: Asset =
    Asset { content_type: "text/css; charset=utf-8", content: include_str!("../assets/bespin.css") };
const SCRIPT: Asset = Asset {
    content_type: "text/javascript; charset=utf-8",
    content: include_str!("../assets/playground.js"),
};

static STYLESHEET_NAME: LazyLock<String> = LazyLock::new(|| format!("bespin.{}.css", hash(CSS)));
static SCRIPT_NAME: LazyLock<String> = LazyLock::new(|| format!("playground.{}.js", hash(SCRIPT)));

fn hash(asset: Asset) -> String {
    HEXLOWER.encode(&Sha256::digest(asset.content)[..8])
}

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
        name if name == stylesheet() => Ok(CSS),
        name if name == script() => Ok(SCRIPT),
        _ => Err(Problem::not_found()),
    }
}
