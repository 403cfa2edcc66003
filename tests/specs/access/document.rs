//! The OpenAPI document: it is the one that the functions promise, and whole. That answers are as it says is held at every
//! answer of every specification.

use std::collections::BTreeSet;

use bespin_fn_docs::OPENAPI;
use bespin_local::Function;
use bespin_tests::World;
use serde_json::{Value, json};

fn published() -> Value {
    serde_json::from_str(OPENAPI).unwrap()
}

#[test]
fn the_document_that_is_served_is_what_the_functions_promise_now() {
    let promised = format!("{:#}\n", Function::document());

    assert!(promised == OPENAPI, "functions/docs/openapi.json is old: make openapi");
}

#[tokio::test]
async fn it_is_served_with_a_page_that_loads_nothing_from_elsewhere() {
    let world = World::open().await;

    let document = world.request("GET", "/openapi.json").send().await;
    let page = world.request("GET", "/docs").send().await;

    assert_eq!(document.expect(200)["openapi"], "3.1.0");
    assert!(page.header("content-security-policy").unwrap().contains("default-src 'none'"));
    let links = page.text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let sheets: Vec<&str> = links.filter(|link| link.starts_with("/docs/assets/")).collect();
    assert_eq!(sheets.len(), 2);
    for sheet in sheets {
        let sheet = world.request("GET", sheet).send().await;
        assert_eq!((sheet.status, sheet.header("content-type")), (200, Some("text/css; charset=utf-8")));
    }
    assert!(
        !page.text.contains("<script") && !page.text.contains("style=") && !page.text.contains("href=\"http")
    );
}

#[test]
fn every_operation_has_a_name_of_its_own_a_summary_and_its_parameters() {
    let document = published();
    let mut names = BTreeSet::new();

    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(!operation["summary"].as_str().unwrap().is_empty(), "{method} {path}");
            assert!(names.insert(operation["operationId"].to_string()), "{method} {path}: its name is taken");
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            for name in path.split('/').filter_map(|step| step.strip_prefix('{')?.strip_suffix('}')) {
                let told = parameters.iter().find(|parameter| parameter["name"] == name).unwrap();
                assert!(told["description"].is_string(), "{method} {path} tells what {name} is");
            }
            let responses = operation["responses"].as_object().unwrap();
            assert!(
                responses.keys().any(|status| status.starts_with(['2', '3'])),
                "{method} {path} succeeds"
            );
            assert!(responses.contains_key("500"), "{method} {path}");
        }
    }
}

#[test]
fn every_reference_leads_somewhere_and_nothing_is_left_over() {
    let document = published();
    let mut references = BTreeSet::new();
    collect_references(&document, &mut references);

    for reference in &references {
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
    for kind in ["schemas", "responses", "headers"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            assert!(references.contains(&format!("/components/{kind}/{name}")), "{kind} {name} is used");
        }
    }
}

fn collect_references(value: &Value, references: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                references.insert(reference.trim_start_matches('#').to_owned());
            }
            members.values().for_each(|member| collect_references(member, references));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, references)),
        _ => {}
    }
}

#[test]
fn every_error_code_has_a_sentence_and_every_sentence_a_code() {
    let document = published();
    let mut codes = BTreeSet::new();

    for response in document["components"]["responses"].as_object().unwrap().values() {
        let examples = response["content"]["application/json"]["examples"].as_object().unwrap();
        codes.extend(examples.keys().cloned());
    }

    for code in &codes {
        assert!(bespin_openapi::sentence(code).is_some(), "{code}");
    }
    let known: BTreeSet<String> = bespin_openapi::codes().map(str::to_owned).collect();
    assert_eq!(known, codes);
}

#[test]
fn every_example_is_of_the_shape_that_it_is_an_example_of() {
    let document = published();
    let check = |place: &str, media: &Value| {
        let Some(example) = media.get("example") else { return };
        let mut schema = media["schema"].clone();
        schema["components"] = json!({"schemas": document["components"]["schemas"]});
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
        let faults: Vec<String> = validator.iter_errors(example).map(|fault| fault.to_string()).collect();
        assert!(faults.is_empty(), "{place}: {faults:?} in {example}");
    };

    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(operation) = operation.as_object() else { continue };
            let json = |content: &Value| content["content"]["application/json"].clone();
            if let Some(body) = operation.get("requestBody") {
                check(&format!("{method} {path}"), &json(body));
            }
            for (status, response) in operation["responses"].as_object().unwrap() {
                check(&format!("{method} {path} {status}"), &json(response));
            }
            for parameter in operation.get("parameters").and_then(Value::as_array).into_iter().flatten() {
                check(&format!("{method} {path} {}", parameter["name"]), parameter);
            }
        }
    }
}
