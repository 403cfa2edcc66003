//! What is kept and must not be read by whoever reads the table: answers that hold a secret and must still be repeated
//! word for word, and secrets that we must use again.
//!
//! The answer to a sign-up shows the API key once. Its idempotency record keeps that answer sealed with a
//! secret made from the pepper and the client's idempotency key; the table knows neither, only a hash.

use bespin_primitives::Random;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::Pepper;

/// Seals and opens what is kept under one idempotency key, or one secret that we must use again.
pub struct Seal(LessSafeKey);

impl Seal {
    /// The seal of one idempotency key.
    pub fn new(pepper: &Pepper, idempotency_key: &str) -> Self {
        Self::of(pepper, "sealed-answer", idempotency_key)
    }

    /// The seal of one thing of a kind: what was sealed for another kind or thing does not open.
    pub fn of(pepper: &Pepper, kind: &str, name: &str) -> Self {
        let secret = pepper.derive(kind, name);
        #[expect(clippy::expect_used, reason = "AES-256 takes exactly the 32 bytes that derive gives")]
        let key = UnboundKey::new(&AES_256_GCM, &secret).expect("32 bytes");
        Self(LessSafeKey::new(key))
    }

    /// The sealed text: a random nonce, then the ciphertext with its tag.
    pub fn seal(&self, text: &str, random: &dyn Random) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce);
        let mut sealed = text.as_bytes().to_vec();
        #[expect(
            clippy::expect_used,
            reason = "fails only for texts beyond 64 GiB; answers are a few hundred bytes"
        )]
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed)
            .expect("a short text");
        [nonce.as_slice(), &sealed].concat()
    }

    /// The text, unless it was sealed with another key or changed since.
    pub fn open(&self, sealed: &[u8]) -> Option<String> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = sealed.to_vec();
        let text = self.0.open_in_place(nonce, Aad::empty(), &mut text).ok()?;
        String::from_utf8(text.to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use bespin_primitives::SeededRandom;

    use super::*;

    #[test]
    fn only_the_same_idempotency_key_opens_the_answer() {
        let pepper = Pepper::parse("0123456789abcdef").unwrap();
        let mut sealed = Seal::new(&pepper, "one key").seal("the answer", &SeededRandom::new(1));

        assert_eq!(Seal::new(&pepper, "one key").open(&sealed).as_deref(), Some("the answer"));
        assert_eq!(Seal::new(&pepper, "another").open(&sealed), None);
        sealed[20] ^= 1;
        assert_eq!(Seal::new(&pepper, "one key").open(&sealed), None);
        assert_eq!(Seal::new(&pepper, "one key").open(&[]), None);
    }
}
