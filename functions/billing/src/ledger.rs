//! `GET /v1/billing/ledger`: what happened, newest first (gateway.md 12.4).

use axum::extract::State;
use bespin_access::{Action, TenantAccess};
use bespin_edge::{Deps, cursor};
use bespin_entitlements::Catalogue;
use bespin_metering::{LedgerEntry, LedgerListing, MeteredEvent};
use bespin_primitives::{Date, Timestamp};
use bespin_table::{Cursor, Range, TableError};
use bespin_web::describe::Shape;
use bespin_web::{Answer, Call, Problem, Read, clamped, parsed};
use serde_json::{Value, json};

use crate::parse_period_start;

/// Which entries are asked for.
pub(crate) struct Asked {
    start: Date,
    /// `None` where nothing can have been recorded: the event is known and meters nothing.
    listing: Option<LedgerListing>,
}

/// `range` has the entries from a moment on.
pub(crate) fn parse(
    call: &Call,
    range: impl Fn(Timestamp) -> Range,
    catalogue: &Catalogue,
) -> Result<Asked, Problem> {
    let mut query = call.query();
    let start = query.or(
        "period_start",
        call.now.period().start(),
        parsed(parse_period_start).shaped(Shape::date).about("From this day on, to the end of its month"),
    );
    let limit = query.or("limit", 200, clamped(1..=1000).about("How many"));
    let from = start.and_then(Timestamp::midnight).unwrap_or(call.now);
    let range = range(from);
    let after = query.optional("cursor", cursor(&range));
    let event = query.optional(
        "event_key",
        parsed(|key| {
            let known = catalogue.events.contains_key(key);
            known.then(|| MeteredEvent::parse(key)).ok_or("must be the key of a metered event")
        })
        .about("Only entries of this metered event"),
    );
    query.finish(|| {
        let (limit, after) = (usize::try_from(limit?).ok()?, after?);
        let listing = match event? {
            None => Some(LedgerListing { from, event: None, limit, after }),
            Some(event) => event.map(|event| LedgerListing { from, event: Some(event), limit, after }),
        };
        Some(Asked { start: start?, listing })
    })
}

pub(crate) async fn list(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let access = deps.identify(&call).await?.authorise(Action::ReadBilling)?;
    let catalogue = deps.entitlements.catalogue().await?;
    let Asked { start, listing } = parse(&call, |from| LedgerListing::range(&access, from), &catalogue)?;
    let (entries, next) = match listing {
        Some(listing) => page(&deps, &access, listing, call.now).await?,
        None => (Vec::new(), None),
    };
    let items: Value = entries.iter().map(LedgerEntry::view).collect();
    Ok(Answer::ok(&json!({
        "period_start": start.to_string(), "items": items, "next_cursor": next.map(|next| next.to_string()),
    })))
}

/// A page of entries. What turns were charged at their expiry is in the ledger when somebody looks, at the latest: so beside
/// a first page is asked what is over, and where anything was, the page is read again.
async fn page(
    deps: &Deps,
    access: &TenantAccess,
    listing: LedgerListing,
    now: Timestamp,
) -> Result<(Vec<LedgerEntry>, Option<Cursor>), TableError> {
    if listing.after.is_some() {
        return deps.metering.entries(access, listing).await;
    }
    let page = deps.metering.entries(access, listing.clone());
    let (page, lapsed) = futures::try_join!(page, deps.recorder.lapse(access, now))?;
    if lapsed { deps.metering.entries(access, listing).await } else { Ok(page) }
}
