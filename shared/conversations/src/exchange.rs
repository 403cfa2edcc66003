//! A question and its answer.

use bespin_primitives::{MessageId, Random, Timestamp};
use bespin_table::{Item, StoredText, TableError};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

/// What is answered: a sentence, and cards that clients show as they like.
///
/// As JSON `{"content": "Found 1 KPI(s):", "cards": [{"type": "kpi"}]}`, which is also how it is stored.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Reply {
    /// For people.
    pub content: String,
    /// Each with a `type`.
    pub cards: Cards,
}

impl Reply {
    /// An answer without cards.
    pub fn plain(content: impl Into<String>) -> Self {
        Self { content: content.into(), cards: Cards::default() }
    }

    pub(crate) fn text(&self) -> String {
        // Texts always have a text of JSON.
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().filter(|reply: &Self| reply.cards.0.get().starts_with('['))
    }
}

/// The cards of an answer, as the text of a JSON array: so they are answered, kept for a retry and stored without being told
/// anew.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cards(Box<RawValue>);

impl Cards {
    /// The text of these cards.
    pub fn of<T: Serialize>(cards: &[T]) -> Self {
        // Only a map whose keys are no text has no text of JSON, and no card holds one.
        Self(to_raw_value(cards).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }
}

impl Default for Cards {
    fn default() -> Self {
        Self::of::<()>(&[])
    }
}

impl PartialEq for Cards {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

/// A question of a user and the answer to it, at one instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    /// The id of the question.
    pub question_id: MessageId,
    /// What was asked: 1 to 4,000 code points.
    pub question: String,
    /// The id of the answer.
    pub reply_id: MessageId,
    /// What was answered.
    pub reply: Reply,
    /// When.
    pub created_at: Timestamp,
}

impl Exchange {
    /// An exchange now.
    pub fn new(question: String, reply: Reply, now: Timestamp, random: &dyn Random) -> Self {
        let (question_id, reply_id) = (MessageId::random(random), MessageId::random(random));
        Self { question_id, question, reply_id, reply, created_at: now }
    }

    /// Its two messages as the API shows them, the question first (gateway.md 10.3).
    pub fn messages(&self) -> [Value; 2] {
        let no_cards: [Value; 0] = [];
        [
            json!({
                "message_id": self.question_id, "role": "user", "content": self.question, "cards": no_cards,
                "created_at": self.created_at,
            }),
            json!({
                "message_id": self.reply_id, "role": "assistant", "content": self.reply.content,
                "cards": self.reply.cards, "created_at": self.created_at,
            }),
        ]
    }

    /// Puts all but the key into `item`; the answer stands there as `reply` says.
    pub(crate) fn write(&self, reply: &StoredText, item: &mut Item) {
        item.set("question_id", &self.question_id);
        item.set("question", &self.question);
        item.set("reply_id", &self.reply_id);
        item.set("created_at", &self.created_at);
        reply.write(item);
    }

    /// Reads back a row whose answer was fetched.
    pub(crate) fn read(item: &Item, reply: &str) -> Result<Self, TableError> {
        Ok(Self {
            question_id: item.get("question_id")?,
            question: item.get("question")?,
            reply_id: item.get("reply_id")?,
            reply: Reply::parse(reply).ok_or_else(|| item.corrupt("text"))?,
            created_at: item.get("created_at")?,
        })
    }
}
