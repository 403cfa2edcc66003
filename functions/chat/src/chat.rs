//! `POST /v1/cofounder/chat`: one metered question and its answer (gateway.md 10.4).

use axum::{extract::State, http::StatusCode};
use bespin_access::{Action, TenantAccess};
use bespin_conversations::{Conversation, Exchange, Reply};
use bespin_edge::Deps;
use bespin_entitlements::{Admission, Capability, EntitlementError, Standing};
use bespin_metering::MeteredEvent;
use bespin_primitives::{ConversationId, MessageId, RequestId};
use bespin_recording::{Claim, Fingerprint, Look, RecordError, Recording};
use bespin_web::{Answer, Body, Call, Problem, Read, text};
use serde::Serialize;
use serde_json::json;

use crate::{intent::Intent, not_found, reply};

pub(crate) const PATH: &str = "/v1/cofounder/chat";

/// The action in the audit, and the tool that the ledger names.
const AUDITED: &str = "cofounder.chat";
const TOOL_NAME: &str = "chat";

/// What the body says.
pub(crate) struct Question {
    message: String,
    /// None, or an empty text, begins a new conversation.
    conversation_id: Option<String>,
    /// Of the brief that may be asked for.
    date: Option<String>,
}

impl Question {
    pub(crate) fn parse(body: &Body) -> Result<Self, Problem> {
        let said = |text: &String| !text.is_empty();
        let mut fields = body.fields()?;
        let message = fields.required("message", text(1..=4_000));
        let conversation_id =
            fields.optional("conversation_id", text(..).about("Nothing begins a new conversation"));
        let date = fields
            .optional("date", text(..).about("Of the brief that is asked for; none asks for the latest"));
        fields.finish(|| {
            let (conversation_id, date) = (conversation_id?.filter(said), date?.filter(said));
            Some(Self { message: message?, conversation_id, date })
        })
    }

    fn fingerprint(&self) -> Fingerprint {
        let Self { message, conversation_id, date } = self;
        Fingerprint::of(&json!({"message": message, "conversation_id": conversation_id, "date": date}))
    }
}

/// Where a question is asked.
enum Place {
    New(Conversation),
    Existing(ConversationId),
}

impl Place {
    /// `None` for a text that is no id of any conversation.
    fn of(question: &Question, deps: &Deps, call: &Call) -> Option<Self> {
        match &question.conversation_id {
            None => Some(Self::New(Conversation::about(&question.message, call.now, &*deps.random))),
            Some(id) => ConversationId::parse(id).map(Self::Existing),
        }
    }
}

/// Who asks, with which right, under which key.
struct Asking<'a> {
    deps: &'a Deps,
    call: &'a Call,
    access: &'a TenantAccess,
    claim: Option<&'a Claim>,
}

pub(crate) async fn chat(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let body = call.json()?;
    let caller = deps.identify(&call).await?;
    let key = call.optional_idempotency_key()?;
    let question = Question::parse(&body)?;
    let access = caller.authorise(Action::UseChat)?;
    let catalogue = deps.entitlements.catalogue().await?;
    let standing = Standing::entitled(&access, &catalogue, Capability::Chat, call.now)?;
    let claim = key.map(|key| Claim::of_user(&access, PATH, key.as_str(), question.fingerprint()));
    let asking = Asking { deps: &deps, call: &call, access: &access, claim: claim.as_ref() };
    let answer = asking.ask(question, standing.admission(MeteredEvent::AssistantQuery, 1)).await?;
    Ok(Answer::json_text(StatusCode::OK, answer))
}

impl Asking<'_> {
    /// A replay, a refusal, or an answer. That the conversation is not there is told behind the other two.
    async fn ask(
        &self,
        question: Question,
        admission: Result<Admission, EntitlementError>,
    ) -> Result<String, Problem> {
        let place = Place::of(&question, self.deps, self.call);
        let intent = Intent::of(&question.message);
        let look = if place.is_some() && !intent.reads() { Look::IfInDoubt } else { Look::First };
        if let Some(answer) = self.before_acting(&admission, look).await? {
            return Ok(answer);
        }
        let (admission, place) = (admission?, place.ok_or_else(not_found)?);
        let reply = reply::to(&intent, question.date.as_deref(), self.deps, self.access).await?;
        let exchange = Exchange::new(question.message, reply, self.call.now, &*self.deps.random);
        match self.record(&place, &admission, &exchange).await {
            // The conversation is not there; a refusal by a limit would come before that.
            Err(RecordError::ChangeRefused(_)) => {
                self.before_acting(&Ok(admission), Look::First).await?.ok_or_else(not_found)
            }
            answer => Ok(answer?),
        }
    }

    async fn before_acting(
        &self,
        admission: &Result<Admission, EntitlementError>,
        look: Look,
    ) -> Result<Option<String>, RecordError> {
        self.deps.recorder.before_acting(self.access, self.claim, admission, self.call.now, look).await
    }

    /// The one transaction: conversation, exchange, ledger entry, counters, kept answer.
    async fn record(
        &self,
        place: &Place,
        admission: &Admission,
        exchange: &Exchange,
    ) -> Result<String, RecordError> {
        let Self { deps, call, access, claim } = *self;
        let recorder = &deps.recorder;
        let mut recording = Recording::new(access, call.request_id, call.now).charge(
            admission,
            Some(TOOL_NAME),
            Some(AUDITED),
            recorder.random(),
        );
        let conversation_id = match place {
            Place::New(conversation) => {
                deps.conversations.begin(&mut recording.transaction, access, conversation);
                conversation.id
            }
            Place::Existing(id) => {
                deps.conversations.check(&mut recording.transaction, access, *id);
                *id
            }
        };
        deps.conversations.say(&mut recording.transaction, access, conversation_id, exchange).await?;
        let answer = Answered {
            request_id: call.request_id,
            conversation_id,
            assistant_message: Message { message_id: exchange.reply_id, reply: &exchange.reply },
        };
        // Ids, text and values always have a text of JSON.
        let answer = serde_json::to_string(&answer).unwrap_or_default();
        let recording = recorder.keep_answer(recording, claim, &answer).await?;
        Ok(recorder.commit(recording).await?.or(answer))
    }
}

/// What a question is answered with (gateway.md 10.4).
#[derive(Serialize)]
struct Answered<'a> {
    request_id: RequestId,
    conversation_id: ConversationId,
    assistant_message: Message<'a>,
}

#[derive(Serialize)]
struct Message<'a> {
    message_id: MessageId,
    #[serde(flatten)]
    reply: &'a Reply,
}
