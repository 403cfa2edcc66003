//! `GET /v1/kpis` and `GET /v1/kpis/{kpi_id}/latest` (gateway.md 6.4, 6.5).

use axum::{
    extract::State,
    http::{HeaderName, HeaderValue},
};
use bespin_access::Action;
use bespin_edge::Deps;
use bespin_entitlements::{Capability, Standing};
use bespin_kpi::{KpiError, KpiListing};
use bespin_primitives::KpiId;
use bespin_table::{Cursor, Range};
use bespin_web::{Answer, Call, Problem, Read, clamped, parsed};
use serde_json::json;

/// Where the next page of a list starts. The body is a bare array, so the place is told in a header.
const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");

/// A page of the definitions in `range`.
pub(crate) fn parse_listing(call: &Call, range: &Range) -> Result<KpiListing, Problem> {
    let mut query = call.query();
    let limit = query.or("limit", 100, clamped(1..=500).about("How many"));
    let offset = query.or("offset", 0, clamped(0..).about("How many of the newest are left out"));
    let after = query.optional(
        "cursor",
        parsed(|text| Cursor::parse(text, range).ok_or("must be the X-Next-Cursor of an earlier page"))
            .about("The `X-Next-Cursor` of the page before"),
    );
    query.finish(|| {
        let (limit, offset) = (usize::try_from(limit?).ok()?, usize::try_from(offset?).ok()?);
        Some(KpiListing { limit, offset, after: after? })
    })
}

pub(crate) async fn list(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let caller = deps.identify(&call).await?;
    let access = caller.authorise(Action::ReadKpis)?;
    let listing = parse_listing(&call, &deps.kpis.listing_range(&access))?;
    let catalogue = deps.entitlements.catalogue().await?;
    Standing::entitled(&access, &catalogue, Capability::KpiRead, call.now)?;

    let (kpis, next) = deps.kpis.list(&access, listing).await?;
    let answer = Answer::ok(&kpis);
    Ok(match next.and_then(|next| HeaderValue::try_from(next.to_string()).ok()) {
        Some(next) => answer.with_header(NEXT_CURSOR, next),
        None => answer,
    })
}

pub(crate) async fn latest(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let access = deps.identify(&call).await?.authorise(Action::ReadKpis)?;
    let catalogue = deps.entitlements.catalogue().await?;
    Standing::entitled(&access, &catalogue, Capability::KpiRead, call.now)?;

    let kpi_id = call.path("kpi_id").to_owned();
    let Some(kpi) = KpiId::parse(&kpi_id) else { return Err(KpiError::NotFound { kpi_id }.into()) };
    match deps.kpis.find(&access, kpi).await? {
        None => Err(KpiError::NotFound { kpi_id }.into()),
        Some((_, None)) => Err(KpiError::NoPoints { kpi_id }.into()),
        Some((_, Some(head))) => {
            let latest = head.latest();
            Ok(Answer::ok(&json!({"kpi_id": kpi, "ts": latest.text(), "value": latest.value()})))
        }
    }
}
