//! Who may call a route, and with which errors those are refused who may not.

use bespin_web::describe::{Audience, Refusal};

/// Everybody.
pub const STRANGERS: Audience = Audience { schemes: &[], refusals: &[] };

/// A user of a tenant, by the three headers (gateway.md 2).
pub const TENANT: Audience = Audience {
    schemes: &[&["tenantId", "userId", "apiKey"]],
    refusals: &[
        (400, "missing_header"),
        (401, "invalid_credentials"),
        (403, "user_not_found"),
        (403, "user_of_another_tenant"),
        (403, "role_not_authorized"),
    ],
};

/// The operator of the platform. For everybody else there is no such route (gateway.md 13).
pub const OPERATOR: Audience =
    Audience { schemes: &[&["platformAdminKey"]], refusals: &[(404, "not_found")] };

/// The operator, a user, or a key alone (control-plane.md 10.2).
pub const SENDER: Audience = Audience {
    schemes: &[&["tenantId", "userId", "apiKey"], &["bearer"], &["platformAdminKey"]],
    refusals: &[
        (401, "invalid_credentials"),
        (403, "user_not_found"),
        (403, "user_of_another_tenant"),
        (403, "role_not_authorized"),
        (404, "tenant_not_found"),
    ],
};

/// Whoever has a session of the console (gateway.md 14). Refusals are pages.
pub const CONSOLE: Audience = Audience { schemes: &[&["consoleSession"]], refusals: &[] };

/// Errors of whatever needs a subscription whose plan includes it (gateway.md 12.2).
pub const SUBSCRIBED: [Refusal; 4] = [
    (403, "no_subscription"),
    (403, "subscription_suspended"),
    (403, "capability_denied"),
    // The plan that it names is gone: our own mistake, told by name.
    (500, "plan_not_found"),
];

/// Errors of whatever is metered: its event is not, at present, or a limit leaves no room (gateway.md 12.3).
pub const METERED: [Refusal; 2] = [(400, "unknown_event_type"), (429, "quota_exceeded")];
