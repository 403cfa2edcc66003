//! The fields of a body or of a query: every one is read, every fault is kept, one answer names them all.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::describe::{Place, Shape, Sketch};
use crate::field_fault::{Faults, FieldFault, Loc, Step};
use crate::json::{self, NonFinite};
use crate::problem::Problem;
use crate::read::{Input, Read};

/// A body as it was sent, its JSON read.
#[derive(Debug, Clone, PartialEq)]
pub struct Body(pub(crate) Content);

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    /// No byte was sent.
    Absent,
    /// JSON.
    Json(Value),
    /// Something whose content type is not JSON: it counts as a string.
    Text,
    /// No body: what a parser asks of one is noted.
    Sketch(Sketch),
}

impl Body {
    /// The body of this text, as [`Call::json_with_non_finite`](crate::Call::json_with_non_finite) reads it.
    pub fn of_json(text: &str) -> Result<Self, Problem> {
        Self::parse(text, NonFinite::Kept)
    }

    pub(crate) fn parse(text: &str, non_finite: NonFinite) -> Result<Self, Problem> {
        json::parse(text, non_finite).map(|value| Self(Content::Json(value))).map_err(|fault| {
            let loc = [Step::from("body"), Step::from(fault.offset)];
            let reason = fault.message;
            FieldFault::new("json_invalid", loc, format!("JSON decode error: {reason}"))
                .with_input(&Value::Object(Map::new()))
                .with_bound("error", reason)
                .into()
        })
    }

    /// The value sent; `None` without a body, and where the content type is not JSON.
    pub fn value(&self) -> Option<&Value> {
        match &self.0 {
            Content::Json(value) => Some(value),
            Content::Absent | Content::Text | Content::Sketch(_) => None,
        }
    }

    /// The members of the object sent. No body and `null` are `missing` at `["body"]`, anything else that is
    /// no object is `model_attributes_type` there (gateway.md 1.2).
    pub fn fields(&self) -> Result<Fields<'_>, Problem> {
        let body = Loc::Root("body");
        match &self.0 {
            Content::Json(Value::Object(members)) => Ok(Fields::new(Cow::Borrowed(members), body)),
            Content::Absent | Content::Json(Value::Null) => {
                Err(FieldFault::at("missing", &body, &Value::Null, "Field required").into())
            }
            Content::Json(other) => Err(not_an_object(&body, other).into()),
            Content::Sketch(sketch) => Ok(Fields::sketching(sketch, Place::Body)),
            Content::Text => Err(FieldFault::new("model_attributes_type", ["body"], NOT_SENT_AS_JSON).into()),
        }
    }
}

const NOT_AN_OBJECT: &str = "Input should be a valid dictionary or object to extract fields from";

/// `curl -d` alone sends a form, and whoever did so should see it at once.
const NOT_SENT_AS_JSON: &str = "Input should be a JSON object, sent with the content type application/json";

pub(crate) fn not_an_object(loc: &Loc<'_>, input: &Value) -> FieldFault {
    FieldFault::at("model_attributes_type", loc, input, NOT_AN_OBJECT)
}

/// The members of one object, read one after the other in the order of their declaration. A read that fails
/// gives `None` and notes why; [`Fields::finish`] answers with all that was noted. Members nobody reads are
/// ignored.
///
/// ```
/// # use bespin_web::{Fields, Problem, integer, text};
/// # struct Order { name: String, unit: Option<String>, window_days: i64 }
/// # fn read(mut fields: Fields<'_>) -> Result<Order, Problem> {
/// let name = fields.required("name", text(1..=255));
/// let unit = fields.optional("unit", text(..=50));
/// let window_days = fields.or("window_days", 7, integer(1..=365));
/// fields.finish(|| Some(Order { name: name?, unit: unit?, window_days: window_days? }))
/// # }
/// ```
#[derive(Debug)]
pub struct Fields<'a> {
    members: Cow<'a, Map<String, Value>>,
    loc: Loc<'a>,
    faults: Faults,
    /// Where what is asked for is noted, instead of being read.
    sketch: Option<(Sketch, Place)>,
}

#[expect(clippy::needless_pass_by_value, reason = "a reader is made where it is used, and used once")]
impl<'a> Fields<'a> {
    pub(crate) fn new(members: Cow<'a, Map<String, Value>>, loc: Loc<'a>) -> Self {
        Self { members, loc, faults: Faults::default(), sketch: None }
    }

    /// Fields that are noted, not read: every one gives `None`.
    pub(crate) fn sketching(sketch: &Sketch, place: Place) -> Self {
        let sketch = Some((sketch.clone(), place));
        Self { sketch, ..Self::new(Cow::Owned(Map::new()), Loc::Root("")) }
    }

    /// Notes a field, where fields are noted.
    fn is_noted(&self, name: &str, shape: impl FnOnce() -> Shape) -> bool {
        let Some((sketch, place)) = &self.sketch else { return false };
        sketch.note(*place, name, shape());
        true
    }

    /// Only in JSON there is a `null`.
    fn optional_shape(&self, reader: &impl Read) -> Shape {
        let shape = reader.shape().optional();
        match &self.sketch {
            Some((_, Place::Body)) => shape.or_null(),
            _ => shape,
        }
    }

    /// A member that must be there: `missing` otherwise, echoing the enclosing object.
    pub fn required<R: Read>(&mut self, name: &str, reader: R) -> Option<R::Value> {
        if self.is_noted(name, || reader.shape()) {
            return None;
        }
        let loc = Loc::Member(&self.loc, name);
        let Some(value) = self.members.get(name) else {
            self.faults.push(FieldFault::missing(&loc, &self.members));
            return None;
        };
        reader.read(&Input { value, loc: &loc }, &mut self.faults)
    }

    /// A member that may be left out or `null`. The outer `None` is a faulty member, the inner an absent one.
    pub fn optional<R: Read>(&mut self, name: &str, reader: R) -> Option<Option<R::Value>> {
        if self.is_noted(name, || self.optional_shape(&reader)) {
            return None;
        }
        match self.members.get(name) {
            None | Some(Value::Null) => Some(None),
            Some(value) => {
                let loc = Loc::Member(&self.loc, name);
                reader.read(&Input { value, loc: &loc }, &mut self.faults).map(Some)
            }
        }
    }

    /// A member that has a value when it is left out. `null` equals leaving it out (gateway.md 1.2), except
    /// where the reader says otherwise: a free-form object is refused as `null` (gateway.md 5.1).
    pub fn or<R: Read>(&mut self, name: &str, default: R::Value, reader: R) -> Option<R::Value> {
        if self.is_noted(name, || reader.shape_with_default(&default)) {
            return None;
        }
        match self.members.get(name) {
            None => Some(default),
            Some(Value::Null) if R::NULL_IS_ABSENT => Some(default),
            Some(value) => {
                let loc = Loc::Member(&self.loc, name);
                reader.read(&Input { value, loc: &loc }, &mut self.faults)
            }
        }
    }

    /// Whether a member is there at all, be it `null`.
    pub fn contains(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// Notes a fault the readers cannot see, such as two members that contradict each other. The fault names
    /// a member of this object and does not echo it.
    pub fn refuse(&mut self, name: &str, kind: &'static str, msg: &str) {
        let loc = Loc::Member(&self.loc, name);
        self.faults.push(FieldFault::new(kind, loc.steps(), msg));
    }

    /// The command all members make together, or one 422 that names every fault.
    pub fn finish<T>(self, make: impl FnOnce() -> Option<T>) -> Result<T, Problem> {
        let faults = self.faults.into_vec();
        if !faults.is_empty() || self.sketch.is_some() {
            return Err(Problem::invalid(faults));
        }
        make().ok_or_else(|| Problem::broken("a field was refused without a fault"))
    }

    /// The faults of an object inside another.
    pub(crate) fn into_faults(self) -> Faults {
        self.faults
    }
}
