//! The document as a page: everything that is in it, in the order of its areas, without a script.

use std::sync::OnceLock;

use askama::Template;
use bespin_web::Problem;
use serde_json::Value;

use crate::OPENAPI;
use crate::api::stylesheets;
use crate::schema::{Reader, Row};

#[derive(Template)]
#[template(path = "docs.html")]
struct Docs {
    title: String,
    version: String,
    about: Vec<Span>,
    stylesheets: Vec<String>,
    areas: Vec<Area>,
    schemes: Vec<(String, Vec<Span>)>,
}

struct Area {
    name: String,
    about: Vec<Span>,
    operations: Vec<Operation>,
}

struct Operation {
    id: String,
    method: String,
    path: String,
    /// Other paths that answer alike.
    aliases: Vec<String>,
    summary: String,
    about: Vec<Span>,
    /// Who may call it.
    audience: String,
    parameters: Vec<Parameter>,
    body: Option<Body>,
    answers: Vec<Answer>,
    refusals: Vec<Refusal>,
}

struct Parameter {
    place: String,
    row: Row,
    about: Vec<Span>,
}

struct Body {
    /// What it is, where it is no JSON.
    media_type: Option<String>,
    optional: bool,
    rows: Vec<Told>,
    example: Option<String>,
}

struct Told {
    row: Row,
    about: Vec<Span>,
}

struct Answer {
    status: String,
    about: Vec<Span>,
    body: Option<Body>,
}

struct Refusal {
    status: String,
    codes: Vec<(String, String)>,
}

/// What an operation says that answers exactly as the same method of another path (`bespin_openapi`).
const ALIAS_OF: &str = "x-alias-of";

/// A piece of a sentence: words, or code that stood between backticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Span {
    Words(String),
    Code(String),
}

/// The page, made once in a process.
pub(crate) fn html() -> Result<&'static str, Problem> {
    static HTML: OnceLock<String> = OnceLock::new();
    if let Some(html) = HTML.get() {
        return Ok(html);
    }
    let document: Value =
        serde_json::from_str(OPENAPI).map_err(|error| Problem::broken(&error.to_string()))?;
    let html = docs(&document).render().map_err(|error| Problem::broken(&error.to_string()))?;
    Ok(HTML.get_or_init(|| html))
}

fn docs(document: &Value) -> Docs {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let areas = document["tags"].as_array().into_iter().flatten().map(|tag| Area {
        name: text(&tag["name"]),
        about: spans(&text(&tag["description"])),
        operations: operations(document, &tag["name"]),
    });
    let schemes = document["components"]["securitySchemes"].as_object().into_iter().flatten();
    let name = |name: &str, scheme: &Value| match (scheme["in"].as_str(), scheme["name"].as_str()) {
        (Some("cookie"), Some(cookie)) => format!("Cookie {cookie}"),
        (_, Some(header)) => header.to_owned(),
        _ => format!("Authorization: {name}"),
    };
    Docs {
        title: text(&document["info"]["title"]),
        version: text(&document["info"]["version"]),
        about: spans(&text(&document["info"]["description"])),
        stylesheets: stylesheets().into_iter().map(|(name, _)| name).collect(),
        areas: areas.collect(),
        schemes: schemes
            .map(|(id, scheme)| (name(id, scheme), spans(&text(&scheme["description"]))))
            .collect(),
    }
}

fn operations(document: &Value, tag: &Value) -> Vec<Operation> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let is_alias = operation.get(ALIAS_OF).is_some();
            if !is_alias && operation["tags"].as_array().is_some_and(|tags| tags.contains(tag)) {
                all.push(described(document, path, method, operation));
            }
        }
    }
    all
}

fn described(document: &Value, path: &str, method: &str, operation: &Value) -> Operation {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let reader = Reader::new(document);
    let parameters = operation["parameters"].as_array().into_iter().flatten().filter_map(|parameter| {
        let mut rows = Vec::new();
        let optional = parameter["required"] != true;
        reader.value(parameter["name"].as_str()?, &parameter["schema"], optional, 0, &mut rows);
        let about = spans(&text(&parameter["description"]));
        Some(Parameter { place: text(&parameter["in"]), row: rows.into_iter().next()?, about })
    });
    let mut answers = Vec::new();
    let mut refusals = Vec::new();
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let response = reader.resolve(response);
        let (status, content) = (status.clone(), &response["content"]);
        if status.starts_with(['4', '5']) {
            let examples = content["application/json"]["examples"].as_object().into_iter().flatten();
            let sentence =
                |(code, example): (&String, &Value)| (code.clone(), text(&example["value"]["message"]));
            refusals.push(Refusal { status, codes: examples.map(sentence).collect() });
        } else {
            let about = spans(&text(&response["description"]));
            answers.push(Answer { status, about, body: body(reader, content, false) });
        }
    }
    let request = &operation["requestBody"];
    Operation {
        id: text(&operation["operationId"]),
        method: method.to_ascii_uppercase(),
        path: path.to_owned(),
        aliases: aliases(document, path, method),
        summary: text(&operation["summary"]),
        about: spans(&text(&operation["description"])),
        audience: audience(&operation["security"]),
        parameters: parameters.collect(),
        body: body(reader, &request["content"], request["required"] != true),
        answers,
        refusals,
    }
}

/// Other paths that answer as this one.
fn aliases(document: &Value, path: &str, method: &str) -> Vec<String> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths.filter(|(_, item)| item[method][ALIAS_OF] == path).map(|(path, _)| path.clone()).collect()
}

fn body<'a>(reader: Reader<'a>, content: &'a Value, optional: bool) -> Option<Body> {
    let content = content.as_object()?;
    let Some(media) = content.get("application/json") else {
        let media_types: Vec<&str> = content.keys().map(String::as_str).collect();
        let media_type = Some(media_types.join(", "));
        return Some(Body { media_type, optional, rows: Vec::new(), example: None });
    };
    let rows = reader.rows(&media["schema"]).into_iter();
    let rows = rows.map(|row| Told { about: spans(&row.about), row }).collect();
    let example = media.get("example").and_then(|example| serde_json::to_string_pretty(example).ok());
    Some(Body { media_type: None, optional, rows, example })
}

/// Who may call, by the names of the schemes.
fn audience(security: &Value) -> String {
    let alternatives: Vec<String> = security
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|schemes| {
            let first = schemes.as_object()?.keys().next()?;
            Some(match first.as_str() {
                "platformAdminKey" => "the operator",
                "consoleSession" => "whoever has a session of the console",
                "bearer" => "a key alone",
                _ => "a user of a tenant",
            })
        })
        .map(str::to_owned)
        .collect();
    if alternatives.is_empty() { "everybody".to_owned() } else { alternatives.join(", or ") }
}

/// Words and code of a sentence.
fn spans(text: &str) -> Vec<Span> {
    let pieces = text.split('`').enumerate();
    let span = |(index, piece): (usize, &str)| {
        if index % 2 == 0 { Span::Words(piece.to_owned()) } else { Span::Code(piece.to_owned()) }
    };
    pieces.map(span).filter(|span| !matches!(span, Span::Words(words) if words.is_empty())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_of_a_sentence_is_told_from_its_words() {
        let words = |text: &str| Span::Words(text.to_owned());

        assert_eq!(spans("Needs `briefs`."), [words("Needs "), Span::Code("briefs".to_owned()), words(".")]);
        assert_eq!(spans(""), []);
    }

    #[test]
    fn the_page_tells_every_operation_of_the_document() {
        let document: Value = serde_json::from_str(OPENAPI).unwrap_or_default();
        let all: Vec<_> = docs(&document).areas.into_iter().flat_map(|area| area.operations).collect();

        let items = document["paths"].as_object().into_iter().flatten();
        let operations = items.flat_map(|(_, item)| item.as_object().into_iter().flatten());
        let expected = operations.filter(|(_, operation)| operation.get(ALIAS_OF).is_none()).count();
        assert_eq!(all.len(), expected);
        assert!(all.iter().all(|operation| !operation.summary.is_empty() && !operation.id.is_empty()));
        assert!(all.iter().all(|operation| !operation.answers.is_empty()));
    }
}
