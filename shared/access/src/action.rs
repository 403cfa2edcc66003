//! What callers do, and which roles may do it (gateway.md 2).

use crate::Role;

/// Something a role is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Make a user of the own tenant.
    CreateUser,
    /// List, make, rotate and revoke the tenant's API keys.
    ManageApiKeys,
    /// Invoke a tool.
    InvokeTool,
    /// Define a KPI.
    CreateKpi,
    /// Send points of a KPI.
    IngestPoints,
    /// List KPIs, read the latest point.
    ReadKpis,
    /// Make the brief of a date.
    MaterializeBrief,
    /// Read briefs.
    ReadBriefs,
    /// Run jobs, and see how far they are.
    RunJobs,
    /// Set when the daily brief is due.
    ScheduleBriefs,
    /// Read and change one's own notifications and preferences.
    UseOwnNotifications,
    /// Register, change and remove the tenant's webhook, read and replay its deliveries.
    ManageWebhooks,
    /// Read and lead one's own conversations, ask the cofounder.
    UseChat,
    /// Admit, settle and count turns of the tenant's own users.
    RunTurns,
    /// Set the tenant's daily limits.
    UpdateLimits,
    /// Read limits, usage, plan and ledger.
    ReadBilling,
    /// Read and set what kinds of users may do and what providers may cost.
    ManagePolicies,
    /// Read and give credit grants, see payments.
    ManageGrants,
}

impl Action {
    /// Whether `role` may do this.
    pub fn is_allowed_to(self, role: Role) -> bool {
        match self {
            Self::CreateUser
            | Self::ManageApiKeys
            | Self::InvokeTool
            | Self::CreateKpi
            | Self::IngestPoints
            | Self::MaterializeBrief
            | Self::RunJobs
            | Self::ScheduleBriefs
            | Self::RunTurns
            | Self::ManageWebhooks
            | Self::ManagePolicies
            | Self::ManageGrants
            | Self::UpdateLimits => role == Role::Admin,
            Self::ReadKpis
            | Self::ReadBriefs
            | Self::UseOwnNotifications
            | Self::UseChat
            | Self::ReadBilling => true,
        }
    }

    /// The words after "is not authorized to".
    pub fn words(self) -> &'static str {
        match self {
            Self::CreateUser => "create users",
            Self::ManageApiKeys => "manage API keys",
            Self::InvokeTool => "invoke tools",
            Self::CreateKpi => "create KPIs",
            Self::IngestPoints => "ingest KPI points",
            Self::ReadKpis => "read KPIs",
            Self::MaterializeBrief => "materialize briefs",
            Self::ReadBriefs => "read briefs",
            Self::RunJobs => "run jobs",
            Self::ScheduleBriefs => "schedule briefs",
            Self::UseOwnNotifications => "use notifications",
            Self::ManageWebhooks => "manage webhooks",
            Self::UseChat => "use chat",
            Self::RunTurns => "run turns",
            Self::UpdateLimits => "update limits",
            Self::ReadBilling => "read billing",
            Self::ManagePolicies => "manage policies",
            Self::ManageGrants => "manage grants",
        }
    }
}
