//! What goes over the queue of briefs.

use bespin_notifications::Run;
use bespin_primitives::{Date, TenantId, UserId};
use serde::{Deserialize, Serialize};

/// Work on one tenant's brief. It may be delivered twice, late, or when nothing is left to do: whoever takes it up looks
/// at what is done already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum BriefMessage {
    /// A run whose rest is to be done.
    Rest(BriefRun),
    /// A brief that is due.
    Due(DueBrief),
}

/// A run whose rest is to be done, from where the run stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BriefRun {
    /// Whose.
    pub tenant_id: TenantId,
    /// Who began it, and so acts in the rest of it.
    pub user_id: UserId,
    /// Which; see [`Run::id`].
    pub run_id: String,
}

/// The brief of a date that a tenant's schedule asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DueBrief {
    /// Whose.
    pub tenant_id: TenantId,
    /// The local date.
    pub date: Date,
    /// Whether the operator named the date: then it counts that this brief was made, and not that a later one was.
    #[serde(default)]
    pub named: bool,
}

impl BriefRun {
    /// The rest of a run.
    pub fn rest_of(run: &Run) -> Self {
        let order = run.order();
        Self { tenant_id: order.claim.tenant_id(), user_id: order.user_id, run_id: run.id() }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use bespin_primitives::{SeededRandom, parse_date};
    use serde_json::json;

    use super::*;

    #[test]
    fn messages_are_told_apart_by_what_they_are_about() {
        let random = SeededRandom::new(1);
        let (tenant_id, user_id) = (TenantId::random(&random), UserId::random(&random));
        let rest = BriefMessage::Rest(BriefRun { tenant_id, user_id, run_id: "0".repeat(40) });
        let date = parse_date("2026-02-01").unwrap();
        let due = BriefMessage::Due(DueBrief { tenant_id, date, named: false });

        for message in [rest, due] {
            assert_eq!(serde_json::from_value::<BriefMessage>(json!(message)).unwrap(), message);
        }
        for other in
            [json!({}), json!({"tenant_id": tenant_id}), json!({"tenant_id": "nope", "date": "2026-02-01"})]
        {
            assert!(serde_json::from_value::<BriefMessage>(other).is_err());
        }
    }
}
