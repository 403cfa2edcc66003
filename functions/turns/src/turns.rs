//! `/v1/turns`: a turn is admitted with an estimate that it holds, and settled once by what it used (control-plane.md 7).

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use bespin_access::{Action, TenantAccess};
use bespin_edge::Deps;
use bespin_entitlements::{Admissions, Capability, EntitlementError, Standing};
use bespin_metering::MeteredEvent;
use bespin_policies::Project;
use bespin_primitives::Timestamp;
use bespin_recording::{Claim, Fingerprint};
use bespin_turns::{Amounts, AtExpiry, Room, Settlement, Subject, TurnOrder};
use bespin_web::describe::Shape;
use bespin_web::{
    Answer, Body, Call, Fields, Problem, Read, decimal, integer, map_by, map_of, members, one_of, parsed,
};
use serde_json::{Value, json};

use crate::{
    allowed::{Kind, allowed},
    budgets::{MAX_DOLLARS, budgets_of},
    subject::subject,
};

pub(crate) const PATH: &str = "/v1/turns";

/// How long a turn holds its estimate where nothing is said, and at most: a day.
const LIFETIME_SECONDS: i64 = 120;
const MAX_LIFETIME_SECONDS: i64 = 86_400;

/// How many providers one turn may use.
const MAX_PROVIDERS: usize = 20;

const NO_PROJECT: &str = "must have 1 to 255 characters";

/// More than a turn ever uses, and far below what a sum of turns could not hold.
const MAX_COUNT: i64 = 1_000_000_000_000;

/// How many units of one event a turn uses at most: so many can be counted at any weight
/// ([`EventDefinition::MAX_CREDITS_PER_UNIT`](bespin_metering::EventDefinition::MAX_CREDITS_PER_UNIT)).
const MAX_UNITS: i64 = 9_999;

const NO_EVENT: &str = "no such metered event";

/// `requests` (1 where nothing is said), `tokens`, `usd` by provider, and `units` by metered event.
fn amounts(fields: &mut Fields<'_>) -> Option<Amounts> {
    let requests = fields.or("requests", 1, integer(0..=MAX_COUNT));
    let tokens = fields.or("tokens", 0, integer(0..=MAX_COUNT));
    let usd =
        fields.optional("usd", map_of(MAX_PROVIDERS, decimal(MAX_DOLLARS)).about("Dollars by provider"));
    let event = parsed(|key| MeteredEvent::parse(key).ok_or(NO_EVENT)).shaped(event_shape);
    let units = fields.optional(
        "units",
        map_by(MeteredEvent::ALL.len(), event, integer(0..=MAX_UNITS))
            .about("Units by metered event, held against the plan"),
    );
    let whole = |number: Option<i64>| u64::try_from(number?).ok();
    let some = |(event, units)| Some((event, whole(Some(units)).filter(|units| *units > 0)?));
    Some(Amounts {
        requests: whole(requests)?,
        tokens: whole(tokens)?,
        usd: usd?.unwrap_or_default(),
        units: units?.into_iter().flatten().filter_map(some).collect(),
    })
}

fn event_shape() -> Shape {
    Shape::one_of(&MeteredEvent::ALL.map(MeteredEvent::key))
}

/// What the body asks for.
pub(crate) struct Begin {
    project: Project,
    subject: Subject,
    kind: Kind,
    estimate: Amounts,
    lifetime_seconds: u32,
    at_expiry: Option<AtExpiry>,
}

impl Begin {
    pub(crate) fn parse(body: &Body) -> Result<Self, Problem> {
        let mut fields = body.fields()?;
        let (subject, kind) = (subject(&mut fields), Kind::read(&mut fields));
        let project = fields.optional("project", parsed(|name| Project::parse(name).ok_or(NO_PROJECT)));
        let estimate = fields.optional("estimate", members(amounts));
        let lifetime = fields.or(
            "lifetime_seconds",
            LIFETIME_SECONDS,
            integer(1..=MAX_LIFETIME_SECONDS).about("How long the estimate is held"),
        );
        let at_expiry = fields.optional(
            "at_expiry",
            one_of(&AtExpiry::NAMES)
                .about("What becomes of it then; the setting of the tenant where nothing is said"),
        );
        fields.finish(|| {
            let usual = || Amounts { requests: 1, ..Amounts::default() };
            Some(Self {
                project: project?.unwrap_or_default(),
                subject: subject?,
                kind: kind?,
                estimate: estimate?.unwrap_or_else(usual),
                lifetime_seconds: u32::try_from(lifetime?).ok()?,
                at_expiry: at_expiry?.and_then(AtExpiry::parse),
            })
        })
    }
}

pub(crate) async fn begin(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    let key = call.idempotency_key()?;
    let caller = deps.identify(&call).await?;
    let asked = Begin::parse(&body)?;
    let access = caller.authorise(Action::RunTurns)?;
    let claim =
        Claim::new(&access, PATH, key.as_str(), Fingerprint::of(body.value().unwrap_or(&Value::Null)));
    let Begin { project, subject, kind, estimate, lifetime_seconds, at_expiry } = asked;
    let allowed = allowed(&deps, (&access, &project), &subject, &kind, call.now).await?;
    // Only what the turn may use: one provider that is used up must not stop the others.
    let binds = |provider: &str| estimate.usd.contains_key(provider);
    let budgets = budgets_of(&deps, (&access, &project), &subject.bundle_id, binds).await?;
    let plan = plan(&deps, &access, &estimate, call.now).await;
    let order =
        TurnOrder { project, subject, user_type: kind.user_type, estimate, lifetime_seconds, at_expiry };
    let what = (&order, Room { allowed: &allowed, budgets: &budgets, plan });
    let turn = deps.turns.begin(&deps.recorder, &access, &claim, what, call.request_id, call.now).await?;
    Ok(Answer::json_text(StatusCode::CREATED, turn))
}

/// What the units of an estimate cost by the tenant's plan, and which of its limits they must keep. Each event needs the
/// capability that it needs elsewhere, too.
async fn plan(
    deps: &Deps,
    access: &TenantAccess,
    estimate: &Amounts,
    now: Timestamp,
) -> Result<Admissions, EntitlementError> {
    if estimate.units.is_empty() {
        return Ok(Admissions::default());
    }
    let catalogue = deps.entitlements.catalogue().await?;
    let admission = |(event, units): (&MeteredEvent, &u64)| {
        Standing::entitled(access, &catalogue, Capability::of(*event), now)?.admission(*event, *units)
    };
    Ok(Admissions::new(estimate.units.iter().map(admission).collect::<Result<_, _>>()?))
}

pub(crate) async fn show(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let access = deps.identify(&call).await?.authorise(Action::RunTurns)?;
    let turn = deps.turns.find(&access, call.path("turn_id")).await?;
    Ok(Answer::ok(&turn.view(call.now)))
}

/// What a turn used.
pub(crate) fn parse_used(body: &Body) -> Result<Amounts, Problem> {
    let mut fields = body.fields()?;
    let used = amounts(&mut fields);
    fields.finish(|| used)
}

pub(crate) async fn settle(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    let caller = deps.identify(&call).await?;
    let used = parse_used(&body)?;
    let access = caller.authorise(Action::RunTurns)?;
    let catalogue =
        if used.units.is_empty() { Arc::default() } else { deps.entitlements.catalogue().await? };
    let settlement = Settlement { amounts: &used, catalogue: &catalogue, request_id: call.request_id };
    let turn = deps.turns.settle(&access, call.path("turn_id"), settlement, call.now).await?;
    Ok(Answer::ok(&turn.view(call.now)))
}

pub(crate) async fn cancel(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let access = deps.identify(&call).await?.authorise(Action::RunTurns)?;
    let turn = deps.turns.cancel(&access, call.path("turn_id"), call.now).await?;
    Ok(Answer::ok(&turn.view(call.now)))
}

/// How much more time a turn is given; of none, as much as it was given at its begin.
pub(crate) fn parse_lifetime(body: &Body) -> Result<Option<u32>, Problem> {
    let mut fields = body.fields()?;
    let lifetime = fields.optional("lifetime_seconds", integer(1..=MAX_LIFETIME_SECONDS));
    fields.finish(|| Some(lifetime?.and_then(|seconds| u32::try_from(seconds).ok())))
}

pub(crate) async fn heartbeat(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    let caller = deps.identify(&call).await?;
    let lifetime_seconds = if body.value().is_some() { parse_lifetime(&body)? } else { None };
    let access = caller.authorise(Action::RunTurns)?;
    let turn = deps.turns.prolong(&access, call.path("turn_id"), lifetime_seconds, call.now).await?;
    Ok(Answer::ok(&turn.view(call.now)))
}

/// As the API words what becomes of a turn that nobody settled.
pub(crate) fn settings_view(at_expiry: AtExpiry) -> Value {
    json!({"at_expiry": at_expiry.name()})
}
