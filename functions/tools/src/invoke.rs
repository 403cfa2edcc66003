//! One metered tool call, from key to ledger.

use axum::{extract::State, http::StatusCode};
use bespin_access::{Action, TenantAccess};
use bespin_edge::Deps;
use bespin_entitlements::{Capability, Standing};
use bespin_metering::MeteredEvent;
use bespin_recording::{Claim, Fingerprint, Look, MeteredCall};
use bespin_tools::Tool;
use bespin_web::{Answer, Body, Call, Problem, Read, object, text};
use serde_json::{Map, Value, json};

pub(crate) const PATH: &str = "/v1/tools/invoke";

/// The action in the audit.
const AUDITED: &str = "tools.invoke";

/// What the body asks for.
pub(crate) struct Invocation {
    tool_name: String,
    payload: Map<String, Value>,
}

impl Invocation {
    pub(crate) fn parse(body: &Body) -> Result<Self, Problem> {
        let mut fields = body.fields()?;
        let tool_name = fields.required("tool_name", text(1..=100));
        let payload = fields.or("payload", Map::new(), object().about("What the tool is given"));
        fields.finish(|| Some(Self { tool_name: tool_name?, payload: payload? }))
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&json!({"tool_name": self.tool_name, "payload": self.payload}))
    }
}

pub(crate) async fn invoke(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    let key = call.idempotency_key()?;
    let caller = deps.identify(&call).await?;
    let order = Invocation::parse(&body)?;
    let access = caller.authorise(Action::InvokeTool)?;
    let catalogue = deps.entitlements.catalogue().await?;
    let standing = Standing::entitled(&access, &catalogue, Capability::Tools, call.now)?;
    let claim = Claim::new(&access, PATH, key.as_str(), order.fingerprint());
    run(&deps, &call, &access, &standing, &claim, &order).await
}

/// Steps 9 to 11: replay, refuse, or run and record.
async fn run(
    deps: &Deps,
    call: &Call,
    access: &TenantAccess,
    standing: &Standing<'_>,
    claim: &Claim,
    order: &Invocation,
) -> Result<Answer, Problem> {
    let recorder = &deps.recorder;
    let admission = standing.admission(MeteredEvent::ToolInvocation, 1);
    let tool = Tool::find(&order.tool_name);
    // A tool that only computes is run at once. An unknown one is told only after a replay and a refusal.
    let look = if tool.as_ref().is_ok_and(|tool| !tool.reads()) { Look::IfInDoubt } else { Look::First };
    if let Some(answer) = recorder.before_acting(access, Some(claim), &admission, call.now, look).await? {
        return Ok(Answer::json_text(StatusCode::OK, answer));
    }
    let (admission, tool) = (admission?, tool?);
    let result = tool.run(access, &deps.kpis, &order.payload).await?;
    let answer = json!({"request_id": call.request_id, "result": result}).to_string();

    let metered = MeteredCall {
        access,
        request_id: call.request_id,
        now: call.now,
        claim,
        standing,
        admission: &admission,
        tool_name: tool.name(),
        action: AUDITED,
    };
    let answer = recorder.record_call(&metered, answer).await?;
    Ok(Answer::json_text(StatusCode::OK, answer))
}
