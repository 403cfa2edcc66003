//! The Standard Webhooks scheme, once more, from its text and with another implementation of HMAC.

use data_encoding::BASE64;
use ring::hmac;

use super::receiver::Received;

/// How far the time of an attempt may be from now.
const TOLERANCE_SECONDS: i64 = 300;

/// Whether a secret (`whsec_...`) proves who sent this, as a receiver finds out.
pub(crate) fn is_signed(secret: &str, received: &Received, now_seconds: i64) -> bool {
    let sent_at: i64 = received.header("webhook-timestamp").parse().unwrap();
    let (id, signatures) = (received.header("webhook-id"), received.header("webhook-signature"));
    (sent_at - now_seconds).abs() <= TOLERANCE_SECONDS
        && verify(secret, id, sent_at, &received.body, signatures)
}

fn verify(secret: &str, id: &str, sent_at: i64, body: &str, signatures: &str) -> bool {
    let bytes = BASE64.decode(secret.strip_prefix("whsec_").unwrap().as_bytes()).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
    let content = format!("{id}.{sent_at}.{body}");
    let is_ours = |signature: &str| {
        let Some(("v1", encoded)) = signature.split_once(',') else { return false };
        let tag = BASE64.decode(encoded.as_bytes());
        tag.is_ok_and(|tag| hmac::verify(&key, content.as_bytes(), &tag).is_ok())
    };
    signatures.split(' ').any(is_ours)
}

/// Of the scheme's own documentation.
#[test]
fn this_check_takes_the_published_message_and_no_other() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let (id, at, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
    let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    assert!(verify(secret, id, at, body, signature));
    assert!(verify(secret, id, at, body, &format!("v1,bm90IG91cnM= {signature}")));
    assert!(!verify(secret, id, at + 1, body, signature));
    assert!(!verify(secret, id, at, "{}", signature));
    assert!(!verify(secret, "msg_another", at, body, signature));
    assert!(!verify(secret, id, at, body, &signature.replace("v1,", "v2,")));
}
