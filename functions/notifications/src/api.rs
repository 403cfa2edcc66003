//! The routes of this function, and what each of them promises.

use bespin_edge::audience::TENANT;
use bespin_edge::{Deps, overlap_seconds};
use bespin_table::keys::nowhere;
use bespin_web::describe::{Api, Operation};
use serde_json::json;

use crate::{deliveries, outbox, prefs, shapes, webhook};

/// Tells all of them.
pub fn api(api: &mut impl Api<Deps>) {
    own(api);
    webhook(api);
    deliveries(api);
}

fn own(api: &mut impl Api<Deps>) {
    api.get("/v1/notifications/prefs", prefs::show, || {
        Operation::new("getNotificationPrefs", "How the caller wants to be notified", &TENANT)
            .says("Any role. The defaults, where the caller never saved any.")
            .answers(200, "The preferences", shapes::notification_prefs())
    });
    api.put("/v1/notifications/prefs", prefs::set, || {
        Operation::new("setNotificationPrefs", "Replace the caller's preferences", &TENANT)
            .says("Any role. A member left out goes back to its default.")
            .body(prefs::parse)
            .body_like(json!({"daily_brief_enabled": false}))
            .answers(200, "The preferences as saved", shapes::notification_prefs())
    });
    api.get("/v1/notifications/outbox", outbox::list, || {
        Operation::new("listNotifications", "The caller's notifications, newest first", &TENANT)
            .says(
                "Any role. With `status` a page looks at 5,000 notifications at most, so it may \
                hold fewer than `limit`, even none, and still have a `next_cursor`; so may one \
                whose payloads are large.",
            )
            .query(|call| outbox::parse(call, &nowhere()))
            .answers(200, "A page of notifications", shapes::notifications())
    });
    api.post("/v1/notifications/{notification_id}/ack", outbox::acknowledge, || {
        Operation::new("acknowledgeNotification", "Note that the caller has seen a notification", &TENANT)
            .says("Any role; the caller's own only. Repeating it gives the same answer.")
            .path("notification_id", "The `id` of the notification", Some("906611097600000"))
            .answers(200, "The notification", shapes::notification())
            .refuses(&[(404, "notification_not_found"), (422, "invalid_request")])
    });
}

fn webhook(api: &mut impl Api<Deps>) {
    api.get(webhook::PATH, webhook::show, || {
        Operation::new("getWebhook", "The tenant's webhook", &TENANT)
            .says("Admins only. No secret is shown.")
            .answers(200, "The webhook", shapes::webhook_with_health())
            .refuses(&[(404, "webhook_not_found")])
    });
    api.put(webhook::PATH, webhook::register, || {
        Operation::new("registerWebhook", "Register the webhook, change or enable it", &TENANT)
            .says(
                "Admins only. A tenant has one. The answer to a new one (201) is the only place \
                that ever shows its secret; an `Idempotency-Key` of at least 16 characters lets \
                it be repeated. `enabled` is true where it is left out, so the same call enables \
                a webhook that was disabled. Each notification that is made from then on is \
                delivered as a POST of JSON, signed by the Standard Webhooks scheme (headers \
                `webhook-id`, `webhook-timestamp`, `webhook-signature`). 2xx within 10 seconds \
                takes it; 410 disables the webhook; anything else, redirects included, is tried \
                again after 5 s, 1 min, 5 min, 30 min, 2 h, 5 h and 10 h, later where \
                `Retry-After` asks for it. A webhook to which nothing could be delivered for \
                that long is disabled, and whoever registered it is notified.",
            )
            .idempotent_if_asked()
            .body(|body| webhook::parse(body, |_| Err("no URL")))
            .answers(200, "The webhook as it is now", shapes::webhook())
            .answers(201, "The new webhook, with its secret, shown this once", shapes::shown_webhook())
    });
    api.delete(webhook::PATH, webhook::remove, || {
        Operation::new("deleteWebhook", "Remove the webhook", &TENANT)
            .says(
                "Admins only. Deliveries that are not done with are cancelled when they are due; \
                the log stays.",
            )
            .answers(200, "The webhook as it was", shapes::webhook())
            .refuses(&[(404, "webhook_not_found")])
    });
    api.post(webhook::SECRETS, webhook::rotate, || {
        Operation::new("rotateWebhookSecret", "Add a secret", &TENANT)
            .says(
                "Admins only. The answer is the only place that ever shows it. Older secrets \
                sign on for `overlap_seconds`: a delivery carries one signature for each good \
                secret. At most 3 are good at a time.",
            )
            .idempotent_if_asked()
            .body(overlap_seconds)
            .answers(201, "The secret, shown this once", shapes::shown_webhook_secret())
            .refuses(&[(404, "webhook_not_found"), (409, "too_many_webhook_secrets")])
    });
    api.delete("/v1/notifications/webhook/secrets/{secret_id}", webhook::revoke_secret, || {
        Operation::new("deleteWebhookSecret", "Take a secret back", &TENANT)
            .says("Admins only. It signs nothing from now on. The last one without an end stays.")
            .path("secret_id", "Id of a secret", None)
            .answers(200, "The secret as it was, without the secret itself", shapes::webhook_secret())
            .refuses(&[(404, "webhook_secret_not_found"), (409, "last_webhook_secret")])
    });
}

fn deliveries(api: &mut impl Api<Deps>) {
    api.post("/v1/notifications/webhook/test", deliveries::send_test, || {
        Operation::new("testWebhook", "Send a test", &TENANT)
            .says(
                "Admins only. A delivery of type `webhook.test`; whether it arrives is to be \
                read in the log.",
            )
            .answers(202, "The delivery, about to be tried", shapes::delivery())
            .refuses(&[(404, "webhook_not_found"), (409, "webhook_disabled"), (503, "queue_unavailable")])
    });
    api.get("/v1/notifications/webhook/deliveries", deliveries::list, || {
        Operation::new("listDeliveries", "The log of deliveries, newest first", &TENANT)
            .says(
                "Admins only. Deliveries stay for 30 days. With `status` a page looks at 5,000 \
                deliveries at most, so it may hold fewer than `limit`, even none, and still have \
                a `next_cursor`.",
            )
            .query(|call| deliveries::parse(call, &nowhere()))
            .answers(200, "A page of deliveries", shapes::deliveries())
    });
    api.get("/v1/notifications/webhook/deliveries/{delivery_id}", deliveries::show, || {
        Operation::new("getDelivery", "One delivery with its attempts", &TENANT)
            .says("Admins only.")
            .path("delivery_id", "Id of a delivery", Some("msg_0906611097600000"))
            .answers(200, "The delivery", shapes::delivery_with_attempts())
            .refuses(&[(404, "delivery_not_found")])
    });
    api.post("/v1/notifications/webhook/deliveries/{delivery_id}/replay", deliveries::replay, || {
        Operation::new("replayDelivery", "Send a delivery again", &TENANT)
            .says(
                "Admins only. Whatever became of it, it is due at once, with all its attempts, \
                under the same `webhook-id`.",
            )
            .path("delivery_id", "Id of a delivery", Some("msg_0906611097600000"))
            .answers(202, "The delivery, about to be tried", shapes::delivery())
            .refuses(&[
                (404, "delivery_not_found"),
                (503, "queue_unavailable"),
                (404, "webhook_not_found"),
                (409, "delivery_under_way"),
                (409, "webhook_disabled"),
            ])
    });
}
