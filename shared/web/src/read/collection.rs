//! Objects and lists.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::RangeBounds;

use serde_json::{Map, Value};

use super::text::{Text, text};
use super::{Input, Read, counted, length_bounds};
use crate::describe::{Place, Shape, Sketch};
use crate::field_fault::{Faults, Loc};
use crate::fields::{Fields, not_an_object};

/// See [`object`].
#[derive(Debug, Clone, Copy)]
pub struct Object;

/// An object of any members, as it is. `dict_type`, for `null` too.
pub fn object() -> Object {
    Object
}

impl Read for Object {
    type Value = Map<String, Value>;

    const NULL_IS_ABSENT: bool = false;

    fn read(&self, input: &Input<'_>, faults: &mut Faults) -> Option<Self::Value> {
        let members = input.value.as_object();
        if members.is_none() {
            faults.push(input.fault("dict_type", "Input should be a valid dictionary"));
        }
        members.cloned()
    }

    fn shape(&self) -> Shape {
        Shape::free_object()
    }

    fn sent(value: &Self::Value) -> Option<Value> {
        Some(Value::Object(value.clone()))
    }
}

/// See [`members`].
#[derive(Debug, Clone, Copy)]
pub struct Members<F> {
    read: F,
}

/// An object whose members `read` takes through its fields. `dict_type`, for `null` too, and what is found inside.
pub fn members<T, F>(read: F) -> Members<F>
where
    F: Fn(&mut Fields<'_>) -> Option<T>,
{
    Members { read }
}

impl<T, F> Read for Members<F>
where
    F: Fn(&mut Fields<'_>) -> Option<T>,
{
    type Value = T;

    fn read(&self, input: &Input<'_>, faults: &mut Faults) -> Option<T> {
        let Some(members) = input.value.as_object() else {
            faults.push(input.fault("dict_type", "Input should be a valid dictionary"));
            return None;
        };
        let mut fields = Fields::new(Cow::Borrowed(members), *input.loc);
        let read = (self.read)(&mut fields);
        faults.append(fields.into_faults());
        read
    }

    fn shape(&self) -> Shape {
        shape_of(&self.read)
    }
}

/// See [`list`].
#[derive(Debug, Clone, Copy)]
pub struct List<F> {
    min: usize,
    max: usize,
    item: F,
}

/// A list of so many objects, each read by `item` through its fields. `list_type`, `too_short`, `too_long`;
/// an item that is no object is `model_attributes_type` at its index. The items of a list that is too long
/// are not looked at.
pub fn list<T, F>(length: impl RangeBounds<usize>, item: F) -> List<F>
where
    F: Fn(&mut Fields<'_>) -> Option<T>,
{
    let (min, max) = length_bounds(&length);
    List { min, max, item }
}

impl<T, F> Read for List<F>
where
    F: Fn(&mut Fields<'_>) -> Option<T>,
{
    type Value = Vec<T>;

    fn read(&self, input: &Input<'_>, faults: &mut Faults) -> Option<Vec<T>> {
        read_items(input, self.min, self.max, faults, |item, faults| {
            let Some(members) = item.value.as_object() else {
                faults.push(not_an_object(item.loc, item.value));
                return None;
            };
            let mut fields = Fields::new(Cow::Borrowed(members), *item.loc);
            let read = (self.item)(&mut fields);
            faults.append(fields.into_faults());
            read
        })
    }

    fn shape(&self) -> Shape {
        list_shape(shape_of(&self.item), self.min, self.max)
    }
}

/// See [`list_of`].
#[derive(Debug, Clone, Copy)]
pub struct ListOf<R> {
    min: usize,
    max: usize,
    item: R,
}

/// A list of so many plain values, each read by `item`: `list_of(.., text(1..=100))`. `list_type`,
/// `too_short`, `too_long`, and what the reader finds at each index.
pub fn list_of<R: Read>(length: impl RangeBounds<usize>, item: R) -> ListOf<R> {
    let (min, max) = length_bounds(&length);
    ListOf { min, max, item }
}

impl<R: Read> Read for ListOf<R> {
    type Value = Vec<R::Value>;

    fn read(&self, input: &Input<'_>, faults: &mut Faults) -> Option<Self::Value> {
        read_items(input, self.min, self.max, faults, |item, faults| self.item.read(item, faults))
    }

    fn shape(&self) -> Shape {
        list_shape(self.item.shape(), self.min, self.max)
    }
}

/// See [`map_of`] and [`map_by`].
#[derive(Debug, Clone, Copy)]
pub struct MapOf<N, R> {
    max: usize,
    name: N,
    item: R,
}

/// An object of at most so many members, each with a name of 1 to 255 characters and a value read by `item`. `dict_type`,
/// `too_long`, and what is found of each member.
pub fn map_of<R: Read>(max: usize, item: R) -> MapOf<Text, R> {
    map_by(max, text(1..=255), item)
}

/// The same with names that are read by `name`, which may know only some of them.
pub fn map_by<N: Read<Value: Ord>, R: Read>(max: usize, name: N, item: R) -> MapOf<N, R> {
    MapOf { max, name, item }
}

impl<N: Read<Value: Ord>, R: Read> Read for MapOf<N, R> {
    type Value = BTreeMap<N::Value, R::Value>;

    fn read(&self, input: &Input<'_>, faults: &mut Faults) -> Option<Self::Value> {
        let Some(members) = input.value.as_object() else {
            faults.push(input.fault("dict_type", "Input should be a valid dictionary"));
            return None;
        };
        if members.len() > self.max {
            let most = counted(self.max, "item");
            let msg =
                format!("Dictionary should have at most {most} after validation, not {}", members.len());
            faults.push(input.fault("too_long", msg).with_bound("max_length", self.max));
            return None;
        }
        let read = members.iter().map(|(name, value)| {
            let loc = Loc::Member(input.loc, name);
            let (key, text) = (Value::String(name.clone()), Input { loc: &loc, value });
            let name = self.name.read(&Input { loc: &loc, value: &key }, faults);
            let value = self.item.read(&text, faults);
            Some((name?, value?))
        });
        // Every member is looked at, so that all faults are told.
        read.collect::<Vec<_>>().into_iter().collect()
    }

    fn shape(&self) -> Shape {
        let name = self.name.shape();
        let shape = Shape::map_of(name.example().as_str().unwrap_or("name"), self.item.shape());
        let shape = shape.with("maxProperties", self.max.into());
        shape.with("propertyNames", Value::Object(name.schema().clone()))
    }
}

/// The object whose members a closure asks for.
fn shape_of<T>(read: impl Fn(&mut Fields<'_>) -> Option<T>) -> Shape {
    let sketch = Sketch::default();
    read(&mut Fields::sketching(&sketch, Place::Body));
    sketch.body().unwrap_or_else(Shape::free_object)
}

fn list_shape(item: Shape, min: usize, max: usize) -> Shape {
    Shape::list_of(item).with_bounds(("minItems", min), ("maxItems", max))
}

fn read_items<T>(
    input: &Input<'_>,
    min: usize,
    max: usize,
    faults: &mut Faults,
    read: impl Fn(&Input<'_>, &mut Faults) -> Option<T>,
) -> Option<Vec<T>> {
    let Some(items) = input.value.as_array() else {
        faults.push(input.fault("list_type", "Input should be a valid list"));
        return None;
    };
    let after_validation = format!("after validation, not {}", items.len());
    if items.len() > max {
        let msg = format!("List should have at most {} {after_validation}", counted(max, "item"));
        let fault =
            input.fault("too_long", msg).with_bound("field_type", "List").with_bound("max_length", max);
        faults.push(fault.with_bound("actual_length", items.len()));
        return None;
    }
    if items.len() < min {
        let msg = format!("List should have at least {} {after_validation}", counted(min, "item"));
        let fault =
            input.fault("too_short", msg).with_bound("field_type", "List").with_bound("min_length", min);
        faults.push(fault.with_bound("actual_length", items.len()));
        return None;
    }
    let mut good = Vec::with_capacity(items.len());
    for (index, value) in items.iter().enumerate() {
        good.extend(read(&Input { value, loc: &Loc::Item(input.loc, index) }, faults));
        // Nobody hears of the faults after these.
        if faults.is_full() {
            return None;
        }
    }
    (good.len() == items.len()).then_some(good)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use serde_json::json;

    use super::super::tests::read;
    use super::super::{float, text};
    use super::*;

    fn points() -> impl Read<Value = Vec<(String, f64)>> {
        list(1..=3, |point: &mut Fields| {
            let ts = point.required("ts", text(..));
            let value = point.required("value", float());
            Some((ts?, value?))
        })
    }

    #[test]
    fn a_free_form_object_is_taken_as_it_is_and_nothing_else_is_one() {
        let sent = json!({"b": [1, {"c": null}], "a": "é"});

        assert_eq!(read(&object(), &sent).map(Value::Object), Ok(sent));
        for other in [json!(null), json!([]), json!("{}"), json!(1)] {
            assert_eq!(read(&object(), &other), Err("dict_type"), "{other}");
        }
    }

    #[test]
    fn a_list_keeps_to_its_length_and_to_its_type() {
        let point = json!({"ts": "2026-01-01", "value": 1});

        assert_eq!(read(&points(), &json!([point])), Ok(vec![("2026-01-01".into(), 1.0)]));
        assert_eq!(read(&points(), &json!([])), Err("too_short"));
        assert_eq!(read(&points(), &json!([point, point, point, 7])), Err("too_long"));
        assert_eq!(read(&points(), &json!({})), Err("list_type"));
        assert_eq!(read(&points(), &json!([7])), Err("model_attributes_type"));
        assert_eq!(read(&list_of(.., text(1..)), &json!(["a", ""])), Err("string_too_short"));
    }
}
