//! The kinds of rows there are to see (gateway.md 14).

/// One kind of rows: a table of the contract, whatever holds it here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Tenants.
    Tenants,
    /// Users of tenants.
    Users,
    /// KPI definitions.
    KpiDefinitions,
    /// Points of KPIs.
    KpiPoints,
    /// Briefs.
    Briefs,
    /// Audited actions of tenants' users.
    AuditLogs,
    /// Ledger entries.
    UsageEvents,
    /// Idempotency keys that were used.
    IdempotencyKeys,
    /// Saved notification preferences.
    NotificationPrefs,
    /// Notifications.
    NotificationOutbox,
    /// Conversations.
    Conversations,
    /// Messages of conversations.
    Messages,
    /// Metered events of the catalogue.
    MeteredEventTypes,
    /// Plans of the catalogue.
    Plans,
    /// What plans include.
    PlanCapabilities,
    /// Caps of plans.
    PlanEventCaps,
    /// What a plan can include.
    Capabilities,
    /// Subscriptions of tenants.
    TenantSubscriptions,
    /// What tenants used, by month and event.
    UsageRollupsPeriod,
}

impl Kind {
    /// All there are, in the order of the contract.
    pub const ALL: [Self; 19] = [
        Self::Tenants,
        Self::Users,
        Self::KpiDefinitions,
        Self::KpiPoints,
        Self::Briefs,
        Self::AuditLogs,
        Self::UsageEvents,
        Self::IdempotencyKeys,
        Self::NotificationPrefs,
        Self::NotificationOutbox,
        Self::Conversations,
        Self::Messages,
        Self::MeteredEventTypes,
        Self::Plans,
        Self::PlanCapabilities,
        Self::PlanEventCaps,
        Self::Capabilities,
        Self::TenantSubscriptions,
        Self::UsageRollupsPeriod,
    ];

    /// The name of the table in the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tenants => "tenants",
            Self::Users => "users",
            Self::KpiDefinitions => "kpi_definitions",
            Self::KpiPoints => "kpi_points",
            Self::Briefs => "briefs",
            Self::AuditLogs => "audit_logs",
            Self::UsageEvents => "usage_events",
            Self::IdempotencyKeys => "idempotency_keys",
            Self::NotificationPrefs => "notification_prefs",
            Self::NotificationOutbox => "notification_outbox",
            Self::Conversations => "conversations",
            Self::Messages => "messages",
            Self::MeteredEventTypes => "metered_event_types",
            Self::Plans => "plans",
            Self::PlanCapabilities => "plan_capabilities",
            Self::PlanEventCaps => "plan_event_caps",
            Self::Capabilities => "capabilities",
            Self::TenantSubscriptions => "tenant_subscriptions",
            Self::UsageRollupsPeriod => "usage_rollups_period",
        }
    }

    /// The kind of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What people call its rows, where the contract counts them.
    pub fn label(self) -> Option<&'static str> {
        Some(match self {
            Self::Tenants => "Tenants",
            Self::Users => "Users",
            Self::KpiDefinitions => "KPI Definitions",
            Self::KpiPoints => "KPI Points",
            Self::Briefs => "Briefs",
            Self::AuditLogs => "Audit Logs",
            Self::UsageEvents => "Usage Events",
            Self::IdempotencyKeys => "Idempotency Keys",
            Self::NotificationPrefs => "Notification Prefs",
            Self::NotificationOutbox => "Notification Outbox",
            Self::Conversations => "Conversations",
            Self::Messages => "Messages",
            Self::MeteredEventTypes => "Metered Events",
            Self::Plans => "Plans",
            Self::TenantSubscriptions => "Subscriptions",
            Self::PlanCapabilities | Self::PlanEventCaps | Self::Capabilities | Self::UsageRollupsPeriod => {
                return None;
            }
        })
    }

    /// The names of its columns, in their order.
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Tenants => &["id", "name", "region", "created_at"],
            Self::Users => &["id", "tenant_id", "email", "role", "created_at"],
            Self::KpiDefinitions => &["id", "tenant_id", "name", "unit", "description", "created_at"],
            Self::KpiPoints => &["tenant_id", "kpi_id", "ts", "value"],
            Self::Briefs => &["id", "tenant_id", "date", "request_id", "content"],
            Self::AuditLogs => {
                &["id", "tenant_id", "user_id", "action", "tool_name", "request_id", "created_at"]
            }
            Self::UsageEvents => &[
                "id",
                "tenant_id",
                "user_id",
                "activity_type",
                "units",
                "credits",
                "list_cost_estimate",
                "tool_name",
                "request_id",
                "created_at",
            ],
            Self::IdempotencyKeys => {
                &["tenant_id", "endpoint", "key", "request_id", "created_at", "expires_at"]
            }
            Self::NotificationPrefs => {
                &["tenant_id", "user_id", "daily_brief_enabled", "delivery_method", "updated_at"]
            }
            Self::NotificationOutbox => {
                &["id", "tenant_id", "user_id", "notification_type", "date", "status", "request_id"]
            }
            Self::Conversations => &["id", "tenant_id", "user_id", "title", "created_at"],
            Self::Messages => {
                &["id", "conversation_id", "tenant_id", "user_id", "role", "content", "cards", "created_at"]
            }
            Self::MeteredEventTypes => &[
                "event_key",
                "display_name",
                "description",
                "unit_name",
                "credits_per_unit",
                "list_price_per_credit",
                "billable",
                "active",
                "created_at",
                "updated_at",
            ],
            Self::Plans => &[
                "plan_id",
                "name",
                "included_credits",
                "overage_price_per_credit",
                "created_at",
                "updated_at",
            ],
            Self::PlanCapabilities => &["plan_id", "capability_key"],
            Self::PlanEventCaps => &["plan_id", "event_key", "period", "cap_raw_units"],
            Self::Capabilities => &["capability_key"],
            Self::TenantSubscriptions => {
                &["tenant_id", "plan_id", "status", "period_start", "period_end", "created_at", "updated_at"]
            }
            Self::UsageRollupsPeriod => {
                &["tenant_id", "period_start", "event_key", "raw_units", "credits", "list_cost_estimate"]
            }
        }
    }

    /// Whether its rows are those of no tenant.
    pub fn is_of_the_platform(self) -> bool {
        matches!(
            self,
            Self::MeteredEventTypes
                | Self::Plans
                | Self::PlanCapabilities
                | Self::PlanEventCaps
                | Self::Capabilities
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn each_kind_is_found_by_its_name_and_nothing_else_is() {
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.name()), Some(kind));
        }
        for other in ["", "Tenants", "api_keys", "daily_limits", "tenants;"] {
            assert_eq!(Kind::parse(other), None, "{other}");
        }
        assert_eq!(Kind::ALL.iter().filter_map(|kind| kind.label()).count(), 15);
    }
}
