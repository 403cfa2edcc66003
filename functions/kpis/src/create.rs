//! `POST /v1/kpis`: a new definition (gateway.md 6.1).

use axum::{extract::State, http::StatusCode};
use bespin_access::Action;
use bespin_edge::Deps;
use bespin_entitlements::{Capability, Standing, admit};
use bespin_kpi::Kpi;
use bespin_metering::MeteredEvent;
use bespin_primitives::KpiId;
use bespin_recording::{Claim, Fingerprint, Outcome, Recording};
use bespin_web::{Answer, Body, Call, Problem, text};
use serde_json::json;

/// What an optional idempotency key is bound to.
const ENDPOINT: &str = "/v1/kpis";

/// What the body says.
struct NewKpi {
    name: String,
    unit: Option<String>,
    description: Option<String>,
}

impl NewKpi {
    fn parse(body: &Body) -> Result<Self, Problem> {
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
    if let Some(claim) = &claim
        && let Some(answer) = deps.recorder.recalled(claim, call.now).await?
    {
        return Ok(Answer::json_text(StatusCode::CREATED, answer));
    }
    let admission = standing.admission(MeteredEvent::KpiDefinitionCreated, 1)?;
    if deps.recorder.expects_refusal(&access, &admission) {
        let looked = deps.recorder.look(&access, claim.as_ref(), call.now, &[]).await?;
        if let Some(answer) = looked.replay {
            return Ok(Answer::json_text(StatusCode::CREATED, answer));
        }
        admit(&admission, &looked.usage)?;
    }

    let NewKpi { name, unit, description } = order;
    let kpi = Kpi { id: KpiId::random(&*deps.random), name, unit, description, created_at: call.now };
    let answer = json!(kpi).to_string();
    let mut recording = Recording::new(&access, call.request_id, call.now).charge(
        &admission,
        None,
        None,
        deps.recorder.random(),
    );
    deps.kpis.create(&mut recording.transaction, &access, &kpi);
    let recording = deps.recorder.keep_answer(recording, claim.as_ref(), &answer).await?;
    match deps.recorder.commit(recording).await? {
        Outcome::Recorded => Ok(Answer::json_text(StatusCode::CREATED, answer)),
        Outcome::Replayed(earlier) => Ok(Answer::json_text(StatusCode::CREATED, earlier)),
    }
}
