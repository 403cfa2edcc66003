//! The HTTP call: one POST, to an address that was checked, within ten seconds.
//!
//! No client with a pool and redirects is used: the name is resolved once, the addresses are judged, and the connection
//! goes to one of those very addresses, so a second look-up cannot lead elsewhere. Redirects are answers like others,
//! proxies of the environment are not asked, and no more of an answer is read than the log keeps a part of.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
    time::Duration,
};

use bespin_primitives::Timestamp;
use bytes::Bytes;
use futures::future::{BoxFuture, Either, select};
use http::{HeaderMap, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};
use tokio_rustls::TlsConnector;

use crate::{EndpointUrl, Guard, Host};

/// How long an attempt may take: resolving, connecting, TLS, head and body together.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How long one address of several may take to accept a connection.
const PATIENCE_TO_CONNECT: Duration = Duration::from_secs(4);

/// How much of an answer is read, and how much of that is kept.
const READ_BYTES: usize = 16 * 1024;
const KEPT_BYTES: usize = 1024;

/// The largest head of an answer.
const HEAD_BYTES: usize = 32 * 1024;

/// Looks up the addresses of a name. Tests map names of their own.
pub trait Resolve: fmt::Debug + Send + Sync {
    /// All addresses of `host`.
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// The machine's own resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Sends deliveries.
#[derive(Debug, Clone)]
pub struct Sender {
    resolver: Arc<dyn Resolve>,
    guard: Guard,
    tls: Arc<Tls>,
}

/// What is trusted, made at the first call over TLS: reading the machine's certificates takes some milliseconds.
#[derive(Debug)]
struct Tls {
    roots: Option<RootCertStore>,
    config: OnceLock<Option<Arc<ClientConfig>>>,
}

/// What is posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// `webhook-id`: the same for all attempts.
    pub id: String,
    /// `webhook-timestamp`: of the attempt.
    pub timestamp_seconds: i64,
    /// `webhook-signature`.
    pub signature: String,
    /// JSON.
    pub body: String,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// What was answered, or why nothing was.
    pub outcome: Result<Reply, SendError>,
    /// How long it took.
    pub duration_ms: u64,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Its status, which alone decides.
    pub status: u16,
    /// The first 1,024 bytes of it as text; bytes that are no text are replaced.
    pub beginning: String,
    /// What its `Retry-After` asks for.
    pub retry_after: Option<RetryAfter>,
}

/// What a `Retry-After` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// So many seconds.
    Seconds(u64),
    /// Not before this instant.
    At(Timestamp),
}

impl RetryAfter {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
        let seconds = text.parse().map(Self::Seconds).ok();
        seconds.or_else(|| Timestamp::parse_http_date(text).map(Self::At))
    }

    /// How long that is from `now` on.
    pub fn seconds(self, now: Timestamp) -> u64 {
        match self {
            Self::Seconds(seconds) => seconds,
            Self::At(at) => u64::try_from(at.epoch_seconds() - now.epoch_seconds()).unwrap_or(0),
        }
    }
}

/// Why nothing was answered. The tenant reads these words in its log, so they tell nothing of our own network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The name has no address.
    #[error("the name of the host cannot be resolved")]
    NotResolved,
    /// At least one address of the host may not be called.
    #[error("the host leads to a private or local address")]
    AddressRefused,
    /// Nobody listens there.
    #[error("the host does not accept the connection")]
    NotConnected,
    /// The certificate is not good for the host, or TLS is not spoken.
    #[error("no secure connection: the certificate is not trusted, or TLS failed")]
    NotSecure,
    /// What came was no answer of HTTP, or the connection broke.
    #[error("the answer cannot be read")]
    BadAnswer,
    /// It took longer than ten seconds.
    #[error("no answer within 10 seconds")]
    TimedOut,
}

impl SendError {
    /// The code in the log.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotResolved => "not_resolved",
            Self::AddressRefused => "address_refused",
            Self::NotConnected => "not_connected",
            Self::NotSecure => "not_secure",
            Self::BadAnswer => "bad_answer",
            Self::TimedOut => "timed_out",
        }
    }
}

/// Either kind of connection.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Sender {
    /// A sender that looks names up with `resolver`, calls what `guard` allows, and trusts what the machine trusts.
    pub fn new(resolver: Arc<dyn Resolve>, guard: Guard) -> Self {
        Self { resolver, guard, tls: Arc::new(Tls { roots: None, config: OnceLock::new() }) }
    }

    /// The same, but trusting these certificates and no others.
    #[must_use]
    pub fn trusting(self, roots: RootCertStore) -> Self {
        Self { tls: Arc::new(Tls { roots: Some(roots), config: OnceLock::new() }), ..self }
    }

    /// Which addresses may be called.
    pub fn guard(&self) -> Guard {
        self.guard
    }

    /// Posts a letter. How long that took is told by the clock that the limit of time goes by.
    pub async fn send(&self, url: &EndpointUrl, letter: &Letter) -> Sent {
        let began = Instant::now();
        let deadline = began + PATIENCE;
        let attempted = timeout_at(deadline, self.attempt(url, letter, deadline)).await;
        let outcome = attempted.unwrap_or(Err(SendError::TimedOut));
        let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Sent { outcome, duration_ms }
    }

    async fn attempt(
        &self,
        url: &EndpointUrl,
        letter: &Letter,
        deadline: Instant,
    ) -> Result<Reply, SendError> {
        let stream = self.connect(url).await?;
        let stream: Box<dyn Stream> =
            if url.over_tls { self.secure(url, stream).await? } else { Box::new(stream) };
        let mut handshake = http1::Builder::new();
        handshake.max_buf_size(HEAD_BYTES);
        let (mut sender, connection) =
            handshake.handshake(TokioIo::new(stream)).await.map_err(|_| SendError::BadAnswer)?;
        let request = request(url, letter).ok_or(SendError::BadAnswer)?;
        let exchange = async {
            let response = sender.send_request(request).await.map_err(|_| SendError::BadAnswer)?;
            Ok(read(response, deadline).await)
        };
        // The connection makes the exchange go on. It may end first, with all of the answer handed over by then.
        match select(Box::pin(exchange), connection).await {
            Either::Left((reply, _)) => reply,
            Either::Right((_, exchange)) => exchange.await,
        }
    }

    /// A connection to one of the addresses of the host, all of which may be called: a name of which only some may is
    /// nobody's public endpoint.
    async fn connect(&self, url: &EndpointUrl) -> Result<TcpStream, SendError> {
        let addresses = match &url.host {
            Host::Address(address) => vec![*address],
            Host::Name(name) => self.resolver.resolve(name).await.map_err(|_| SendError::NotResolved)?,
        };
        if addresses.is_empty() {
            return Err(SendError::NotResolved);
        }
        if !addresses.iter().all(|address| self.guard.allows(*address, url.over_tls)) {
            return Err(SendError::AddressRefused);
        }
        for address in addresses {
            let connecting = TcpStream::connect(SocketAddr::new(address, url.port));
            if let Ok(Ok(stream)) = timeout(PATIENCE_TO_CONNECT, connecting).await {
                return Ok(stream);
            }
        }
        Err(SendError::NotConnected)
    }

    async fn secure(&self, url: &EndpointUrl, stream: TcpStream) -> Result<Box<dyn Stream>, SendError> {
        let config = self.tls.config().ok_or(SendError::NotSecure)?;
        let name = match &url.host {
            Host::Name(name) => ServerName::try_from(name.clone()).map_err(|_| SendError::NotSecure)?,
            Host::Address(address) => ServerName::IpAddress((*address).into()),
        };
        let stream = TlsConnector::from(config).connect(name, stream).await;
        Ok(Box::new(stream.map_err(|_| SendError::NotSecure)?))
    }
}

impl Tls {
    fn config(&self) -> Option<Arc<ClientConfig>> {
        self.config.get_or_init(|| self.make()).clone()
    }

    fn make(&self) -> Option<Arc<ClientConfig>> {
        let roots = self.roots.clone().unwrap_or_else(|| {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            roots
        });
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let failed = |error: &rustls::Error| tracing::error!(%error, "no TLS for webhooks");
        let config = versions.inspect_err(failed).ok()?;
        Some(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
    }
}

/// The request; `None` where a header cannot be written, which none of ours can cause.
fn request(url: &EndpointUrl, letter: &Letter) -> Option<Request<Full<Bytes>>> {
    let request = Request::post(&url.path)
        .header(header::HOST, url.authority())
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, "Bespin-Webhooks/1")
        .header(header::CONNECTION, "close")
        .header("webhook-id", &letter.id)
        .header("webhook-timestamp", letter.timestamp_seconds)
        .header("webhook-signature", &letter.signature);
    request.body(Full::new(Bytes::from(letter.body.clone()))).ok()
}

/// The answer with its beginning. The status was said with the head, so a body that is slow, broken or without end
/// changes nothing: what there is of it by the deadline is kept.
async fn read(response: Response<Incoming>, deadline: Instant) -> Reply {
    let (head, mut body) = response.into_parts();
    let (mut kept, mut read) = (Vec::new(), 0);
    while read < READ_BYTES {
        let Ok(Some(Ok(frame))) = timeout_at(deadline, body.frame()).await else { break };
        let Some(data) = frame.data_ref() else { continue };
        read += data.len();
        kept.extend_from_slice(&data[..data.len().min(KEPT_BYTES - kept.len())]);
    }
    Reply {
        status: head.status.as_u16(),
        beginning: String::from_utf8_lossy(&kept).into_owned(),
        retry_after: RetryAfter::of(&head.headers),
    }
}
