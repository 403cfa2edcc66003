//! One request, as a handler sees it.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, RawPathParams, Request};
use axum::response::{IntoResponse, Response};
use bespin_primitives::{OsRandom, RequestId, Timestamp};
use bytes::Bytes;
use http::{HeaderMap, header};
use serde_json::{Map, Value};

use crate::arrival::{Arrival, MAX_BODY_BYTES};
use crate::describe::{Place, Sketch};
use crate::field_fault::{FieldFault, Loc};
use crate::fields::{Body, Content, Fields};
use crate::json::NonFinite;
use crate::problem::Problem;

/// The longest idempotency key, in code points (gateway.md 4).
pub(crate) const MAX_KEY_LENGTH: usize = 255;

const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// One request: who asked what, when. The extractor of every handler; it takes the whole body.
///
/// Nothing in it has been checked. A handler checks in the order of gateway.md 1.4: [`Call::json`], then
/// [`Call::idempotency_key`], then the headers that name the caller, and the fields only after that.
#[derive(Clone)]
pub struct Call {
    /// The id of this request, which its answer and its ledger entries carry.
    pub request_id: RequestId,
    /// When the request arrived: the present of everything it decides.
    pub now: Timestamp,
    /// Where the caller is, as the network says; never what a header claims. Of IPv6 the first 64 bits, the rest
    /// zero: whoever limits by address must not count one household as 2^64.
    pub address: Option<IpAddr>,
    headers: HeaderMap,
    path: Vec<(String, String)>,
    query: Map<String, Value>,
    body: Bytes,
    /// Where what is asked of this call is noted, if it is none.
    sketch: Option<Sketch>,
}

/// Without the body, the query and the headers: they hold secrets.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { request_id, now, address, path, .. } = self;
        f.debug_struct("Call")
            .field("request_id", request_id)
            .field("now", now)
            .field("address", address)
            .field("path", path)
            .finish_non_exhaustive()
    }
}

impl Call {
    /// The body: step 1 of the order of checks. 400 when it is not UTF-8, `json_invalid` at its offset when
    /// it is not JSON; `NaN`, infinities and overflowing numerals are not. A body whose content type is
    /// neither absent nor JSON is not parsed: it counts as a string (gateway.md 1.2).
    pub fn json(&self) -> Result<Body, Problem> {
        self.parse(NonFinite::Refused)
    }

    /// The same, but numbers that are not finite are let through, so that a field can refuse them at its own
    /// place as `finite_number` (gateway.md 6.2). Not for bodies that are echoed or stored as they are.
    pub fn json_with_non_finite(&self) -> Result<Body, Problem> {
        self.parse(NonFinite::Kept)
    }

    fn parse(&self, non_finite: NonFinite) -> Result<Body, Problem> {
        if let Some(sketch) = &self.sketch {
            return Ok(Body(Content::Sketch(sketch.clone())));
        }
        if self.body.is_empty() {
            return Ok(Body(Content::Absent));
        }
        if !self.is_json() {
            return Ok(Body(Content::Text));
        }
        Body::parse(self.text()?, non_finite)
    }

    /// The body as text, where it was sent as JSON: for who reads it in a way of their own first. `None` also for what
    /// [`Call::json`] would refuse before it parses.
    pub fn json_text(&self) -> Option<&str> {
        if self.sketch.is_none() && self.is_json() { self.text().ok() } else { None }
    }

    /// The body without a byte order mark, which is not part of the text (RFC 8259, 8.1).
    fn text(&self) -> Result<&str, Problem> {
        let text = str::from_utf8(&self.body).map_err(|_| Problem::unreadable_body())?;
        Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
    }

    fn is_json(&self) -> bool {
        let Some(content_type) = self.header_bytes(header::CONTENT_TYPE.as_str()) else { return true };
        let content_type = String::from_utf8_lossy(content_type).to_ascii_lowercase();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        media_type
            .strip_prefix("application/")
            .is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json"))
    }

    /// The bytes of the body as they arrived: what a signature is over.
    pub fn raw_body(&self) -> &[u8] {
        &self.body
    }

    /// The key under which this request has its one effect. 400 when it is absent or empty, 422 at
    /// `["header", "Idempotency-Key"]` when it is longer than 255 characters or no text (gateway.md 4).
    pub fn idempotency_key(&self) -> Result<IdempotencyKey, Problem> {
        self.optional_idempotency_key()?.ok_or_else(|| Problem::missing_header(IDEMPOTENCY_KEY))
    }

    /// The same where the key may be left out; an empty one is none.
    pub fn optional_idempotency_key(&self) -> Result<Option<IdempotencyKey>, Problem> {
        let value = self.header_bytes(IDEMPOTENCY_KEY);
        value.map(IdempotencyKey::parse).transpose()
    }

    /// A header, where it is there, not empty, and UTF-8. Of a repeated one the first.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.header_bytes(name).and_then(|value| str::from_utf8(value).ok())
    }

    /// A header that must be there and not be empty: 400 with exactly this name otherwise. Bytes that are no
    /// text become `U+FFFD`, so such a value is there and matches nothing.
    pub fn required_header(&self, name: &str) -> Result<Cow<'_, str>, Problem> {
        self.header_bytes(name).map(String::from_utf8_lossy).ok_or_else(|| Problem::missing_header(name))
    }

    /// A header that is not empty. White space around a value is no part of it (RFC 9110, 5.5), which not
    /// every front door cuts off.
    fn header_bytes(&self, name: &str) -> Option<&[u8]> {
        self.headers.get(name).map(|value| value.as_bytes().trim_ascii()).filter(|value| !value.is_empty())
    }

    /// The parameters of the query, decoded; of repeated ones the last. Faults are at `["query", name]`.
    pub fn query(&self) -> Fields<'_> {
        if let Some(sketch) = &self.sketch {
            return Fields::sketching(sketch, Place::Query);
        }
        Fields::new(Cow::Borrowed(&self.query), Loc::Root("query"))
    }

    /// The fields of a form in the body, decoded; of repeated ones the last. Faults are at `["body", name]`.
    pub fn form(&self) -> Fields<'_> {
        if let Some(sketch) = &self.sketch {
            return Fields::sketching(sketch, Place::Body);
        }
        let text = |(name, value): (Cow<'_, str>, Cow<'_, str>)| (name.into_owned(), Value::from(value));
        Fields::new(Cow::Owned(form_urlencoded::parse(&self.body).map(text).collect()), Loc::Root("body"))
    }

    /// A parameter of the path, decoded. What is no UTF-8 becomes `U+FFFD` and so names nothing; a name the
    /// route does not have gives the empty text.
    pub fn path(&self, name: &str) -> &str {
        self.path.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }
}

impl Call {
    /// The parameters of the path as fields, for those that are more than text. Faults are at `["path", name]`.
    pub fn path_fields(&self) -> Fields<'_> {
        if let Some(sketch) = &self.sketch {
            return Fields::sketching(sketch, Place::Path);
        }
        let text = |(name, value): &(String, String)| (name.clone(), Value::String(value.clone()));
        Fields::new(Cow::Owned(self.path.iter().map(text).collect()), Loc::Root("path"))
    }
}

impl Call {
    /// No call: whatever a parser asks of it is noted in a sketch.
    pub(crate) fn sketching(sketch: Sketch) -> Self {
        Self {
            request_id: RequestId::random(&OsRandom),
            now: Timestamp::MIN,
            address: None,
            headers: HeaderMap::new(),
            path: Vec::new(),
            query: Map::new(),
            body: Bytes::new(),
            sketch: Some(sketch),
        }
    }
}

impl Call {
    /// A cookie of this name; of several the first.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let cookies = self.headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs =
            cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
    }
}

/// Rejects only where the body does not arrive; everything else is for the handler to judge, in its order.
impl<S: Send + Sync> FromRequest<S> for Call {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        read(request).await.map_err(IntoResponse::into_response)
    }
}

async fn read(request: Request) -> Result<Call, Problem> {
    let (mut parts, body) = request.into_parts();
    let arrival = parts.extensions.get::<Arrival>().copied();
    let Arrival { request_id, now, address } =
        arrival.ok_or_else(|| Problem::broken("a router is served without its surface"))?;
    let path = path_parameters(&mut parts).await;
    // The decoder replaces what is no UTF-8, so no query is refused.
    let query =
        Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).map_or_else(|_| Vec::new(), |Query(q)| q);
    let query = query.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
    // The surface has read and measured it.
    let body = to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| Problem::unreadable_body())?;
    Ok(Call { request_id, now, address, headers: parts.headers, path, query, body, sketch: None })
}

async fn path_parameters(parts: &mut http::request::Parts) -> Vec<(String, String)> {
    match RawPathParams::from_request_parts(parts, &()).await {
        Ok(parameters) => {
            parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
        }
        Err(_) => unreadable_path_parameters(parts),
    }
}

/// The parameters of a path that does not decode to UTF-8: none of them names anything.
fn unreadable_path_parameters(parts: &http::request::Parts) -> Vec<(String, String)> {
    let Some(route) = parts.extensions.get::<axum::extract::MatchedPath>() else { return Vec::new() };
    let names = route.as_str().split('/').filter_map(|step| step.strip_prefix('{')?.strip_suffix('}'));
    names.map(|name| (name.to_owned(), char::REPLACEMENT_CHARACTER.to_string())).collect()
}

/// The key under which a request has one effect: 1 to 255 characters, chosen by the caller.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let loc = ["header", IDEMPOTENCY_KEY];
        let Ok(key) = str::from_utf8(bytes) else {
            return Err(FieldFault::new("string_type", loc, "Input should be a valid string").into());
        };
        if key.chars().count() > MAX_KEY_LENGTH {
            let msg = format!("String should have at most {MAX_KEY_LENGTH} characters");
            let fault = FieldFault::new("string_too_long", loc, msg);
            return Err(fault.with_bound("max_length", MAX_KEY_LENGTH).into());
        }
        Ok(Self(key.to_owned()))
    }

    /// The key as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
