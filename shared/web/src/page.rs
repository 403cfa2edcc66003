//! Answers for people: pages, the files they need, and downloads.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use futures::Stream;
use http::{HeaderName, HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};

/// What a page may load and do: its own files, calls to where it came from, forms that go there; no script or style in
/// the page itself, nothing from elsewhere, in nobody's frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// A page of HTML, whoever wrote it having escaped what is not his own. It is kept by no cache.
#[derive(Debug)]
pub struct Page {
    response: Response,
}

impl Page {
    /// 200 with this page.
    pub fn ok(html: String) -> Self {
        Self::new(StatusCode::OK, html)
    }

    /// This page with another status.
    pub fn new(status: StatusCode, html: String) -> Self {
        let mut response = Response::new(Body::from(html));
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_TYPE, HTML);
        Self { response }.guarded()
    }

    /// 303: the browser goes on to another page of ours, by GET. A location that is no header leads to `/`.
    pub fn see_other(location: &str) -> Self {
        let location = HeaderValue::try_from(location).unwrap_or(HeaderValue::from_static("/"));
        let response = (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response();
        Self { response }.guarded()
    }

    /// The same with one more header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.response.headers_mut().insert(name, value);
        self
    }

    fn guarded(self) -> Self {
        self.with_header(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY))
            .with_header(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"))
            .with_header(header::CACHE_CONTROL, NO_STORE)
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        self.response
    }
}

/// The stylesheet that all pages share.
pub const STYLESHEET: Asset =
    Asset { content_type: "text/css; charset=utf-8", content: include_str!("../assets/bespin.css") };

/// A file that is part of the program. Its address changes with its content, so that browsers keep it for a year.
#[derive(Debug, Clone, Copy)]
pub struct Asset {
    /// What it is, such as `text/css; charset=utf-8`.
    pub content_type: &'static str,
    /// What is in it.
    pub content: &'static str,
}

impl Asset {
    /// Its name for addresses, `stem.0123456789abcdef.extension`: another one whenever its content is another.
    pub fn name(&self, stem: &str, extension: &str) -> String {
        let hash = HEXLOWER.encode(&Sha256::digest(self.content)[..8]);
        format!("{stem}.{hash}.{extension}")
    }
}

impl IntoResponse for Asset {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.content));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        let kept = HeaderValue::from_static("public, max-age=31536000, immutable");
        headers.insert(header::CACHE_CONTROL, kept);
        response
    }
}

/// A file to be saved, sent line by line while it is made: JSON, one value a line. What goes wrong on the way must be
/// told in a line of its own; the status is long sent.
#[derive(Debug)]
pub struct Download<S> {
    /// What it is saved as: letters, digits, `-`, `_` and `.`.
    pub file_name: String,
    /// Its lines, each with its line feed.
    pub lines: S,
}

impl<S> IntoResponse for Download<S>
where
    S: Stream<Item = Bytes> + Send + 'static,
{
    fn into_response(self) -> Response {
        use futures::StreamExt;

        let lines = self.lines.map(Ok::<_, std::convert::Infallible>);
        let mut response = Response::new(Body::from_stream(lines));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
        headers.insert(header::CACHE_CONTROL, NO_STORE);
        let saved_as = HeaderValue::try_from(format!("attachment; filename=\"{}\"", self.file_name));
        headers.extend(saved_as.ok().map(|saved_as| (header::CONTENT_DISPOSITION, saved_as)));
        response
    }
}
