//! The levels of a walk: lists of items, each of which is rows, or leads to a list of its own.

use bespin_primitives::{BillingPeriod, ConversationId, KpiId, TenantId, UserId};
use bespin_table::{Cursor, Range, keys};

use crate::Kind;

/// A list of items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// All tenants.
    Tenants,
    /// One tenant.
    Tenant(TenantId),
    /// What is the platform's.
    Catalogue,
    /// The whole table, in no order.
    Everything(Option<TenantId>),
    Users(TenantId),
    Kpis(TenantId),
    Points(TenantId, KpiId),
    Briefs(TenantId),
    /// Months in which something was used.
    Months(TenantId),
    Ledger(TenantId, BillingPeriod),
    /// What is audited of the ledger, and of the tenant's audit.
    Audited(TenantId, BillingPeriod),
    Prefs(TenantId),
    Outbox(TenantId, UserId),
    Conversations(TenantId, UserId),
    Exchanges(TenantId, UserId, ConversationId),
    Subscription(TenantId),
}

impl Level {
    /// Where a walk begins: at all tenants, or at one.
    pub(crate) fn top(kind: Kind, tenant: Option<TenantId>) -> Self {
        match (kind, tenant) {
            (kind, _) if kind.is_of_the_platform() => Self::Catalogue,
            (Kind::IdempotencyKeys, tenant) => Self::Everything(tenant),
            (Kind::Tenants, Some(tenant)) => Self::Tenant(tenant),
            (kind, Some(tenant)) => Self::of_tenant(kind, tenant).unwrap_or(Self::Tenant(tenant)),
            (_, None) => Self::Tenants,
        }
    }

    /// The first list below a tenant; `None` where a tenant itself is a row, or has none.
    fn of_tenant(kind: Kind, tenant: TenantId) -> Option<Self> {
        Some(match kind {
            Kind::Users | Kind::NotificationOutbox | Kind::Conversations | Kind::Messages => {
                Self::Users(tenant)
            }
            Kind::KpiDefinitions | Kind::KpiPoints => Self::Kpis(tenant),
            Kind::Briefs => Self::Briefs(tenant),
            Kind::AuditLogs | Kind::UsageEvents | Kind::UsageRollupsPeriod => Self::Months(tenant),
            Kind::NotificationPrefs => Self::Prefs(tenant),
            Kind::TenantSubscriptions => Self::Subscription(tenant),
            Kind::Tenants
            | Kind::IdempotencyKeys
            | Kind::MeteredEventTypes
            | Kind::Plans
            | Kind::PlanCapabilities
            | Kind::PlanEventCaps
            | Kind::Capabilities => return None,
        })
    }

    /// Whether the items of this list lead to lists of their own.
    pub(crate) fn leads_on(self, kind: Kind) -> bool {
        match self {
            Self::Tenants => kind != Kind::Tenants,
            Self::Users(_) => kind != Kind::Users,
            Self::Kpis(_) => kind == Kind::KpiPoints,
            Self::Months(_) => kind != Kind::UsageRollupsPeriod,
            Self::Conversations(..) => kind == Kind::Messages,
            _ => false,
        }
    }

    /// The list that the item at a place leads to.
    pub(crate) fn below(self, kind: Kind, item: &Cursor) -> Option<Self> {
        if !self.leads_on(kind) {
            return None;
        }
        let id = keys::id_of_place(item.sk());
        match self {
            Self::Tenants => Self::of_tenant(kind, TenantId::parse(id)?),
            Self::Users(tenant) if kind == Kind::NotificationOutbox => {
                Some(Self::Outbox(tenant, UserId::parse(id)?))
            }
            Self::Users(tenant) => Some(Self::Conversations(tenant, UserId::parse(id)?)),
            Self::Kpis(tenant) => Some(Self::Points(tenant, KpiId::parse(id)?)),
            Self::Months(tenant) => {
                let period = keys::period_of_usage(item.sk())?;
                let audited = kind == Kind::AuditLogs;
                Some(if audited { Self::Audited(tenant, period) } else { Self::Ledger(tenant, period) })
            }
            Self::Conversations(tenant, user) => {
                Some(Self::Exchanges(tenant, user, ConversationId::parse(id)?))
            }
            _ => None,
        }
    }

    /// Where the places of this list are.
    pub(crate) fn range(self) -> Range {
        match self {
            // One tenant and the catalogue are read whole; their places only count rows.
            Self::Tenants | Self::Tenant(_) | Self::Catalogue | Self::Subscription(_) => keys::all_tenants(),
            Self::Everything(_) => keys::everything(),
            Self::Users(tenant) => keys::users_by_creation(tenant),
            Self::Kpis(tenant) => keys::kpis_by_creation(tenant),
            Self::Points(tenant, kpi) => {
                use bespin_primitives::Timestamp;
                keys::series_leaves(tenant, kpi, Timestamp::MIN, Timestamp::MAX)
            }
            Self::Briefs(tenant) => keys::briefs(tenant),
            Self::Months(tenant) => keys::usages(tenant),
            Self::Ledger(tenant, period) | Self::Audited(tenant, period) => keys::ledger(tenant, period),
            Self::Prefs(tenant) => keys::notification_prefs_by_creation(tenant),
            Self::Outbox(tenant, user) => keys::outbox(tenant, user),
            Self::Conversations(tenant, user) => keys::conversations_by_creation(tenant, user),
            Self::Exchanges(tenant, _, conversation) => keys::exchanges(tenant, conversation),
        }
    }
}
