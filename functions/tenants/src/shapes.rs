//! What the answers of this function look like.

use bespin_access::Role;
use bespin_edge::shapes as common;
use bespin_web::describe::Shape;
use serde_json::json;

pub(crate) fn role() -> Shape {
    Shape::one_of(&Role::NAMES).named("Role")
}

pub(crate) fn created_tenant() -> Shape {
    Shape::object([
        ("tenant_id", Shape::id()),
        ("name", Shape::text().like("Acme")),
        ("region", Shape::text().like("eu-west-1")),
        (
            "api_key",
            Shape::text()
                .like("bsp_local_o7lip4st3hgc4wjwa6j24w32c7sujeejjwxlakasjsklwexq24yq_kpfv7wkd")
                .about("Shown this once"),
        ),
        ("created_at", Shape::instant()),
        (
            "admin",
            Shape::object([
                ("user_id", Shape::id()),
                ("email", Shape::text().like("owner@example.com")),
                ("role", Shape::constant(json!("admin"))),
            ]),
        ),
    ])
    .named("CreatedTenant")
}

pub(crate) fn user() -> Shape {
    Shape::object([
        ("user_id", Shape::id()),
        ("tenant_id", Shape::id()),
        ("email", Shape::text().like("member@example.com")),
        ("role", role()),
        ("created_at", Shape::instant()),
    ])
    .named("User")
}

pub(crate) fn rotated_api_key() -> Shape {
    let replaced = Shape::object([("key_id", Shape::id()), ("expires_at", Shape::instant())]);
    common::shown_api_key_with([("replaces", replaced)]).named("RotatedApiKey")
}
