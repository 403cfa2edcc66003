//! gateway.md 17: the gateway about itself.

use serde_json::{Value, json};

use crate::small_gateway::get_path;

#[tokio::test]
async fn the_gateway_tells_its_name_and_its_health() {
    assert_eq!(
        get_path("/").await.json(),
        json!({"message": "Bespin Tool Invocation Gateway", "version": "0.1.0"})
    );
    assert_eq!(get_path("/healthz").await.json(), json!({"status": "ok"}));
}

#[tokio::test]
async fn the_openapi_document_describes_every_operation_with_its_errors() {
    let document = get_path("/openapi.json").await.json();

    assert_eq!(document["openapi"], "3.1.0");
    for (path, operations) in document["paths"].as_object().unwrap() {
        // A path may point at another one that answers alike.
        for (method, operation) in resolve(&document, operations).as_object().unwrap() {
            assert!(operation["summary"].is_string(), "{method} {path}");
            let broken = &operation["responses"]["500"]["$ref"];
            assert_eq!(broken, "#/components/responses/Broken", "{method} {path}");
            for name in path.split('/').filter_map(|step| step.strip_prefix('{')?.strip_suffix('}')) {
                let parameters = operation["parameters"].as_array().unwrap();
                let named = |parameter: &Value| resolve(&document, parameter)["name"] == name;
                assert!(parameters.iter().any(named), "{path} describes {name}");
            }
        }
    }
}

#[tokio::test]
async fn every_reference_of_the_openapi_document_leads_somewhere_and_nothing_is_left_over() {
    let document = get_path("/openapi.json").await.json();
    let mut references = Vec::new();
    collect_references(&document, &mut references);

    for reference in &references {
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
    for kind in ["schemas", "responses", "parameters", "headers"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            assert!(references.contains(&format!("/components/{kind}/{name}")), "{kind} {name} is used");
        }
    }
}

#[tokio::test]
async fn the_errors_of_the_openapi_document_share_the_schema_that_is_answered() {
    let document = get_path("/openapi.json").await.json();
    let problem = get_path("/v1/nothing").await.json();

    for response in document["components"]["responses"].as_object().unwrap().values() {
        assert_eq!(response["content"]["application/json"]["schema"]["$ref"], "#/components/schemas/Problem");
    }
    for member in document["components"]["schemas"]["Problem"]["required"].as_array().unwrap() {
        assert!(problem.get(member.as_str().unwrap()).is_some(), "{member}");
    }
}

fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    value["$ref"].as_str().map_or(value, |reference| document.pointer(&reference[1..]).unwrap())
}

fn collect_references(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                references.push(reference.trim_start_matches('#').to_owned());
            }
            members.values().for_each(|member| collect_references(member, references));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, references)),
        _ => {}
    }
}
