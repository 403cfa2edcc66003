//! The dev console: who holds its key may look at everything and change nothing (gateway.md 14).

use std::fmt;

use bespin_primitives::{TenantId, Timestamp};
use data_encoding::HEXLOWER;
use subtle::ConstantTimeEq;

use crate::{OperatedTenant, Pepper};

/// What opens the dev console.
#[derive(Clone, PartialEq, Eq)]
pub struct ConsoleKey(String);

impl ConsoleKey {
    /// The shortest key, in characters.
    pub const MIN_CHARACTERS: usize = 16;
    /// How long a session lasts: a working day.
    pub const SESSION_SECONDS: i64 = 12 * 3_600;

    /// A key; `None` when it is shorter than [`Self::MIN_CHARACTERS`].
    pub fn parse(secret: &str) -> Option<Self> {
        (secret.chars().count() >= Self::MIN_CHARACTERS).then(|| Self(secret.to_owned()))
    }

    /// The key in clear, for whoever started the process that made it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The proof that `given` is the key, in a time that does not tell how near it came.
    pub fn authorise(&self, given: &str) -> Option<ConsoleAccess> {
        let matches: bool = self.0.as_bytes().ct_eq(given.as_bytes()).into();
        matches.then(|| ConsoleAccess { key: self.clone() })
    }

    /// The proof that a session was begun with this key and is not over. Another key or another pepper ends all sessions.
    pub fn resume(&self, session: &str, pepper: &Pepper, now: Timestamp) -> Option<ConsoleAccess> {
        let (ends_at, _) = session.split_once('.')?;
        let ends_at: i64 = ends_at.parse().ok()?;
        let genuine: bool = self.session(ends_at, pepper).as_bytes().ct_eq(session.as_bytes()).into();
        // An end further away than a session lasts was given by a clock that was ahead.
        let lasts = now.epoch_seconds() < ends_at && ends_at <= now.epoch_seconds() + Self::SESSION_SECONDS;
        (genuine && lasts).then(|| ConsoleAccess { key: self.clone() })
    }

    fn session(&self, ends_at: i64, pepper: &Pepper) -> String {
        let seal = pepper.derive("console-session", &format!("{ends_at}.{}", self.0));
        format!("{ends_at}.{}", HEXLOWER.encode(&seal))
    }
}

impl fmt::Debug for ConsoleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConsoleKey(..)")
    }
}

/// The proof that someone may look at every tenant. Only [`ConsoleKey`] makes one.
#[derive(Debug, Clone)]
pub struct ConsoleAccess {
    key: ConsoleKey,
}

impl ConsoleAccess {
    /// A session from now on, as text that shows neither the key nor the pepper: its end, and a seal.
    pub fn session(&self, pepper: &Pepper, now: Timestamp) -> String {
        self.key.session(now.epoch_seconds() + ConsoleKey::SESSION_SECONDS, pepper)
    }

    /// The proof that one tenant may be looked at, whether or not there is such a tenant.
    pub fn over(&self, tenant_id: TenantId) -> OperatedTenant {
        OperatedTenant { tenant_id }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(hour: u32) -> Timestamp {
        Timestamp::parse_rfc3339(&format!("2026-02-10T{hour:02}:00:00Z")).unwrap()
    }

    #[test]
    fn a_session_lasts_twelve_hours_and_belongs_to_one_key_and_one_pepper() {
        let key = ConsoleKey::parse("sixteen letters.").unwrap();
        let [pepper, other] =
            ["0123456789abcdef", "fedcba9876543210"].map(|secret| Pepper::parse(secret).unwrap());
        let session = key.authorise("sixteen letters.").unwrap().session(&pepper, at(8));

        assert!(key.resume(&session, &pepper, at(8)).is_some());
        assert!(key.resume(&session, &pepper, at(19)).is_some());
        assert!(key.resume(&session, &pepper, at(20)).is_none(), "it is over");
        assert!(key.resume(&session, &pepper, at(7)).is_none(), "it has not begun");
        assert!(key.resume(&session, &other, at(9)).is_none());
        let another = ConsoleKey::parse("sixteen letters!").unwrap();
        assert!(another.resume(&session, &pepper, at(9)).is_none());
        assert!(!session.contains("letters"));
    }

    #[test]
    fn a_session_that_was_made_up_or_changed_is_none() {
        let key = ConsoleKey::parse("sixteen letters.").unwrap();
        let pepper = Pepper::parse("0123456789abcdef").unwrap();
        let session = key.authorise("sixteen letters.").unwrap().session(&pepper, at(8));
        let (ends_at, seal) = session.split_once('.').unwrap();
        let later = format!("{}.{seal}", ends_at.parse::<i64>().unwrap() + 1);

        for made_up in ["", ".", ends_at, &later, &session[..session.len() - 1], "9223372036854775807.00"] {
            assert!(key.resume(made_up, &pepper, at(9)).is_none(), "{made_up}");
        }
    }

    #[test]
    fn only_the_key_itself_opens_and_a_short_one_is_no_key() {
        let key = ConsoleKey::parse("sixteen letters.").unwrap();

        for stranger in ["", "sixteen letters", "sixteen letters. ", "Sixteen letters."] {
            assert!(key.authorise(stranger).is_none(), "{stranger}");
        }
        assert_eq!(ConsoleKey::parse("fifteen letters"), None);
        assert!(!format!("{key:?}").contains("sixteen"));
    }
}
