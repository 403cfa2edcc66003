//! Idempotency keys that guard an answer with a secret in it.

use bespin_primitives::TenantId;
use bespin_recording::{Fingerprint, GuessableKey, SealedClaim};
use bespin_web::{FieldFault, IdempotencyKey, Problem};

use crate::Deps;

impl Deps {
    /// The claim of a client's key on an endpoint that shows a secret, where one was sent. 422 at `["header", "Idempotency-Key"]` where it is
    /// too short to guard one.
    pub fn sealed_claim(
        &self,
        tenant_id: Option<TenantId>,
        endpoint: &str,
        key: Option<&IdempotencyKey>,
        fingerprint: Fingerprint,
    ) -> Result<Option<SealedClaim>, Problem> {
        let Some(key) = key else { return Ok(None) };
        let claim = SealedClaim::new(tenant_id, endpoint, key.as_str(), fingerprint, self.access.pepper());
        claim.map(Some).map_err(|GuessableKey| {
            let least = SealedClaim::MIN_KEY_CHARACTERS;
            let msg =
                format!("String should have at least {least} characters, because this key guards a secret");
            let fault = FieldFault::new("string_too_short", ["header", "Idempotency-Key"], msg);
            Problem::invalid(vec![fault.with_bound("min_length", least)])
        })
    }
}
