//! The routes of this function, and what each of them promises.

use bespin_edge::audience::STRANGERS;
use bespin_edge::shapes as common;
use bespin_edge::{CONTROL_PLANE, Deps};
use bespin_web::describe::{Api, Content, Operation, Shape};
use serde_json::json;

use crate::stripe;

/// Where Stripe may send its events: all three answer alike (control-plane.md 10.1).
const PREFIXES: [&str; 3] = ["/api/v1", CONTROL_PLANE[0], CONTROL_PLANE[1]];

/// Tells all of them.
pub fn api(api: &mut impl Api<Deps>) {
    api.under(&PREFIXES).post("/webhooks/stripe", stripe::receive, || {
        Operation::new("receiveStripeEvent", "Take in an event of Stripe", &STRANGERS)
            .says(
                "Open to all: who sends is proved by `Stripe-Signature` over the bytes as they \
                arrived. `payment_intent.succeeded` grants credits, once for each payment; what \
                can never be granted is acknowledged and stored.",
            )
            .header(
                "Stripe-Signature",
                Shape::text()
                    .about("Time and signatures, as Stripe makes them")
                    .like("t=1770724800,v1=5257a869"),
            )
            .content(Content::Json(
                Shape::free_object().like(json!({"id": "evt_1", "type": "payment_intent.succeeded"})),
            ))
            .answers(200, "Taken in", common::done())
            .refuses(&[(400, "malformed_event"), (401, "invalid_signature"), (503, "webhook_not_configured")])
    });
}
