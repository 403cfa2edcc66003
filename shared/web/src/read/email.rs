//! E-mail addresses (gateway.md 3.1). Nothing is looked up in the DNS.

use email_address::{EmailAddress, Options};
use serde_json::Value;

use super::{Input, Read};
use crate::describe::Shape;
use crate::field_fault::Faults;

/// The longest address a mail server takes, in bytes (RFC 5321, 4.5.3.1).
const MAX_BYTES: usize = 254;

/// Domains that no mail can reach (RFC 6761, 6762, 7686, 3172). `example.com` is fit for trying things out.
const SPECIAL_USE_DOMAINS: [&str; 6] = ["arpa", "invalid", "local", "localhost", "onion", "test"];

/// See [`email`].
#[derive(Debug, Clone, Copy)]
pub struct Email;

/// An e-mail address: dotted domain, lower-cased; `Bob <bob@example.com>` is reduced to the address; local
/// parts may be international, not quoted; special-use domains are refused; at most 254 bytes. `string_type`,
/// `value_error`.
pub fn email() -> Email {
    Email
}

impl Read for Email {
    type Value = String;

    fn read(&self, input: &Input<'_>, faults: &mut Faults) -> Option<String> {
        let text = input.text(faults)?;
        address(text)
            .map_err(|reason| {
                let msg = format!("value is not a valid email address: {reason}");
                faults.push(input.fault("value_error", msg).with_bound("reason", Value::from(reason)));
            })
            .ok()
    }

    fn shape(&self) -> Shape {
        Shape::text().with("format", "email".into()).like("owner@example.com")
    }
}

fn address(text: &str) -> Result<String, &'static str> {
    let bare = without_display_name(text.trim())?;
    if bare.len() > MAX_BYTES {
        return Err("It is too long.");
    }
    let (local, domain) = bare.rsplit_once('@').ok_or("It must have exactly one @-sign.")?;
    if local.starts_with('"') {
        return Err("The part before the @-sign must not be quoted.");
    }
    let syntax = Options::default().without_display_text().without_domain_literal().with_required_tld();
    let plain = format!("{}@{domain}", with_plain_letters(local));
    EmailAddress::parse_with_options(&plain, syntax).map_err(|_| "It is not of the form name@domain.")?;
    let domain = domain.to_lowercase();
    if !is_host_name(&domain) {
        return Err("The part after the @-sign is not a domain name.");
    }
    if is_special_use(&domain) {
        return Err("The part after the @-sign is a special-use or reserved name.");
    }
    Ok(format!("{local}@{domain}"))
}

/// The parser knows letters of all scripts but not their marks, without which Hindi has no words. What
/// nobody can see stays in and is refused.
fn with_plain_letters(local: &str) -> String {
    let invisible = |c: char| {
        let formats = matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        c.is_control() || c.is_whitespace() || formats
    };
    local.chars().map(|c| if c.is_ascii() || invisible(c) { c } else { 'x' }).collect()
}

fn without_display_name(text: &str) -> Result<&str, &'static str> {
    match text.split_once('<') {
        None => Ok(text),
        Some((_, address)) => {
            address.strip_suffix('>').map(str::trim).ok_or("The angle bracket is not closed.")
        }
    }
}

/// Labels of letters, digits and inner hyphens. No top-level domain ends with a digit, and a hyphen in third
/// and fourth place is kept for the encoding of international names (RFC 5890, 2.3.1).
fn is_host_name(domain: &str) -> bool {
    let is_label = |label: &str| {
        let encoded = label.starts_with("xn--") || label.get(2..4) != Some("--");
        encoded && label.chars().all(|c| c == '-' || c.is_alphanumeric())
    };
    domain.split('.').all(is_label) && domain.ends_with(char::is_alphabetic)
}

fn is_special_use(domain: &str) -> bool {
    SPECIAL_USE_DOMAINS.iter().any(|special| {
        domain.strip_suffix(special).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use proptest::prelude::*;
    use serde_json::json;

    use super::super::tests::read;
    use super::*;

    #[test]
    fn the_domain_is_lower_cased_and_the_local_part_kept() {
        assert_eq!(read(&email(), &json!("Owner@EXAMPLE.com")), Ok("Owner@example.com".into()));
        assert_eq!(read(&email(), &json!(" a.b+c@x.example.com ")), Ok("a.b+c@x.example.com".into()));
    }

    #[test]
    fn a_display_name_is_cut_off() {
        for named in ["Bob <bob@example.com>", "\"Bob, B.\" <bob@example.com>", "<bob@example.com>"] {
            assert_eq!(read(&email(), &json!(named)), Ok("bob@example.com".into()), "{named}");
        }
        assert_eq!(read(&email(), &json!("Bob <bob@example.com")), Err("value_error"));
        assert_eq!(read(&email(), &json!("Bob <a<b@example.com>>")), Err("value_error"));
    }

    #[test]
    fn international_addresses_are_accepted() {
        for local in ["жанна", "用户", "संपर्क", "josé"] {
            let address = format!("{local}@example.com");
            assert_eq!(read(&email(), &json!(address)), Ok(address));
        }
        assert_eq!(read(&email(), &json!("x@BÜCHER.example")), Ok("x@bücher.example".into()));
        assert_eq!(read(&email(), &json!("x@xn--bcher-kva.example")), Ok("x@xn--bcher-kva.example".into()));
    }

    #[test]
    fn special_use_domains_are_refused_and_their_likes_are_not() {
        for special in ["a@localhost", "a@b.localhost", "a@x.test", "a@x.invalid", "a@x.LOCAL", "a@x.onion"] {
            assert_eq!(read(&email(), &json!(special)), Err("value_error"), "{special}");
        }
        assert!(read(&email(), &json!("a@mytest.com")).is_ok());
        assert!(read(&email(), &json!("a@local.example")).is_ok());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("{}@{}.com", "a".repeat(60), "b.".repeat(100));
        for not in [
            "",
            "a",
            "@example.com",
            "a@",
            "a@b",
            "a@example.com.",
            "a@.com",
            "a b@example.com",
            "a@b@example.com",
            "a..b@example.com",
            ".a@example.com",
            "\"a\"@example.com",
            "a@[127.0.0.1]",
            "a@ex!ample.com",
            "a@ex_ample.com",
            "a@-x.com",
            "a@1.2.3.4",
            "a@ab--c.com",
            "a\u{0}@example.com",
            "a\u{200b}@example.com",
            "é\u{a0}@example.com",
            &long,
        ] {
            assert_eq!(read(&email(), &json!(not)), Err("value_error"), "{not}");
        }
        assert_eq!(read(&email(), &json!(7)), Err("string_type"));
    }

    proptest! {
        #[test]
        fn an_address_once_read_reads_as_itself(text in "[a-zà-ü.<> ]{1,6}@[A-Za-zà-ü0-9.-]{1,12}\\.(com|Test|org)") {
            if let Ok(address) = address(&text) {
                prop_assert_eq!(super::address(&address), Ok(address.clone()));
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "[ -~é<>@\".]{0,30}") {
            let _ = address(&text);
        }
    }
}
