//! The shape of JSON that is read or answered: a JSON Schema (draft 2020-12, as OpenAPI 3.1 has it) with an example.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Where an OpenAPI document keeps the shapes that have a name.
const SCHEMAS: &str = "#/components/schemas/";

/// What a value looks like, and one that looks like it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    schema: Map<String, Value>,
    example: Value,
    /// The shapes with a name that the schema leads to.
    named: BTreeMap<&'static str, Value>,
    /// Whether a member of this shape may be left out of its object.
    optional: bool,
}

impl Shape {
    /// A shape by its JSON Schema, for what the other makers cannot say.
    pub fn of_schema(schema: &Value, example: Value) -> Self {
        let schema = schema.as_object().cloned().unwrap_or_default();
        Self { schema, example, named: BTreeMap::new(), optional: false }
    }

    /// Any JSON.
    pub fn any() -> Self {
        Self::of_schema(&json!({}), Value::Null)
    }

    /// Text.
    pub fn text() -> Self {
        Self::of_schema(&json!({"type": "string"}), json!("text"))
    }

    /// Text of so many code points; `usize::MAX` is no bound.
    pub fn text_of(min: usize, max: usize) -> Self {
        Self::text().with_bounds(("minLength", min), ("maxLength", max))
    }

    /// A UUID.
    pub fn id() -> Self {
        let example = json!("7f3c1a52-8f0e-4d0b-9a53-2c8e5b7d1e40");
        Self::of_schema(&json!({"type": "string", "format": "uuid"}), example)
    }

    /// An instant of RFC 3339 in UTC.
    pub fn instant() -> Self {
        let example = json!("2026-02-10T12:00:00Z");
        Self::of_schema(&json!({"type": "string", "format": "date-time"}), example)
    }

    /// A day, `YYYY-MM-DD`.
    pub fn date() -> Self {
        Self::of_schema(&json!({"type": "string", "format": "date"}), json!("2026-02-10"))
    }

    /// One of a few spellings.
    pub fn one_of(spellings: &[&str]) -> Self {
        Self::of_schema(&json!({"type": "string", "enum": spellings}), json!(spellings.first()))
    }

    /// Always this value.
    pub fn constant(value: Value) -> Self {
        Self::of_schema(&json!({"const": value.clone()}), value)
    }

    /// A whole number.
    pub fn integer() -> Self {
        Self::of_schema(&json!({"type": "integer"}), json!(1))
    }

    /// A whole number, 0 or more.
    pub fn count() -> Self {
        Self::integer().at_least(0)
    }

    /// A number.
    pub fn number() -> Self {
        Self::of_schema(&json!({"type": "number"}), json!(1.5))
    }

    /// `true` or `false`.
    pub fn boolean() -> Self {
        Self::of_schema(&json!({"type": "boolean"}), json!(true))
    }

    /// An object of any members.
    pub fn free_object() -> Self {
        Self::of_schema(&json!({"type": "object"}), json!({}))
    }

    /// An object of these members. A member is there always, unless it is [`optional`](Self::optional).
    pub fn object<N: Into<String>>(members: impl IntoIterator<Item = (N, Self)>) -> Self {
        let (mut properties, mut required, mut example) = (Map::new(), Vec::new(), Map::new());
        let mut named = BTreeMap::new();
        for (name, member) in members {
            let name = name.into();
            if !member.optional {
                required.push(name.clone());
            }
            properties.insert(name.clone(), Value::Object(member.schema));
            example.insert(name, member.example);
            named.extend(member.named);
        }
        let mut schema = json!({"type": "object", "properties": properties});
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        Self { named, ..Self::of_schema(&schema, Value::Object(example)) }
    }

    /// An object that has a value of one shape under names that the caller chose; `name` is an example of one.
    pub fn map_of(name: &str, item: Self) -> Self {
        let schema = json!({"type": "object", "additionalProperties": item.schema});
        let example = Value::Object(Map::from_iter([(name.to_owned(), item.example)]));
        Self { named: item.named, ..Self::of_schema(&schema, example) }
    }

    /// A list.
    pub fn list_of(item: Self) -> Self {
        let schema = json!({"type": "array", "items": item.schema});
        Self { named: item.named, ..Self::of_schema(&schema, json!([item.example])) }
    }

    /// A value of any of these shapes; the first makes the example.
    pub fn any_of(shapes: impl IntoIterator<Item = Self>) -> Self {
        let (mut schemas, mut named, mut example) = (Vec::new(), BTreeMap::new(), None);
        for shape in shapes {
            schemas.push(shape.schema);
            named.extend(shape.named);
            example = example.or(Some(shape.example));
        }
        Self { named, ..Self::of_schema(&json!({"anyOf": schemas}), example.unwrap_or_default()) }
    }

    /// The same under a name, told once in a document however often it is used.
    #[must_use]
    pub fn named(mut self, name: &'static str) -> Self {
        let schema = json!({"$ref": format!("{SCHEMAS}{name}")});
        self.named.insert(name, Value::Object(self.schema));
        Self { named: self.named, ..Self::of_schema(&schema, self.example) }
    }

    /// The same or `null`.
    #[must_use]
    pub fn or_null(mut self) -> Self {
        match self.schema.get("type") {
            Some(Value::String(kind)) => {
                let kinds = json!([kind, "null"]);
                self.schema.insert("type".to_owned(), kinds);
                if let Some(Value::Array(spellings)) = self.schema.get_mut("enum") {
                    spellings.push(Value::Null);
                }
                self
            }
            _ => Self {
                schema: Map::from_iter([("anyOf".to_owned(), json!([self.schema, {"type": "null"}]))]),
                ..self
            },
        }
    }

    /// The same as a member that may be left out.
    #[must_use]
    pub fn optional(self) -> Self {
        Self { optional: true, ..self }
    }

    /// The same with words for people.
    #[must_use]
    pub fn about(self, text: &str) -> Self {
        self.with("description", json!(text))
    }

    /// The same with another example.
    #[must_use]
    pub fn like(self, example: impl Into<Value>) -> Self {
        Self { example: example.into(), ..self }
    }

    /// The same with a value for where nothing is said.
    #[must_use]
    pub fn or_else(self, default: impl Into<Value>) -> Self {
        let default = default.into();
        Self { example: default.clone(), optional: true, ..self }.with("default", default)
    }

    /// The same with a smallest number.
    #[must_use]
    pub fn at_least(self, min: i64) -> Self {
        self.with("minimum", json!(min))
    }

    /// The same with a largest number.
    #[must_use]
    pub fn at_most(self, max: i64) -> Self {
        self.with("maximum", json!(max))
    }

    /// The same with a keyword of JSON Schema.
    #[must_use]
    pub fn with(mut self, keyword: &str, value: Value) -> Self {
        self.schema.insert(keyword.to_owned(), value);
        self
    }

    /// The same with bounds, where they bound anything.
    #[must_use]
    pub(crate) fn with_bounds(
        self,
        (min_keyword, min): (&str, usize),
        (max_keyword, max): (&str, usize),
    ) -> Self {
        let bounded = if min > 0 { self.with(min_keyword, json!(min)) } else { self };
        if max < usize::MAX { bounded.with(max_keyword, json!(max)) } else { bounded }
    }

    /// The JSON Schema.
    pub fn schema(&self) -> &Map<String, Value> {
        &self.schema
    }

    /// A value of this shape.
    pub fn example(&self) -> &Value {
        &self.example
    }

    /// Whether a member of this shape may be left out.
    pub(crate) fn is_optional(&self) -> bool {
        self.optional
    }

    /// The shapes with a name that the schema leads to.
    pub(crate) fn into_named(self) -> BTreeMap<&'static str, Value> {
        self.named
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_asks_for_its_members_and_makes_its_own_example() {
        let kpi = Shape::object([
            ("name", Shape::text().like("MRR")),
            ("unit", Shape::text().or_null().like(Value::Null)),
            ("points", Shape::list_of(Shape::number()).optional()),
        ]);

        assert_eq!(
            Value::Object(kpi.schema().clone()),
            json!({"type": "object", "required": ["name", "unit"], "properties": {
                "name": {"type": "string"},
                "unit": {"type": ["string", "null"]},
                "points": {"type": "array", "items": {"type": "number"}},
            }})
        );
        assert_eq!(kpi.example(), &json!({"name": "MRR", "unit": null, "points": [1.5]}));
    }

    #[test]
    fn a_named_shape_is_told_once_and_led_to() {
        let point = Shape::object([("value", Shape::number())]).named("Point");
        let latest = Shape::object([("point", point.or_null()), ("at", Shape::instant())]).named("Latest");

        assert_eq!(Value::Object(latest.schema().clone()), json!({"$ref": "#/components/schemas/Latest"}));
        let named = latest.into_named();
        assert_eq!(named.keys().copied().collect::<Vec<_>>(), ["Latest", "Point"]);
        assert_eq!(
            named["Latest"]["properties"]["point"],
            json!({"anyOf": [{"$ref": "#/components/schemas/Point"}, {"type": "null"}]})
        );
    }
}
