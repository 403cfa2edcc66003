//! Every error that clients may get, by its code: what it says, and what its `detail` has where that is not the sentence.

use serde_json::{Value, json};

/// A sentence as clients read it. A code is listed once, even where two statuses share it.
const SENTENCES: [(&str, &str); 61] = [
    ("api_key_not_found", "API key '7f3c1a52-8f0e-4d0b-9a53-2c8e5b7d1e40' not found"),
    ("body_too_large", "Request body too large"),
    ("brief_not_found", "Brief for date '2026-02-10' not found"),
    ("budget_exceeded", "Budget exceeded: openai"),
    ("capability_denied", "Plan does not include capability: briefs"),
    ("capability_not_found", "Capability 'fly' not found"),
    ("catalogue_full", "The catalogue has at most 1000 plans"),
    ("contended", "too many changes at once, please repeat"),
    ("conversation_not_found", "Conversation not found"),
    ("delivery_not_found", "Delivery 'msg_0906611097600000' not found"),
    ("delivery_under_way", "Delivery 'msg_0906611097600000' is being tried at this moment"),
    ("different_tenant", "Cannot create users for a different tenant"),
    ("event_exists", "Event type 'scan' already exists"),
    ("event_not_found", "Event type 'scan' not found"),
    ("idempotency_conflict", "Idempotency key 'order-4711' was already used with a different request body"),
    ("internal_error", "Internal Server Error"),
    ("invalid_credentials", "Invalid tenant ID or API key"),
    ("invalid_request", "The request is not valid"),
    ("invalid_signature", "Invalid signature"),
    ("invite_token_required", "Signing up needs an invite token, in the header X-Invite-Token"),
    ("kpi_not_found", "KPI '7f3c1a52-8f0e-4d0b-9a53-2c8e5b7d1e40' not found"),
    ("last_api_key", "This is the only API key without an end; create another one first"),
    ("last_webhook_secret", "This is the only secret without an end; add another one first"),
    ("malformed_event", "The body is no event: JSON with a type is expected"),
    ("missing_header", "Missing required header: X-Tenant-ID"),
    ("no_data_points", "No data points found for KPI '7f3c1a52-8f0e-4d0b-9a53-2c8e5b7d1e40'"),
    ("no_subscription", "Tenant has no active subscription"),
    ("not_found", "Not Found"),
    ("notification_not_found", "Notification 906611097600000 not found"),
    ("plan_exists", "Plan 'starter' already exists"),
    ("plan_not_found", "Plan 'starter' not found"),
    ("playground_disabled", "Playground UI is disabled. Set PLAYGROUND_UI_ENABLED=1 to enable."),
    ("policy_not_found", "No policy found for user_type=free, bundle_id=*"),
    ("queue_unavailable", "the queue is not available, please repeat"),
    (
        "quota_exceeded",
        "Limit reached: 100 tool_invocation used and 1 tool_invocation asked, of 100 tool_invocation a day for the \
         tenant; it starts again at 2026-02-11T00:00:00.000000Z",
    ),
    ("rate_limited", "Too many requests; try again later"),
    ("role_not_authorized", "Role 'member' is not authorized to manage grants"),
    ("run_not_found", "Run '33328a1e5fbee0c9cce3b23bf0e21e92cf9b47ad' not found"),
    ("store_unavailable", "the store is not available, please repeat"),
    ("subscription_not_found", "No subscription found for tenant"),
    ("subscription_suspended", "Tenant subscription is suspended"),
    ("table_not_allowed", "Table not allowed"),
    ("tenant_not_found", "Tenant '7f3c1a52-8f0e-4d0b-9a53-2c8e5b7d1e40' not found"),
    ("too_many_api_keys", "A tenant has at most 100 API keys; revoke one first"),
    ("too_many_credits", "A user has at most 100 credits that hold at the same time"),
    ("too_many_policies", "A project has at most 1000 quota policies"),
    ("too_many_providers", "A bundle has budgets for at most 100 providers"),
    ("too_many_webhook_secrets", "A webhook has at most 3 secrets; remove one first, or wait until one ends"),
    ("tool_not_found", "Tool 'fly' not found"),
    ("turn_cancelled", "Turn '7f3c1a52-8f0e-4d0b-9a53-2c8e5b7d1e40' is cancelled"),
    ("turn_expired", "Turn '7f3c1a52-8f0e-4d0b-9a53-2c8e5b7d1e40' is expired"),
    ("turn_not_found", "Turn '7f3c1a52-8f0e-4d0b-9a53-2c8e5b7d1e40' not found"),
    ("turn_settled", "Turn '7f3c1a52-8f0e-4d0b-9a53-2c8e5b7d1e40' is settled"),
    ("unknown_event_type", "Event 'tool_invocation' is not metered at present"),
    ("unreadable_body", "There was an error parsing the body"),
    ("user_not_found", "User not found"),
    ("user_of_another_tenant", "User does not belong to this tenant"),
    ("webhook_disabled", "The webhook is disabled; enable it first"),
    ("webhook_not_configured", "No webhook secret is configured"),
    ("webhook_not_found", "No webhook is registered"),
    ("webhook_secret_not_found", "Secret '7f3c1a52-8f0e-4d0b-9a53-2c8e5b7d1e40' not found"),
];

/// What an error of this code says; `None` for a code that there is not.
pub fn sentence(code: &str) -> Option<&'static str> {
    SENTENCES.iter().find(|(known, _)| *known == code).map(|(_, sentence)| *sentence)
}

/// All codes, in alphabetical order.
pub fn codes() -> impl Iterator<Item = &'static str> {
    SENTENCES.iter().map(|(code, _)| *code)
}

/// The `detail` of an error that has more to tell than its sentence.
pub(crate) fn detail(code: &str) -> Option<Value> {
    Some(match code {
        "invalid_request" => {
            json!([{"type": "missing", "loc": ["body", "name"], "msg": "Field required", "input": {}}])
        }
        "rate_limited" => json!({"error": "rate_limited"}),
        "unknown_event_type" => json!({"error": "unknown_event_type", "event_key": "tool_invocation"}),
        "no_subscription" => {
            json!({"error": "no_subscription", "message": "Tenant has no active subscription"})
        }
        "subscription_suspended" => json!({
            "error": "subscription_suspended", "message": "Tenant subscription is suspended",
            "status": "suspended",
        }),
        "capability_denied" => json!({
            "error": "capability_denied", "message": "Plan does not include capability: briefs",
            "capability_key": "briefs", "plan_id": "starter",
        }),
        "quota_exceeded" => json!({
            "error": "quota_exceeded", "activity_type": "tool_invocation", "limit": 100, "current": 100,
            "requested": 1, "scope": "tenant", "window": "day", "resets_at": "2026-02-11T00:00:00.000000Z",
        }),
        "budget_exceeded" => json!({
            "error": "budget_exceeded", "reason": "usd_per_day", "provider": "openai", "denied_by": "budget",
            "violations": ["usd_per_day"],
        }),
        _ => return None,
    })
}
