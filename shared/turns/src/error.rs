//! Why a turn may not run, or not do that.

use bespin_entitlements::EntitlementError;
use bespin_primitives::{Fault, FaultKind, TurnId};
use bespin_recording::RecordError;
use bespin_table::TableError;
use serde_json::{Map, Value, json};

use crate::{BudgetVerdict, Reason, Verdict};

/// Why a turn may not run, or not do that. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum TurnError {
    /// The user's quota or number of turns is used up.
    #[error("Rate limited: {}", .0.reason.map(Reason::text).unwrap_or_default())]
    RateLimited(Box<Verdict>),
    /// A provider may not cost more.
    #[error("Budget exceeded: {}", .0.of.provider)]
    OverBudget(Box<BudgetVerdict>),
    /// There is no such turn.
    #[error("Turn '{turn_id}' not found")]
    NotFound {
        /// The id that was asked for.
        turn_id: String,
    },
    /// It was settled, by other amounts.
    #[error("Turn '{turn_id}' is settled")]
    Settled {
        /// Which.
        turn_id: TurnId,
    },
    /// It was cancelled.
    #[error("Turn '{turn_id}' is cancelled")]
    Cancelled {
        /// Which.
        turn_id: TurnId,
    },
    /// Its time is over.
    #[error("Turn '{turn_id}' is expired")]
    Expired {
        /// Which.
        turn_id: TurnId,
    },
    /// The idempotency key was used with another body, or the store gave no answer.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl From<TableError> for TurnError {
    fn from(error: TableError) -> Self {
        Self::Record(error.into())
    }
}

impl From<EntitlementError> for TurnError {
    fn from(error: EntitlementError) -> Self {
        Self::Record(error.into())
    }
}

impl Fault for TurnError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::RateLimited(_) | Self::OverBudget(_) => FaultKind::Exhausted,
            Self::NotFound { .. } => FaultKind::Missing,
            Self::Settled { .. } | Self::Cancelled { .. } | Self::Expired { .. } => FaultKind::Conflict,
            Self::Record(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::RateLimited(_) => "rate_limited",
            Self::OverBudget(_) => "budget_exceeded",
            Self::NotFound { .. } => "turn_not_found",
            Self::Settled { .. } => "turn_settled",
            Self::Cancelled { .. } => "turn_cancelled",
            Self::Expired { .. } => "turn_expired",
            Self::Record(error) => error.code(),
        }
    }

    fn detail(&self) -> Option<Map<String, Value>> {
        let (denied_by, mut members) = match self {
            Self::RateLimited(verdict) => {
                let mut view = verdict.view("");
                let kept = ["reason", "snapshot", "limits", "insight"].map(|name| (name, view[name].take()));
                let quota = matches!(verdict.reason, Some(Reason::Quota(_)));
                let by = if quota { "quota" } else { "concurrency" };
                (by, json!(kept.into_iter().collect::<std::collections::BTreeMap<_, _>>()))
            }
            Self::OverBudget(verdict) => {
                let reason = verdict.violations().join("|");
                (
                    "budget",
                    json!({"reason": reason, "provider": verdict.of.provider, "insight": verdict.view()}),
                )
            }
            Self::Record(error) => return refused_by_plan(error),
            _ => return None,
        };
        members["error"] = json!(self.code());
        members["denied_by"] = json!(denied_by);
        members["violations"] = members["insight"]["violations"].clone();
        match members {
            Value::Object(members) => Some(members),
            _ => None,
        }
    }

    fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::RateLimited(verdict) => verdict.retry().map(|(seconds, _)| seconds.max(1)),
            Self::OverBudget(verdict) => verdict.retry().map(|(seconds, _)| seconds.max(1)),
            Self::Record(error) => error.retry_after_seconds(),
            _ => None,
        }
    }
}

/// The members of an error; of a limit of the tenant's plan, also that it was the plan.
fn refused_by_plan(error: &RecordError) -> Option<Map<String, Value>> {
    let mut members = error.detail()?;
    if matches!(error, RecordError::Entitlement(EntitlementError::Refused(_))) {
        members.insert("denied_by".to_owned(), json!("plan"));
    }
    Some(members)
}
