//! One conversation.

use bespin_primitives::{ConversationId, Random, Timestamp};
use bespin_table::{CorruptItem, Item, Row};
use serde_json::{Value, json};

/// The longest title, in code points.
pub const MAX_TITLE: usize = 255;

/// How much of its first message becomes the title of a conversation that a chat began, in code points.
const TITLE_OF_MESSAGE: usize = 40;

/// One conversation of one user. It is never changed: a title, or that there is none, stays (gateway.md 10.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Its id.
    pub id: ConversationId,
    /// At most [`MAX_TITLE`] code points.
    pub title: Option<String>,
    /// When it began.
    pub created_at: Timestamp,
}

impl Conversation {
    /// A conversation that begins now.
    pub fn new(title: Option<String>, now: Timestamp, random: &dyn Random) -> Self {
        Self { id: ConversationId::random(random), title, created_at: now }
    }

    /// A conversation that begins with a message.
    pub fn about(message: &str, now: Timestamp, random: &dyn Random) -> Self {
        Self::new(Some(message.chars().take(TITLE_OF_MESSAGE).collect()), now, random)
    }

    /// As the API shows it.
    pub fn view(&self) -> Value {
        json!({"conversation_id": self.id, "title": self.title, "created_at": self.created_at})
    }
}

impl Row for Conversation {
    fn write(&self, item: &mut Item) {
        item.set("conversation_id", &self.id);
        item.set_some("title", self.title.as_ref());
        item.set("created_at", &self.created_at);
    }

    fn read(item: &Item) -> Result<Self, CorruptItem> {
        Ok(Self {
            id: item.get("conversation_id")?,
            title: item.get_some("title")?,
            created_at: item.get("created_at")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use bespin_primitives::SeededRandom;

    use super::*;

    #[test]
    fn a_title_is_the_first_forty_code_points_of_the_message() {
        let random = SeededRandom::new(1);
        let about = |message: &str| Conversation::about(message, Timestamp::MIN, &random).title;

        assert_eq!(about("help").as_deref(), Some("help"));
        assert_eq!(about(&"é".repeat(41)), Some("é".repeat(40)));
    }
}
