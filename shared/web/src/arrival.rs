//! A request as it arrives: from where, when, and with how much.

use std::net::{IpAddr, SocketAddr};

use axum::body::Body;
use axum::extract::ConnectInfo;
use bespin_primitives::{RequestId, Timestamp};
use bytes::Bytes;
use http::{Extensions, HeaderMap, header};
use http_body_util::BodyExt;
use lambda_http::request::RequestContext;

use crate::problem::Problem;

/// The largest body, in bytes (gateway.md 17). A Lambda takes no more either.
pub const MAX_BODY_BYTES: usize = 6 * 1024 * 1024;

/// How much of a body that is too large is read and thrown away, in bytes: a client that is still sending
/// does not read our refusal.
const MAX_DISCARDED_BYTES: usize = 10 * MAX_BODY_BYTES;

/// What [`Surface`](crate::Surface) knows of a request before a handler runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) request_id: RequestId,
    pub(crate) now: Timestamp,
    pub(crate) address: Option<IpAddr>,
}

/// The caller's address as the network tells it. A header such as `X-Forwarded-For` is the caller's own
/// claim and is not looked at.
pub(crate) fn caller_address(extensions: &Extensions) -> Option<IpAddr> {
    if let Some(ConnectInfo(peer)) = extensions.get::<ConnectInfo<SocketAddr>>() {
        return Some(peer.ip());
    }
    match extensions.get::<RequestContext>()? {
        RequestContext::ApiGatewayV2(context) => context.http.source_ip.as_deref()?.parse().ok(),
        _ => None,
    }
}

/// Whom an address stands for: a household of IPv6 has 2^64 of them.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The whole body, 413 when it is above [`MAX_BODY_BYTES`].
pub(crate) async fn read_whole(headers: &HeaderMap, mut body: Body) -> Result<Bytes, Problem> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > MAX_DISCARDED_BYTES as u64) {
        return Err(Problem::body_too_large());
    }
    let mut whole = Vec::new();
    let mut arrived = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Problem::unreadable_body())?.into_data() else { continue };
        arrived += data.len();
        if arrived <= MAX_BODY_BYTES {
            whole.extend_from_slice(&data);
        } else if arrived > MAX_DISCARDED_BYTES {
            break;
        }
    }
    if arrived > MAX_BODY_BYTES { Err(Problem::body_too_large()) } else { Ok(whole.into()) }
}
