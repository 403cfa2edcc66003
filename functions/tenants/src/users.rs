//! `POST /v1/users`: a new user of the caller's tenant (gateway.md 3.2).

use axum::{extract::State, http::StatusCode};
use bespin_access::{Action, Role};
use bespin_edge::Deps;
use bespin_primitives::FaultKind;
use bespin_recording::{Claim, Fingerprint, Recording};
use bespin_web::describe::Shape;
use bespin_web::{Answer, Body, Call, Problem, Read, email, one_of, text};
use serde_json::json;

pub(crate) const PATH: &str = "/v1/users";

/// What the body says.
pub(crate) struct NewUser {
    tenant_id: String,
    email: String,
    role: Role,
}

impl NewUser {
    pub(crate) fn parse(body: &Body) -> Result<Self, Problem> {
        let mut fields = body.fields()?;
        let tenant_id =
            fields.required("tenant_id", text(36..=36).about("The tenant of the caller").shaped(Shape::id));
        let email = fields.required("email", email());
        let role = fields.required("role", one_of(&Role::NAMES));
        fields.finish(|| Some(Self { tenant_id: tenant_id?, email: email?, role: Role::parse(role?)? }))
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&json!({"tenant_id": self.tenant_id, "email": self.email, "role": self.role.name()}))
    }
}

pub(crate) async fn create(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    let caller = deps.identify(&call).await?;
    let key = call.optional_idempotency_key()?;
    let order = NewUser::parse(&body)?;
    let access = caller.authorise(Action::CreateUser)?;
    if order.tenant_id != access.tenant_id().to_string() {
        let sentence = "Cannot create users for a different tenant";
        return Err(Problem::new(FaultKind::Forbidden, "different_tenant", sentence));
    }
    let claim = key.map(|key| Claim::new(&access, PATH, key.as_str(), order.fingerprint()));

    let mut recording = Recording::new(&access, call.request_id, call.now);
    let user =
        deps.access.create_user(&mut recording.transaction, &access, order.email, order.role, call.now);
    let answer = json!({
        "user_id": user.id, "tenant_id": user.tenant_id, "email": user.email, "role": user.role.name(),
        "created_at": user.created_at,
    })
    .to_string();
    let recording = deps.recorder.keep_answer(recording, claim.as_ref(), &answer).await?;
    let answer = deps.recorder.commit(recording).await?.or(answer);
    Ok(Answer::json_text(StatusCode::CREATED, answer))
}
