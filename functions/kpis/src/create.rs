//! `POST /v1/kpis`: a new definition (gateway.md 6.1).

use axum::{extract::State, http::StatusCode};
use bespin_access::Action;
use bespin_edge::Deps;
use bespin_entitlements::{Capability, Standing};
use bespin_kpi::Kpi;
use bespin_metering::MeteredEvent;
use bespin_primitives::KpiId;
use bespin_recording::{Claim, Fingerprint, Look, Recording};
use bespin_web::{Answer, Body, Call, Problem, text};
use serde_json::json;

/// What an optional idempotency key is bound to.
const ENDPOINT: &str = "/v1/kpis";

/// What the body says.
pub(crate) struct NewKpi {
    name: String,
    unit: Option<String>,
    description: Option<String>,
}

impl NewKpi {
    pub(crate) fn parse(body: &Body) -> Result<Self, Problem> {
        let mut fields = body.fields()?;
        let name = fields.required("name", text(1..=255));
        let unit = fields.optional("unit", text(..=50));
        let description = fields.optional("description", text(..=4096));
        fields.finish(|| Some(Self { name: name?, unit: unit?, description: description? }))
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&json!({"name": self.name, "unit": self.unit, "description": self.description}))
    }
}

pub(crate) async fn create(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    let caller = deps.identify(&call).await?;
    let key = call.optional_idempotency_key()?;
    let order = NewKpi::parse(&body)?;
    let access = caller.authorise(Action::CreateKpi)?;
    let catalogue = deps.entitlements.catalogue().await?;
    let standing = Standing::entitled(&access, &catalogue, Capability::KpiIngest, call.now)?;
    let claim = key.map(|key| Claim::new(&access, ENDPOINT, key.as_str(), order.fingerprint()));
    let admission = standing.admission(MeteredEvent::KpiDefinitionCreated, 1);
    let recorder = &deps.recorder;
    let replay =
        recorder.before_acting(&access, claim.as_ref(), &admission, call.now, Look::IfInDoubt).await?;
    if let Some(answer) = replay {
        return Ok(Answer::json_text(StatusCode::CREATED, answer));
    }
    let admission = admission?;

    let NewKpi { name, unit, description } = order;
    let kpi = Kpi { id: KpiId::random(&*deps.random), name, unit, description, created_at: call.now };
    let answer = json!(kpi).to_string();
    let mut recording =
        Recording::new(&access, call.request_id, call.now).charge(&admission, None, None, recorder.random());
    deps.kpis.create(&mut recording.transaction, &access, &kpi);
    let recording = recorder.keep_answer(recording, claim.as_ref(), &answer).await?;
    let answer = recorder.commit(recording).await?.or(answer);
    Ok(Answer::json_text(StatusCode::CREATED, answer))
}
