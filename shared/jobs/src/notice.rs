//! What the notifications of a brief say.

use serde_json::{Value, json};

/// Summary and highlights of a brief, without its alerts (gateway.md 8.2). `None` where the text is not that of a brief.
pub(crate) fn of_brief(text: &str) -> Option<Value> {
    let mut brief: Value = serde_json::from_str(text).ok()?;
    let content = brief.get_mut("content")?;
    let mut member = |name: &str| content.get_mut(name).map(Value::take);
    Some(json!({
        "title": "Daily Brief", "date": member("date")?, "summary": member("summary")?,
        "highlights": member("highlights")?,
    }))
}
