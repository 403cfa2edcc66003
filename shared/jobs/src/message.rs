//! What goes over the queue.

use bespin_notifications::Run;
use bespin_primitives::TenantId;
use serde::{Deserialize, Serialize};

/// A run whose rest is to be done. It may be delivered twice, late, or when nothing is left to do: whoever takes it up
/// goes on from where the run stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BriefRun {
    /// Whose.
    pub tenant_id: String,
    /// Which; see [`Run::id`].
    pub run_id: String,
}

impl BriefRun {
    /// The rest of a run.
    pub fn rest_of(run: &Run) -> Self {
        Self { tenant_id: run.order().claim.tenant_id().to_string(), run_id: run.id() }
    }

    /// The tenant; `None` where the message is not one of ours.
    pub fn tenant(&self) -> Option<TenantId> {
        TenantId::parse(&self.tenant_id)
    }
}
