//! The routes of this function, and what each of them promises.

use bespin_edge::audience::{STRANGERS, TENANT};
use bespin_edge::shapes as common;
use bespin_edge::{Deps, new_api_key, overlap_seconds};
use bespin_web::describe::{Api, Operation, Shape};
use bespin_web::meta;
use serde_json::json;

use crate::users::NewUser;
use crate::{api_keys, shapes, sign_up, users};

/// Tells all of them.
pub fn api(api: &mut impl Api<Deps>) {
    meta::api(api);
    api.post(sign_up::PATH, sign_up::sign_up, || {
        Operation::new("createTenant", "Create a tenant with its first admin and API key", &STRANGERS)
            .says(
                "Open to everybody, or to those with an invite token where the platform asks for \
                one; limited per address. The API key is shown once, in this answer. An \
                Idempotency-Key has at least 16 characters here, because it guards an API key.",
            )
            .idempotent_if_asked()
            .header("X-Invite-Token", Shape::text().optional().about("Where signing up needs one"))
            .body(sign_up::parse)
            .body_like(json!({"name": "Acme", "region": "eu-west-1", "admin_email": "owner@example.com"}))
            .answers(201, "The tenant", shapes::created_tenant())
            .refuses(&[(403, "invite_token_required")])
    });
    api.post(users::PATH, users::create, || {
        Operation::new("createUser", "Create a user of the caller's tenant", &TENANT)
            .says("Admins only.")
            .idempotent_if_asked()
            .body(NewUser::parse)
            .answers(201, "The user", shapes::user())
            .refuses(&[(403, "different_tenant")])
    });
    api.get(api_keys::PATH, api_keys::list, || {
        Operation::new("listApiKeys", "List the tenant's API keys", &TENANT)
            .says("Admins only. Good keys, oldest first, at most 100. No key is shown.")
            .answers(200, "The keys", common::api_keys())
    });
    api.post(api_keys::PATH, api_keys::create, || {
        Operation::new("createApiKey", "Create an API key", &TENANT)
            .says(
                "Admins only. The answer is the only place that ever shows the key. With \
                `user_id` it is good for that user only. An `Idempotency-Key` must have at least \
                16 characters.",
            )
            .idempotent_if_asked()
            .body(new_api_key)
            .answers(201, "The key, shown this once", common::shown_api_key())
            .refuses(&[(404, "user_not_found"), (409, "too_many_api_keys")])
    });
    api.delete("/v1/api-keys/{key_id}", api_keys::revoke, || {
        Operation::new("revokeApiKey", "Revoke an API key", &TENANT)
            .says(
                "Admins only. Effective everywhere within five seconds. 409 `last_api_key` for \
                the only key that has no end.",
            )
            .path("key_id", "Id of an API key", None)
            .answers(200, "The key as it was", common::api_key())
            .refuses(&[(404, "api_key_not_found"), (409, "last_api_key")])
    });
    api.post("/v1/api-keys/{key_id}/rotate", api_keys::rotate, || {
        Operation::new("rotateApiKey", "Replace an API key", &TENANT)
            .says(
                "Admins only. A new key of the same name and for the same user; the old one \
                stays good for `overlap_seconds`.",
            )
            .idempotent_if_asked()
            .path("key_id", "Id of an API key", None)
            .body(overlap_seconds)
            .answers(201, "The new key, shown this once", shapes::rotated_api_key())
            .refuses(&[(404, "api_key_not_found"), (409, "too_many_api_keys")])
    });
}
