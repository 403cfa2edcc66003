//! Readers of one field: what is accepted, what it becomes, and how a fault is named. Coercion is as lax as
//! gateway.md 1.2 says, and not more.

mod collection;
mod email;
mod number;
mod text;

use std::fmt;
use std::ops::{Bound, RangeBounds};

use serde_json::Value;

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
