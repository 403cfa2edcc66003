//! Which body a key was used with.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// SHA-256 over the canonical JSON of a validated body: members sorted, no white space, numbers as written. So
/// the order of members does not matter, and `1` and `1.0` differ (gateway.md 4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a body.
    pub fn of(body: &Value) -> Self {
        let mut canonical = String::new();
        write_canonical(body, &mut canonical);
        Self(Sha256::digest(canonical.as_bytes()).into())
    }

    /// Reads back what [`Fingerprint::to_bytes`] gave.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Its bytes, as stored.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.to_vec()
    }
}

/// Bodies nest at most 128 deep, so the recursion is bounded.
fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by(|a, b| a.0.cmp(b.0));
            write_list(out, ['{', '}'], sorted, |(name, value), out| {
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write_canonical(value, out);
            });
        }
        Value::Array(items) => write_list(out, ['[', ']'], items, write_canonical),
        simple => out.push_str(&simple.to_string()),
    }
}

fn write_list<T>(
    out: &mut String,
    ends: [char; 2],
    items: impl IntoIterator<Item = T>,
    write: impl Fn(T, &mut String),
) {
    out.push(ends[0]);
    for (number, item) in items.into_iter().enumerate() {
        if number > 0 {
            out.push(',');
        }
        write(item, out);
    }
    out.push(ends[1]);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(text: &str) -> Fingerprint {
        Fingerprint::of(&serde_json::from_str(text).unwrap_or_default())
    }

    #[test]
    fn the_order_of_members_and_white_space_do_not_matter() {
        assert_eq!(
            of(r#"{"a":1,"b":{"d":[1,2],"c":null}}"#),
            of(r#" { "b" : {"c":null, "d":[1, 2]}, "a":1 } "#)
        );
    }

    #[test]
    fn values_their_order_and_the_spelling_of_numbers_do() {
        let differing =
            ["{}", "[]", r#"{"a":1}"#, r#"{"a":1.0}"#, r#"{"a":"1"}"#, r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#];
        for (i, one) in differing.iter().enumerate() {
            for other in &differing[i + 1..] {
                assert_ne!(of(one), of(other), "{one} {other}");
            }
        }
        assert_ne!(Fingerprint::of(&json!({"a,\"b": 1})), Fingerprint::of(&json!({"a": 1, "b": 1})));
    }
}
