//! The Standard Webhooks scheme, symmetric: `v1,` and the base64 of HMAC-SHA256 over id, timestamp and body.

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The value of `webhook-signature`: one signature for each secret, so that a receiver may replace its secret while both
/// are good.
pub(crate) fn sign<'k>(
    secrets: impl IntoIterator<Item = &'k [u8]>,
    id: &str,
    timestamp_seconds: i64,
    body: &[u8],
) -> String {
    let signatures: Vec<String> =
        secrets.into_iter().map(|secret| one(secret, id, timestamp_seconds, body)).collect();
    signatures.join(" ")
}

fn one(secret: &[u8], id: &str, timestamp_seconds: i64, body: &[u8]) -> String {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length is a key");
    mac.update(format!("{id}.{timestamp_seconds}.").as_bytes());
    mac.update(body);
    format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_published_message_of_the_scheme_is_signed_as_published() {
        let secret = BASE64_STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let (id, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", br#"{"test": 2432232314}"#);

        let signature = sign([secret.as_slice()], id, 1_614_265_330, body);

        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn each_secret_adds_a_signature() {
        let (one, other) = ([1; 32], [2; 32]);
        let both = sign([one.as_slice(), &other], "msg_1", 1, b"{}");

        let (first, second) = both.split_once(' ').unwrap();
        assert_eq!(first, sign([one.as_slice()], "msg_1", 1, b"{}"));
        assert_eq!(second, sign([other.as_slice()], "msg_1", 1, b"{}"));
    }
}
