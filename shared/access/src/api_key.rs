//! API keys: how they are made, recognised and kept.

use bespin_primitives::Random;
use data_encoding::{BASE32_NOPAD, Encoding};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The secret that every key hash is keyed with, so that a stolen table tells nothing about keys.
#[derive(Clone)]
pub struct Pepper(Vec<u8>);

impl Pepper {
    /// The shortest pepper, in bytes.
    pub const MIN_BYTES: usize = 16;

    /// A pepper; `None` when it is shorter than [`Self::MIN_BYTES`].
    pub fn parse(secret: &str) -> Option<Self> {
        (secret.len() >= Self::MIN_BYTES).then(|| Self(secret.as_bytes().to_vec()))
    }

    /// A secret of 32 bytes derived from the pepper for one purpose.
    pub(crate) fn derive(&self, purpose: &str, text: &str) -> [u8; 32] {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("any length is a key");
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

impl std::fmt::Debug for Pepper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pepper(..)")
    }
}

/// An API key in clear: `bsp_<env>_<52 characters>_<8 characters of checksum>`. It leaves the process once,
/// in the answer that creates it.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// A new key with 256 bits of randomness. `environment` is lower-case letters and digits.
    pub fn random(environment: &str, random: &dyn Random) -> Self {
        let mut secret = [0; 32];
        random.fill(&mut secret);
        let body = format!("bsp_{environment}_{}", lower_base32(&secret));
        let checksum = checksum(&body);
        Self(format!("{body}_{checksum}"))
    }

    /// Recognises a key by its form and checksum; reads nothing. `None` for everything we never gave out, so
    /// typing errors and guesses cost no read.
    pub fn parse(text: &str) -> Option<Self> {
        let (body, sum) = text.rsplit_once('_')?;
        let (prefix, secret) = body.rsplit_once('_')?;
        let environment = prefix.strip_prefix("bsp_")?;
        let formed = !environment.is_empty()
            && environment.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            && secret.len() == 52;
        (formed && checksum(body) == sum).then(|| Self(text.to_owned()))
    }

    /// The key in clear.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The beginning, by which people tell their keys apart: environment and six characters.
    pub fn prefix(&self) -> &str {
        let secret = self.0.rfind('_').and_then(|end| self.0[..end].rfind('_')).map_or(0, |at| at + 1);
        &self.0[..self.0.len().min(secret + 6)]
    }

    /// What is stored instead of the key.
    pub fn hash(&self, pepper: &Pepper) -> KeyHash {
        KeyHash(lower_base32(&pepper.derive("api-key", &self.0)))
    }
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ApiKey({}..)", self.prefix())
    }
}

/// The keyed hash of an API key: 52 characters.
#[derive(Debug, Clone, Hash, PartialEq, Eq)]
pub struct KeyHash(String);

impl KeyHash {
    /// A hash that was stored before.
    pub(crate) fn stored(hash: String) -> Self {
        Self(hash)
    }

    /// The hash as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a stored hash is this one, in a time that does not tell where they differ.
    pub fn matches(&self, stored: &Self) -> bool {
        self.0.as_bytes().ct_eq(stored.0.as_bytes()).into()
    }
}

fn checksum(body: &str) -> String {
    lower_base32(&Sha256::digest(body.as_bytes())[..5])
}

fn lower_base32(bytes: &[u8]) -> String {
    const CODE: Encoding = BASE32_NOPAD;
    CODE.encode(bytes).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use bespin_primitives::SeededRandom;

    use super::*;

    fn a_key() -> ApiKey {
        ApiKey::random("test", &SeededRandom::new(3))
    }

    #[test]
    fn a_key_is_recognised_and_any_changed_character_is_not() {
        let key = a_key();
        assert_eq!(ApiKey::parse(key.reveal()), Some(key.clone()));

        for at in 0..key.reveal().len() {
            let mut changed = key.reveal().as_bytes().to_vec();
            changed[at] = if changed[at] == b'q' { b'r' } else { b'q' };
            assert_eq!(ApiKey::parse(std::str::from_utf8(&changed).unwrap()), None, "character {at}");
        }
    }

    #[test]
    fn texts_that_are_no_keys_are_refused_without_a_panic() {
        for text in ["", "_", "__", "bsp___", "bsp_é_ä_ü", "k3J9-43-characters", "bsp_test_x_y"] {
            assert_eq!(ApiKey::parse(text), None, "{text}");
        }
    }

    #[test]
    fn neither_the_hash_nor_the_debug_text_shows_the_key() {
        let key = a_key();
        let pepper = Pepper::parse("0123456789abcdef").unwrap();
        let secret = &key.reveal()["bsp_test_".len()..];

        assert!(!format!("{key:?}").contains(secret));
        assert!(!key.hash(&pepper).as_str().contains(secret));
        assert_ne!(key.hash(&pepper), key.hash(&Pepper::parse("another pepper 1").unwrap()));
        assert_eq!(key.prefix().len(), "bsp_test_".len() + 6);
    }
}
