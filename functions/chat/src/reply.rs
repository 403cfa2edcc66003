//! What is answered to an intent (gateway.md 10.5), from the concepts that the API shows, too. Capabilities other than
//! `chat` are not asked for.

use bespin_access::TenantAccess;
use bespin_conversations::{Cards, Reply};
use bespin_edge::Deps;
use bespin_kpi::{Kpi, KpiError, Point, SeriesHead};
use bespin_notifications::Notification;
use bespin_primitives::{KpiId, parse_date};
use bespin_web::Problem;
use serde::Serialize;
use serde_json::{Value, json};

use crate::intent::Intent;

const HELP: &str = "Available commands:
- 'today's brief' or 'brief' - Get your latest daily brief
- 'kpis' - List all KPIs with latest values
- 'kpi:<name>' - Get detailed summary for a specific KPI
- 'outbox' or 'notifications' - View queued notifications
- 'help' - Show this help message";

const OTHER: &str = "Try: 'today's brief', 'kpis', 'outbox', or 'help'";

const NO_BRIEF: &str = "No brief found. To generate a brief, an admin should run:
POST /v1/jobs/daily-brief or POST /v1/briefs/materialize";

/// How far the start of a KPI's change lies before its newest point at most.
const WINDOW_DAYS: u64 = 7;

/// How many notifications are shown, and how many KPIs.
const MAX_NOTIFICATIONS: usize = 10;
const MAX_KPIS: usize = 500;

/// The answer to an intent. `date` is that of a brief; none, or an intent without one, asks for the latest.
pub(crate) async fn to(
    intent: &Intent,
    date: Option<&str>,
    deps: &Deps,
    access: &TenantAccess,
) -> Result<Reply, Problem> {
    match intent {
        Intent::Help => Ok(Reply::plain(HELP)),
        Intent::Other => Ok(Reply::plain(OTHER)),
        Intent::Brief => brief(date, deps, access).await,
        Intent::Outbox => outbox(deps, access).await,
        Intent::Kpi(name) => one_kpi(name, deps, access).await,
        Intent::Kpis => all_kpis(deps, access).await,
    }
}

async fn brief(date: Option<&str>, deps: &Deps, access: &TenantAccess) -> Result<Reply, Problem> {
    let found = match date.map(parse_date) {
        None => deps.briefs.latest(access).await?,
        Some(Some(date)) => deps.briefs.of_date(access, date).await?,
        // A text that is no date has no brief.
        Some(None) => None,
    };
    let Some(text) = found else { return Ok(Reply::plain(NO_BRIEF)) };
    let mut brief: Value =
        serde_json::from_str(&text).map_err(|error| Problem::broken(&error.to_string()))?;
    let mut content = brief["content"].take();
    let date = content["date"].as_str().unwrap_or_default().to_owned();
    let card = json!({
        "type": "brief", "date": date, "brief_id": brief["brief_id"], "summary": content["summary"].take(),
        "highlights": content["highlights"].take(),
    });
    Ok(Reply { content: format!("Here's your brief for {date}:"), cards: Cards::of(&[card]) })
}

async fn outbox(deps: &Deps, access: &TenantAccess) -> Result<Reply, Problem> {
    let notifications = deps.notifications.newest(access, MAX_NOTIFICATIONS).await?;
    if notifications.is_empty() {
        return Ok(Reply::plain("No notifications in your outbox."));
    }
    let card = |notification: &Notification| {
        json!({
            "type": "notification", "id": notification.id, "date": notification.date.to_string(),
            "title": notification.payload["title"], "status": notification.status.name(),
        })
    };
    let content = format!("Found {} notification(s) in your outbox:", notifications.len());
    Ok(Reply { content, cards: Cards::of(&notifications.iter().map(card).collect::<Vec<_>>()) })
}

/// The KPI of a name, whole and in any case; of several the oldest.
async fn one_kpi(name: &str, deps: &Deps, access: &TenantAccess) -> Result<Reply, Problem> {
    let named = |kpi: &Kpi| kpi.name.to_lowercase() == name;
    let Some(kpi) = deps.kpis.definitions(access).await?.into_iter().find(named) else {
        return Ok(Reply::plain(format!("KPI '{name}' not found.")));
    };
    let no_points = Reply::plain(KpiError::NoPoints { kpi_id: kpi.id.to_string() }.to_string());
    let Some((kpi, Some(head))) = deps.kpis.with_heads(access, vec![kpi]).await?.pop() else {
        return Ok(no_points);
    };
    let Some((kpi, change)) = deps.kpis.latest_change(access, kpi, head, WINDOW_DAYS).await? else {
        return Ok(no_points);
    };
    let card = json!({
        "type": "kpi_summary", "kpi_id": kpi.id, "name": kpi.name, "unit": kpi.unit,
        "latest": change.latest(), "start": change.start(), "delta_abs": change.delta_abs(),
        "delta_pct": change.delta_pct(),
    });
    Ok(Reply { content: format!("Summary for KPI '{}':", kpi.name), cards: Cards::of(&[card]) })
}

/// All KPIs by name, then id, the first of them with their newest points.
async fn all_kpis(deps: &Deps, access: &TenantAccess) -> Result<Reply, Problem> {
    let mut kpis = deps.kpis.definitions(access).await?;
    if kpis.is_empty() {
        return Ok(Reply::plain("No KPIs defined for your tenant."));
    }
    let content = format!("Found {} KPI(s):", kpis.len());
    kpis.sort_by(|one, other| one.name.cmp(&other.name).then(one.id.cmp(&other.id)));
    kpis.truncate(MAX_KPIS);
    let kpis = deps.kpis.with_heads(access, kpis).await?;
    let cards: Vec<_> = kpis.iter().map(|(kpi, head)| KpiCard::of(kpi, head.as_ref())).collect();
    Ok(Reply { content, cards: Cards::of(&cards) })
}

/// A KPI and its newest point.
#[derive(Serialize)]
struct KpiCard<'a> {
    r#type: &'static str,
    kpi_id: KpiId,
    name: &'a str,
    unit: Option<&'a str>,
    latest: Option<&'a Point>,
}

impl<'a> KpiCard<'a> {
    fn of(kpi: &'a Kpi, head: Option<&'a SeriesHead>) -> Self {
        let latest = head.map(SeriesHead::latest);
        Self { r#type: "kpi", kpi_id: kpi.id, name: &kpi.name, unit: kpi.unit.as_deref(), latest }
    }
}
