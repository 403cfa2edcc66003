//! `/console/billing`: the catalogue, who is subscribed to what, and what was used.

use askama::Template;
use axum::extract::State;
use bespin_edge::Deps;
use bespin_entitlements::{Catalogue, Plan};
use bespin_observation::Kind;
use bespin_primitives::FaultKind;
use bespin_web::{Page, Problem};

use crate::{page, session::Visit, text};

/// How many subscriptions and how many roll-ups are shown.
const SHOWN: usize = 50;

/// Rows with their columns; the page says where all of them are.
pub(crate) struct Section {
    pub(crate) table: &'static str,
    pub(crate) title: &'static str,
    pub(crate) columns: &'static [&'static str],
    pub(crate) rows: Vec<Vec<Option<String>>>,
    pub(crate) more: bool,
}

#[derive(Template)]
#[template(path = "billing.html")]
struct Billing {
    sections: Vec<Section>,
}

pub(crate) async fn section(
    deps: &Deps,
    visit: &Visit,
    kind: Kind,
    title: &'static str,
) -> Result<Section, Problem> {
    let found = deps.observation.page(&visit.access, kind, None, SHOWN, None, visit.call.now).await?;
    Ok(Section {
        table: kind.name(),
        title,
        columns: kind.columns(),
        rows: found.rows.iter().map(|row| row.iter().map(text::cell).collect()).collect(),
        more: found.next.is_some(),
    })
}

pub(crate) async fn show(State(deps): State<Deps>, visit: Visit) -> Result<Page, Problem> {
    let mut sections = Vec::new();
    for (kind, title) in [
        (Kind::MeteredEventTypes, "Metered events"),
        (Kind::Plans, "Plans"),
        (Kind::TenantSubscriptions, "Subscriptions"),
        (Kind::UsageRollupsPeriod, "Usage by month"),
    ] {
        sections.push(section(&deps, &visit, kind, title).await?);
    }
    page(&Billing { sections })
}

#[derive(Template)]
#[template(path = "plan.html")]
struct OnePlan<'a> {
    plan: &'a Plan,
    capabilities: Vec<&'static str>,
    caps: Vec<(&'a str, String)>,
    created_at: String,
    updated_at: String,
}

pub(crate) async fn plan(State(deps): State<Deps>, visit: Visit) -> Result<Page, Problem> {
    let catalogue: std::sync::Arc<Catalogue> = deps.entitlements.catalogue().await?;
    let Some(plan) = catalogue.plans.get(visit.call.path("plan_id")) else {
        return Err(Problem::new(FaultKind::Missing, "plan_not_found", "Plan not found"));
    };
    page(&OnePlan {
        plan,
        capabilities: plan.capabilities.iter().map(|capability| capability.key()).collect(),
        caps: plan.caps.iter().map(|(event, cap)| (event.as_str(), text::amount(cap))).collect(),
        created_at: text::instant(plan.created_at),
        updated_at: text::instant(plan.updated_at),
    })
}
