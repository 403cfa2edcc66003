//! What came back.

use axum::http::HeaderMap;
use bespin_table::Cost;
use serde_json::Value;

/// The answer to one request.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub text: String,
}

impl Reply {
    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The same, provided the status is this one.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()
    }

    /// The `detail` of an error of this status; also checks the envelope that every error has.
    #[track_caller]
    pub fn detail(&self, status: u16) -> Value {
        let body = self.expect(status);
        assert!(body["error"].is_string() && body["message"].is_string(), "{body}");
        assert_eq!(body["request_id"].as_str(), self.header("x-request-id"), "{body}");
        body["detail"].clone()
    }

    /// The `type` and the dotted `loc` of each entry of a 422, such as `missing body.name`.
    #[track_caller]
    pub fn faults(&self) -> Vec<String> {
        let step = |step: &Value| step.as_str().map_or_else(|| step.to_string(), str::to_owned);
        let fault = |fault: &Value| {
            let loc: Vec<String> = fault["loc"].as_array().unwrap().iter().map(step).collect();
            assert!(!fault["msg"].as_str().unwrap().is_empty());
            format!("{} {}", fault["type"].as_str().unwrap(), loc.join("."))
        };
        self.detail(422).as_array().unwrap().iter().map(fault).collect()
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// What the request cost, as its `X-Cost` tells.
    #[track_caller]
    pub fn cost(&self) -> Cost {
        let header = self.header("x-cost").expect("the local cloud tells what a request cost");
        let figure = |name: &str| {
            let part = header.split("; ").find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
            part.unwrap_or_else(|| panic!("{name} in {header}")).to_owned()
        };
        Cost {
            round_trips: figure("round_trips").parse().unwrap(),
            read_units: figure("read_units").parse().unwrap(),
            write_units: figure("write_units").parse().unwrap(),
            items_read: figure("items_read").parse().unwrap(),
            cancelled: figure("cancelled").parse().unwrap(),
        }
    }
}
