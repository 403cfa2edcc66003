//! Who a change is written down for.

use bespin_audit::{AuditActor, Author};
use bespin_web::Call;

use crate::Deps;

impl Deps {
    /// The author of the changes of this call: whoever was let in, at the moment of the call.
    pub fn author(&self, call: &Call, actor: impl Into<AuditActor>) -> Author<'_> {
        Author { actor: actor.into(), request_id: call.request_id, now: call.now, random: &*self.random }
    }
}
