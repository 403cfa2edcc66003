//! A receiver on loopback that answers as it is told.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use rustls::{ServerConfig, pki_types::PrivatePkcs8KeyDer};
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    sync::Notify,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

/// How to answer.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// With this status and an empty body.
    Status(u16),
    /// With this status, more lines of the head, and a body.
    Full(u16, &'static str, String),
    /// Not at all: the connection stays open.
    Silence,
    /// With a head of status 200, then the beginning of a body that never goes on.
    Stall,
    /// With 200 and a body of ten million bytes.
    TenMegabytes,
    /// With something that is no HTTP.
    Garbage,
    /// With this status, when it is told to.
    When(Arc<Notify>, u16),
    /// By status 503 to whatever mentions this text, with 200 to all else.
    Refuse(String),
}

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) request_line: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or_else(|| panic!("{name} in {:?}", self.headers), |(_, value)| value)
    }

    pub(crate) fn id(&self) -> String {
        self.header("webhook-id").to_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

#[derive(Debug, Default)]
struct Book {
    received: Vec<Received>,
    /// The next answers, before `usual`.
    next: VecDeque<Answer>,
    usual: Option<Answer>,
    /// How many bytes of bodies were written at most.
    written: usize,
}

/// A receiver. It ends with its last handle.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) port: u16,
    book: Arc<Mutex<Book>>,
    task: JoinHandle<()>,
}

impl Receiver {
    /// One that takes everything.
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let book = Arc::new(Mutex::new(Book::default()));
        let shared = Arc::clone(&book);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { port, book, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hooks", self.port)
    }

    /// One that speaks TLS, as `hooks.localhost`, and takes everything; and the names that callers asked for.
    pub(crate) async fn open_secure() -> (Self, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (book, names) = (Arc::new(Mutex::new(Book::default())), Arc::<Mutex<Vec<String>>>::default());
        let (shared, asked) = (Arc::clone(&book), Arc::clone(&names));
        let acceptor = TlsAcceptor::from(Arc::new(secure_config()));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Who does not trust it goes away.
                if let Ok(stream) = acceptor.accept(stream).await {
                    let name = stream.get_ref().1.server_name().unwrap_or_default().to_owned();
                    asked.lock().unwrap().push(name);
                    tokio::spawn(serve(stream, Arc::clone(&shared)));
                }
            }
        });
        (Self { port, book, task }, names)
    }

    /// What it answers from now on.
    pub(crate) fn answers(&self, answer: Answer) {
        self.book.lock().unwrap().usual = Some(answer);
    }

    /// What it answers next, before all else.
    pub(crate) fn answers_next(&self, answers: impl IntoIterator<Item = Answer>) {
        self.book.lock().unwrap().next.extend(answers);
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.book.lock().unwrap().received.clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.book.lock().unwrap().received.len()
    }

    pub(crate) fn written(&self) -> usize {
        self.book.lock().unwrap().written
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The certificate of `hooks.localhost`, which `authority.der` signed.
fn secure_config() -> ServerConfig {
    let certificate = include_bytes!("../../../data/webhooks/hooks.localhost.der");
    let key = include_bytes!("../../../data/webhooks/hooks.localhost.key.der");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let chain = vec![certificate.to_vec().into()];
    let key = PrivatePkcs8KeyDer::from(key.to_vec());
    config.with_no_client_auth().with_single_cert(chain, key.into()).unwrap()
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, book: Arc<Mutex<Book>>) {
    let Some(received) = read(&mut stream).await else { return };
    let answer = {
        let mut book = book.lock().unwrap();
        let next = book.next.pop_front().or_else(|| book.usual.clone());
        book.received.push(received.clone());
        next.unwrap_or(Answer::Status(200))
    };
    let text = match answer {
        Answer::Status(status) => format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n"),
        Answer::Full(status, head, body) => {
            format!("HTTP/1.1 {status} X\r\n{head}content-length: {}\r\n\r\n{body}", body.len())
        }
        Answer::When(told, status) => {
            told.notified().await;
            format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n")
        }
        Answer::Garbage => "220 mail.example ESMTP\r\n\r\n".to_owned(),
        Answer::Refuse(text) => {
            let status = if received.body.contains(&text) { 503 } else { 200 };
            format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n")
        }
        Answer::Silence => return forever(stream).await,
        Answer::Stall => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nthe beginning").await;
            return forever(stream).await;
        }
        Answer::TenMegabytes => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10000000\r\n\r\n").await;
            let piece = [b'x'; 10_000];
            while let Ok(()) = stream.write_all(&piece).await {
                book.lock().unwrap().written += piece.len();
            }
            return;
        }
    };
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// Says nothing more, until the other side is gone.
async fn forever<S: AsyncRead + Unpin>(mut stream: S) {
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
}

async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Option<Received> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let request_line = lines.next().unwrap().to_owned();
    let header = |line: &str| {
        let (name, value) = line.split_once(':').unwrap();
        (name.to_ascii_lowercase(), value.trim().to_owned())
    };
    let headers: Vec<(String, String)> = lines.map(header).collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.map_or(0, |(_, value)| value.parse().unwrap());
    while bytes.len() < end + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let body = String::from_utf8(bytes[end + 4..].to_vec()).unwrap();
    Some(Received { request_line, headers, body })
}
