//! Credits of single users: `{cp}/replenishments` (control-plane.md 2, 10.3).

use axum::{extract::State, http::StatusCode};
use bespin_access::{Action, TenantScope};
use bespin_edge::{Deps, Named, Place};
use bespin_grants::{Grant, GrantListing, GrantOrder, MAX_DAYS, UserTotals, addition_name};
use bespin_policies::{Dimension, EVERY_BUNDLE, MAX_NAME, Quotas};
use bespin_primitives::Micros;
use bespin_recording::{Claim, Fingerprint};
use bespin_table::Range;
use bespin_web::{Answer, Body, Call, Fields, Problem, Read, boolean, decimal, integer, text};
use serde_json::{Value, json};

use crate::page::{Page, shown};

/// The most that is paid at once: $99,999,999.99.
const MAX_AMOUNT: Micros = Micros::new(99_999_999_990_000);
/// Amounts are of whole cents.
const CENT: u64 = 10_000;

const MAX_NOTES: usize = 1_000;

const TRIAL_DAYS: i64 = 7;
const TRIAL: [(Dimension, u64); 2] = [(Dimension::RequestsPerDay, 100), (Dimension::TokensPerDay, 1_000_000)];

/// For how many days a top-up holds where nothing is said.
const TOP_UP_DAYS: i64 = 30;

pub(crate) fn parse_trial(body: &Body, call: &Call) -> Result<(Named, GrantOrder), Problem> {
    let mut fields = body.fields()?;
    let named = Named::in_body(&mut fields, call);
    let user_id = fields.required("user_id", text(1..=MAX_NAME));
    let bundle_id = fields.or("bundle_id", EVERY_BUNDLE.to_owned(), text(1..=MAX_NAME));
    let days = fields.or("days", TRIAL_DAYS, integer(1..=MAX_DAYS));
    let given = additions(&mut fields, &TRIAL.map(|(dimension, _)| dimension));
    let notes = fields.optional("notes", text(..=MAX_NOTES));
    let named = named?;
    fields.finish(|| {
        let (days, given) = (days?, given?);
        let usual =
            TRIAL.into_iter().fold(Quotas::default(), |all, (dimension, n)| all.with(dimension, Some(n)));
        let order = GrantOrder {
            user_id: user_id?,
            bundle_id: bundle_id?,
            additions: usual.updated_by(&given),
            days: Some(days),
            purchase_id: None,
            purchase_amount: None,
            notes: Some(notes?.unwrap_or_else(|| format!("{days}-day trial bonus"))),
        };
        Some((named?, order))
    })
}

pub(crate) fn parse_top_up(body: &Body, call: &Call) -> Result<(Named, GrantOrder), Problem> {
    let mut fields = body.fields()?;
    let named = Named::in_body(&mut fields, call);
    let user_id = fields.required("user_id", text(1..=MAX_NAME));
    let bundle_id = fields.or("bundle_id", EVERY_BUNDLE.to_owned(), text(1..=MAX_NAME));
    let additions = additions(&mut fields, &Dimension::ALL);
    // `null` is for ever, and not the same as saying nothing.
    let said = fields.contains("expires_in_days");
    let days = fields.optional(
        "expires_in_days",
        integer(1..=MAX_DAYS).about("`null` is for ever; 30 where nothing is said"),
    );
    let days = if said { days } else { Some(Some(TOP_UP_DAYS)) };
    let amount = fields.optional("purchase_amount_usd", decimal(MAX_AMOUNT));
    if amount.flatten().is_some_and(|amount| amount.get() % CENT != 0) {
        let msg = "Decimal input should have no more than 2 decimal places";
        fields.refuse("purchase_amount_usd", "decimal_max_places", msg);
    }
    let notes = fields.optional("notes", text(..=MAX_NOTES));
    let named = named?;
    fields.finish(|| {
        let order = GrantOrder {
            user_id: user_id?,
            bundle_id: bundle_id?,
            additions: additions?,
            days: days?,
            purchase_id: None,
            purchase_amount: amount?,
            notes: Some(notes?.unwrap_or_else(|| "Manual top-up".to_owned())),
        };
        Some((named?, order))
    })
}

/// What is added in some dimensions; a member left out adds nothing.
fn additions(fields: &mut Fields<'_>, dimensions: &[Dimension]) -> Option<Quotas> {
    // Every member is read, so that every fault is told.
    let read: Vec<_> = dimensions
        .iter()
        .map(|dimension| fields.optional(&addition_name(*dimension), integer(0..)))
        .collect();
    dimensions.iter().zip(read).try_fold(Quotas::default(), |all, (dimension, number)| {
        Some(all.with(*dimension, number?.map(i64::unsigned_abs)))
    })
}

/// Stands for everything that was ordered.
fn fingerprint(place: &Place, order: &GrantOrder) -> Fingerprint {
    let numbers = Dimension::ALL.map(|dimension| order.additions.get(dimension));
    Fingerprint::of(&json!([
        place.project.as_str(),
        order.user_id,
        order.bundle_id,
        numbers,
        order.days,
        order.purchase_amount,
        order.notes,
    ]))
}

pub(crate) async fn grant_trial(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    issue(&deps, &call, "/replenishments/grant-trial", parse_trial, |user| {
        format!("Trial bonus granted to user {user}")
    })
    .await
}

pub(crate) async fn top_up(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    issue(&deps, &call, "/replenishments/top-up", parse_top_up, |user| {
        format!("Credits topped up for user {user}")
    })
    .await
}

/// How a body becomes an order.
type ParseOrder = fn(&Body, &Call) -> Result<(Named, GrantOrder), Problem>;

async fn issue(
    deps: &Deps,
    call: &Call,
    endpoint: &'static str,
    parse: ParseOrder,
    message: fn(&str) -> String,
) -> Result<Answer, Problem> {
    let body = call.json_with_non_finite()?;
    let administrator = deps.sender(call).await?.authorise(Action::ManageGrants)?;
    let key = call.optional_idempotency_key()?;
    let (named, order) = parse(&body, call)?;
    let author = deps.author(call, &administrator);
    let place = named.of(deps, administrator).await?;

    let claim = key.map(|key| Claim::new(&place.tenant, endpoint, key.as_str(), fingerprint(&place, &order)));
    let answer = |grant: &Grant| {
        let view = grant.view(&place.tenant, call.now);
        json!({"status": "ok", "message": message(&grant.user_id), "replenishment": view}).to_string()
    };
    let issued =
        deps.grants.issue_under(claim.as_ref(), &author, &place.tenant, &place.project, &order, &answer);
    Ok(Answer::json_text(StatusCode::CREATED, issued.await?))
}

/// Whether those whose time is over are shown, too, and the page of `range`.
pub(crate) fn parse_of_user(call: &Call, range: &Range) -> Result<(bool, Page), Problem> {
    let mut query = call.query();
    let include_expired = query.or("include_expired", false, expired());
    let page = Page::read(&mut query, range);
    query.finish(|| Some((include_expired?, page?)))
}

fn expired() -> impl Read<Value = bool> {
    boolean().about("Those whose time is over, too")
}

/// The credits of one user, newest first: those that hold, and with `include_expired` those whose time is over, too.
pub(crate) async fn of_user(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let administrator = deps.sender(&call).await?.authorise(Action::ManageGrants)?;
    let place = Named::in_query(&call)?.of(&deps, administrator).await?;
    let user_id = call.path("user_id");
    let range = GrantListing::range(&place.tenant, &place.project, Some(user_id));
    let (include_expired, Page { limit, after }) = parse_of_user(&call, &range)?;
    let user_id = user_id.to_owned();
    let listing = GrantListing { user_id: Some(user_id), bundle_id: None, include_expired, limit, after };
    let user_id = call.path("user_id");
    let (grants, next) = deps.grants.list(&place.tenant, &place.project, &listing, call.now).await?;
    let credits: Value = grants.iter().map(|grant| grant.view(&place.tenant, call.now)).collect();
    Ok(Answer::ok(&json!({
        "status": "ok", "user_id": user_id, "credit_count": grants.len(), "credits": credits,
        "next_cursor": shown(next.as_ref()),
    })))
}

/// The users whom credits hold for, those with the latest credit first.
pub(crate) async fn users(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let administrator = deps.sender(&call).await?.authorise(Action::ManageGrants)?;
    let place = Named::in_query(&call)?.of(&deps, administrator).await?;
    let page = Page::asked(&call, &GrantListing::range(&place.tenant, &place.project, None))?;
    let (users, next) =
        deps.grants.users(&place.tenant, &place.project, page.limit, page.after, call.now).await?;
    let rows: Value = users.iter().map(|user| totals_view(user, &place)).collect();
    Ok(Answer::ok(&json!({
        "status": "ok", "user_count": users.len(), "users": rows, "next_cursor": shown(next.as_ref()),
    })))
}

fn totals_view(user: &UserTotals, place: &Place) -> Value {
    json!({
        "tenant": place.tenant.tenant_id(), "project": place.project.as_str(), "user_id": user.user_id,
        "credit_count": user.grants,
        "total_additional_requests_per_day": user.additions.get(Dimension::RequestsPerDay),
        "total_additional_tokens_per_day": user.additions.get(Dimension::TokensPerDay),
        "earliest_expiry": user.earliest_expiry, "latest_purchase": user.latest,
    })
}

/// `range` has the credits of one user, or of all.
pub(crate) fn parse_listing(
    call: &Call,
    range: impl Fn(Option<&str>) -> Range,
) -> Result<GrantListing, Problem> {
    let mut query = call.query();
    let user_id = query.optional("user_id", text(1..=MAX_NAME).about("Only those of one user"));
    let bundle_id = query.optional("bundle_id", text(1..=MAX_NAME).about("Only those of exactly this scope"));
    let include_expired = query.or("include_expired", false, expired());
    let page = Page::read(&mut query, &range(user_id.as_ref().and_then(Option::as_deref)));
    query.finish(|| {
        let (user_id, bundle_id, Page { limit, after }) = (user_id?, bundle_id?, page?);
        Some(GrantListing { user_id, bundle_id, include_expired: include_expired?, limit, after })
    })
}

/// All credits of a project, newest first, of one user or one scope if asked for.
pub(crate) async fn list(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let administrator = deps.sender(&call).await?.authorise(Action::ManageGrants)?;
    let place = Named::in_query(&call)?.of(&deps, administrator).await?;
    let range = |user_id: Option<&str>| GrantListing::range(&place.tenant, &place.project, user_id);
    let listing = parse_listing(&call, range)?;
    let (grants, next) = deps.grants.list(&place.tenant, &place.project, &listing, call.now).await?;
    let rows: Value = grants.iter().map(|grant| grant.view(&place.tenant, call.now)).collect();
    Ok(Answer::ok(&json!({
        "status": "ok", "count": grants.len(), "replenishments": rows, "next_cursor": shown(next.as_ref()),
    })))
}

/// Takes back what a user is granted in exactly one scope. Nothing to take back is a success, too.
pub(crate) async fn deactivate(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let (user_id, scope) = (call.path("user_id").to_owned(), call.path("bundle_id").to_owned());
    take_back(&deps, &call, &user_id, &scope).await
}

/// The same for a user of the name `user`, whose path is that of a list.
pub(crate) async fn deactivate_of_user_named_user(
    State(deps): State<Deps>,
    call: Call,
) -> Result<Answer, Problem> {
    let scope = call.path("user_id").to_owned();
    take_back(&deps, &call, "user", &scope).await
}

async fn take_back(deps: &Deps, call: &Call, user_id: &str, scope: &str) -> Result<Answer, Problem> {
    let administrator = deps.sender(call).await?.authorise(Action::ManageGrants)?;
    let author = deps.author(call, &administrator);
    let place = Named::in_query(call)?.of(deps, administrator).await?;
    deps.grants.deactivate(&author, &place.tenant, &place.project, user_id, scope).await?;
    let message = format!("Replenishment deactivated for user {user_id}");
    Ok(Answer::ok(&json!({"status": "ok", "message": message})))
}
