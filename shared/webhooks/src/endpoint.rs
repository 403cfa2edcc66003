//! Where a tenant's notifications go besides its users' outboxes.

use std::{fmt, net::IpAddr};

use bespin_primitives::{Timestamp, UserId};
use bespin_table::{CorruptItem, Item, Key};
use http::Uri;
use rustls::pki_types::ServerName;
use serde_json::{Value, json};

use crate::{Guard, SealedSecret};

/// The longest URL, in characters.
pub const MAX_URL_CHARACTERS: usize = 2_048;

/// The URL of an endpoint, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointUrl {
    text: String,
    /// Whether it is called over TLS.
    pub over_tls: bool,
    /// Who is called.
    pub host: Host,
    /// Where.
    pub port: u16,
    /// What is asked for: path and query.
    pub path: String,
}

/// Whom a URL names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// By a name, whose addresses are looked up.
    Name(String),
    /// By an address.
    Address(IpAddr),
}

/// Why a text is no URL of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlFault {
    /// It is too long.
    #[error("must have at most 2,048 characters")]
    TooLong,
    /// It is no URL with a host.
    #[error("must be a URL with a host, such as https://example.com/hooks")]
    Malformed,
    /// What is sent must not be read on its way.
    #[error("must begin with https://")]
    NotHttps,
    /// Credentials do not belong into a URL that others are shown.
    #[error("must have no user name and no password")]
    UserInfo,
    /// Fragments are never sent.
    #[error("must have no fragment (#)")]
    Fragment,
    /// It leads where only we can go.
    #[error("must not lead to a private or local address")]
    Private,
}

impl EndpointUrl {
    /// Reads a URL; whether it may be called is for [`EndpointUrl::check`].
    pub fn parse(text: &str) -> Result<Self, UrlFault> {
        if text.chars().count() > MAX_URL_CHARACTERS {
            return Err(UrlFault::TooLong);
        }
        if text.contains('#') {
            return Err(UrlFault::Fragment);
        }
        let uri: Uri = text.parse().map_err(|_| UrlFault::Malformed)?;
        let authority = uri.authority().ok_or(UrlFault::Malformed)?;
        if authority.as_str().contains('@') {
            return Err(UrlFault::UserInfo);
        }
        let over_tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(UrlFault::NotHttps),
        };
        let usual_port = if over_tls { 443 } else { 80 };
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") => usual_port,
            Some(_) => authority.port_u16().filter(|port| *port > 0).ok_or(UrlFault::Malformed)?,
            None => return Err(UrlFault::Malformed),
        };
        let host = Host::parse(authority.host()).ok_or(UrlFault::Malformed)?;
        let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { text: text.to_owned(), over_tls, host, port, path })
    }

    /// Refuses what can be known to lead nowhere good before any name is looked up.
    pub fn check(self, guard: Guard) -> Result<Self, UrlFault> {
        let loopback = match &self.host {
            Host::Address(address) => address.to_canonical().is_loopback(),
            Host::Name(name) => name == "localhost" || name.ends_with(".localhost"),
        };
        let may_be_clear = loopback && guard.allow_loopback;
        if !self.over_tls && !may_be_clear {
            return Err(UrlFault::NotHttps);
        }
        let allowed = match self.host {
            Host::Address(address) => guard.allows(address, self.over_tls),
            Host::Name(_) => !loopback || guard.allow_loopback,
        };
        if allowed { Ok(self) } else { Err(UrlFault::Private) }
    }

    /// What stands in the `Host` header.
    pub fn authority(&self) -> String {
        match (self.over_tls, self.port) {
            (true, 443) | (false, 80) => self.host.to_string(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }
}

impl fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Host {
    fn parse(text: &str) -> Option<Self> {
        if let Some(inner) = text.strip_prefix('[') {
            return Some(Self::Address(IpAddr::V6(inner.strip_suffix(']')?.parse().ok()?)));
        }
        match ServerName::try_from(text.to_ascii_lowercase()).ok()? {
            ServerName::DnsName(name) => Some(Self::Name(name.as_ref().to_owned())),
            ServerName::IpAddress(address) => Some(Self::Address(address.into())),
            _ => None,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Address(address) => write!(f, "{address}"),
        }
    }
}

/// Whether deliveries are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointState {
    /// Yes.
    Enabled,
    /// No.
    Disabled {
        /// Why.
        reason: DisabledReason,
        /// Since when.
        at: Timestamp,
    },
}

/// Why an endpoint is disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisabledReason {
    /// An admin said so.
    Requested,
    /// It failed for as long as a delivery is tried.
    Failing,
    /// It answered 410: it is gone for good.
    Gone,
}

impl DisabledReason {
    const ALL: [Self; 3] = [Self::Requested, Self::Failing, Self::Gone];

    /// The word in answers and rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Failing => "failing",
            Self::Gone => "gone",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// A tenant's endpoint. There is at most one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Where it is.
    pub url: EndpointUrl,
    /// Whether deliveries are made.
    pub state: EndpointState,
    /// What signs them, newest first; at least one has no end.
    pub secrets: Vec<SealedSecret>,
    /// Who registered it, and is told when it is disabled.
    pub registered_by: UserId,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was changed last. Always moves on, so it tells which version was read.
    pub changed_at: Timestamp,
}

impl Endpoint {
    /// Whether deliveries are made.
    pub fn is_enabled(&self) -> bool {
        self.state == EndpointState::Enabled
    }

    /// The secrets that are good at this time, newest first.
    pub fn good_secrets(&self, now: Timestamp) -> impl Iterator<Item = &SealedSecret> {
        self.secrets.iter().filter(move |secret| secret.is_good_at(now))
    }

    /// As the API shows it: no secret.
    pub fn view(&self, now: Timestamp) -> Value {
        let (reason, disabled_at) = match self.state {
            EndpointState::Enabled => (None, None),
            EndpointState::Disabled { reason, at } => (Some(reason.name()), Some(at)),
        };
        let secrets: Value = self.good_secrets(now).map(SealedSecret::view).collect();
        json!({
            "url": self.url.to_string(), "enabled": self.is_enabled(), "disabled_reason": reason,
            "disabled_at": disabled_at, "secrets": secrets, "registered_by": self.registered_by,
            "created_at": self.created_at, "changed_at": self.changed_at,
        })
    }

    pub(crate) fn at(&self, key: Key) -> Item {
        let secrets: Vec<String> = self.secrets.iter().map(SealedSecret::stored).collect();
        let mut row = Item::new(key)
            .with("url", &self.url.to_string())
            .with("secrets", &secrets)
            .with("registered_by", &self.registered_by)
            .with("created_at", &self.created_at)
            .with("changed_at", &self.changed_at);
        if let EndpointState::Disabled { reason, at } = &self.state {
            row.set(DISABLED_REASON, &reason.name().to_owned());
            row.set("disabled_at", at);
        }
        row
    }

    pub(crate) fn read(row: &Item) -> Result<Self, CorruptItem> {
        let url: String = row.get("url")?;
        let secrets: Vec<String> = row.get("secrets")?;
        let secret = |stored: &String| SealedSecret::read(stored).ok_or_else(|| row.corrupt("secrets"));
        let state = match row.get_some::<String>(DISABLED_REASON)? {
            None => EndpointState::Enabled,
            Some(reason) => EndpointState::Disabled {
                reason: DisabledReason::parse(&reason).ok_or_else(|| row.corrupt(DISABLED_REASON))?,
                at: row.get("disabled_at")?,
            },
        };
        Ok(Self {
            url: EndpointUrl::parse(&url).map_err(|_| row.corrupt("url"))?,
            state,
            secrets: secrets.iter().map(secret).collect::<Result<_, _>>()?,
            registered_by: row.get("registered_by")?,
            created_at: row.get("created_at")?,
            changed_at: row.get("changed_at")?,
        })
    }
}

/// Only of a disabled endpoint.
const DISABLED_REASON: &str = "disabled_reason";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const DEPLOYED: Guard = Guard { allow_loopback: false };
    const LOCAL: Guard = Guard { allow_loopback: true };

    fn parse(text: &str, guard: Guard) -> Result<EndpointUrl, UrlFault> {
        EndpointUrl::parse(text)?.check(guard)
    }

    #[test]
    fn a_url_is_taken_apart() {
        let url = parse("https://Hooks.example.com:8443/in?tenant=7", DEPLOYED).unwrap();

        assert_eq!((url.over_tls, url.port, url.path.as_str()), (true, 8443, "/in?tenant=7"));
        assert_eq!(url.host, Host::Name("hooks.example.com".to_owned()));
        assert_eq!(url.authority(), "hooks.example.com:8443");
        assert_eq!(url.to_string(), "https://Hooks.example.com:8443/in?tenant=7");
        let bare = parse("https://[2606:4700::1111]?a", DEPLOYED).unwrap();
        assert_eq!((bare.authority().as_str(), bare.path.as_str()), ("[2606:4700::1111]", "/?a"));
    }

    #[test]
    fn what_is_no_public_https_url_is_refused_with_a_reason() {
        use UrlFault::{Fragment, Malformed, NotHttps, Private, TooLong, UserInfo};
        let long = format!("https://example.com/{}", "a".repeat(2_048));
        let refused = [
            ("", Malformed),
            ("example.com", NotHttps),
            ("/hooks", Malformed),
            ("https:example.com", NotHttps),
            ("https://", Malformed),
            ("https:///path", Malformed),
            ("https://exa mple.com/", Malformed),
            ("https://ex\u{e4}mple.com/", Malformed),
            ("https://%31%32%37.0.0.1/", Malformed),
            ("https://example.com:0/", Malformed),
            ("https://example.com:/", Malformed),
            ("https://example.com:99999/", Malformed),
            ("https://user@example.com/", UserInfo),
            ("https://user:word@example.com/", UserInfo),
            ("https://example.com/#part", Fragment),
            ("https://example.com/\n", Malformed),
            ("ftp://example.com/", NotHttps),
            ("http://example.com/", NotHttps),
            ("http://127.0.0.1/", NotHttps),
            ("https://127.0.0.1/", Private),
            ("https://localhost/", Private),
            ("https://api.localhost/", Private),
            ("https://[::1]/", Private),
            ("https://[::ffff:10.0.0.1]/", Private),
            ("https://169.254.169.254/latest/meta-data", Private),
            ("https://10.0.0.1/", Private),
            (long.as_str(), TooLong),
        ];
        for (text, fault) in refused {
            assert_eq!(parse(text, DEPLOYED), Err(fault), "{text}");
        }
    }

    #[test]
    fn a_setting_allows_this_machine_in_clear_and_no_other() {
        for text in
            ["http://127.0.0.1:9000/", "http://localhost:9000/", "http://[::1]:9000/", "https://127.0.0.1/"]
        {
            assert!(parse(text, LOCAL).is_ok(), "{text}");
        }
        assert_eq!(parse("http://example.com/", LOCAL), Err(UrlFault::NotHttps));
        assert_eq!(parse("http://10.0.0.1/", LOCAL), Err(UrlFault::NotHttps));
        assert_eq!(parse("https://10.0.0.1/", LOCAL), Err(UrlFault::Private));
    }
}
