//! Idempotency keys that guard an answer with a secret in it.

use bespin_edge::Deps;
use bespin_primitives::TenantId;
use bespin_recording::{Fingerprint, GuessableKey, SealedClaim};
use bespin_web::{FieldFault, IdempotencyKey, Problem};

/// The claim of a client's key on an endpoint that shows an API key. 422 at `["header", "Idempotency-Key"]` where it is
/// too short to guard one.
pub(crate) fn sealed_claim(
    deps: &Deps,
    tenant_id: Option<TenantId>,
    endpoint: &str,
    key: &IdempotencyKey,
    fingerprint: Fingerprint,
) -> Result<SealedClaim, Problem> {
    SealedClaim::new(tenant_id, endpoint, key.as_str(), fingerprint, deps.access.pepper()).map_err(
        |GuessableKey| {
            let least = SealedClaim::MIN_KEY_CHARACTERS;
            let msg =
                format!("String should have at least {least} characters, because this key guards an API key");
            let fault = FieldFault::new("string_too_short", ["header", "Idempotency-Key"], msg);
            Problem::invalid(vec![fault.with_bound("min_length", least)])
        },
    )
}
