//! Who is limited: the members that the requests of this function share.

use bespin_policies::MAX_NAME;
use bespin_turns::Subject;
use bespin_web::{Fields, Read, text};

/// Reads `user_id`, `session_id` and `bundle_id`; faults are noted in the fields.
pub(crate) fn subject(fields: &mut Fields<'_>) -> Option<Subject> {
    let name = || text(1..=MAX_NAME);
    let user_id = fields.required("user_id", name().about("A user of your own product"));
    let session_id = fields.optional("session_id", name().about("Where sessions are counted apart"));
    let bundle_id = fields.required("bundle_id", name().about("An application inside the project"));
    Some(Subject { user_id: user_id?, bundle_id: bundle_id?, session_id: session_id? })
}
