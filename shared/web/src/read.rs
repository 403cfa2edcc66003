//! Readers of one field: what is accepted, what it becomes, and how a fault is named. Coercion is as lax as
//! gateway.md 1.2 says, and not more.

mod collection;
mod email;
mod number;
mod text;

use std::fmt;
use std::ops::{Bound, RangeBounds};

use serde_json::Value;

use crate::describe::Shape;
use crate::field_fault::{Faults, FieldFault, Loc};

pub use collection::{List, ListOf, MapOf, Members, Object, list, list_of, map_by, map_of, members, object};
pub use email::{Email, email};
pub use number::{Boolean, Clamped, Decimal, Float, Integer, boolean, clamped, decimal, float, integer};
pub use text::{Code, DateText, OneOf, Parsed, Text, code, date, one_of, parsed, text};

/// How one field is read.
pub trait Read {
    /// What a good value becomes.
    type Value;

    /// Whether `null` may stand for an absent member that has a default.
    const NULL_IS_ABSENT: bool = true;

    /// The value, or `None` after noting why not.
    fn read(&self, input: &Input<'_>, faults: &mut Faults) -> Option<Self::Value>;

    /// What good values look like, as documents tell it. More than that may be read: a number written as text, say.
    fn shape(&self) -> Shape;

    /// A value as it would be sent, where it can be told.
    fn sent(_: &Self::Value) -> Option<Value> {
        None
    }

    /// The shape of a member that has this value when it is left out.
    fn shape_with_default(&self, default: &Self::Value) -> Shape {
        match Self::sent(default) {
            Some(sent) => self.shape().or_else(sent),
            None => self.shape().optional(),
        }
    }

    /// The same reader with words for people, which documents tell.
    fn about(self, text: &'static str) -> About<Self>
    where
        Self: Sized,
    {
        About { reader: self, text }
    }

    /// The same reader, its values looking like this in documents.
    fn shaped(self, shape: fn() -> Shape) -> Shaped<Self>
    where
        Self: Sized,
    {
        Shaped { reader: self, shape }
    }
}

/// See [`Read::about`].
#[derive(Debug, Clone, Copy)]
pub struct About<R> {
    reader: R,
    text: &'static str,
}

impl<R: Read> Read for About<R> {
    type Value = R::Value;

    const NULL_IS_ABSENT: bool = R::NULL_IS_ABSENT;

    fn read(&self, input: &Input<'_>, faults: &mut Faults) -> Option<Self::Value> {
        self.reader.read(input, faults)
    }

    fn shape(&self) -> Shape {
        let shape = self.reader.shape();
        match shape.schema().get("description").and_then(Value::as_str) {
            Some(more) => {
                let text = format!("{}. {more}", self.text);
                shape.about(&text)
            }
            None => shape.about(self.text),
        }
    }

    fn sent(value: &Self::Value) -> Option<Value> {
        R::sent(value)
    }
}

/// See [`Read::shaped`].
#[derive(Debug, Clone, Copy)]
pub struct Shaped<R> {
    reader: R,
    shape: fn() -> Shape,
}

impl<R: Read> Read for Shaped<R> {
    type Value = R::Value;

    const NULL_IS_ABSENT: bool = R::NULL_IS_ABSENT;

    fn read(&self, input: &Input<'_>, faults: &mut Faults) -> Option<Self::Value> {
        self.reader.read(input, faults)
    }

    fn shape(&self) -> Shape {
        (self.shape)()
    }

    fn sent(value: &Self::Value) -> Option<Value> {
        R::sent(value)
    }
}

/// A value and where it stands.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    pub(crate) value: &'a Value,
    pub(crate) loc: &'a Loc<'a>,
}

impl<'a> Input<'a> {
    /// The value as it was sent.
    pub fn value(&self) -> &'a Value {
        self.value
    }

    /// A fault of this kind at this place, echoing the value.
    pub fn fault(&self, kind: &'static str, msg: impl fmt::Display) -> FieldFault {
        FieldFault::at(kind, self.loc, self.value, msg)
    }

    /// The text, where it is one; notes `string_type` otherwise.
    pub(crate) fn text(&self, faults: &mut Faults) -> Option<&'a str> {
        let text = self.value.as_str();
        if text.is_none() {
            faults.push(self.fault("string_type", "Input should be a valid string"));
        }
        text
    }
}

/// The smallest and the largest length of a range; an open end is no bound.
fn length_bounds(range: &impl RangeBounds<usize>) -> (usize, usize) {
    let min = match range.start_bound() {
        Bound::Included(min) => *min,
        Bound::Excluded(below) => below.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let max = match range.end_bound() {
        Bound::Included(max) => *max,
        Bound::Excluded(above) => above.saturating_sub(1),
        Bound::Unbounded => usize::MAX,
    };
    (min, max)
}

/// `1 item`, `2 items`.
fn counted(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use super::*;

    /// Reads one value as the member `field` of a body: the value, or the type of the one fault.
    pub(crate) fn read<R: Read>(reader: &R, value: &Value) -> Result<R::Value, &'static str> {
        let body = Loc::Root("body");
        let mut faults = Faults::default();
        let read = reader.read(&Input { value, loc: &Loc::Member(&body, "field") }, &mut faults);
        let faults = faults.into_vec();
        if let Some(value) = read {
            assert_eq!(faults, [], "a value that is read leaves no fault");
            return Ok(value);
        }
        assert_eq!(faults.len(), 1, "one bad value is one fault");
        assert!(!faults[0].msg.is_empty());
        Err(faults[0].kind)
    }
}
