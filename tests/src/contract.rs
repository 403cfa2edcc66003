//! Holds every answer against the OpenAPI document: a status and a code that are declared, a body of the declared shape and
//! of no more members, the declared headers.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use bespin_fn_docs::OPENAPI;
use jsonschema::Validator;
use serde_json::{Map, Value, json};

use crate::Reply;

static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::read);

/// Checks one answer. What no operation describes is not judged: unknown routes and methods, redirects to the same
/// route, and what the test clock refuses.
///
/// # Panics
///
/// When the answer is not as promised.
pub(crate) fn check(method: &str, path: &str, reply: &Reply) {
    if let Some(fault) = CONTRACT.fault(method, path, reply) {
        panic!("{method} {path} breaks its contract: {fault}\n{} {}", reply.status, reply.text);
    }
}

/// The route that a request is for, as the document has it: `GET /v1/kpis/{kpi_id}/latest`.
pub(crate) fn route(method: &str, path: &str) -> Option<String> {
    let (template, _) = CONTRACT.operation(method, path)?;
    Some(format!("{method} {template}"))
}

struct Contract {
    document: Value,
    /// Paths as segments, those with fewer placeholders first.
    paths: Vec<(Vec<String>, String)>,
    /// The named shapes, without room for members that they do not name.
    components: Value,
    compiled: Mutex<HashMap<String, Arc<Validator>>>,
}

impl Contract {
    fn read() -> Self {
        let document: Value = serde_json::from_str(OPENAPI).expect("a document of ours");
        let segments = |path: &String| path.split('/').map(str::to_owned).collect();
        let named = |path: &String| (segments(path), path.clone());
        let mut paths: Vec<_> = document["paths"].as_object().unwrap().keys().map(named).collect();
        paths.sort_by_key(|(_, path)| path.matches('{').count());
        let mut components = json!({"schemas": document["components"]["schemas"]});
        close(&mut components);
        Self { document, paths, components, compiled: Mutex::default() }
    }

    /// What the document says of a request, and the path by which it says it.
    fn operation(&self, method: &str, path: &str) -> Option<(&str, &Value)> {
        let asked = path.split('?').next().unwrap_or_default();
        let (_, template) = self.paths.iter().find(|(segments, _)| matches(segments, asked))?;
        let operation = self.document["paths"][template].get(method.to_ascii_lowercase())?;
        Some((template, operation))
    }

    fn fault(&self, method: &str, path: &str, reply: &Reply) -> Option<String> {
        let (template, operation) = self.operation(method, path)?;
        let said = serde_json::from_str::<Value>(&reply.text).unwrap_or_default();
        if reply.status == 405 || reply.status == 307 || said["error"] == "invalid_test_clock" {
            return None;
        }
        let Some(response) = operation["responses"].get(reply.status.to_string()) else {
            return Some("the status is not declared".to_owned());
        };
        let response = self.resolve(response);
        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            if self.resolve(header)["required"] == true && reply.header(name).is_none() {
                return Some(format!("{name} is missing"));
            }
        }
        let content_type = reply.header("content-type").unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default();
        // The console refuses browsers with a page.
        let is_page_of_refusal =
            template.starts_with("/console") && reply.status >= 400 && media_type == "text/html";
        match response["content"].get(media_type) {
            Some(media) if media_type == "application/json" => self.validate(
                &format!("{template} {method} {}", reply.status),
                &media["schema"],
                &reply.json(),
            ),
            Some(_) => None,
            None if reply.text.is_empty() || is_page_of_refusal => None,
            None => Some(format!("{media_type} is not declared")),
        }
    }

    fn validate(&self, name: &str, schema: &Value, body: &Value) -> Option<String> {
        let validator = {
            let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
            let compile = || Arc::new(self.compile(schema));
            Arc::clone(compiled.entry(name.to_owned()).or_insert_with(compile))
        };
        let faults: Vec<String> = validator
            .iter_errors(body)
            .map(|fault| format!("{} at {:?}", fault, fault.instance_path().to_string()))
            .collect();
        (!faults.is_empty()).then(|| faults.join("; "))
    }

    fn compile(&self, schema: &Value) -> Validator {
        let mut root = schema.clone();
        close(&mut root);
        root["components"] = self.components.clone();
        let options = jsonschema::options().with_draft(jsonschema::Draft::Draft202012);
        options.should_validate_formats(true).build(&root).expect("a schema of ours")
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let target = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        target.and_then(|pointer| self.document.pointer(pointer)).unwrap_or(value)
    }
}

fn matches(template: &[String], path: &str) -> bool {
    let mut asked = path.split('/');
    let fits = template.iter().all(|segment| {
        asked.next().is_some_and(|step| step == segment || (segment.starts_with('{') && !step.is_empty()))
    });
    fits && asked.next().is_none()
}

/// Lets no object have members that its shape does not name. Clients are promised nothing of the kind; but whoever adds a
/// member must tell it.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            let is_object = members.get("properties").is_some_and(is_properties);
            let is_open = members.contains_key("additionalProperties") || members.contains_key("$ref");
            if is_object && !is_open {
                members.insert("additionalProperties".to_owned(), json!(false));
            }
            members.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// Whether this is the `properties` of a shape, and not a member that happens to have the name.
fn is_properties(properties: &Value) -> bool {
    let schemas = |members: &Map<String, Value>| members.values().all(Value::is_object);
    properties.as_object().is_some_and(schemas)
}
