//! What the answers of this function look like.

use bespin_edge::shapes as common;
use bespin_notifications::DeliveryMethod;
use bespin_web::describe::Shape;
use bespin_webhooks::DeliveryState;

const DISABLED: &str = "`requested` by an admin, `failing` for as long as a delivery is tried, `gone` by 410";

pub(crate) fn notification_prefs() -> Shape {
    Shape::object([
        ("daily_brief_enabled", Shape::boolean()),
        ("delivery_method", Shape::one_of(&DeliveryMethod::NAMES)),
    ])
    .named("NotificationPrefs")
}

pub(crate) fn notification() -> Shape {
    Shape::object([
        (
            "id",
            Shape::integer()
                .like(906_611_097_600_000_u64)
                .about("Grows with time; unique over all tenants; below 2^53"),
        ),
        ("notification_type", Shape::one_of(&["daily_brief", "webhook_disabled"])),
        ("date", Shape::date()),
        ("status", Shape::one_of(&["queued", "acked"])),
        ("request_id", Shape::id()),
        ("payload", Shape::any_of([brief_payload(), disabled_payload()]).about("What it says, by its type")),
    ])
    .named("Notification")
}

fn brief_payload() -> Shape {
    Shape::object([
        ("title", Shape::text().like("Daily Brief")),
        ("date", Shape::date()),
        ("summary", common::brief_summary()),
        ("highlights", Shape::list_of(common::highlight())),
    ])
}

fn disabled_payload() -> Shape {
    Shape::object([
        ("title", Shape::text().like("Webhook disabled")),
        ("date", Shape::date()),
        ("message", Shape::text().like("The endpoint answered 410 Gone.")),
        ("reason", Shape::one_of(&["failing", "gone"])),
        ("url", Shape::text().like("https://example.com/hooks")),
        ("delivery_id", Shape::text().like("msg_0906611097600000")),
    ])
}

pub(crate) fn notifications() -> Shape {
    Shape::object([("items", Shape::list_of(notification())), ("next_cursor", common::next_cursor())])
        .named("Notifications")
}

pub(crate) fn webhook_secret() -> Shape {
    Shape::object(webhook_secret_members()).named("WebhookSecret")
}

fn webhook_secret_members() -> [(&'static str, Shape); 3] {
    [
        ("secret_id", Shape::id()),
        ("created_at", Shape::instant()),
        (
            "expires_at",
            Shape::instant().or_null().about("From when on it signs nothing; null is until it is taken back"),
        ),
    ]
}

pub(crate) fn webhook() -> Shape {
    Shape::object(webhook_members()).named("Webhook")
}

fn webhook_members() -> Vec<(&'static str, Shape)> {
    vec![
        ("url", Shape::text().like("https://example.com/hooks")),
        ("enabled", Shape::boolean()),
        ("disabled_reason", Shape::one_of(&["requested", "failing", "gone"]).or_null().about(DISABLED)),
        ("disabled_at", Shape::instant().or_null()),
        ("secrets", Shape::list_of(webhook_secret()).about("Those that are good, newest first")),
        ("registered_by", Shape::id().about("Who is notified when it is disabled")),
        ("created_at", Shape::instant()),
        ("changed_at", Shape::instant()),
    ]
}

pub(crate) fn webhook_with_health() -> Shape {
    let since = "Since when nothing was taken; null where the last attempt was";
    let health = Shape::object([
        ("failing_since", Shape::instant().or_null().about(since)),
        ("paused_until", Shape::instant().or_null().about("Until when it is left alone")),
    ]);
    Shape::object(webhook_members().into_iter().chain([("health", health)])).named("WebhookWithHealth")
}

pub(crate) fn shown_webhook() -> Shape {
    Shape::object(webhook_members().into_iter().chain([("secret", shown_secret())])).named("ShownWebhook")
}

fn shown_secret() -> Shape {
    let secret = Shape::text().like("whsec_koLDbyPK0rb2949SY4r6xBFghvCkc1Yc0PlAmJHSv30=");
    secret.about("`whsec_` and the base64 of 32 bytes. Nothing else ever shows it")
}

pub(crate) fn shown_webhook_secret() -> Shape {
    let more = [("secret", shown_secret()), ("older", Shape::list_of(webhook_secret()))];
    Shape::object(webhook_secret_members().into_iter().chain(more)).named("ShownWebhookSecret")
}

pub(crate) fn delivery() -> Shape {
    Shape::object(delivery_members()).named("Delivery")
}

fn delivery_members() -> Vec<(&'static str, Shape)> {
    vec![
        (
            "delivery_id",
            Shape::text().like("msg_0906611097600000").about("The `webhook-id` of all its attempts"),
        ),
        ("event_type", Shape::one_of(&["notification.created", "webhook.test"])),
        ("status", Shape::one_of(&DeliveryState::NAMES)),
        ("user_id", Shape::id().or_null().about("Who was notified")),
        ("notification_id", Shape::integer().or_null()),
        ("attempts", Shape::count()),
        ("created_at", Shape::instant()),
        ("next_attempt_at", Shape::instant().or_null()),
        ("ended_at", Shape::instant().or_null()),
    ]
}

pub(crate) fn deliveries() -> Shape {
    Shape::object([("items", Shape::list_of(delivery())), ("next_cursor", common::next_cursor())])
        .named("Deliveries")
}

pub(crate) fn delivery_attempt() -> Shape {
    Shape::object([
        ("attempt", Shape::integer()),
        ("at", Shape::instant()),
        ("status_code", Shape::integer().like(200).or_null()),
        (
            "error",
            Shape::one_of(&[
                "not_resolved",
                "address_refused",
                "not_connected",
                "not_secure",
                "bad_answer",
                "timed_out",
            ])
            .or_null()
            .about("Why nothing was answered"),
        ),
        ("duration_ms", Shape::count().like(6)),
        (
            "answer",
            Shape::text().like("the beginning").or_null().about("The first 1,024 bytes of it as text"),
        ),
    ])
    .named("DeliveryAttempt")
}

pub(crate) fn delivery_with_attempts() -> Shape {
    let attempts = [("attempt_log", Shape::list_of(delivery_attempt()).about("Oldest first"))];
    Shape::object(delivery_members().into_iter().chain(attempts)).named("DeliveryWithAttempts")
}
