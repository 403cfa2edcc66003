//! `/console/tenants/{id}`: everything about one tenant, for people.

use askama::Template;
use axum::extract::State;
use bespin_access::{OperatedTenant, User};
use bespin_briefs::StoredBrief;
use bespin_edge::Deps;
use bespin_entitlements::{Account, Catalogue, UsageSummary};
use bespin_kpi::{Kpi, KpiListing};
use bespin_metering::{Counter, MeteredEvent, Usage};
use bespin_notifications::Envelope;
use bespin_observation::Kind;
use bespin_primitives::{Credits, Date, FaultKind, TenantId, Timestamp, UserId};
use bespin_table::TableError;
use bespin_web::{Page, Problem};
use futures::{StreamExt, TryStreamExt, future::try_join, future::try_join_all, stream};
use serde_json::Value;

use crate::{chart, page, queues, queues::QueueRow, session::Visit, tenants::fingerprints, text};

/// How many days of usage are drawn.
const DAYS: u64 = 30;
/// How many roll-ups, users, KPIs, briefs and notifications are shown.
const ROLL_UPS: usize = 20;
const USERS: usize = 50;
const KPIS: usize = 25;
const BRIEFS: usize = 5;
const NOTIFICATIONS: usize = 10;
/// How many users' outboxes are looked at for the newest notifications.
const OUTBOXES: usize = 20;
/// How many points a course has at most, and how many of its last values are told.
const COURSE: usize = 60;
const LAST_VALUES: usize = 5;
/// How many series are read at the same time.
const AT_A_TIME: usize = 8;

/// The usage of one event, day by day.
struct Activity {
    event: &'static str,
    total: String,
    chart: String,
    /// The days on which there was any.
    days: Vec<(String, String)>,
}

/// Credits beside the plan.
struct Credit {
    chart: String,
    percent: u64,
    /// Label and figure.
    figures: Vec<(&'static str, String)>,
}

struct KpiRow {
    id: String,
    name: String,
    unit: String,
    /// None without a point.
    course: Option<Course>,
}

struct Course {
    chart: String,
    latest: String,
    /// Time and value, newest first.
    last_values: Vec<(String, String)>,
}

struct Highlight {
    name: String,
    unit: String,
    from: String,
    to: String,
    move_: Move,
}

/// Which way something went, and how far.
struct Move {
    word: &'static str,
    arrow: &'static str,
    by: String,
}

struct BriefText {
    date: String,
    window_days: String,
    summary: [(&'static str, String); 4],
    highlights: Vec<Highlight>,
    alerts: Vec<(String, String)>,
}

struct NotificationRow {
    id: u64,
    user_id: String,
    what: &'static str,
    date: String,
    status: &'static str,
}

#[derive(Template)]
#[template(path = "tenant.html")]
struct OneTenant {
    id: TenantId,
    name: String,
    /// Label and value.
    info: Vec<(&'static str, String)>,
    subscription: Vec<(&'static str, String)>,
    plan_id: Option<String>,
    credit: Option<Credit>,
    activities: Vec<Activity>,
    from: String,
    to: String,
    roll_up_columns: &'static [&'static str],
    roll_ups: Vec<Vec<Option<String>>>,
    users: Vec<User>,
    more_users: bool,
    kpis: Vec<KpiRow>,
    more_kpis: bool,
    briefs: Vec<BriefText>,
    notifications: Vec<NotificationRow>,
    queues: Vec<QueueRow>,
}

pub(crate) async fn show(State(deps): State<Deps>, visit: Visit) -> Result<Page, Problem> {
    let not_found = || Problem::new(FaultKind::Missing, "tenant_not_found", "Tenant not found");
    let id = TenantId::parse(visit.call.path("tenant_id")).ok_or_else(not_found)?;
    let tenant = deps.tenants.find(id).await?.ok_or_else(not_found)?;
    let (scope, now) = (visit.access.over(id), visit.call.now);

    let catalogue = deps.entitlements.catalogue().await?;
    let account = deps.entitlements.account(&scope, now.period()).await?;
    let days = days_before(now);
    let activities = activities(&deps, &scope, &account.usage, &days).await?;
    let after = deps.observation.page(&visit.access, Kind::UsageRollupsPeriod, Some(id), ROLL_UPS, None, now);
    let roll_ups = after.await?;
    let keys = deps.api_keys.list(&scope, now).await?;
    let (users, more_users) = deps.tenants.users(&scope, USERS, None).await?;
    let listing = KpiListing { limit: KPIS, offset: 0, after: None };
    let (kpis, more_kpis) = deps.kpis.list(&scope, listing).await?;
    let (briefs, _) = deps.briefs.page(&scope, BRIEFS, None).await?;
    let (kpis, notifications) =
        try_join(courses(&deps, &scope, kpis), notifications(&deps, &scope, &users)).await?;
    page(&OneTenant {
        id,
        info: vec![
            ("Id", id.to_string()),
            ("Region", tenant.region),
            ("Created", text::instant(tenant.created_at)),
            ("API keys", fingerprints(&keys)),
        ],
        name: tenant.name,
        subscription: subscription(&account, &catalogue, now),
        plan_id: account.subscription.as_ref().map(|subscription| subscription.plan_id.clone()),
        credit: credit(&account, &catalogue)?,
        activities,
        from: days.first().map(ToString::to_string).unwrap_or_default(),
        to: days.last().map(ToString::to_string).unwrap_or_default(),
        roll_up_columns: Kind::UsageRollupsPeriod.columns(),
        roll_ups: roll_ups.rows.iter().map(|row| row.iter().map(text::cell).collect()).collect(),
        users,
        more_users: more_users.is_some(),
        kpis,
        more_kpis: more_kpis.is_some(),
        briefs: briefs.iter().map(brief).collect::<Result<_, _>>()?,
        notifications,
        queues: queues::rows(&deps).await,
    })
}

/// The days that are drawn, oldest first; today is the last.
fn days_before(now: Timestamp) -> Vec<Date> {
    (0..DAYS).rev().map(|ago| now.minus_days(ago).date()).collect()
}

/// The usage of each event that is counted by day. It stands in the counters of this month and of the one or two before.
async fn activities(
    deps: &Deps,
    scope: &OperatedTenant,
    this_month: &Usage,
    days: &[Date],
) -> Result<Vec<Activity>, Problem> {
    let mut periods: Vec<_> =
        days.iter().map(|day| bespin_primitives::BillingPeriod::containing(*day)).collect();
    periods.dedup();
    periods.retain(|period| *period != this_month.period());
    let earlier = periods.into_iter().map(|period| deps.metering.usage(scope, period));
    let mut months = try_join_all(earlier).await?;
    months.push(this_month.clone());
    let mut activities = Vec::new();
    for event in MeteredEvent::ALL.into_iter().filter(|event| event.is_counted_by_day()) {
        let counted = |day: &Date| {
            let month = bespin_primitives::BillingPeriod::containing(*day);
            let usage = months.iter().find(|usage| usage.period() == month);
            let units = usage.map(|usage| usage.counted(Counter::UnitsOfDay(event, *day))).transpose()?;
            Ok::<_, TableError>((*day, units.unwrap_or_default()))
        };
        let units: Vec<(Date, u64)> = days.iter().map(counted).collect::<Result<_, _>>()?;
        activities.push(Activity {
            event: event.key(),
            total: text::count(units.iter().map(|(_, units)| *units).fold(0, u64::saturating_add)),
            chart: chart::by_day(&units)?,
            days: units
                .iter()
                .rev()
                .filter(|(_, units)| *units > 0)
                .map(|(day, units)| (day.to_string(), text::count(*units)))
                .collect(),
        });
    }
    Ok(activities)
}

fn subscription(account: &Account, catalogue: &Catalogue, now: Timestamp) -> Vec<(&'static str, String)> {
    let Some(subscription) = &account.subscription else { return Vec::new() };
    let period = subscription.period_at(now);
    let plan = catalogue.plans.get(&subscription.plan_id);
    let included = plan.map_or_else(|| "no such plan".to_owned(), |plan| text::count(plan.included_credits));
    vec![
        ("Status", subscription.status.name().to_owned()),
        ("Period", format!("{} to {}", period.start(), period.end())),
        ("Included credits", included),
    ]
}

fn credit(account: &Account, catalogue: &Catalogue) -> Result<Option<Credit>, Problem> {
    let plan_id = account.subscription.as_ref().map(|subscription| &subscription.plan_id);
    let Some(plan) = plan_id.and_then(|plan_id| catalogue.plans.get(plan_id)) else { return Ok(None) };
    let (used, included) = (account.usage.credits()?, Credits::whole(plan.included_credits));
    let view = UsageSummary::of(&account.usage, plan)?.credits_view();
    let figure = |name: &str| text::amount(&view[name]);
    let percent = match included.micros() {
        0 => 100,
        included => u128::from(used.micros()) * 100 / u128::from(included),
    };
    Ok(Some(Credit {
        chart: chart::of_plan(used.micros(), included.micros())?,
        percent: u64::try_from(percent).unwrap_or(u64::MAX),
        figures: vec![
            ("Used", figure("used")),
            ("Included", figure("included")),
            ("Remaining", figure("remaining")),
            ("Overage", figure("overage_credits")),
            ("Overage, USD", figure("estimated_overage_cost")),
            ("List cost, USD", figure("estimated_list_cost")),
        ],
    }))
}

/// KPIs with the course of their newest points: one read for each.
async fn courses(deps: &Deps, scope: &OperatedTenant, kpis: Vec<Kpi>) -> Result<Vec<KpiRow>, Problem> {
    let row = |kpi: Kpi| async move {
        let (mut points, _) = deps.kpis.points_before(scope, kpi.id, None).await?;
        points.truncate(COURSE);
        let course = match points.first() {
            None => None,
            Some(latest) => {
                let values: Vec<f64> = points.iter().rev().map(bespin_kpi::Point::value).collect();
                let told = points.iter().take(LAST_VALUES);
                Some(Course {
                    chart: chart::spark(&values)?,
                    latest: text::figure(latest.value()),
                    last_values: told
                        .map(|point| (point.text().into_owned(), text::figure(point.value())))
                        .collect(),
                })
            }
        };
        let Kpi { id, name, unit, .. } = kpi;
        Ok::<_, Problem>(KpiRow { id: id.to_string(), name, unit: unit.unwrap_or_default(), course })
    };
    stream::iter(kpis).map(row).buffered(AT_A_TIME).try_collect().await
}

/// The newest notifications of the newest users.
async fn notifications(
    deps: &Deps,
    scope: &OperatedTenant,
    users: &[User],
) -> Result<Vec<NotificationRow>, Problem> {
    let outboxes = users.iter().take(OUTBOXES).map(|user| async move {
        let (found, _) = deps.notifications.outbox_of(scope, user.id, NOTIFICATIONS, None).await?;
        Ok::<_, TableError>(found.into_iter().map(|envelope| (user.id, envelope)).collect::<Vec<_>>())
    });
    let mut found: Vec<(UserId, Envelope)> = try_join_all(outboxes).await?.into_iter().flatten().collect();
    found.sort_by_key(|(_, envelope)| std::cmp::Reverse(envelope.id));
    found.truncate(NOTIFICATIONS);
    let row = |(user_id, envelope): (UserId, Envelope)| NotificationRow {
        id: envelope.id,
        user_id: user_id.to_string(),
        what: envelope.notification_type.name(),
        date: envelope.date.to_string(),
        status: envelope.status.name(),
    };
    Ok(found.into_iter().map(row).collect())
}

/// A brief as it would be read.
fn brief(stored: &StoredBrief) -> Result<BriefText, Problem> {
    let brief: Value =
        serde_json::from_str(&stored.text).map_err(|error| Problem::broken(&error.to_string()))?;
    let content = &brief["content"];
    let number = |value: &Value| text::figure(value.as_f64().unwrap_or_default());
    let words = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |name: &str| content[name].as_array().cloned().unwrap_or_default();
    let summary = &content["summary"];
    let highlights = list("highlights");
    let highlights = highlights.iter().map(|highlight| Highlight {
        name: words(&highlight["name"]),
        unit: words(&highlight["unit"]),
        from: number(&highlight["start"]["value"]),
        to: number(&highlight["latest"]["value"]),
        move_: moved(highlight),
    });
    let alerts = list("alerts");
    let alerts =
        alerts.iter().map(|alert| (words(&alert["name"]), format!("{}%", number(&alert["delta_pct"]))));
    Ok(BriefText {
        date: stored.date.to_string(),
        window_days: number(&content["window_days"]),
        summary: [
            ("KPIs", number(&summary["kpis_considered"])),
            ("up", number(&summary["kpis_up"])),
            ("down", number(&summary["kpis_down"])),
            ("flat", number(&summary["kpis_flat"])),
        ],
        highlights: highlights.collect(),
        alerts: alerts.collect(),
    })
}

/// Which way a KPI went: by its values, because a percentage of a negative start has the other sign.
fn moved(highlight: &Value) -> Move {
    let delta = highlight["delta_abs"].as_f64().unwrap_or_default();
    let (word, arrow) = match delta {
        delta if delta > 0.0 => ("up", "▲"),
        delta if delta < 0.0 => ("down", "▼"),
        _ => ("flat", "▬"),
    };
    let by = match highlight["delta_pct"].as_f64() {
        Some(percent) => format!("{}%", text::figure(percent)),
        None => text::figure(delta),
    };
    Move { word, arrow, by }
}
