//! From routes with their promises to a document.

use std::collections::{BTreeMap, BTreeSet};

use bespin_web::describe::{Content, Described, Operation, Parameter, Place, Promise, Refusal, Route, Shape};
use serde_json::{Map, Value, json};

use crate::refusals::{detail, sentence};

/// What an operation says that answers exactly as the same method of another path.
pub const ALIAS_OF: &str = "x-alias-of";

const ABOUT: &str = "The back office of an AI product: tenants and roles, tools, metering with a ledger, plans and \
    limits, KPIs and daily briefs, notifications, budgets of providers. JSON in, JSON out, UTF-8. Every answer carries \
    `X-Request-ID`; every error is one envelope, whose `error` is a stable code to switch on.";

/// The routes of one function.
#[derive(Debug, Clone)]
pub struct Area {
    /// Its name.
    pub name: &'static str,
    /// What it is for, in a line.
    pub about: &'static str,
    /// What it promises.
    pub described: Described,
}

/// The document of all areas together. The same areas give the same bytes.
pub fn document(areas: &[Area]) -> Value {
    let mut document = Document::default();
    for area in areas {
        for route in &area.described.routes {
            document.add(area, route);
        }
    }
    let tags: Vec<_> =
        areas.iter().map(|area| json!({"name": area.name, "description": area.about})).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Bespin",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": tags,
        "paths": document.paths,
        "components": {
            "securitySchemes": security_schemes(),
            "headers": headers(),
            "schemas": document.schemas,
            "responses": document.responses,
        },
    })
}

struct Document {
    paths: Map<String, Value>,
    schemas: BTreeMap<&'static str, Value>,
    responses: BTreeMap<String, Value>,
    aliases: u32,
}

impl Default for Document {
    fn default() -> Self {
        let schemas = BTreeMap::from([("Problem", problem()), ("FieldFault", field_fault())]);
        Self { paths: Map::new(), schemas, responses: BTreeMap::new(), aliases: 0 }
    }
}

impl Document {
    fn add(&mut self, area: &Area, route: &Route) {
        let described = match &route.promise {
            Promise::Own(operation) => {
                self.schemas.extend(operation.named_shapes());
                self.operation(area.name, &route.path, operation)
            }
            Promise::SameAs(path) => {
                let own = area.described.routes.iter().find_map(|own| match &own.promise {
                    Promise::Own(operation) if own.path == *path && own.method == route.method => {
                        Some(operation)
                    }
                    _ => None,
                });
                let Some(operation) = own else { return };
                let mut described = self.operation(area.name, &route.path, operation);
                // Every operation needs a name of its own, however alike two are.
                self.aliases += 1;
                described["operationId"] = json!(format!("{}Alias{}", operation.id, self.aliases));
                described[ALIAS_OF] = json!(path);
                described
            }
        };
        let path = self.paths.entry(route.path.clone()).or_insert_with(|| json!({}));
        path[route.method.as_str().to_ascii_lowercase()] = described;
    }

    fn operation(&mut self, tag: &str, path: &str, operation: &Operation) -> Value {
        let alternative = |schemes: &&[&str]| -> Value {
            schemes.iter().map(|scheme| ((*scheme).to_owned(), json!([]))).collect::<Map<_, _>>().into()
        };
        let security: Vec<Value> = operation.audience.schemes.iter().map(alternative).collect();
        let mut described = json!({
            "operationId": operation.id, "tags": [tag], "summary": operation.summary, "security": security,
        });
        if !operation.description.is_empty() {
            described["description"] = json!(operation.description);
        }
        let parameters: Vec<Value> = operation.parameters(path).iter().map(parameter).collect();
        if !parameters.is_empty() {
            described["parameters"] = json!(parameters);
        }
        if let Some((content, required)) = &operation.reads {
            described["requestBody"] = json!({"required": required, "content": media(content)});
        }
        let mut responses = Map::new();
        for (status, (about, content)) in &operation.successes {
            let mut headers = json!({"X-Request-ID": {"$ref": "#/components/headers/RequestId"}});
            for (name, shape) in &operation.answer_headers {
                headers[*name] = json!({"schema": shape.schema()});
            }
            let mut response = json!({"description": about, "headers": headers});
            if *content != Content::Empty {
                response["content"] = media(content);
            }
            responses.insert(status.to_string(), response);
        }
        for (status, codes) in by_status(&operation.refusals()) {
            let name = format!("{status}-{}", codes.join("-"));
            responses.insert(status.to_string(), json!({"$ref": format!("#/components/responses/{name}")}));
            self.responses.entry(name).or_insert_with(|| refused(status, &codes));
        }
        described["responses"] = Value::Object(responses);
        described
    }
}

fn by_status(refusals: &BTreeSet<Refusal>) -> BTreeMap<u16, Vec<&'static str>> {
    let mut statuses: BTreeMap<u16, Vec<&'static str>> = BTreeMap::new();
    for (status, code) in refusals {
        statuses.entry(*status).or_default().push(code);
    }
    statuses
}

fn parameter(parameter: &Parameter) -> Value {
    let place = match parameter.place {
        Place::Path => "path",
        Place::Query => "query",
        Place::Header | Place::Body => "header",
    };
    let mut schema = parameter.shape.schema().clone();
    let about = schema.remove("description");
    let mut described = json!({
        "name": parameter.name, "in": place, "required": parameter.required, "schema": schema,
    });
    if let Some(about) = about {
        described["description"] = about;
    }
    // Of what may be left out, an example would be taken for a proposal.
    if parameter.required {
        described["example"] = parameter.shape.example().clone();
    }
    described
}

fn media(content: &Content) -> Value {
    match content {
        Content::Empty => json!({}),
        Content::Json(shape) => {
            json!({"application/json": {"schema": shape.schema(), "example": shape.example()}})
        }
        Content::Form(shape) => json!({"application/x-www-form-urlencoded": {"schema": shape.schema()}}),
        Content::Other(kinds) => {
            kinds.iter().map(|kind| ((*kind).to_owned(), json!({"schema": {"type": "string"}}))).collect()
        }
    }
}

/// All errors of one status that an operation may answer.
fn refused(status: u16, codes: &[&'static str]) -> Value {
    let mut headers = json!({"X-Request-ID": {"$ref": "#/components/headers/RequestId"}});
    if [409, 429, 503].contains(&status) {
        headers["Retry-After"] = json!({"$ref": "#/components/headers/RetryAfter"});
    }
    let examples: Map<String, Value> =
        codes.iter().map(|code| ((*code).to_owned(), json!({"value": example(status, code)}))).collect();
    let schema = json!({"$ref": "#/components/schemas/Problem", "properties": {"error": {"enum": codes}}});
    json!({
        "description": reason(status), "headers": headers,
        "content": {"application/json": {"schema": schema, "examples": examples}},
    })
}

fn reason(status: u16) -> &'static str {
    match status {
        400 => "The request cannot be understood",
        401 => "Nobody is proved to have sent it",
        403 => "The user, its role or the subscription does not allow it",
        404 => "There is no such thing, or none that the caller may know of",
        409 => "It contradicts what is stored",
        413 => "The body is too large",
        422 => "Fields are missing or wrong; `detail` names each",
        429 => "A limit is reached, or too many requests at once",
        500 => "Our own mistake; the log has it under the request id",
        503 => "Something we stand on does not answer; try again later",
        _ => "It is refused",
    }
}

fn example(status: u16, code: &str) -> Value {
    let message = sentence(code).unwrap_or(code);
    let mut problem = json!({
        "status": status, "error": code, "message": message, "request_id": Shape::id().example(),
        "detail": message,
    });
    if let Some(detail) = detail(code) {
        for (name, value) in detail.as_object().into_iter().flatten() {
            problem[name] = value.clone();
        }
        problem["detail"] = detail;
    }
    problem
}

fn problem() -> Value {
    json!({
        "type": "object",
        "description": "Every error. Members of an object `detail` stand at the top level too, and win where names collide.",
        "required": ["status", "error", "message", "request_id", "detail"],
        "properties": {
            "status": {
                "type": ["integer", "string"],
                "description": "The HTTP status, unless `detail` has a member of this name",
            },
            "error": {"type": "string", "description": "A stable code to switch on"},
            "message": {"type": "string", "description": "A sentence for people"},
            "request_id": Shape::id().about("As in `X-Request-ID`").schema(),
            "detail": {
                "description": "The message once more, what else there is to know, or the faulty fields of a 422",
                "anyOf": [
                    {"type": "string"},
                    {"type": "object"},
                    {"type": "array", "maxItems": 100, "items": {"$ref": "#/components/schemas/FieldFault"}},
                ],
            },
        },
        // Whatever an object `detail` has.
        "additionalProperties": true,
    })
}

fn field_fault() -> Value {
    json!({
        "type": "object",
        "required": ["type", "loc", "msg"],
        "properties": {
            "type": {"type": "string", "description": "A stable kind such as `string_too_short`"},
            "loc": {
                "type": "array", "items": {"type": ["string", "integer"]},
                "description": "`body`, `query`, `path` or `header`, then the way to the field",
            },
            "msg": {"type": "string", "description": "A sentence for people"},
            "input": {"description": "The offending value, unless it is above 1 KiB or secret"},
            "ctx": {"type": "object", "description": "The violated bound"},
        },
    })
}

fn headers() -> Value {
    json!({
        "RequestId": {
            "description": "Id of the request; the log and the ledger have it, too", "required": true,
            "schema": Shape::id().schema(),
        },
        "RetryAfter": {
            "description": "After how many seconds the same request may pass",
            "schema": Shape::integer().at_least(1).schema(),
        },
    })
}

fn security_schemes() -> Value {
    let header = |name: &str, about: &str| json!({"type": "apiKey", "in": "header", "name": name, "description": about});
    json!({
        "tenantId": header("X-Tenant-ID", "Id of the tenant"),
        "userId": header("X-User-ID", "Id of a user of that tenant"),
        "apiKey": header("X-API-Key", "An API key of that tenant"),
        "platformAdminKey": header(
            "X-Platform-Admin-Key",
            "A key of the operator of the platform. Without one the routes that need it answer 404, as if there were none",
        ),
        "consoleSession": {
            "type": "apiKey", "in": "cookie", "name": "bespin_console",
            "description": "A session of the dev console: begun by its key, once, in the query parameter `key` of any of \
                its pages (303 to the clean address) or by its form. Without either these routes answer 422; with a wrong \
                key, or where there is no console, 404",
        },
        "bearer": {
            "type": "http", "scheme": "bearer",
            "description": "An API key alone: one of a user acts as that user, one of all users as an admin of its tenant",
        },
    })
}
