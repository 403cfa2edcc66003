//! What one route promises, in words and shapes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::call::{Call, MAX_KEY_LENGTH};
use crate::describe::{Shape, Sketch};
use crate::fields::Body;
use crate::problem::Problem;

/// Where in a request a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A placeholder of the path.
    Path,
    /// A parameter of the query.
    Query,
    /// A header.
    Header,
    /// A member of the body.
    Body,
}

/// The status and the code of an error.
pub type Refusal = (u16, &'static str);

/// What every route may answer: this process or the store has too much to do, or something is broken.
const ALWAYS: [Refusal; 4] =
    [(429, "rate_limited"), (429, "contended"), (500, "internal_error"), (503, "store_unavailable")];

/// Who may call a route, and how those are refused who may not.
#[derive(Debug, PartialEq, Eq)]
pub struct Audience {
    /// Alternatives, each of them the names of security schemes that are needed together. None at all is everybody.
    pub schemes: &'static [&'static [&'static str]],
    /// Errors by status and code.
    pub refusals: &'static [Refusal],
}

/// A parameter beside the body.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Where it is.
    pub place: Place,
    /// Its name.
    pub name: String,
    /// What it looks like, and what it is for.
    pub shape: Shape,
    /// Whether the request needs it.
    pub required: bool,
}

/// What is in a body that is answered or sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Nothing.
    Empty,
    /// JSON of this shape.
    Json(Shape),
    /// A form with these fields.
    Form(Shape),
    /// Text of one of these media types.
    Other(&'static [&'static str]),
}

/// What one route promises.
#[derive(Debug, Clone)]
pub struct Operation {
    /// A name that no other operation has, `createKpi`.
    pub id: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    /// What else there is to know: Markdown with code spans only.
    pub description: &'static str,
    /// Who may call it.
    pub audience: &'static Audience,
    /// The body it reads, and whether it needs one.
    pub reads: Option<(Content, bool)>,
    /// Success by status: what is answered, in a line, and its body.
    pub successes: BTreeMap<u16, (&'static str, Content)>,
    /// Headers of a success, beside those that every answer has.
    pub answer_headers: Vec<(&'static str, Shape)>,
    parameters: Vec<Parameter>,
    notes: BTreeMap<&'static str, (&'static str, Option<&'static str>)>,
    refusals: BTreeSet<Refusal>,
}

impl Operation {
    /// An operation that reads nothing and never succeeds yet.
    pub fn new(id: &'static str, summary: &'static str, audience: &'static Audience) -> Self {
        Self {
            id,
            summary,
            description: "",
            audience,
            reads: None,
            successes: BTreeMap::new(),
            answer_headers: Vec::new(),
            parameters: Vec::new(),
            notes: BTreeMap::new(),
            refusals: BTreeSet::from(ALWAYS),
        }
    }

    /// What else there is to know.
    #[must_use]
    pub fn says(self, description: &'static str) -> Self {
        Self { description, ..self }
    }

    /// It reads this JSON body, and refuses all others.
    #[must_use]
    pub fn body<T>(self, parse: fn(&Body) -> Result<T, Problem>) -> Self {
        self.reads(|call| call.json().and_then(|body| parse(&body)).map(drop), true)
    }

    /// The same, where no body is as good as an empty object.
    #[must_use]
    pub fn optional_body<T>(self, parse: fn(&Body) -> Result<T, Problem>) -> Self {
        self.reads(|call| call.json().and_then(|body| parse(&body)).map(drop), false)
    }

    /// It reads this query, or what else `parse` reads of the call beside its body.
    #[must_use]
    pub fn query<T>(self, parse: fn(&Call) -> Result<T, Problem>) -> Self {
        self.reads(|call| parse(call).map(drop), false)
    }

    /// It reads a body and a query together.
    #[must_use]
    pub fn body_and_query<T>(self, parse: fn(&Body, &Call) -> Result<T, Problem>) -> Self {
        self.reads(|call| call.json().and_then(|body| parse(&body, call)).map(drop), true)
    }

    /// It takes this parameter of the query.
    #[must_use]
    pub fn takes(mut self, name: &str, shape: Shape) -> Self {
        let required = !shape.is_optional();
        self.parameters.push(Parameter { place: Place::Query, name: name.to_owned(), shape, required });
        self.refuses(&[(422, "invalid_request")])
    }

    /// It reads this header.
    #[must_use]
    pub fn header(mut self, name: &str, shape: Shape) -> Self {
        let required = !shape.is_optional();
        self.parameters.push(Parameter { place: Place::Header, name: name.to_owned(), shape, required });
        self
    }

    /// What several operations have in common.
    #[must_use]
    pub fn with(self, common: fn(Self) -> Self) -> Self {
        common(self)
    }

    /// It reads a body that no parser of ours reads field by field.
    #[must_use]
    pub fn content(mut self, content: Content) -> Self {
        self.reads = Some((content, true));
        self.refuses(&[(413, "body_too_large")])
    }

    /// Runs a parser to see what it asks for. What it gives does not matter.
    fn reads(mut self, parse: impl FnOnce(&Call) -> Result<(), Problem>, needs_body: bool) -> Self {
        let sketch = Sketch::default();
        let _ = parse(&Call::sketching(sketch.clone()));
        for place in [Place::Path, Place::Query] {
            for (name, shape) in sketch.fields(place) {
                let required = place == Place::Path || !shape.is_optional();
                self.parameters.push(Parameter { place, name, shape, required });
            }
        }
        if let Some(body) = sketch.body() {
            self.reads = Some((Content::Json(body), needs_body));
            self = self.refuses(&[(400, "unreadable_body"), (413, "body_too_large")]);
        }
        self.refuses(&[(422, "invalid_request")])
    }

    /// What the body is like, where the example that its parser makes is none that would be sent.
    #[must_use]
    pub fn body_like(mut self, example: Value) -> Self {
        if let Some((Content::Json(shape), needed)) = self.reads {
            self.reads = Some((Content::Json(shape.like(example)), needed));
        }
        self
    }

    /// It asks for an `Idempotency-Key`.
    #[must_use]
    pub fn idempotent(self) -> Self {
        self.with_key(1, "Under one key a request has one effect and one answer, kept at least 24 hours")
            .refuses(&[(400, "missing_header")])
    }

    /// It takes an `Idempotency-Key`, if there is one.
    #[must_use]
    pub fn idempotent_if_asked(self) -> Self {
        self.with_key(0, "Under one key a request has one effect and one answer, kept at least 24 hours; without one, none of that")
    }

    fn with_key(mut self, min: usize, about: &str) -> Self {
        let shape = Shape::text_of(min, MAX_KEY_LENGTH).about(about).like("order-4711");
        let name = "Idempotency-Key".to_owned();
        self.parameters.push(Parameter { place: Place::Header, name, shape, required: min > 0 });
        self.refuses(&[(422, "invalid_request"), (409, "idempotency_conflict")])
    }

    /// What a placeholder of the path stands for, with an example.
    #[must_use]
    pub fn path(mut self, name: &'static str, about: &'static str, example: Option<&'static str>) -> Self {
        self.notes.insert(name, (about, example));
        self
    }

    /// A success with JSON.
    #[must_use]
    pub fn answers(mut self, status: u16, about: &'static str, shape: Shape) -> Self {
        self.successes.insert(status, (about, Content::Json(shape)));
        self
    }

    /// A success with something else than JSON.
    #[must_use]
    pub fn answers_with(mut self, status: u16, about: &'static str, content: Content) -> Self {
        self.successes.insert(status, (about, content));
        self
    }

    /// A header of a success, where there is something to tell.
    #[must_use]
    pub fn tells(mut self, header: &'static str, shape: Shape) -> Self {
        self.answer_headers.push((header, shape));
        self
    }

    /// Errors that it may answer.
    #[must_use]
    pub fn refuses(mut self, refusals: &[Refusal]) -> Self {
        self.refusals.extend(refusals);
        self
    }

    /// All errors that it may answer.
    pub fn refusals(&self) -> BTreeSet<Refusal> {
        self.refusals.iter().chain(self.audience.refusals).copied().collect()
    }

    /// Its parameters beside the body: those of the path in their order, then the others.
    pub fn parameters(&self, path: &str) -> Vec<Parameter> {
        let read = |place: Place, name: &str| {
            self.parameters.iter().find(|parameter| parameter.place == place && parameter.name == name)
        };
        let names =
            path.split('/').filter_map(|step| step.strip_prefix('{')?.split_once('}').map(|(name, _)| name));
        let of_path = names.map(|name| {
            let shape = read(Place::Path, name).map_or_else(Shape::text, |parameter| parameter.shape.clone());
            let shape = match self.notes.get(name) {
                Some((about, Some(example))) => shape.about(about).like(*example),
                Some((about, None)) => Shape::id().about(about),
                None => shape,
            };
            Parameter { place: Place::Path, name: name.to_owned(), shape, required: true }
        });
        let others = self.parameters.iter().filter(|parameter| parameter.place != Place::Path).cloned();
        of_path.chain(others).collect()
    }

    /// The shapes with a name in all that it reads and answers.
    pub fn named_shapes(&self) -> BTreeMap<&'static str, Value> {
        let answered = self.successes.values().map(|(_, content)| content);
        let sent = self.reads.iter().map(|(content, _)| content);
        let json = answered.chain(sent).filter_map(|content| match content {
            Content::Json(shape) | Content::Form(shape) => Some(shape.clone().into_named()),
            Content::Empty | Content::Other(_) => None,
        });
        json.flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fields;
    use crate::read::{Read, clamped, integer, list, members, text};

    const STRANGERS: Audience = Audience { schemes: &[], refusals: &[] };

    fn order(body: &Body) -> Result<(), Problem> {
        let mut fields = body.fields()?;
        let name = fields.required("name", text(1..=255).about("What it is called"));
        let unit = fields.optional("unit", text(..=50));
        let days = fields.or("days", 7, integer(1..=365));
        let size = fields.optional("size", members(|size| size.required("width", integer(0..))));
        let points = fields.required("points", list(1..=10, |item| item.required("value", integer(..))));
        fields.finish(|| {
            let (_, _, _, _, _) = (name?, unit?, days?, size?, points?);
            Some(())
        })
    }

    fn placed(body: &Body, call: &Call) -> Result<(), Problem> {
        let mut query = call.query();
        let project = query.or("limit", 100, clamped(1..=500));
        let placed = query.finish(|| project);
        order(body)?;
        placed.map(drop)
    }

    #[test]
    fn what_a_parser_asks_for_is_what_the_document_says() {
        let operation = Operation::new("order", "Order", &STRANGERS).body(order);

        let schema = |content: &Content| match content {
            Content::Json(body) => Value::Object(body.schema().clone()),
            Content::Empty | Content::Form(_) | Content::Other(_) => Value::Null,
        };
        assert_eq!(
            operation.reads.as_ref().map(|(content, needed)| (schema(content), *needed)),
            Some((
                json!({"type": "object", "required": ["name", "points"], "properties": {
                    "name": {"type": "string", "minLength": 1, "maxLength": 255, "description": "What it is called"},
                    "unit": {"type": ["string", "null"], "maxLength": 50},
                    "days": {"type": "integer", "minimum": 1, "maximum": 365, "default": 7},
                    "size": {"type": ["object", "null"], "required": ["width"],
                             "properties": {"width": {"type": "integer", "minimum": 0}}},
                    "points": {"type": "array", "minItems": 1, "maxItems": 10, "items": {
                        "type": "object", "required": ["value"], "properties": {"value": {"type": "integer"}}}},
                }}),
                true
            ))
        );
        assert!(operation.refusals().contains(&(413, "body_too_large")));
    }

    #[test]
    fn a_query_becomes_parameters_and_the_path_its_placeholders() {
        let operation =
            Operation::new("list", "List", &STRANGERS).body_and_query(placed).path("kpi_id", "The KPI", None);

        let parameters = operation.parameters("/v1/kpis/{kpi_id}/points:bulk");

        let named: Vec<_> =
            parameters.iter().map(|found| (found.place, found.name.as_str(), found.required)).collect();
        assert_eq!(named, [(Place::Path, "kpi_id", true), (Place::Query, "limit", false)]);
        assert_eq!(parameters[1].shape.schema()["description"], "Moved into 1 to 500");
        assert!(operation.reads.is_some());
    }

    #[test]
    fn a_sketched_parser_gives_nothing() {
        assert!(order(&Body(fields::Content::Sketch(Sketch::default()))).is_err());
    }
}
