//! `POST /v1/tenants`: a new tenant with its first admin and key, open to all (gateway.md 3.1).
//!
//! The answer shows the API key, and nothing but the answer ever does. So where the client sent an
//! `Idempotency-Key`, the answer is kept sealed (see [`bespin_recording::SealedClaim`]): it opens only for who sends that
//! key again. As nobody is asked who he is here, such a key must be hard to guess.

use axum::{extract::State, http::StatusCode};
use bespin_access::{FoundedTenant, NewTenant};
use bespin_edge::Deps;
use bespin_entitlements::start_tenant;
use bespin_primitives::{FaultKind, Timestamp};
use bespin_recording::Fingerprint;
use bespin_table::{Change, CommitError, Condition, Refusals, Slot, TableError, Transaction, keys};
use bespin_web::{Answer, Body, Call, Problem, email, text};
use serde_json::json;

pub(crate) const PATH: &str = "/v1/tenants";

const INVITE_TOKEN: &str = "X-Invite-Token";

pub(crate) fn parse(body: &Body) -> Result<NewTenant, Problem> {
    let mut fields = body.fields()?;
    let name = fields.required("name", text(1..=255));
    let region = fields.required("region", text(1..=50));
    let admin_email = fields.required("admin_email", email());
    fields.finish(|| Some(NewTenant { name: name?, region: region?, admin_email: admin_email? }))
}

fn fingerprint(order: &NewTenant) -> Fingerprint {
    Fingerprint::of(&json!({"name": order.name, "region": order.region, "admin_email": order.admin_email}))
}

pub(crate) async fn sign_up(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    let key = call.optional_idempotency_key()?;
    check_invitation(&deps, &call)?;
    let order = parse(&body)?;
    let claim = deps.sealed_claim(None, PATH, key.as_ref(), fingerprint(&order))?;

    let mut transaction = Transaction::new();
    let founded = deps.access.found_tenant(&mut transaction, order, call.now);
    start_tenant(&mut transaction, founded.tenant.id, call.now);
    let answer = answer(&founded);
    let rate = limit_rate(&mut transaction, &deps, &call);
    let kept = claim.as_ref().map(|claim| claim.keep(&mut transaction, &answer, &*deps.random, call.now));

    match deps.table.commit(transaction).await {
        Ok(()) => Ok(Answer::json_text(StatusCode::CREATED, answer)),
        Err(CommitError::Table(error)) => Err(error.into()),
        Err(CommitError::Refused(refusals)) => {
            if let (Some(claim), Some(slot)) = (&claim, kept)
                && let Some(answer) = claim.replay(refusals.old(slot), call.now)?
            {
                return Ok(Answer::json_text(StatusCode::CREATED, answer));
            }
            Err(refused(&refusals, rate, call.now))
        }
    }
}

/// Where the platform asks for a token, a stranger without it learns nothing more.
fn check_invitation(deps: &Deps, call: &Call) -> Result<(), Problem> {
    let Some(token) = &deps.settings.invite_token else { return Ok(()) };
    match call.header(INVITE_TOKEN) {
        Some(given) if token.matches(given) => Ok(()),
        _ => {
            let sentence = format!("Signing up needs an invite token, in the header {INVITE_TOKEN}");
            Err(Problem::new(FaultKind::Forbidden, "invite_token_required", sentence))
        }
    }
}

fn answer(founded: &FoundedTenant) -> String {
    let FoundedTenant { tenant, admin, api_key } = founded;
    json!({
        "tenant_id": tenant.id, "name": tenant.name, "region": tenant.region, "api_key": api_key.reveal(),
        "created_at": tenant.created_at,
        "admin": {"user_id": admin.id, "email": admin.email, "role": admin.role.name()},
    })
    .to_string()
}

/// Counts the sign-up of an address in the minute, as a condition of the sign-up itself.
fn limit_rate(transaction: &mut Transaction, deps: &Deps, call: &Call) -> Option<Slot> {
    let most = deps.settings.signups_per_minute?.get();
    let address = call.address.map_or_else(|| "unknown".to_owned(), |address| address.to_string());
    let minute = call.now.epoch_seconds().div_euclid(60);
    let change = Change::default().add("signups", &1u64).set("expires_at", &((minute + 2) * 60));
    let within = Condition::default().and_at_most("signups", &u64::from(most - 1));
    Some(transaction.update(keys::signups(&address, minute), change, within))
}

fn refused(refusals: &Refusals, rate: Option<Slot>, now: Timestamp) -> Problem {
    match rate {
        Some(rate) if refusals.only(rate) => {
            let wait = 60 - now.epoch_seconds().rem_euclid(60);
            Problem::rate_limited(wait.unsigned_abs())
        }
        // Fresh random ids that are taken: not in the life of this universe, and harmless.
        _ => TableError::Contended.into(),
    }
}
