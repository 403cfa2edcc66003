//! The routes of this function, and what each of them promises.

use bespin_edge::Deps;
use bespin_edge::audience::{METERED, SUBSCRIBED, TENANT};
use bespin_web::describe::{Api, Operation};
use serde_json::json;

use crate::invoke::Invocation;
use crate::{invoke, shapes};

/// Tells all of them.
pub fn api(api: &mut impl Api<Deps>) {
    api.post(invoke::PATH, invoke::invoke, || {
        Operation::new("invokeTool", "Run a tool once per idempotency key", &TENANT)
            .says(
                "Admins only; needs the capability `tools`. The check of every limit, the charge and the \
                record are one write. A retry with the same key and body gets the stored answer and is not \
                charged; the same key with another body is refused (409). An unknown tool is 404.",
            )
            .idempotent()
            .body(Invocation::parse)
            .body_like(json!({"tool_name": "echo", "payload": {"text": "hi"}}))
            .answers(200, "What the tool gave, now or at the first try", shapes::tool_result())
            .refuses(&SUBSCRIBED)
            .refuses(&METERED)
            .refuses(&[(404, "tool_not_found")])
    });
}
