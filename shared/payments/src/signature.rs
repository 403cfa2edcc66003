//! Whether an event is genuine (control-plane.md 9.2).

use bespin_primitives::Timestamp;
use data_encoding::HEXLOWER;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::StripeSettings;

/// How far a sender's clock may be ahead of ours, in seconds.
pub const FUTURE_SECONDS: i64 = 60;

/// The signature is missing, wrong, or too old; nobody is told which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Invalid signature")]
pub struct InvalidSignature;

/// Proves that `body` was signed with one of our secrets, not long before `now`. `header` is `Stripe-Signature`:
/// `t=<unix seconds>,v1=<hex>[,v1=<hex>...]`. What is signed is `t`, a dot, and the bytes as they arrived.
pub fn verify(
    header: Option<&str>,
    body: &[u8],
    settings: &StripeSettings,
    now: Timestamp,
) -> Result<(), InvalidSignature> {
    let parts = || header.unwrap_or_default().split(',').filter_map(|part| part.trim().split_once('='));
    let sent_at = parts().find_map(|(name, value)| (name == "t").then_some(value)).ok_or(InvalidSignature)?;
    let is_decimal = !sent_at.is_empty() && sent_at.bytes().all(|byte| byte.is_ascii_digit());
    let seconds: i64 = sent_at.parse().ok().filter(|_| is_decimal).ok_or(InvalidSignature)?;
    let age = now.epoch_seconds().saturating_sub(seconds);
    let in_time = (-FUTURE_SECONDS..=settings.tolerance_seconds).contains(&age);
    // Every signature is compared with that of every secret, in a time that does not tell how near one came.
    let mut genuine = subtle::Choice::from(0);
    for secret in &settings.secrets {
        let expected = signature(secret.bytes(), sent_at, body);
        for (_, given) in parts().filter(|(name, _)| *name == "v1") {
            genuine |= expected.as_bytes().ct_eq(given.as_bytes());
        }
    }
    if in_time && bool::from(genuine) { Ok(()) } else { Err(InvalidSignature) }
}

fn signature(secret: &[u8], sent_at: &str, body: &[u8]) -> String {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length is a key");
    mac.update(sent_at.as_bytes());
    mac.update(b".");
    mac.update(body);
    HEXLOWER.encode(&mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use crate::WebhookSecret;

    use super::*;

    /// The worked example of the contract.
    const BODY: &str = concat!(
        r#"{"id":"evt_1001","object":"event","type":"payment_intent.succeeded","data":{"object":{"id":"pi_1001","#,
        r#""object":"payment_intent","amount":3000,"currency":"usd","metadata":{"user_id":"maria","tenant":"acme","#,
        r#""project":"main","package":"pro"}}}}"#
    );
    const SENT_AT: i64 = 1_767_225_600;
    const GENUINE: &str = "a4b10b8a5f0b8983e09019b84b354608b788045110fa25f1215599bf504b4fa5";
    const OF_OLD_SECRET: &str = "6348ff6373d070c6701470bbdb3f4f40dc79fe290de77dfece40bffb2a877743";

    fn verified(header: &str, body: &str, secrets: &[&str], after_seconds: i64) -> bool {
        let secrets = secrets.iter().filter_map(|secret| WebhookSecret::parse(secret)).collect();
        let settings = StripeSettings { secrets, ..StripeSettings::default() };
        let now = Timestamp::from_epoch_seconds(SENT_AT + after_seconds).unwrap();
        verify(Some(header), body.as_bytes(), &settings, now).is_ok()
    }

    fn genuine(header: &str, after_seconds: i64) -> bool {
        verified(header, BODY, &["whsec_spec_example_A1"], after_seconds)
    }

    #[test]
    fn the_worked_example_is_genuine() {
        assert_eq!(BODY.len(), 240);
        assert!(genuine(&format!("t={SENT_AT},v1={GENUINE}"), 2));
    }

    #[test]
    fn any_of_several_signatures_and_any_of_several_secrets_will_do() {
        assert!(genuine(&format!("t={SENT_AT},v1={OF_OLD_SECRET},v1={GENUINE},v0=aa"), 2));
        assert!(!genuine(&format!("t={SENT_AT},v1={OF_OLD_SECRET}"), 2));
        let both = ["whsec_spec_example_A1", "whsec_spec_example_old"];
        assert!(verified(&format!("t={SENT_AT},v1={OF_OLD_SECRET}"), BODY, &both, 2));
    }

    #[test]
    fn a_signature_is_good_for_300_seconds_and_a_clock_may_be_60_ahead() {
        let header = format!("t={SENT_AT},v1={GENUINE}");

        let good: Vec<bool> = [-61, -60, 0, 300, 301].map(|after| genuine(&header, after)).into();

        assert_eq!(good, [false, true, true, true, false]);
    }

    #[test]
    fn a_header_that_lacks_anything_is_refused() {
        for header in [
            String::new(),
            format!("v1={GENUINE}"),
            format!("t=,v1={GENUINE}"),
            format!("t=+{SENT_AT},v1={GENUINE}"),
            format!("t=noon,v1={GENUINE}"),
            format!("t={SENT_AT}"),
            format!("t={SENT_AT},v0={GENUINE}"),
            format!("t={SENT_AT},v1={}", GENUINE.to_ascii_uppercase()),
            format!("t={SENT_AT},v1={}", &GENUINE[..62]),
            format!("t={},v1={GENUINE}", SENT_AT + 1),
        ] {
            assert!(!genuine(&header, 2), "{header}");
        }
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let header = format!("t={SENT_AT},v1={GENUINE}");
        for at in 0..BODY.len() {
            let mut body = BODY.as_bytes().to_vec();
            body[at] ^= 1;
            let secrets = WebhookSecret::parse("whsec_spec_example_A1").into_iter().collect();
            let settings = StripeSettings { secrets, ..StripeSettings::default() };
            let now = Timestamp::from_epoch_seconds(SENT_AT).unwrap();
            assert!(verify(Some(&header), &body, &settings, now).is_err(), "byte {at}");
        }
    }
}
