//! Rows of each kind: one value for each column.

use bespin_access::{Tenant, User};
use bespin_audit::{AuditActor, AuditEntry};
use bespin_briefs::StoredBrief;
use bespin_conversations::{Conversation, Exchange};
use bespin_entitlements::{Capability, Catalogue, Subscription, cap_view};
use bespin_kpi::{Kpi, Point};
use bespin_metering::{LedgerEntry, MeteredEvent, Usage};
use bespin_notifications::{Envelope, SavedPrefs};
use bespin_primitives::{ConversationId, KpiId, TenantId, Timestamp, UserId};
use bespin_recording::KeptKey;
use bespin_table::TableError;
use serde_json::{Value, json};

use crate::Kind;

/// One value for each of the kind's columns.
pub(crate) type Row = Vec<Value>;

/// The members of an object that have the names of the kind's columns, in their order.
fn of_object(kind: Kind, object: &Value) -> Row {
    kind.columns().iter().map(|column| object[*column].clone()).collect()
}

pub(crate) fn tenant(tenant: &Tenant) -> Row {
    vec![json!(tenant.id), json!(tenant.name), json!(tenant.region), json!(tenant.created_at)]
}

pub(crate) fn user(user: &User) -> Row {
    let User { id, tenant_id, email, role, created_at } = user;
    vec![json!(id), json!(tenant_id), json!(email), json!(role.name()), json!(created_at)]
}

pub(crate) fn kpi(tenant: TenantId, kpi: &Kpi) -> Row {
    let Kpi { id, name, unit, description, created_at } = kpi;
    vec![json!(id), json!(tenant), json!(name), json!(unit), json!(description), json!(created_at)]
}

pub(crate) fn point(tenant: TenantId, kpi: KpiId, point: &Point) -> Row {
    vec![json!(tenant), json!(kpi), json!(point.text()), json!(point.value())]
}

pub(crate) fn brief(tenant: TenantId, brief: &StoredBrief) -> Result<Row, TableError> {
    let StoredBrief { id, date, request_id, text } = brief;
    let mut stored: Value = serde_json::from_str(text).map_err(|error| TableError::Rejected(error.into()))?;
    Ok(vec![json!(id), json!(tenant), json!(date.to_string()), json!(request_id), stored["content"].take()])
}

/// An audited action; `None` for an entry whose action the contract does not audit.
pub(crate) fn audited(entry: &LedgerEntry) -> Option<Row> {
    let LedgerEntry { id, tenant_id, user_id, action, tool_name, request_id, created_at, .. } = entry;
    let action = action.as_ref()?;
    Some(vec![
        json!(id),
        json!(tenant_id),
        json!(user_id),
        json!(action),
        json!(tool_name),
        json!(request_id),
        json!(created_at),
    ])
}

/// The one action that the contract audits and that is no ledger entry: a run of the daily-brief job.
const NOTIFIED: &str = "notifications.enqueue";

/// The same of the tenant's audit, where the run of a job stands.
pub(crate) fn audited_run(tenant: TenantId, entry: &AuditEntry) -> Option<Row> {
    let AuditActor::User(user_id) = &entry.actor else { return None };
    let AuditEntry { id, action, request_id, created_at, .. } = entry;
    (action == NOTIFIED).then(|| {
        vec![
            json!(id),
            json!(tenant),
            json!(user_id),
            json!(action),
            json!("daily_brief"),
            json!(request_id),
            json!(created_at),
        ]
    })
}

pub(crate) fn ledger_entry(entry: &LedgerEntry) -> Row {
    vec![
        json!(entry.id),
        json!(entry.tenant_id),
        json!(entry.user_id),
        json!(entry.event.key()),
        json!(entry.raw_units),
        json!(entry.credits),
        json!(entry.list_cost),
        json!(entry.tool_name),
        json!(entry.request_id),
        json!(entry.created_at),
    ]
}

pub(crate) fn kept_key(kept: &KeptKey) -> Row {
    let KeptKey { tenant_id, used, request_id, created_at, expires_at } = kept;
    let (endpoint, key) = used.as_ref().map(|(endpoint, key)| (json!(endpoint), json!(key))).unzip();
    let [endpoint, key] = [endpoint, key].map(Option::unwrap_or_default);
    vec![json!(tenant_id), endpoint, key, json!(request_id), json!(created_at), json!(expires_at)]
}

pub(crate) fn prefs(tenant: TenantId, saved: &SavedPrefs) -> Row {
    let prefs = &saved.prefs;
    vec![
        json!(tenant),
        json!(saved.user_id),
        json!(prefs.daily_brief_enabled),
        json!(prefs.delivery_method.name()),
        json!(saved.updated_at),
    ]
}

pub(crate) fn notification(tenant: TenantId, user: UserId, envelope: &Envelope) -> Row {
    let Envelope { id, notification_type, date, status, request_id, .. } = envelope;
    vec![
        json!(id),
        json!(tenant),
        json!(user),
        json!(notification_type.name()),
        json!(date.to_string()),
        json!(status.name()),
        json!(request_id),
    ]
}

pub(crate) fn conversation(tenant: TenantId, user: UserId, conversation: &Conversation) -> Row {
    let Conversation { id, title, created_at } = conversation;
    vec![json!(id), json!(tenant), json!(user), json!(title), json!(created_at)]
}

/// The two messages of an exchange, the newer first.
pub(crate) fn messages(
    tenant: TenantId,
    user: UserId,
    conversation: ConversationId,
    exchange: &Exchange,
) -> Vec<Row> {
    let [question, reply] = exchange.messages();
    let row = |mut message: Value| {
        let mut member = |name: &str| message[name].take();
        vec![
            member("message_id"),
            json!(conversation),
            json!(tenant),
            json!(user),
            member("role"),
            member("content"),
            member("cards"),
            member("created_at"),
        ]
    };
    vec![row(reply), row(question)]
}

pub(crate) fn subscription(tenant: TenantId, subscription: &Subscription, now: Timestamp) -> Row {
    of_object(Kind::TenantSubscriptions, &subscription.view(tenant, now))
}

/// What was used in a month, by event.
pub(crate) fn roll_ups(tenant: TenantId, usage: &Usage) -> Result<Vec<Row>, TableError> {
    let mut rows = Vec::new();
    for event in MeteredEvent::ALL {
        let (raw_units, credits, list_cost) = usage.of_event(event)?;
        if raw_units > 0 {
            rows.push(vec![
                json!(tenant),
                json!(usage.period().start().to_string()),
                json!(event.key()),
                json!(raw_units),
                json!(credits),
                json!(list_cost),
            ]);
        }
    }
    Ok(rows)
}

/// What is the platform's, the newest first.
pub(crate) fn of_catalogue(kind: Kind, catalogue: &Catalogue) -> Vec<Row> {
    let mut events: Vec<_> = catalogue.events.values().collect();
    let mut plans: Vec<_> = catalogue.plans.values().collect();
    // By key within an instant, as the catalogue has them.
    events.sort_by_key(|event| std::cmp::Reverse(event.created_at));
    plans.sort_by_key(|plan| std::cmp::Reverse(plan.created_at));
    let capability = |capability: &Capability| vec![json!(capability.key())];
    match kind {
        Kind::MeteredEventTypes => events.iter().map(|event| of_object(kind, &event.view())).collect(),
        Kind::Plans => plans.iter().map(|plan| of_object(kind, &plan.view())).collect(),
        Kind::PlanCapabilities => plans
            .iter()
            .flat_map(|plan| plan.capabilities.iter().map(|of| vec![json!(plan.plan_id), json!(of.key())]))
            .collect(),
        Kind::PlanEventCaps => plans
            .iter()
            .flat_map(|plan| {
                plan.caps.iter().map(|(event_key, cap)| {
                    let mut view = cap_view(event_key, *cap);
                    view["plan_id"] = json!(plan.plan_id);
                    of_object(kind, &view)
                })
            })
            .collect(),
        _ => Capability::ALL.iter().map(capability).collect(),
    }
}
