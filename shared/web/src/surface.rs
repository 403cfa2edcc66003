//! Everything around a router: what every answer has and every request passes, whatever the route
//! (gateway.md 1.1 and 17).

use std::any::Any;
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use bespin_primitives::{Clock, Random, RequestId, TenantId, Timestamp};
use bespin_table::cost::{Cost, counted};
use futures::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use tower::ServiceExt;
use tracing::Instrument;

use crate::arrival::{Arrival, caller_address, network, read_whole};
use crate::cors;
use crate::problem::Problem;
use crate::rate::RateLimiter;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const COST: HeaderName = HeaderName::from_static("x-cost");
/// How many headers [`Edge::dress`] puts on an answer at most.
const MOST_HEADERS: usize = 8;
const TENANT_ID: &str = "x-tenant-id";
const API_KEY: &str = "x-api-key";

/// Where the time of a request comes from.
pub trait TimeSource: Send + Sync + fmt::Debug {
    /// When a request with these headers arrived.
    fn now(&self, headers: &HeaderMap) -> Result<Timestamp, Problem>;
}

/// The clock of the process: no header sways it.
#[derive(Debug, Clone)]
pub struct ProcessClock(pub Arc<dyn Clock>);

impl TimeSource for ProcessClock {
    fn now(&self, _: &HeaderMap) -> Result<Timestamp, Problem> {
        Ok(self.0.now())
    }
}

/// What surrounds a router, be it one function's or the merge of all.
#[derive(Debug, Clone)]
pub struct Surface {
    /// When a request arrives.
    pub clock: Arc<dyn TimeSource>,
    /// Where request ids come from.
    pub random: Arc<dyn Random>,
    /// Origins whose pages may read answers, such as `http://localhost:3000`; no wildcard.
    pub cors_origins: Vec<String>,
    /// Whether answers carry `X-Cost`. It tells how we store things, so it is for our own tests.
    pub expose_cost: bool,
    /// Requests a second for one key of one tenant, and as many at once; `None` is no limit.
    pub per_tenant_per_second: Option<NonZeroU32>,
    /// Requests a second from one address, and as many at once; `None` is no limit.
    pub per_address_per_second: Option<NonZeroU32>,
}

impl Surface {
    /// The router with all that surrounds it. A fallback of its own is replaced.
    ///
    /// On every answer: `X-Request-ID`, `Vary`, `X-Content-Type-Options`, CORS headers for allowed origins,
    /// and `Cache-Control: no-store` under `/v1` and `/api`. Around every request: preflights, trailing slashes (307),
    /// rate limits (429), the limit of bodies (413), unknown routes (404), unknown methods (405), panics
    /// (500), one line of log with what the request cost.
    pub fn wrap(&self, router: Router) -> Router {
        let limiter = |rate: Option<NonZeroU32>| rate.map(|rate| RateLimiter::new(rate, rate));
        let edge = Arc::new(Edge {
            per_tenant: limiter(self.per_tenant_per_second),
            per_address: limiter(self.per_address_per_second),
            surface: self.clone(),
            inside: router
                .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
                .fallback(|| async { Problem::not_found() })
                .layer(from_fn(remember_route)),
        });
        // A layer would run after the route is chosen. A fallback without routes runs before.
        Router::new().fallback(move |request: Request| {
            let edge = Arc::clone(&edge);
            async move { edge.answer(request).await }
        })
    }
}

/// A surface and the router inside it.
#[derive(Debug)]
struct Edge {
    surface: Surface,
    per_tenant: Option<RateLimiter>,
    per_address: Option<RateLimiter>,
    inside: Router,
}

/// What is still needed of a request after the router has consumed it.
struct Asked {
    request_id: RequestId,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

impl Edge {
    async fn answer(&self, request: Request) -> Response {
        let asked = Asked {
            request_id: RequestId::random(&*self.surface.random),
            method: request.method().clone(),
            uri: request.uri().clone(),
            headers: request.headers().clone(),
        };
        let span = tracing::info_span!("request", request_id = %asked.request_id);
        async {
            let work = AssertUnwindSafe(self.respond(&asked, request)).catch_unwind();
            let (response, cost) = counted(work).await;
            let response = response.unwrap_or_else(|panic| after_panic(&*panic));
            log(&asked, &response, cost);
            self.dress(&asked, response, cost)
        }
        .instrument(span)
        .await
    }

    async fn respond(&self, asked: &Asked, request: Request) -> Response {
        if let Some(answer) = cors::preflight(&self.surface.cors_origins, &asked.method, &asked.headers) {
            return answer;
        }
        if let Some(redirect) = without_trailing_slash(&asked.uri) {
            return redirect;
        }
        match self.admit(asked, request).await {
            Ok(request) => self.inside.clone().oneshot(request).await.into_response(),
            Err(problem) => problem.into_response(),
        }
    }

    /// The request as handlers get it: within the limits, its body read, its arrival noted.
    async fn admit(&self, asked: &Asked, request: Request) -> Result<Request, Problem> {
        let (mut parts, body) = request.into_parts();
        let address = caller_address(&parts.extensions).map(network);
        let now = self.surface.clock.now(&asked.headers)?;
        self.limit_rate(&asked.headers, address, now)?;
        let body = read_whole(&asked.headers, body).await?;
        parts.extensions.insert(Arrival { request_id: asked.request_id, now, address });
        if parts.method == Method::HEAD {
            // Axum would answer HEAD by GET. No route has a method of this name: 405, or 404 without a route.
            parts.method = Method::TRACE;
        }
        Ok(Request::from_parts(parts, Body::from(body)))
    }

    /// The bucket of a tenant is that of its id *and* key: a stranger who only knows the id has its own, and
    /// cannot use up the tenant's.
    fn limit_rate(
        &self,
        headers: &HeaderMap,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<(), Problem> {
        if let (Some(limiter), Some(address)) = (&self.per_address, address) {
            limiter.admit(address, now)?;
        }
        if let (Some(limiter), Some(tenant_id)) = (&self.per_tenant, headers.get(TENANT_ID)) {
            limiter.admit((tenant_id, headers.get(API_KEY)), now)?;
        }
        Ok(())
    }

    /// Puts on an answer what every answer has.
    fn dress(&self, asked: &Asked, response: Response, cost: Cost) -> Response {
        let mut response = with_request_id(response, asked.request_id);
        let is_405 = response.status() == StatusCode::METHOD_NOT_ALLOWED;
        let headers = response.headers_mut();
        headers.reserve(MOST_HEADERS);
        headers.insert(REQUEST_ID, visible(&asked.request_id.to_string()));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if ["/v1", "/api"].iter().any(|area| is_within(asked.uri.path(), area)) {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        if self.surface.expose_cost {
            headers.insert(COST, visible(&cost_text(cost)));
        }
        cors::open(cors::allowed_origin(&self.surface.cors_origins, &asked.headers), headers);
        if is_405 {
            forget_head(headers);
        } else {
            // Axum tells the methods of a route even where its fallback says that there is no such route.
            headers.remove(header::ALLOW);
        }
        response
    }
}

/// Which route a request took, for the log.
#[derive(Debug, Clone)]
struct Route(MatchedPath);

async fn remember_route(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(route) = route {
        response.extensions_mut().insert(Route(route));
    }
    response
}

/// Whether a path is that of an area or one below it.
fn is_within(path: &str, area: &str) -> bool {
    path.strip_prefix(area).is_some_and(|below| below.is_empty() || below.starts_with('/'))
}

/// Leads from `/v1/kpis/` to `/v1/kpis`. A path that begins with two slashes, or slash and backslash, would
/// lead a browser to another host, so it leads nowhere.
fn without_trailing_slash(uri: &Uri) -> Option<Response> {
    let path = uri.path().strip_suffix('/')?.trim_end_matches('/');
    if path.is_empty() || path.starts_with("//") || path.contains('\\') {
        return None;
    }
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let location = HeaderValue::try_from(format!("{path}{query}")).ok()?;
    Some((StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location)]).into_response())
}

fn after_panic(panic: &(dyn Any + Send)) -> Response {
    let reason = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("of unknown kind");
    tracing::error!(reason, "a handler panicked");
    Problem::internal_error().into_response()
}

/// Renders a problem again, now that the request id is known.
fn with_request_id(mut response: Response, request_id: RequestId) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        *response.body_mut() = Body::from(problem.to_json(Some(request_id)).to_string());
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    response
}

/// Axum names HEAD beside GET in `Allow`, and we do not serve it.
fn forget_head(headers: &mut HeaderMap) {
    let Some(allowed) = headers.get(header::ALLOW).and_then(|value| value.to_str().ok()) else { return };
    let methods: Vec<_> = allowed.split(',').map(str::trim).filter(|method| *method != "HEAD").collect();
    let methods = visible(&methods.join(", "));
    headers.insert(header::ALLOW, methods);
}

fn log(asked: &Asked, response: &Response, cost: Cost) {
    let route = response.extensions().get::<Route>().map_or("none", |Route(path)| path.as_str());
    // The header is the caller's claim: only what can be an id gets into the log.
    let tenant_id = asked.headers.get(TENANT_ID).and_then(|id| TenantId::parse(id.to_str().ok()?));
    tracing::info!(
        method = asked.method.as_str(),
        route,
        status = response.status().as_u16(),
        request_id = %asked.request_id,
        tenant_id = tenant_id.map(tracing::field::display),
        round_trips = cost.round_trips,
        read_units = cost.read_units,
        write_units = cost.write_units,
        items_read = cost.items_read,
        cancelled = cost.cancelled,
        "answered"
    );
}

fn cost_text(cost: Cost) -> String {
    let Cost { round_trips, read_units, write_units, items_read, cancelled } = cost;
    format!(
        "round_trips={round_trips}; read_units={read_units}; write_units={write_units}; \
         items_read={items_read}; cancelled={cancelled}"
    )
}

/// A header value of text that we made of visible ASCII ourselves.
fn visible(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}
