//! Reading JSON text the way the contract needs it.
//!
//! `serde_json` prints our JSON; three reasons keep it from reading what strangers send. A fault must be
//! named by its offset in *characters* (gateway.md 1.2). With `arbitrary_precision` it takes the object
//! `{"$serde_json::private::Number": "7"}` for the number 7. And points of a KPI may hold `NaN`, which has
//! to survive until a field can name it. What is read here prints and reads back unchanged.

use serde_json::{Map, Number, Value};

/// How deep arrays and objects may nest. Below the 127 of `serde_json`, so that an answer which wraps what
/// was sent, and is stored, can always be read again.
pub(crate) const MAX_DEPTH: usize = 120;

/// `serde_json` gives members of this prefix a meaning of its own when it reads what we stored.
const RESERVED_MEMBERS: &str = "$serde_json::private::";

/// What stands for a number that is not finite: a numeral that is valid JSON and overflows.
const NON_FINITE: &str = "1e+999";

/// For how many members at most an object is made before it is read: no small text makes much of it.
const MOST_MEMBERS: usize = 8;

/// What to do with `NaN`, `Infinity`, `-Infinity` and numerals beyond the largest float.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NonFinite {
    /// They are not JSON.
    Refused,
    /// They are numbers for which [`is_finite`] is false.
    Kept,
}

/// Why a text is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct JsonFault {
    /// Where, in characters from the start of the text.
    pub(crate) offset: usize,
    /// What was expected there.
    pub(crate) message: &'static str,
}

/// Reads one JSON value (RFC 8259) and nothing after it. The last of two equal members wins.
pub(crate) fn parse(text: &str, non_finite: NonFinite) -> Result<Value, JsonFault> {
    let mut reader = Reader { text, at: 0, non_finite, members: 0 };
    reader.document().map_err(|Fault { at, message }| {
        let offset = text.char_indices().take_while(|(index, _)| *index < at).count();
        JsonFault { offset, message }
    })
}

/// Whether a number is one. Integers always are, however long; a numeral with a fraction or an exponent is
/// not when it overflows a float.
pub(crate) fn is_finite(number: &Number) -> bool {
    let numeral = number.as_str();
    !numeral.contains(['.', 'e', 'E']) || numeral.parse::<f64>().is_ok_and(f64::is_finite)
}

/// A fault at a byte offset.
struct Fault {
    at: usize,
    message: &'static str,
}

type Read<T> = Result<T, Fault>;

struct Reader<'a> {
    text: &'a str,
    at: usize,
    non_finite: NonFinite,
    /// How many members the last object had: the next one mostly has as many, and is made for them.
    members: usize,
}

impl Reader<'_> {
    fn document(&mut self) -> Read<Value> {
        self.skip_space();
        let value = self.value(0)?;
        self.skip_space();
        if self.at < self.text.len() { self.fault("Extra data") } else { Ok(value) }
    }

    fn value(&mut self, depth: usize) -> Read<Value> {
        match self.peek() {
            Some(b'{') => self.object(depth + 1).map(Value::Object),
            Some(b'[') => self.array(depth + 1).map(Value::Array),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') if !self.is_next("-I") => self.number().map(Value::Number),
            _ => self.literal(),
        }
    }

    fn literal(&mut self) -> Read<Value> {
        for (spelling, value) in
            [("true", Value::Bool(true)), ("false", Value::Bool(false)), ("null", Value::Null)]
        {
            if self.eat(spelling) {
                return Ok(value);
            }
        }
        for (spelling, negative) in [("NaN", false), ("Infinity", false), ("-Infinity", true)] {
            if self.non_finite == NonFinite::Kept && self.eat(spelling) {
                let sign = if negative { "-" } else { "" };
                return Ok(Value::Number(Number::from_string_unchecked(format!("{sign}{NON_FINITE}"))));
            }
        }
        self.fault("Expecting value")
    }

    fn object(&mut self, depth: usize) -> Read<Map<String, Value>> {
        self.open(depth)?;
        if self.eat("}") {
            return Ok(Map::new());
        }
        let mut members = Map::with_capacity(self.members);
        loop {
            let (name, value) = self.member(depth)?;
            members.insert(name, value);
            self.skip_space();
            if self.eat("}") {
                self.members = members.len().min(MOST_MEMBERS);
                return Ok(members);
            }
            self.separator()?;
        }
    }

    fn member(&mut self, depth: usize) -> Read<(String, Value)> {
        let start = self.at;
        if self.peek() != Some(b'"') {
            return self.fault("Expecting property name enclosed in double quotes");
        }
        let name = self.string()?;
        if name.starts_with(RESERVED_MEMBERS) {
            return Err(Fault { at: start, message: "Reserved property name" });
        }
        self.skip_space();
        if !self.eat(":") {
            return self.fault("Expecting ':' delimiter");
        }
        self.skip_space();
        Ok((name, self.value(depth)?))
    }

    fn array(&mut self, depth: usize) -> Read<Vec<Value>> {
        self.open(depth)?;
        let mut items = Vec::new();
        if self.eat("]") {
            return Ok(items);
        }
        loop {
            items.push(self.value(depth)?);
            self.skip_space();
            if self.eat("]") {
                return Ok(items);
            }
            self.separator()?;
        }
    }

    /// Steps over an opening bracket.
    fn open(&mut self, depth: usize) -> Read<()> {
        if depth > MAX_DEPTH {
            return self.fault("Nested too deeply");
        }
        self.at += 1;
        self.skip_space();
        Ok(())
    }

    fn separator(&mut self) -> Read<()> {
        if !self.eat(",") {
            return self.fault("Expecting ',' delimiter");
        }
        self.skip_space();
        Ok(())
    }

    fn number(&mut self) -> Read<Number> {
        let start = self.at;
        let negative = self.eat("-");
        let whole = self.digits();
        if whole.is_empty() {
            return Err(Fault { at: start, message: "Expecting value" });
        }
        if whole.len() > 1 && whole.starts_with('0') {
            return Err(Fault { at: start + usize::from(negative) + 1, message: "Leading zero" });
        }
        if self.eat(".") {
            self.some_digits()?;
        }
        let mut numeral = self.text[start..self.at].to_owned();
        if self.eat("e") || self.eat("E") {
            let sign = if self.eat("-") { "e-" } else { "e+" };
            if sign == "e+" {
                self.eat("+");
            }
            numeral.push_str(sign);
            numeral.push_str(self.some_digits()?);
        }
        let number = Number::from_string_unchecked(numeral);
        if self.non_finite == NonFinite::Refused && !is_finite(&number) {
            return Err(Fault { at: start, message: "Number out of range" });
        }
        Ok(number)
    }

    fn digits(&mut self) -> &str {
        let start = self.at;
        self.at += self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        &self.text[start..self.at]
    }

    fn some_digits(&mut self) -> Read<&str> {
        if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return self.fault("Expecting a digit");
        }
        Ok(self.digits())
    }

    fn string(&mut self) -> Read<String> {
        let start = self.at;
        self.at += 1;
        let mut string = String::new();
        loop {
            let plain =
                self.rest().iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1f)).count();
            string.push_str(&self.text[self.at..self.at + plain]);
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(string);
                }
                Some(b'\\') => string.push(self.escape()?),
                Some(_) => return self.fault("Invalid control character"),
                None => return Err(Fault { at: start, message: "Unterminated string" }),
            }
        }
    }

    fn escape(&mut self) -> Read<char> {
        let start = self.at;
        let kind = self.text.as_bytes().get(start + 1).copied();
        self.at += 2;
        let plain = match kind {
            Some(b'u') => return self.unicode_escape(start),
            Some(b'n') => '\n',
            Some(b't') => '\t',
            Some(b'r') => '\r',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(same @ (b'"' | b'\\' | b'/')) => char::from(same),
            _ => return Err(Fault { at: start, message: "Invalid \\escape" }),
        };
        Ok(plain)
    }

    /// The rest of `\u`. A surrogate counts only together with its other half.
    fn unicode_escape(&mut self, start: usize) -> Read<char> {
        let first = self.four_hex_digits(start)?;
        let code = if (0xD800..0xDC00).contains(&first) && self.eat("\\u") {
            let second = self.four_hex_digits(start)?;
            // Anything but a low half makes a number that is no character below.
            if (0xDC00..0xE000).contains(&second) {
                0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00)
            } else {
                first
            }
        } else {
            first
        };
        char::from_u32(code).ok_or(Fault { at: start, message: "Lone surrogate" })
    }

    fn four_hex_digits(&mut self, start: usize) -> Read<u32> {
        let digits = self.text.get(self.at..self.at + 4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        self.at += 4;
        code.ok_or(Fault { at: start, message: "Invalid \\uXXXX escape" })
    }

    fn skip_space(&mut self) {
        self.at += self.rest().iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
    }

    fn eat(&mut self, token: &str) -> bool {
        let here = self.is_next(token);
        if here {
            self.at += token.len();
        }
        here
    }

    fn is_next(&self, token: &str) -> bool {
        self.rest().starts_with(token.as_bytes())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &[u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn fault<T>(&self, message: &'static str) -> Read<T> {
        Err(Fault { at: self.at, message })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn strict(text: &str) -> Result<Value, JsonFault> {
        parse(text, NonFinite::Refused)
    }

    fn offset(text: &str) -> usize {
        strict(text).unwrap_err().offset
    }

    #[test]
    fn big_integers_survive_and_one_is_not_one_point_zero() {
        let digits = "1234567890".repeat(40);
        let text = format!("[{digits},1,1.0,-0,0.10]");

        assert_eq!(strict(&text).unwrap().to_string(), text);
        assert_ne!(strict("1").unwrap(), strict("1.0").unwrap());
    }

    #[test]
    fn members_keep_their_order_and_the_last_of_equal_ones_wins() {
        assert_eq!(strict(r#"{"b":1,"a":2,"b":3}"#).unwrap().to_string(), r#"{"b":3,"a":2}"#);
    }

    #[test]
    fn a_fault_is_named_by_its_offset_in_characters() {
        assert_eq!(offset(r#"{"a": }"#), 6);
        assert_eq!(offset(r#"{"é": }"#), 6);
        assert_eq!(offset(r#"{"name": "x""#), 12);
        assert_eq!(offset("{'a': 1}"), 1);
        assert_eq!(offset("[1,]"), 3);
        assert_eq!(offset("[1 2]"), 3);
        assert_eq!(offset("{} x"), 3);
        assert_eq!(offset(""), 0);
        assert_eq!(offset("[\"a\u{1}\"]"), 3);
        assert_eq!(offset(r#"["\ud800"]"#), 2);
        assert_eq!(offset("01"), 1);
        assert_eq!(offset("[1.]"), 3);
    }

    #[test]
    fn numbers_that_are_not_finite_are_no_json_unless_they_are_kept() {
        for text in ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1.0E+400"] {
            assert_eq!(offset(text), 0, "{text}");
            let Value::Number(kept) = parse(text, NonFinite::Kept).unwrap() else { panic!("{text}") };
            assert!(!is_finite(&kept), "{text}");
            serde_json::from_str::<Value>(&kept.to_string()).expect("what is kept prints as JSON");
        }
        assert_eq!(parse(r#""NaN, Infinity""#, NonFinite::Kept).unwrap(), json!("NaN, Infinity"));
        assert!(parse("nan", NonFinite::Kept).is_err());
    }

    #[test]
    fn surrogates_pair_up_or_are_refused() {
        assert_eq!(strict(r#""\ud83d\ude00""#).unwrap(), json!("😀"));
        assert_eq!(strict(r#""\u0000""#).unwrap(), json!("\0"));
        for lone in [r#""\ud800""#, r#""\udc00""#, r#""\ud83dx""#, r#""\ud83d\u0041""#, r#""\ud83d\ud83d""#] {
            assert!(strict(lone).is_err(), "{lone}");
        }
        for broken in [r#""\u12""#, r#""\u00g0""#, r#""\u+123""#, r#""\x41""#, r#""\"#, "\"\\u12é\""] {
            assert!(strict(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn nesting_has_an_end() {
        let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);

        assert!(strict(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(offset(&nested(MAX_DEPTH + 1)), MAX_DEPTH);
        assert!(strict(&"[".repeat(1_000_000)).is_err());
    }

    #[test]
    fn a_member_cannot_pose_as_a_number() {
        assert_eq!(offset(r#"{"a":1,"$serde_json::private::Number":"7"}"#), 7);
        assert!(strict(r#"{"\u0024serde_json::private::Number":"7"}"#).is_err());
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(|n| json!(n)),
            any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(|f| json!(f)),
            ".{0,12}".prop_map(Value::String),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                prop::collection::vec((".{0,8}", inner), 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_text_is_judged_as_serde_json_judges_it(text in r#"[\[\]{}",:0-9eE+.\\ untrflas-]{0,14}"#) {
            let ours = strict(&text);
            let theirs = serde_json::from_str::<Value>(&text);
            // An overflowing numeral is the one thing we refuse and they keep.
            if !ours.is_err_and(|fault| fault.message == "Number out of range") {
                prop_assert_eq!(strict(&text).ok(), theirs.ok(), "{}", text);
            }
        }

        #[test]
        fn what_is_printed_reads_back(value in any_json(), pretty: bool) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
            let read = strict(&text).unwrap();

            prop_assert_eq!(&read, &serde_json::from_str::<Value>(&text).unwrap());
            prop_assert_eq!(strict(&read.to_string()).unwrap(), read);
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}") {
            let _ = parse(&text, NonFinite::Kept);
        }
    }
}
