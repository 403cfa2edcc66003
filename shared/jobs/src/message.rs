//! What goes over the queue.

use bespin_notifications::Run;
use bespin_primitives::{TenantId, UserId};
use serde::{Deserialize, Serialize};

/// A run whose rest is to be done. It may be delivered twice, late, or when nothing is left to do: whoever takes it up
/// goes on from where the run stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BriefRun {
    /// Whose.
    pub tenant_id: String,
    /// Who began it, and so acts in the rest of it.
    pub user_id: String,
    /// Which; see [`Run::id`].
    pub run_id: String,
}

impl BriefRun {
    /// The rest of a run.
    pub fn rest_of(run: &Run) -> Self {
        let order = run.order();
        Self {
            tenant_id: order.claim.tenant_id().to_string(),
            user_id: order.user_id.to_string(),
            run_id: run.id(),
        }
    }

    /// Tenant and user; `None` where the message is not one of ours.
    pub fn ids(&self) -> Option<(TenantId, UserId)> {
        Some((TenantId::parse(&self.tenant_id)?, UserId::parse(&self.user_id)?))
    }
}
