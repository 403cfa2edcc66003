//! What the makers and rotators of keys and secrets are told by a body.

use bespin_api_keys::NewKey;
use bespin_web::describe::Shape;
use bespin_web::{Body, Problem, Read, integer, text};

/// For how long what is replaced stays good where nothing is said: a day, to bring the new one everywhere.
const OVERLAP_SECONDS: i64 = 86_400;
const MAX_OVERLAP_SECONDS: i64 = 30 * 86_400;

/// A new API key: optional `name`, 1 to 255 characters, and `user_id`. 422 at the field otherwise.
pub fn new_api_key(body: &Body) -> Result<NewKey, Problem> {
    let mut fields = body.fields()?;
    let name = fields.optional("name", text(1..=255));
    let user_id = fields
        .optional("user_id", text(36..=36).about("The only user it shall be good for").shaped(Shape::id));
    fields.finish(|| Some(NewKey { name: name?, user_id: user_id? }))
}

/// For how many seconds what a rotation replaces stays good: optional `overlap_seconds`, 0 to 30 days. 422 at the field
/// otherwise.
pub fn overlap_seconds(body: &Body) -> Result<u32, Problem> {
    let mut fields = body.fields()?;
    let overlap = fields.or(
        "overlap_seconds",
        OVERLAP_SECONDS,
        integer(0..=MAX_OVERLAP_SECONDS).about("How long what is replaced stays good; 0 ends it at once"),
    );
    fields.finish(|| u32::try_from(overlap?).ok())
}
