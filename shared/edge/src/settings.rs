//! What a process is told by its environment. `README.md` lists every setting.

use std::{fmt, num::NonZeroU32, sync::Arc};

use bespin_access::{ConsoleKey, Pepper, PlatformKeys};
use bespin_aws::ConnectionError;
use bespin_payments::{InvalidStripeSetting, StripeSettings};
use bespin_primitives::Random;
use bespin_recording::{InvalidLeaseSetting, LeaseTerms};
use bespin_web::{Surface, TimeSource};
use subtle::ConstantTimeEq;

/// Everything that functions are told. The local cloud fills it in its own way.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name of the one table.
    pub table_name: String,
    /// What API keys are hashed with.
    pub pepper: Pepper,
    /// The word in API keys that tells where they are good: lower-case letters and digits.
    pub key_environment: String,
    /// Origins whose pages may call us.
    pub cors_origins: Vec<String>,
    /// Sign-ups an address may make in a minute; `None` is no limit.
    pub signups_per_minute: Option<NonZeroU32>,
    /// What a sign-up must show; `None` lets everybody in.
    pub invite_token: Option<InviteToken>,
    /// What opens the platform admin API; without any key it does not exist.
    pub platform_keys: PlatformKeys,
    /// The highest daily limit that a tenant may set itself.
    pub daily_limit_ceiling: u64,
    /// Requests a second of one tenant and one key, in one process; `None` is no limit.
    pub per_tenant_per_second: Option<NonZeroU32>,
    /// Requests a second from one address, in one process; `None` is no limit.
    pub per_address_per_second: Option<NonZeroU32>,
    /// Failed authentications an address may make in a minute, in one process; `None` is no limit.
    pub auth_failures_per_minute: Option<NonZeroU32>,
    /// What opens the dev console; without one there is none.
    pub console_key: Option<ConsoleKey>,
    /// Whether the console may look through the whole table for what nothing lists: on one's own machine only.
    pub console_may_scan: bool,
    /// Whether there is a playground.
    pub playground: bool,
    /// Where the rest of a large tenant's daily brief goes; `None` does all of it in the request.
    pub brief_runs_queue_url: Option<String>,
    /// Where it goes what leaves the building; without it nothing leaves, and all that should waits in the table.
    pub outbox_queue_url: Option<String>,
    /// Whether webhooks may be on this very machine, and be called in clear.
    pub webhooks_allow_loopback: bool,
    /// What signs payment events, and whose payments they are.
    pub stripe: StripeSettings,
    /// How busy tenants' calls are charged to leases; `None` charges each call by itself.
    pub leases: Option<LeaseTerms>,
}

/// The word that lets somebody sign up.
#[derive(Clone, PartialEq, Eq)]
pub struct InviteToken(String);

impl InviteToken {
    /// A token; `None` when it is empty, which means that none is asked for.
    pub fn parse(token: &str) -> Option<Self> {
        (!token.is_empty()).then(|| Self(token.to_owned()))
    }

    /// Whether a token is this one, in a time that does not tell where they differ.
    pub fn matches(&self, given: &str) -> bool {
        self.0.as_bytes().ct_eq(given.as_bytes()).into()
    }
}

impl fmt::Debug for InviteToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteToken(..)")
    }
}

/// A setting that is missing or makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A setting without which nothing works.
    #[error("{0} is not set")]
    Missing(&'static str),
    /// A setting that cannot be what it says.
    #[error("{name} must be {expected}")]
    Invalid {
        /// The setting.
        name: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// How to reach AWS is not clear.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
}

impl Settings {
    /// What surrounds a router under these settings. `expose_cost` is for a machine where nobody minds.
    pub fn surface(&self, clock: Arc<dyn TimeSource>, random: Arc<dyn Random>, expose_cost: bool) -> Surface {
        Surface {
            clock,
            random,
            cors_origins: self.cors_origins.clone(),
            expose_cost,
            per_tenant_per_second: self.per_tenant_per_second,
            per_address_per_second: self.per_address_per_second,
        }
    }

    /// Reads the settings of a Lambda.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let required =
            |name: &'static str| lookup(name).filter(|s| !s.is_empty()).ok_or(SettingsError::Missing(name));
        let pepper = Pepper::parse(&required("API_KEY_PEPPER")?)
            .ok_or(SettingsError::Invalid { name: "API_KEY_PEPPER", expected: "at least 16 bytes long" })?;
        Ok(Self {
            table_name: required("TABLE_NAME")?,
            pepper,
            key_environment: key_environment(&lookup)?,
            cors_origins: bespin_web::cors_origins(lookup("CORS_ORIGINS").as_deref()),
            signups_per_minute: rate(&lookup, "SIGNUP_LIMIT_PER_MINUTE")?,
            invite_token: lookup("SIGNUP_INVITE_TOKEN").and_then(|token| InviteToken::parse(&token)),
            platform_keys: PlatformKeys::parse(
                &lookup("PLATFORM_ADMIN_KEY").unwrap_or_default(),
                &lookup("PLATFORM_ADMIN_KEY_SHA256").unwrap_or_default(),
            )
            .ok_or(SettingsError::Invalid {
                name: "PLATFORM_ADMIN_KEY_SHA256",
                expected: "SHA-256 hashes in hexadecimal, separated by commas",
            })?,
            daily_limit_ceiling: daily_limit_ceiling(lookup("DAILY_LIMIT_CEILING").as_deref()).ok_or(
                SettingsError::Invalid { name: "DAILY_LIMIT_CEILING", expected: "a whole number below 2^63" },
            )?,
            per_tenant_per_second: rate(&lookup, "TENANT_LIMIT_PER_SECOND")?,
            per_address_per_second: rate(&lookup, "ADDRESS_LIMIT_PER_SECOND")?,
            auth_failures_per_minute: rate(&lookup, "AUTH_FAILURES_PER_MINUTE")?,
            console_key: console_key(&lookup)?,
            console_may_scan: false,
            playground: switch(&lookup, "PLAYGROUND_UI_ENABLED")?,
            brief_runs_queue_url: lookup("BRIEF_RUNS_QUEUE_URL").filter(|url| !url.is_empty()),
            outbox_queue_url: lookup("OUTBOX_QUEUE_URL").filter(|url| !url.is_empty()),
            webhooks_allow_loopback: switch(&lookup, "WEBHOOKS_ALLOW_LOOPBACK")?,
            stripe: StripeSettings::from_lookup(&lookup).map_err(
                |InvalidStripeSetting { name, expected }| SettingsError::Invalid { name, expected },
            )?,
            leases: LeaseTerms::from_lookup(&lookup).map_err(|InvalidLeaseSetting { name, expected }| {
                SettingsError::Invalid { name, expected }
            })?,
        })
    }
}

/// The highest daily limit that a setting allows: the largest 64-bit signed integer where it says nothing. `None` when
/// it makes no sense.
pub fn daily_limit_ceiling(setting: Option<&str>) -> Option<u64> {
    let ceiling: i64 = match setting.filter(|text| !text.is_empty()) {
        None => i64::MAX,
        Some(text) => text.parse().ok()?,
    };
    u64::try_from(ceiling).ok()
}

/// What opens the console. Switched on without a key it stays off, because there is no key that everybody knows.
fn console_key(lookup: &impl Fn(&str) -> Option<String>) -> Result<Option<ConsoleKey>, SettingsError> {
    let on = switch(lookup, "DEV_CONSOLE_ENABLED")?;
    let name = "DEV_CONSOLE_KEY";
    let Some(key) = lookup(name).filter(|key| on && !key.is_empty()) else { return Ok(None) };
    let expected = "at least 16 characters long";
    ConsoleKey::parse(&key).map(Some).ok_or(SettingsError::Invalid { name, expected })
}

/// A switch, where absent and empty mean that it is off.
fn switch(lookup: &impl Fn(&str) -> Option<String>, name: &'static str) -> Result<bool, SettingsError> {
    match lookup(name).unwrap_or_default().as_str() {
        "1" => Ok(true),
        "" | "0" => Ok(false),
        _ => Err(SettingsError::Invalid { name, expected: "0 or 1" }),
    }
}

/// A rate, where absent, empty and 0 mean that there is no limit.
fn rate(
    lookup: &impl Fn(&str) -> Option<String>,
    name: &'static str,
) -> Result<Option<NonZeroU32>, SettingsError> {
    let text = lookup(name).unwrap_or_default();
    if text.is_empty() {
        return Ok(None);
    }
    let number = text
        .parse()
        .map_err(|_| SettingsError::Invalid { name, expected: "a whole number, 0 for no limit" })?;
    Ok(NonZeroU32::new(number))
}

fn key_environment(lookup: &impl Fn(&str) -> Option<String>) -> Result<String, SettingsError> {
    let name = "KEY_ENVIRONMENT";
    let environment = lookup(name).filter(|s| !s.is_empty()).unwrap_or_else(|| "live".to_owned());
    if environment.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) {
        Ok(environment)
    } else {
        Err(SettingsError::Invalid { name, expected: "lower-case letters and digits" })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(settings: &[(&str, &str)]) -> Result<Settings, String> {
        let find =
            |name: &str| settings.iter().rfind(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        Settings::from_lookup(find).map_err(|error| error.to_string())
    }

    #[test]
    fn a_missing_or_senseless_setting_is_named() {
        let good = [("TABLE_NAME", "bespin"), ("API_KEY_PEPPER", "0123456789abcdef")];

        assert_eq!(read(&good[..1]).unwrap_err(), "API_KEY_PEPPER is not set");
        assert_eq!(read(&good[1..]).unwrap_err(), "TABLE_NAME is not set");
        assert_eq!(
            read(&[good[0], ("API_KEY_PEPPER", "short")]).unwrap_err(),
            "API_KEY_PEPPER must be at least 16 bytes long"
        );
        assert_eq!(
            read(&[good[0], good[1], ("SIGNUP_LIMIT_PER_MINUTE", "many")]).unwrap_err(),
            "SIGNUP_LIMIT_PER_MINUTE must be a whole number, 0 for no limit"
        );
    }

    #[test]
    fn the_console_stays_off_without_a_key_of_its_own_and_a_short_one_is_refused() {
        let with = |more: &[(&'static str, &'static str)]| {
            let good = [("TABLE_NAME", "bespin"), ("API_KEY_PEPPER", "0123456789abcdef")];
            read(&[&good[..], more].concat()).map(|settings| settings.console_key.is_some())
        };
        let (on, key) = (("DEV_CONSOLE_ENABLED", "1"), ("DEV_CONSOLE_KEY", "sixteen letters."));

        assert_eq!(with(&[]), Ok(false));
        assert_eq!(with(&[on]), Ok(false));
        assert_eq!(with(&[key]), Ok(false));
        assert_eq!(with(&[on, key]), Ok(true));
        let short = "DEV_CONSOLE_KEY must be at least 16 characters long".to_owned();
        assert_eq!(with(&[on, ("DEV_CONSOLE_KEY", "fifteen letters")]), Err(short));
        let senseless = "DEV_CONSOLE_ENABLED must be 0 or 1".to_owned();
        assert_eq!(with(&[("DEV_CONSOLE_ENABLED", "yes")]), Err(senseless));
    }

    #[test]
    fn leases_are_off_unless_they_are_good_for_a_call() {
        let with = |more: &[(&'static str, &'static str)]| {
            let good = [("TABLE_NAME", "bespin"), ("API_KEY_PEPPER", "0123456789abcdef")];
            read(&[&good[..], more].concat()).map(|settings| settings.leases)
        };

        assert_eq!(with(&[("LEASE_SECONDS", "5")]), Ok(None));
        assert_eq!(with(&[("LEASE_CALLS", "0")]), Ok(None));
        assert_eq!(with(&[("LEASE_CALLS", "200")]), Ok(Some(LeaseTerms::new(200, 10))));
        let refused = |name, value| with(&[("LEASE_CALLS", "200"), (name, value)]).unwrap_err();
        assert_eq!(
            refused("LEASE_CALLS", "1001"),
            "LEASE_CALLS must be a whole number up to 1000, 0 for no leases"
        );
        for senseless in ["0", "61", "a while"] {
            assert_eq!(
                refused("LEASE_SECONDS", senseless),
                "LEASE_SECONDS must be a whole number from 1 to 60"
            );
        }
    }

    #[test]
    fn a_rate_of_zero_is_no_limit() {
        let settings = read(&[
            ("TABLE_NAME", "bespin"),
            ("API_KEY_PEPPER", "0123456789abcdef"),
            ("SIGNUP_LIMIT_PER_MINUTE", "0"),
            ("TENANT_LIMIT_PER_SECOND", "50"),
            ("CORS_ORIGINS", "https://a.example, ,https://b.example"),
        ])
        .unwrap();

        assert_eq!(settings.signups_per_minute, None);
        assert_eq!(settings.per_tenant_per_second, NonZeroU32::new(50));
        assert_eq!(settings.cors_origins, ["https://a.example", "https://b.example"]);
        assert_eq!(settings.key_environment, "live");
    }
}
