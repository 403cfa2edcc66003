//! What is wrong with one field, in the words of the contract (gateway.md 1.2).

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::json;

/// The most faults one answer lists: ten thousand bad points must not make an answer of five megabytes.
pub const MAX_REPORTED_FAULTS: usize = 100;

/// The largest echo of an offending value, in bytes of JSON; a larger one is left out.
const MAX_ECHO_BYTES: usize = 1024;

/// Members whose values are never sent back.
const SECRET_MEMBERS: [&str; 5] = ["api_key", "secret", "token", "password", "authorization"];

/// One step of the way to a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Step {
    /// `body`, `query`, `path` or `header`, or a member of an object.
    Name(String),
    /// An item of a list, from 0.
    Index(usize),
}

impl From<&str> for Step {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// The way to a field, borrowed from whoever reads it: ten thousand good points allocate nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Loc<'a> {
    Root(&'static str),
    Member(&'a Loc<'a>, &'a str),
    Item(&'a Loc<'a>, usize),
}

impl Loc<'_> {
    pub(crate) fn steps(&self) -> Vec<Step> {
        match *self {
            Self::Root(name) => vec![name.into()],
            Self::Member(parent, name) => [parent.steps(), vec![name.into()]].concat(),
            Self::Item(parent, index) => [parent.steps(), vec![index.into()]].concat(),
        }
    }

    fn is_secret(&self) -> bool {
        matches!(self, Self::Member(_, name) if is_secret(name))
    }
}

/// One entry of a 422: `{type, loc, msg, input, ctx}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldFault {
    /// The stable kind clients switch on, such as `string_too_short`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The way to the field: `["body", "points", 0, "value"]`.
    pub loc: Vec<Step>,
    /// A sentence for people.
    pub msg: String,
    /// The offending value, where it is small and no secret; for a missing field the enclosing object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// The violated bound by name.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub ctx: Map<String, Value>,
}

impl FieldFault {
    /// A fault of this kind at a field, with a sentence for people.
    pub fn new(
        kind: &'static str,
        loc: impl IntoIterator<Item = impl Into<Step>>,
        msg: impl fmt::Display,
    ) -> Self {
        let loc = loc.into_iter().map(Into::into).collect();
        Self { kind, loc, msg: msg.to_string(), input: None, ctx: Map::new() }
    }

    /// The same, echoing the value that is at fault, unless it is above 1 KiB.
    #[must_use]
    pub fn with_input(mut self, input: &Value) -> Self {
        self.input = echo(input);
        self
    }

    /// The same, naming the bound that was violated.
    #[must_use]
    pub fn with_bound(mut self, name: &str, bound: impl Into<Value>) -> Self {
        self.ctx.insert(name.to_owned(), bound.into());
        self
    }

    /// A member that is not there, echoing the object it is missing from.
    pub(crate) fn missing(loc: &Loc<'_>, enclosing: &Map<String, Value>) -> Self {
        let mut fault = Self::new("missing", loc.steps(), "Field required");
        fault.input = echo_object(enclosing);
        fault
    }

    pub(crate) fn at(kind: &'static str, loc: &Loc<'_>, input: &Value, msg: impl fmt::Display) -> Self {
        let fault = Self::new(kind, loc.steps(), msg);
        if loc.is_secret() { fault } else { fault.with_input(input) }
    }
}

/// The faults found so far, in the order of the fields' declaration.
#[derive(Debug, Default)]
pub struct Faults {
    found: Vec<FieldFault>,
}

impl Faults {
    /// Notes a fault; those beyond [`MAX_REPORTED_FAULTS`] are dropped.
    pub fn push(&mut self, fault: FieldFault) {
        if self.found.len() < MAX_REPORTED_FAULTS {
            self.found.push(fault);
        }
    }

    /// Notes the faults of a part.
    pub(crate) fn append(&mut self, part: Self) {
        part.found.into_iter().for_each(|fault| self.push(fault));
    }

    pub(crate) fn is_full(&self) -> bool {
        self.found.len() >= MAX_REPORTED_FAULTS
    }

    pub(crate) fn into_vec(self) -> Vec<FieldFault> {
        self.found
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_MEMBERS.iter().any(|secret| name == *secret || name.ends_with(&format!("_{secret}")))
}

/// A value fit to be sent back: small, without secrets, and JSON that every client can read.
fn echo(value: &Value) -> Option<Value> {
    // A value of many bytes is not copied to find out that it is too large.
    if json_bytes_at_least(value) > MAX_ECHO_BYTES {
        return None;
    }
    if_small(harmless(value))
}

fn echo_object(members: &Map<String, Value>) -> Option<Value> {
    if object_bytes_at_least(members) > MAX_ECHO_BYTES {
        return None;
    }
    if_small(harmless_object(members))
}

fn if_small(value: Value) -> Option<Value> {
    (value.to_string().len() <= MAX_ECHO_BYTES).then_some(value)
}

/// A lower bound of the length of `value` as JSON; stops counting once the bound is passed.
fn json_bytes_at_least(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 4,
        Value::Number(number) => number.as_str().len(),
        Value::String(text) => text.len() + 2,
        Value::Array(items) => bytes_until_too_large(items.iter().map(json_bytes_at_least)),
        Value::Object(members) => object_bytes_at_least(members),
    }
}

fn object_bytes_at_least(members: &Map<String, Value>) -> usize {
    bytes_until_too_large(members.iter().map(|(name, value)| name.len() + json_bytes_at_least(value)))
}

fn bytes_until_too_large(parts: impl Iterator<Item = usize>) -> usize {
    let mut total = 1;
    for part in parts {
        total += part + 1;
        if total > MAX_ECHO_BYTES {
            break;
        }
    }
    total
}

fn harmless(value: &Value) -> Value {
    match value {
        // Strict readers refuse a numeral that overflows.
        Value::Number(number) if !json::is_finite(number) => Value::Null,
        Value::Array(items) => items.iter().map(harmless).collect(),
        Value::Object(members) => harmless_object(members),
        plain => plain.clone(),
    }
}

fn harmless_object(members: &Map<String, Value>) -> Value {
    let hidden = |name: &str, value| if is_secret(name) { Value::from("[hidden]") } else { harmless(value) };
    members.iter().map(|(name, value)| (name.clone(), hidden(name, value))).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use serde_json::json;

    use super::*;

    fn a_fault() -> FieldFault {
        FieldFault::new("string_type", [Step::from("body"), Step::from(0)], "Input should be a valid string")
    }

    #[test]
    fn a_fault_prints_the_members_of_the_contract() {
        let fault = a_fault().with_input(&json!(7)).with_bound("min_length", 1);

        assert_eq!(
            serde_json::to_value(fault).unwrap(),
            json!({"type": "string_type", "loc": ["body", 0], "msg": "Input should be a valid string",
                   "input": 7, "ctx": {"min_length": 1}})
        );
    }

    #[test]
    fn a_large_value_is_not_sent_back() {
        assert!(a_fault().with_input(&json!("a".repeat(1022))).input.is_some());
        assert_eq!(a_fault().with_input(&json!("a".repeat(1023))).input, None);
        assert_eq!(a_fault().with_input(&json!("\"".repeat(600))).input, None);
        assert_eq!(a_fault().with_input(&json!(vec![1; 100_000])).input, None);
    }

    #[test]
    fn secrets_and_infinite_numbers_are_not_sent_back() {
        let infinite = json::parse("[1e999]", json::NonFinite::Kept).unwrap();
        let input = json!({"api_key": "k3J9", "event_key": 1, "points": infinite});

        let echoed = a_fault().with_input(&input).input;

        assert_eq!(echoed, Some(json!({"api_key": "[hidden]", "event_key": 1, "points": [null]})));
        let body = Loc::Root("body");
        let secret = Loc::Member(&body, "password");
        assert_eq!(FieldFault::at("string_type", &secret, &json!(7), "no").input, None);
    }

    #[test]
    fn no_answer_lists_more_than_a_hundred_faults() {
        let mut faults = Faults::default();

        (0..10_000).for_each(|_| faults.push(a_fault()));

        assert_eq!(faults.into_vec().len(), MAX_REPORTED_FAULTS);
    }
}
