//! One metered tool call, from key to ledger.

use axum::{extract::State, http::StatusCode};
use bespin_access::{Action, TenantAccess};
use bespin_edge::Deps;
use bespin_entitlements::{Capability, EntitlementError, Standing, admit};
use bespin_metering::MeteredEvent;
use bespin_recording::{Claim, Fingerprint, Outcome, Recording};
use bespin_tools::{Tool, UnknownTool};
use bespin_web::{Answer, Body, Call, Problem, object, text};
use serde_json::{Map, Value, json};

pub(crate) const PATH: &str = "/v1/tools/invoke";

/// The action in the audit.
const AUDITED: &str = "tools.invoke";

/// What the body asks for.
struct Invocation {
    tool_name: String,
    payload: Map<String, Value>,
}

impl Invocation {
    fn parse(body: &Body) -> Result<Self, Problem> {
        let mut fields = body.fields()?;
        let tool_name = fields.required("tool_name", text(1..=100));
        let payload = fields.or("payload", Map::new(), object());
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
    let expects_refusal =
        admission.as_ref().is_ok_and(|admission| recorder.expects_refusal(access, admission));
    if expects_refusal || must_look_first(&tool, &admission) {
        let looked = recorder.look(access, Some(claim), call.now, &[]).await?;
        if let Some(answer) = looked.replay {
            return Ok(Answer::json_text(StatusCode::OK, answer));
        }
        if let Ok(admission) = &admission {
            admit(admission, &looked.usage)?;
        }
    } else if let Some(answer) = recorder.recalled(claim, call.now).await? {
        return Ok(Answer::json_text(StatusCode::OK, answer));
    }
    let (admission, tool) = (admission?, tool?);
    let result = tool.run(access, &deps.kpis, &order.payload).await?;
    let answer = json!({"request_id": call.request_id, "result": result}).to_string();

    let recording = Recording::new(access, call.request_id, call.now).charge(
        &admission,
        Some(tool.name()),
        Some(AUDITED),
        recorder.random(),
    );
    let recording = recorder.keep_answer(recording, Some(claim), &answer).await?;
    match recorder.commit(recording).await? {
        Outcome::Recorded => Ok(Answer::json_text(StatusCode::OK, answer)),
        Outcome::Replayed(earlier) => Ok(Answer::json_text(StatusCode::OK, earlier)),
    }
}

/// A tool that only computes is run at once, and the one transaction finds out whether the call is a replay or
/// refused. In every other case the answer may have to be one of those two before anything else is read.
fn must_look_first<A>(tool: &Result<Tool, UnknownTool>, admission: &Result<A, EntitlementError>) -> bool {
    admission.is_err() || tool.as_ref().map_or(true, |tool| tool.reads())
}
