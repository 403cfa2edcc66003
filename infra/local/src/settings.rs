//! What the local cloud is told by its environment. `README.md` lists every setting.

use std::{num::NonZeroU32, path::PathBuf};

use bespin_access::{ConsoleKey, PlatformKeys};
use bespin_edge::{InviteToken, daily_limit_ceiling};
use bespin_payments::StripeSettings;
use bespin_recording::LeaseTerms;

use crate::LocalError;

/// The table of a local cloud that says nothing else.
const TABLE_NAME: &str = "bespin";

/// Where the data stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    /// Nowhere: they end with the process.
    Memory,
    /// In files of this folder.
    Folder(PathBuf),
}

/// Whether there is a console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Console {
    /// There is none.
    Off,
    /// It opens with a key that the data folder keeps, or that lasts as long as the process.
    OwnKey,
    /// It opens with this key.
    Key(ConsoleKey),
}

/// Everything the local cloud is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalSettings {
    /// `PORT`: the product; 0 lets the operating system choose.
    pub port: u16,
    /// `DYNAMODB_PORT`: the table, for other tools. Not set: the port after `PORT`, or any other if that is taken.
    pub dynamodb_port: Option<u16>,
    /// `SQS_PORT`: the queues, for other tools. Not set: the second port after `PORT`, or any other.
    pub sqs_port: Option<u16>,
    /// `BESPIN_DATA`.
    pub storage: Storage,
    /// `BESPIN_DYNAMODB`: another store that holds the table in place of the embedded one, by its URL.
    pub dynamodb: Option<String>,
    /// `TABLE_NAME`.
    pub table_name: String,
    /// `CORS_ORIGINS`.
    pub cors_origins: Option<String>,
    /// `SIGNUP_LIMIT_PER_MINUTE`; `None` is off.
    pub signups_per_minute: Option<NonZeroU32>,
    /// `SIGNUP_INVITE_TOKEN`; `None` lets everybody in.
    pub invite_token: Option<InviteToken>,
    /// `PLATFORM_ADMIN_KEY`, `PLATFORM_ADMIN_KEY_SHA256`; without any there is no platform admin API.
    pub platform_keys: PlatformKeys,
    /// `DAILY_LIMIT_CEILING`.
    pub daily_limit_ceiling: u64,
    /// `LEASE_CALLS` and `LEASE_SECONDS`.
    pub leases: Option<LeaseTerms>,
    /// `DEV_CONSOLE_ENABLED`, `DEV_CONSOLE_KEY`: whether there is a console, and what opens it.
    pub console: Console,
    /// `PLAYGROUND_UI_ENABLED`: whether there is a playground.
    pub playground: bool,
    /// `TEST_CLOCK`: a request's `X-Test-Now` header is its clock.
    pub test_clock: bool,
    /// `STRIPE_WEBHOOK_SECRET`, `STRIPE_WEBHOOK_SECRET_PREVIOUS`, `STRIPE_TOLERANCE_SECONDS`, `STRIPE_CHECK_PRICE`,
    /// `STRIPE_TENANT`.
    pub stripe: StripeSettings,
}

impl Default for LocalSettings {
    /// In memory, on ports that the operating system chooses: what tests want.
    fn default() -> Self {
        Self {
            port: 0,
            dynamodb_port: None,
            sqs_port: None,
            storage: Storage::Memory,
            dynamodb: None,
            table_name: TABLE_NAME.to_owned(),
            cors_origins: None,
            signups_per_minute: None,
            invite_token: None,
            platform_keys: PlatformKeys::default(),
            daily_limit_ceiling: i64::MAX.unsigned_abs(),
            leases: None,
            console: Console::Off,
            playground: false,
            test_clock: false,
            stripe: StripeSettings::default(),
        }
    }
}

impl LocalSettings {
    /// Reads the settings; an empty one counts as not set.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, LocalError> {
        let find = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let port = |name| find(name).map(|given| parse_port(name, given)).transpose();
        let switch = |name| find(name).map(|given| parse_switch(name, given)).transpose();
        let storage = match find("BESPIN_DATA") {
            None => Storage::Folder(PathBuf::from(".bespin")),
            Some(memory) if memory == ":memory:" => Storage::Memory,
            Some(folder) => Storage::Folder(PathBuf::from(folder)),
        };
        Ok(Self {
            port: port("PORT")?.unwrap_or(8000),
            dynamodb_port: port("DYNAMODB_PORT")?,
            sqs_port: port("SQS_PORT")?,
            storage,
            dynamodb: find("BESPIN_DYNAMODB"),
            table_name: find("TABLE_NAME").unwrap_or_else(|| TABLE_NAME.to_owned()),
            cors_origins: find("CORS_ORIGINS"),
            signups_per_minute: find("SIGNUP_LIMIT_PER_MINUTE").map(parse_rate).transpose()?.flatten(),
            invite_token: find("SIGNUP_INVITE_TOKEN").and_then(|token| InviteToken::parse(&token)),
            platform_keys: parse_platform_keys(find)?,
            daily_limit_ceiling: parse_ceiling(find("DAILY_LIMIT_CEILING").unwrap_or_default())?,
            leases: LeaseTerms::from_lookup(&lookup).map_err(|invalid| LocalError::Setting {
                name: invalid.name,
                expected: invalid.expected,
                given: find(invalid.name).unwrap_or_default(),
            })?,
            console: parse_console(switch("DEV_CONSOLE_ENABLED")?.unwrap_or(true), find("DEV_CONSOLE_KEY"))?,
            playground: switch("PLAYGROUND_UI_ENABLED")?.unwrap_or(true),
            test_clock: switch("TEST_CLOCK")?.unwrap_or(false),
            stripe: StripeSettings::from_lookup(&lookup).map_err(|invalid| LocalError::Setting {
                name: invalid.name,
                expected: invalid.expected,
                given: find(invalid.name).unwrap_or_default(),
            })?,
        })
    }
}

fn parse_port(name: &'static str, given: String) -> Result<u16, LocalError> {
    given.parse().map_err(|_| LocalError::Setting { name, expected: "a port from 0 to 65535", given })
}

fn parse_rate(given: String) -> Result<Option<NonZeroU32>, LocalError> {
    let name = "SIGNUP_LIMIT_PER_MINUTE";
    let rate = given.parse().map_err(|_| LocalError::Setting {
        name,
        expected: "a whole number, 0 for no limit",
        given,
    })?;
    Ok(NonZeroU32::new(rate))
}

fn parse_platform_keys(find: impl Fn(&str) -> Option<String>) -> Result<PlatformKeys, LocalError> {
    let clear = find("PLATFORM_ADMIN_KEY").unwrap_or_default();
    let hashes = find("PLATFORM_ADMIN_KEY_SHA256").unwrap_or_default();
    PlatformKeys::parse(&clear, &hashes).ok_or(LocalError::Setting {
        name: "PLATFORM_ADMIN_KEY_SHA256",
        expected: "SHA-256 hashes in hexadecimal, separated by commas",
        given: hashes,
    })
}

fn parse_ceiling(given: String) -> Result<u64, LocalError> {
    let (name, expected) = ("DAILY_LIMIT_CEILING", "a whole number below 2^63");
    daily_limit_ceiling(Some(&given)).ok_or(LocalError::Setting { name, expected, given })
}

fn parse_switch(name: &'static str, given: String) -> Result<bool, LocalError> {
    match given.as_str() {
        "1" => Ok(true),
        "0" => Ok(false),
        _ => Err(LocalError::Setting { name, expected: "0 or 1", given }),
    }
}

fn parse_console(on: bool, key: Option<String>) -> Result<Console, LocalError> {
    let Some(given) = key.filter(|_| on) else { return Ok(if on { Console::OwnKey } else { Console::Off }) };
    let (name, expected) = ("DEV_CONSOLE_KEY", "at least 16 characters long");
    // A key is a secret, however short: the sentence does not repeat it.
    let given = ConsoleKey::parse(&given).ok_or(given.chars().count());
    given.map(Console::Key).map_err(|characters| LocalError::Setting {
        name,
        expected,
        given: format!("one of {characters}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &[(&str, &str)]) -> Result<LocalSettings, String> {
        let find =
            |name: &str| settings.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        LocalSettings::from_lookup(find).map_err(|error| error.to_string())
    }

    #[test]
    fn without_settings_it_is_port_8000_and_a_folder_that_git_ignores() {
        let settings = read(&[]).unwrap();

        assert_eq!(settings.port, 8000);
        assert_eq!(settings.storage, Storage::Folder(PathBuf::from(".bespin")));
        assert_eq!(settings.signups_per_minute, None);
        assert!(!settings.test_clock);
    }

    #[test]
    fn a_senseless_setting_is_told_in_one_sentence() {
        assert_eq!(read(&[("PORT", "high")]).unwrap_err(), "PORT must be a port from 0 to 65535, not 'high'");
        assert_eq!(read(&[("TEST_CLOCK", "yes")]).unwrap_err(), "TEST_CLOCK must be 0 or 1, not 'yes'");
    }
}
