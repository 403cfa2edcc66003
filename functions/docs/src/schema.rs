//! A JSON Schema as rows that people can read: one for each member, however deep.

use serde_json::{Map, Value};

/// Schemas do not contain themselves; this is deeper than any of them.
const MAX_DEPTH: usize = 12;

/// One member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// The way to it: `points[].ts`.
    pub(crate) name: String,
    /// What it is: `text or null`.
    pub(crate) kind: String,
    /// Whether it may be left out.
    pub(crate) optional: bool,
    /// Its bounds and its default, if there are any.
    pub(crate) bounds: String,
    /// What it is for.
    pub(crate) about: String,
}

/// Reads the schemas of a document.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    document: &'a Value,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(document: &'a Value) -> Self {
        Self { document }
    }

    /// What a reference leads to, or the value itself.
    pub(crate) fn resolve(self, value: &'a Value) -> &'a Value {
        let target = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        target.and_then(|pointer| self.document.pointer(pointer)).unwrap_or(value)
    }

    /// The members of a schema, and theirs. A schema that is no object is one row without a name.
    pub(crate) fn rows(self, schema: &'a Value) -> Vec<Row> {
        let mut rows = Vec::new();
        let resolved = self.resolve(schema);
        if resolved["properties"].is_object() {
            self.members(resolved, "", 0, &mut rows);
        } else {
            self.value("", schema, false, 0, &mut rows);
        }
        rows
    }

    /// One value with what is in it.
    pub(crate) fn value(
        self,
        name: &str,
        schema: &'a Value,
        optional: bool,
        depth: usize,
        rows: &mut Vec<Row>,
    ) {
        let resolved = self.resolve(schema);
        let about = schema["description"].as_str().or(resolved["description"].as_str()).unwrap_or_default();
        rows.push(Row {
            name: name.to_owned(),
            kind: self.kind(schema),
            optional,
            bounds: bounds(resolved),
            about: about.to_owned(),
        });
        if depth < MAX_DEPTH {
            self.inside(name, resolved, depth + 1, rows);
        }
    }

    fn inside(self, name: &str, schema: &'a Value, depth: usize, rows: &mut Vec<Row>) {
        let schema = self.resolve(schema);
        if let Some(items) = schema.get("items") {
            self.inside(&format!("{name}[]"), items, depth, rows);
        }
        if let Some(item) = schema.get("additionalProperties").filter(|item| item.is_object()) {
            self.inside(&format!("{name}.*"), item, depth, rows);
        }
        for alternative in alternatives(schema) {
            self.inside(name, alternative, depth, rows);
        }
        self.members(schema, name, depth, rows);
    }

    fn members(self, schema: &'a Value, inside: &str, depth: usize, rows: &mut Vec<Row>) {
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            let path = if inside.is_empty() { name.clone() } else { format!("{inside}.{name}") };
            if !rows.iter().any(|row| row.name == path) {
                self.value(&path, member, !required.contains(&name.as_str()), depth, rows);
            }
        }
    }

    /// What a value is, in words.
    fn kind(self, schema: &'a Value) -> String {
        let schema = self.resolve(schema);
        if let Some(constant) = schema.get("const") {
            return constant.to_string();
        }
        if let Some(spellings) = schema["enum"].as_array() {
            let spellings: Vec<String> = spellings.iter().map(ToString::to_string).collect();
            return spellings.join(" or ");
        }
        let any: Vec<String> = alternatives(schema).map(|alternative| self.kind(alternative)).collect();
        if !any.is_empty() {
            let mut distinct: Vec<String> = Vec::new();
            for kind in any {
                if !distinct.contains(&kind) {
                    distinct.push(kind);
                }
            }
            return distinct.join(" or ");
        }
        let kinds: Vec<&str> = match &schema["type"] {
            Value::String(kind) => vec![kind],
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            _ => return "any JSON".to_owned(),
        };
        let named: Vec<String> = kinds.into_iter().map(|kind| self.named(kind, schema)).collect();
        named.join(" or ")
    }

    fn named(self, kind: &str, schema: &'a Value) -> String {
        match (kind, schema["format"].as_str()) {
            ("string", Some("date-time")) => "instant".to_owned(),
            ("string", Some("uuid")) => "UUID".to_owned(),
            ("string", Some(format)) => format.to_owned(),
            ("string", None) => "text".to_owned(),
            ("integer", _) => "whole number".to_owned(),
            ("array", _) => match schema.get("items") {
                Some(items) => format!("list of {}", self.kind(items)),
                None => "list".to_owned(),
            },
            (kind, _) => kind.to_owned(),
        }
    }
}

fn alternatives(schema: &Value) -> impl Iterator<Item = &Value> {
    ["anyOf", "oneOf"].into_iter().flat_map(|keyword| schema[keyword].as_array().into_iter().flatten())
}

/// The bounds of a value, in words.
fn bounds(schema: &Value) -> String {
    let schema = schema.as_object().cloned().unwrap_or_default();
    let range = |(min, max): (&str, &str), unit: &str| {
        let bound = |name: &str| schema.get(name).map(ToString::to_string);
        let text = match (bound(min), bound(max)) {
            (Some(min), Some(max)) => format!("{min} to {max}"),
            (Some(min), None) => format!("{min} or more"),
            (None, Some(max)) => format!("at most {max}"),
            (None, None) => return None,
        };
        Some(if unit.is_empty() { text } else { format!("{text} {unit}") })
    };
    let said = [
        range(("minimum", "maximum"), ""),
        range(("minLength", "maxLength"), "characters"),
        range(("minItems", "maxItems"), "items"),
        range(("minProperties", "maxProperties"), "members"),
        text(&schema, "pattern", "like"),
        text(&schema, "default", "default"),
    ];
    said.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn text(schema: &Map<String, Value>, keyword: &str, word: &str) -> Option<String> {
    Some(format!("{word} {}", schema.get(keyword)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_told_with_their_ways_kinds_and_bounds() {
        let document = json!({"components": {"schemas": {"Point": {
            "type": "object", "required": ["ts"],
            "properties": {"ts": {"type": "string", "format": "date-time"}, "value": {"type": "number"}},
        }}}});
        let schema = json!({"type": "object", "required": ["points"], "properties": {
            "points": {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/Point"}},
            "unit": {"type": ["string", "null"], "maxLength": 50, "description": "Such as GBP"},
            "days": {"type": "integer", "minimum": 1, "maximum": 365, "default": 7},
        }});

        let rows = Reader::new(&document).rows(&schema);

        let told: Vec<_> = rows
            .iter()
            .map(|row| (row.name.as_str(), row.kind.as_str(), row.optional, row.bounds.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("points", "list of object", false, "1 or more items"),
                ("points[].ts", "instant", false, ""),
                ("points[].value", "number", true, ""),
                ("unit", "text or null", true, "at most 50 characters"),
                ("days", "whole number", true, "1 to 365; default 7"),
            ]
        );
        assert_eq!(rows[3].about, "Such as GBP");
    }

    #[test]
    fn what_may_be_one_thing_or_another_tells_both() {
        let document = json!({});
        let schema = json!({"anyOf": [
            {"type": "object", "properties": {"echo": {"type": "object"}}},
            {"type": "object", "properties": {"error": {"const": "gone"}}},
        ]});

        let rows = Reader::new(&document).rows(&schema);

        let told: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.kind.as_str())).collect();
        assert_eq!(told, [("", "object"), ("echo", "object"), ("error", "\"gone\"")]);
    }
}
