//! `/console/db/download`: rows as JSON, one a line, sent while they are read.

use std::collections::VecDeque;

use axum::extract::State;
use bespin_access::ConsoleAccess;
use bespin_edge::Deps;
use bespin_observation::{Kind, Place};
use bespin_primitives::{TenantId, Timestamp};
use bespin_web::describe::Shape;
use bespin_web::{Call, Download, Problem, Read, parsed};
use bytes::Bytes;
use futures::{Stream, stream};
use serde_json::{Map, Value, json};

use crate::{
    session::Visit,
    tables::{only_of, place},
};

/// How many rows are read at a time.
const PAGE: usize = 1_000;
/// After so many bytes a part ends: a Lambda answers with 6 MB at most, and a page has 3 MB of values at most.
const PART_BYTES: usize = 2_000_000;
/// After so many pages a part ends: a Lambda has half a minute at most.
const PART_PAGES: usize = 40;

/// What is still to be sent of one part.
struct Part {
    deps: Deps,
    access: ConsoleAccess,
    now: Timestamp,
    tenant: Option<TenantId>,
    /// The one table that was asked for.
    only: Option<Kind>,
    left: VecDeque<Kind>,
    /// Where in the first of those left.
    after: Option<Place>,
    bytes: usize,
    pages: usize,
    ended: bool,
}

/// `<table>:<place>`, or `<table>` for its beginning.
fn begin(text: &str, tenant: Option<TenantId>) -> Result<(Kind, Option<Place>), &'static str> {
    let (table, at) = text.split_once(':').unwrap_or((text, ""));
    let kind = Kind::parse(table).ok_or("must be the place at which an earlier part ended")?;
    let at = (!at.is_empty()).then(|| place(at, kind, tenant)).transpose()?;
    Ok((kind, at))
}

/// Which rows.
pub(crate) struct Asked {
    only: Option<Kind>,
    tenant: Option<TenantId>,
    from: Option<(Kind, Option<Place>)>,
}

pub(crate) fn parse(call: &Call) -> Result<Asked, Problem> {
    let mut query = call.query();
    let only = query.optional(
        "table",
        parsed(|text| Kind::parse(text).ok_or("must be the name of a table"))
            .shaped(|| Shape::one_of(&Kind::ALL.map(Kind::name)))
            .about("Only this table"),
    );
    let tenant = query.optional("tenant", only_of()).map(Option::flatten);
    let of = tenant.flatten();
    let from = query.optional(
        "from",
        parsed(|text| begin(text, of))
            .about("The place at which the part before ended, as its last line tells"),
    );
    query.finish(|| Some(Asked { only: only?, tenant: tenant?, from: from? }))
}

/// All tables, or one; of all tenants, or of one. Each line but the last is a row, `{"table", "row"}`. The last tells how
/// the part ended, so that one cut off is not taken for the whole: `complete`, or `more` with where it goes on, or `failed`.
pub(crate) async fn download(
    State(deps): State<Deps>,
    visit: Visit,
) -> Result<Download<impl Stream<Item = Bytes>>, Problem> {
    let Asked { only, tenant, from } = parse(&visit.call)?;
    let (first, after) = from.map_or((None, None), |(kind, after)| (Some(kind), after));
    let wanted = Kind::ALL.into_iter().filter(|kind| only.is_none_or(|only| only == *kind));
    let left: VecDeque<Kind> = wanted.skip_while(|kind| first.is_some_and(|first| first != *kind)).collect();
    let name = only.map_or("all", Kind::name);
    let (access, now) = (visit.access, visit.call.now);
    let part = Part { deps, access, now, tenant, only, left, after, bytes: 0, pages: 0, ended: false };
    let lines =
        stream::unfold(part, |part| async move { if part.ended { None } else { Some(part.more().await) } });
    Ok(Download { file_name: format!("bespin-{name}.ndjson"), lines })
}

impl Part {
    /// The next lines.
    async fn more(mut self) -> (Bytes, Self) {
        let Some(kind) = self.left.front().copied() else {
            return self.end(&json!({"end": "complete"}));
        };
        if self.bytes >= PART_BYTES || self.pages >= PART_PAGES {
            let next = self.next(kind);
            return self.end(&json!({"end": "more", "next": next}));
        }
        let page = self
            .deps
            .observation
            .page(&self.access, kind, self.tenant, PAGE, self.after.as_ref(), self.now)
            .await;
        let page = match page {
            Ok(page) => page,
            Err(error) => {
                tracing::warn!(%error, "a download ended early");
                let next = self.next(kind);
                return self.end(&json!({"end": "failed", "next": next}));
            }
        };
        let line = |row: Vec<Value>| {
            let members: Map<String, Value> =
                kind.columns().iter().map(|column| (*column).to_owned()).zip(row).collect();
            format!("{}\n", json!({"table": kind.name(), "row": members}))
        };
        let lines: String = page.rows.into_iter().map(line).collect();
        self.bytes += lines.len();
        self.pages += 1;
        self.after = page.next;
        if self.after.is_none() {
            self.left.pop_front();
        }
        (lines.into(), self)
    }

    fn end(mut self, how: &Value) -> (Bytes, Self) {
        self.ended = true;
        (format!("{how}\n").into(), self)
    }

    /// Where the next part begins.
    fn next(&self, kind: Kind) -> String {
        let at = self.after.as_ref().map(|place| format!(":{place}")).unwrap_or_default();
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.only.map(|only| ("table", only.name())));
        query.extend_pairs(self.tenant.map(|tenant| ("tenant", tenant.to_string())));
        let query = query.append_pair("from", &format!("{}{at}", kind.name())).finish();
        format!("/console/db/download?{query}")
    }
}
