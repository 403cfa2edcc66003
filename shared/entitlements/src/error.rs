//! Why something is not included.

use bespin_primitives::{Fault, FaultKind};
use bespin_table::TableError;
use serde_json::{Map, Value, json};

use crate::{Capability, Refusal};

/// Why a tenant may not use something (gateway.md 12.3).
#[derive(Debug, thiserror::Error)]
pub enum EntitlementError {
    /// There is no subscription at all.
    #[error("Tenant has no active subscription")]
    NoSubscription,
    /// The subscription is suspended.
    #[error("Tenant subscription is suspended")]
    Suspended,
    /// The plan does not include it.
    #[error("Plan does not include capability: {}", capability.key())]
    CapabilityDenied {
        /// What was asked for.
        capability: Capability,
        /// The tenant's plan.
        plan_id: String,
    },
    /// The event is not in the catalogue, or switched off.
    #[error("Event '{event_key}' is not metered at present")]
    UnknownEvent {
        /// The event.
        event_key: &'static str,
    },
    /// The subscription names a plan that is not in the catalogue.
    #[error("Plan '{plan_id}' does not exist")]
    PlanNotFound {
        /// The plan it names.
        plan_id: String,
    },
    /// A limit is reached.
    #[error(transparent)]
    Refused(#[from] Box<Refusal>),
    /// The store gave no answer.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl Fault for EntitlementError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::NoSubscription | Self::Suspended | Self::CapabilityDenied { .. } => FaultKind::Forbidden,
            Self::UnknownEvent { .. } => FaultKind::Malformed,
            Self::PlanNotFound { .. } => FaultKind::Broken,
            Self::Refused(refusal) => refusal.kind(),
            Self::Table(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NoSubscription => "no_subscription",
            Self::Suspended => "subscription_suspended",
            Self::CapabilityDenied { .. } => "capability_denied",
            Self::UnknownEvent { .. } => "unknown_event_type",
            Self::PlanNotFound { .. } => "plan_not_found",
            Self::Refused(refusal) => refusal.code(),
            Self::Table(error) => error.code(),
        }
    }

    fn detail(&self) -> Option<Map<String, Value>> {
        let members = match self {
            Self::NoSubscription => json!({"error": self.code(), "message": self.to_string()}),
            Self::Suspended => {
                json!({"error": self.code(), "message": self.to_string(), "status": "suspended"})
            }
            Self::CapabilityDenied { capability, plan_id } => json!({
                "error": self.code(), "message": self.to_string(),
                "capability_key": capability.key(), "plan_id": plan_id,
            }),
            Self::UnknownEvent { event_key } => json!({"error": self.code(), "event_key": event_key}),
            Self::PlanNotFound { plan_id } => json!({"error": self.code(), "plan_id": plan_id}),
            Self::Refused(refusal) => return refusal.detail(),
            Self::Table(_) => return None,
        };
        match members {
            Value::Object(members) => Some(members),
            _ => None,
        }
    }

    fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::Refused(refusal) => refusal.retry_after_seconds(),
            Self::Table(error) => error.retry_after_seconds(),
            _ => None,
        }
    }
}

/// Why a change of the operator was not made (gateway.md 13). Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum AdministrationError {
    /// There is such an event already.
    #[error("Event type '{event_key}' already exists")]
    EventExists {
        /// Its key.
        event_key: String,
    },
    /// There is no such event.
    #[error("Event type '{event_key}' not found")]
    EventNotFound {
        /// The key that was asked for.
        event_key: String,
    },
    /// There is such a plan already.
    #[error("Plan '{plan_id}' already exists")]
    PlanExists {
        /// Its id.
        plan_id: String,
    },
    /// There is no such plan.
    #[error("Plan '{plan_id}' not found")]
    PlanNotFound {
        /// The id that was asked for.
        plan_id: String,
    },
    /// A capability that does not exist.
    #[error("Capability '{key}' not found")]
    UnknownCapability {
        /// Its key.
        key: String,
    },
    /// A cap on an event that does not exist.
    #[error("Event type '{event_key}' not found")]
    UnknownCappedEvent {
        /// Its key.
        event_key: String,
    },
    /// There is no such tenant.
    #[error("Tenant '{tenant_id}' not found")]
    TenantNotFound {
        /// The id that was asked for.
        tenant_id: String,
    },
    /// The tenant has no subscription.
    #[error("No subscription found for tenant")]
    NoSubscription,
    /// There are as many events or plans as there may be.
    #[error("The catalogue holds at most {} {kind}", crate::administration::MAX_CATALOGUE)]
    CatalogueFull {
        /// `events` or `plans`.
        kind: &'static str,
    },
    /// The store gave no answer.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl Fault for AdministrationError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::EventExists { .. } | Self::PlanExists { .. } | Self::CatalogueFull { .. } => {
                FaultKind::Conflict
            }
            Self::EventNotFound { .. }
            | Self::PlanNotFound { .. }
            | Self::TenantNotFound { .. }
            | Self::NoSubscription => FaultKind::Missing,
            Self::UnknownCapability { .. } | Self::UnknownCappedEvent { .. } => FaultKind::Malformed,
            Self::Table(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::EventExists { .. } => "event_exists",
            Self::EventNotFound { .. } | Self::UnknownCappedEvent { .. } => "event_not_found",
            Self::PlanExists { .. } => "plan_exists",
            Self::PlanNotFound { .. } => "plan_not_found",
            Self::UnknownCapability { .. } => "capability_not_found",
            Self::TenantNotFound { .. } => "tenant_not_found",
            Self::NoSubscription => "subscription_not_found",
            Self::CatalogueFull { .. } => "catalogue_full",
            Self::Table(error) => error.code(),
        }
    }

    fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::Table(error) => error.retry_after_seconds(),
            _ => None,
        }
    }
}
