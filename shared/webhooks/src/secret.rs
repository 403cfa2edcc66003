//! What signs deliveries: shown once, kept sealed.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use bespin_access::{Pepper, Seal};
use bespin_primitives::{Random, TenantId, Timestamp, WebhookSecretId};
use serde_json::{Value, json};

/// How many secrets are good at the same time, so that one delivery carries few signatures.
pub const MAX_SECRETS: usize = 3;

/// What the seal of a secret is made for.
const SEALED: &str = "webhook-secret";

/// A secret in clear: 32 bytes. It leaves the process once, in the answer that makes it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; 32]);

impl Secret {
    /// A new one.
    pub fn random(random: &dyn Random) -> Self {
        let mut bytes = [0; 32];
        random.fill(&mut bytes);
        Self(bytes)
    }

    /// As the tenant is shown it: `whsec_<base64>`.
    pub fn reveal(&self) -> String {
        format!("whsec_{}", self.base64())
    }

    /// The key of the signature.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn base64(&self) -> String {
        BASE64_STANDARD.encode(self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A secret as the endpoint's row holds it: sealed with a key made from the pepper, for this tenant and this id only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedSecret {
    /// Names it, also to the tenant.
    pub id: WebhookSecretId,
    sealed: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it signs no more; `None` is never.
    pub expires_at: Option<Timestamp>,
}

impl SealedSecret {
    /// Seals a new secret.
    pub fn new(
        secret: &Secret,
        tenant_id: TenantId,
        pepper: &Pepper,
        now: Timestamp,
        random: &dyn Random,
    ) -> Self {
        let id = WebhookSecretId::random(random);
        let sealed = seal(pepper, tenant_id, id).seal(&secret.base64(), random);
        Self { id, sealed, created_at: now, expires_at: None }
    }

    /// The secret; `None` where it was sealed under another pepper, or changed since.
    pub fn open(&self, tenant_id: TenantId, pepper: &Pepper) -> Option<Secret> {
        let text = seal(pepper, tenant_id, self.id).open(&self.sealed)?;
        BASE64_STANDARD.decode(text).ok()?.try_into().ok().map(Secret)
    }

    /// The end is exclusive: nothing is signed with it from `expires_at` on.
    pub fn is_good_at(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }

    /// As the API shows it: not the secret.
    pub fn view(&self) -> Value {
        json!({"secret_id": self.id, "created_at": self.created_at, "expires_at": self.expires_at})
    }

    /// One text for the row.
    pub(crate) fn stored(&self) -> String {
        let mut stored = self.view();
        stored["sealed"] = json!(BASE64_STANDARD.encode(&self.sealed));
        stored.to_string()
    }

    /// Reads back what [`SealedSecret::stored`] gave.
    pub(crate) fn read(stored: &str) -> Option<Self> {
        let stored: Value = serde_json::from_str(stored).ok()?;
        let instant = |name: &str| stored[name].as_str().map(Timestamp::parse_rfc3339);
        Some(Self {
            id: WebhookSecretId::parse(stored["secret_id"].as_str()?)?,
            sealed: BASE64_STANDARD.decode(stored["sealed"].as_str()?).ok()?,
            created_at: instant("created_at")??,
            expires_at: match instant("expires_at") {
                Some(end) => Some(end?),
                None => None,
            },
        })
    }
}

fn seal(pepper: &Pepper, tenant_id: TenantId, id: WebhookSecretId) -> Seal {
    Seal::of(pepper, SEALED, &format!("{tenant_id}#{id}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use bespin_primitives::SeededRandom;

    use super::*;

    #[test]
    fn a_secret_opens_for_its_tenant_only_and_no_text_of_it_tells_it() {
        let random = SeededRandom::new(1);
        let (pepper, now) = (Pepper::parse("0123456789abcdef").unwrap(), Timestamp::MIN);
        let (tenant, other) = (TenantId::random(&random), TenantId::random(&random));
        let secret = Secret::random(&random);

        let mut sealed = SealedSecret::new(&secret, tenant, &pepper, now, &random);
        sealed.expires_at = Some(now.plus_seconds(7));
        let stored = sealed.stored();

        assert_eq!(SealedSecret::read(&stored).unwrap(), sealed);
        assert_eq!(sealed.open(tenant, &pepper).unwrap(), secret);
        assert_eq!(sealed.open(other, &pepper), None);
        assert_eq!(sealed.open(tenant, &Pepper::parse("another pepper 1").unwrap()), None);
        assert!(sealed.is_good_at(now.plus_seconds(6)) && !sealed.is_good_at(now.plus_seconds(7)));
        let bare = &secret.reveal()["whsec_".len()..];
        for text in [stored, format!("{secret:?}"), sealed.view().to_string()] {
            assert!(!text.contains(bare), "{text}");
        }
    }
}
