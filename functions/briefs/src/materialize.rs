//! `POST /v1/briefs/materialize`: the one brief of a date (gateway.md 7.1).

use axum::{extract::State, http::StatusCode};
use bespin_access::{Action, TenantAccess};
use bespin_briefs::{Brief, BriefOrder, content};
use bespin_edge::Deps;
use bespin_entitlements::{Admission, Capability, Standing, admit};
use bespin_metering::MeteredEvent;
use bespin_primitives::{BriefId, Date, Timestamp};
use bespin_recording::{Claim, Fingerprint, RecordError, Recording};
use bespin_web::{Answer, Body, Call, Problem, date, integer};
use serde_json::json;

pub(crate) const PATH: &str = "/v1/briefs/materialize";

/// The action in the audit, and the tool that the ledger names.
const AUDITED: &str = "briefs.materialize";
const TOOL_NAME: &str = "daily_brief";

/// What the body asks for.
struct Request {
    date: Option<Date>,
    window_days: u32,
    top_n: u32,
}

impl Request {
    fn parse(body: &Body) -> Result<Self, Problem> {
        let mut fields = body.fields()?;
        let date = fields.optional("date", date());
        let window_days = fields.or("window_days", 7, integer(1..=365));
        let top_n = fields.or("top_n", 3, integer(1..=100));
        fields.finish(|| {
            let (window_days, top_n) = (u32::try_from(window_days?).ok()?, u32::try_from(top_n?).ok()?);
            Some(Self { date: date?, window_days, top_n })
        })
    }

    /// Of the request as sent: a retry after midnight without a date is the same request.
    fn fingerprint(&self) -> Fingerprint {
        let date = self.date.map(|date| date.to_string());
        Fingerprint::of(&json!({"date": date, "window_days": self.window_days, "top_n": self.top_n}))
    }

    fn order(&self, now: Timestamp) -> BriefOrder {
        let date = self.date.unwrap_or_else(|| now.date());
        BriefOrder { date, window_days: self.window_days, top_n: self.top_n }
    }
}

pub(crate) async fn materialize(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    let key = call.idempotency_key()?;
    let caller = deps.identify(&call).await?;
    let request = Request::parse(&body)?;
    let access = caller.authorise(Action::MaterializeBrief)?;
    let catalogue = deps.entitlements.catalogue().await?;
    let standing = Standing::entitled(&access, &catalogue, Capability::Briefs, call.now)?;
    let claim = Claim::new(&access, PATH, key.as_str(), request.fingerprint());
    let brief = replayed_or_made(&deps, &call, &access, &standing, &claim, request.order(call.now)).await?;
    Ok(Answer::json_text(StatusCode::OK, brief))
}

/// Steps 9 to 11: a replay, the brief there is, or a new one.
async fn replayed_or_made(
    deps: &Deps,
    call: &Call,
    access: &TenantAccess,
    standing: &Standing<'_>,
    claim: &Claim,
    order: BriefOrder,
) -> Result<String, Problem> {
    let rows = [deps.briefs.row(access, order.date)];
    let looked = deps.recorder.look(access, Some(claim), call.now, rows).await?;
    if let Some(answer) = looked.replay {
        return Ok(answer);
    }
    if let [Some(row)] = &looked.rows {
        let brief = deps.briefs.text(access, row).await?;
        return Ok(record_existing(deps, call, access, claim, brief).await?);
    }
    let admission = standing.admission(MeteredEvent::DailyBriefGenerated, 1)?;
    admit(&admission, &looked.usage)?;
    Ok(make(deps, call, access, &admission, claim, order).await?)
}

/// Generates and records the brief. Whoever loses the race for a date gets the winner's brief, free.
async fn make(
    deps: &Deps,
    call: &Call,
    access: &TenantAccess,
    admission: &Admission,
    claim: &Claim,
    order: BriefOrder,
) -> Result<String, RecordError> {
    let movements = deps.briefs.movements(access, &deps.kpis, &order).await?;
    let brief = Brief {
        id: BriefId::random(&*deps.random),
        request_id: call.request_id,
        content: content(&order, movements),
    };
    let text = json!(brief).to_string();

    let mut recording = Recording::new(access, call.request_id, call.now).charge(
        admission,
        Some(TOOL_NAME),
        Some(AUDITED),
        deps.recorder.random(),
    );
    let slot = deps.briefs.put(&mut recording.transaction, access, &brief, text.clone()).await?;
    let recording = deps.recorder.keep_answer(recording, Some(claim), &text).await?;
    match deps.recorder.commit(recording).await {
        Ok(outcome) => Ok(outcome.or(text)),
        Err(RecordError::ChangeRefused(refusals)) => match refusals.old(slot) {
            Some(row) => {
                let brief = deps.briefs.text(access, row).await?;
                record_existing(deps, call, access, claim, brief).await
            }
            None => Err(RecordError::ChangeRefused(refusals)),
        },
        Err(error) => Err(error),
    }
}

/// A brief that exists is given out free; the key is recorded all the same.
async fn record_existing(
    deps: &Deps,
    call: &Call,
    access: &TenantAccess,
    claim: &Claim,
    brief: String,
) -> Result<String, RecordError> {
    let recording = Recording::new(access, call.request_id, call.now);
    let recording = deps.recorder.keep_answer(recording, Some(claim), &brief).await?;
    Ok(deps.recorder.commit(recording).await?.or(brief))
}
