//! The local cloud behind loopback ports.

use std::{
    future::Future,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{net::TcpListener, sync::watch, task::JoinHandle, time};

use crate::{Cloud, Console, DemoTenant, LocalError, LocalSettings};

/// How often items whose time to live is over are deleted, briefs that are due are made, and the outbox is swept.
const TICK: Duration = Duration::from_mins(1);
/// How many batches of the outbox are worked off side by side.
const DISPATCHERS: usize = 4;
/// How long a stop waits for open requests.
const PATIENCE: Duration = Duration::from_secs(5);

/// The product and its two stores, each on a port of this machine.
#[derive(Debug)]
pub struct Server {
    cloud: Cloud,
    console: Console,
    demo_tenant: DemoTenant,
    product: TcpListener,
    /// `None` when the table is in another store.
    dynamodb: Option<TcpListener>,
    sqs: TcpListener,
}

impl Server {
    /// Takes the ports and opens the cloud. Nothing is served yet.
    pub async fn open(settings: &LocalSettings) -> Result<Self, LocalError> {
        // Ports first: a second start must not touch the data of the first.
        let product = listen(settings.port, "PORT").await?;
        let main = address(&product).port();
        let dynamodb = match &settings.dynamodb {
            None => Some(listen_beside(settings.dynamodb_port, "DYNAMODB_PORT", main, 1).await?),
            Some(_) => None,
        };
        let sqs = listen_beside(settings.sqs_port, "SQS_PORT", main, 2).await?;
        let cloud = Cloud::open(settings).await?;
        let demo_tenant = DemoTenant::of(&cloud).await?;
        let console = settings.console.clone();
        Ok(Self { cloud, console, demo_tenant, product, dynamodb, sqs })
    }

    /// Where the product listens.
    pub fn product(&self) -> SocketAddr {
        address(&self.product)
    }

    /// Where the embedded table listens, for other tools; `None` when the table is in another store.
    pub fn dynamodb(&self) -> Option<SocketAddr> {
        self.dynamodb.as_ref().map(address)
    }

    /// Where the queues listen, for other tools.
    pub fn sqs(&self) -> SocketAddr {
        address(&self.sqs)
    }

    /// The table that holds everything.
    pub fn table_name(&self) -> &str {
        &self.cloud.deps().settings.table_name
    }

    /// Whether there is a platform admin API.
    pub fn has_operator(&self) -> bool {
        !self.cloud.deps().settings.platform_keys.is_empty()
    }

    /// Where the console is, and whether its key stands in the address: only where nobody chose the key. `None` where
    /// there is no console.
    pub fn console(&self) -> Option<String> {
        match (&self.console, &self.cloud.deps().settings.console_key) {
            (Console::OwnKey, Some(key)) => Some(format!("/console?key={}", key.reveal())),
            (Console::Key(_), _) => Some("/console".to_owned()),
            _ => None,
        }
    }

    /// Whether there is a playground.
    pub fn has_playground(&self) -> bool {
        self.cloud.deps().settings.playground
    }

    /// The tenant to try things with.
    pub fn demo_tenant(&self) -> &DemoTenant {
        &self.demo_tenant
    }

    /// Where the data stay; `None` in memory.
    pub fn folder(&self) -> Option<&std::path::Path> {
        self.cloud.folder().map(crate::DataFolder::path)
    }

    /// Serves until `stop` is done, then lets open requests end, for a few seconds at most.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<(), LocalError> {
        let (stopping, stopped) = watch::channel(false);
        let until_stopped = move || {
            let mut stopped = stopped.clone();
            // An error means that the sender is gone, which is a stop, too.
            async move { drop(stopped.wait_for(|stopped| *stopped).await) }
        };
        let cloud = Arc::new(self.cloud);
        let embedded = cloud.embedded();
        let worker = Arc::clone(&cloud);
        let stopped_worker = until_stopped();
        let worker = tokio::spawn(async move { worker.work_off_queues(stopped_worker).await });
        let dispatchers = [(); DISPATCHERS].map(|()| {
            let (cloud, stopped) = (Arc::clone(&cloud), until_stopped());
            tokio::spawn(async move { cloud.dispatch_outbox(stopped).await })
        });
        let stores: [JoinHandle<()>; 3] = [
            tokio::spawn(serve_dynamodb(embedded.clone(), self.dynamodb, until_stopped())),
            tokio::spawn(serve_sqs(embedded.clone(), self.sqs, until_stopped())),
            tokio::spawn(tick(Arc::clone(&cloud), until_stopped())),
        ];
        let service = cloud.router().into_make_service_with_connect_info::<SocketAddr>();
        let product =
            axum::serve(self.product, service).with_graceful_shutdown(until_stopped()).into_future();
        let product = tokio::spawn(product);
        stop.await;
        // Nobody listens any more only if everything has ended already.
        let _ = stopping.send(true);
        let ended = time::timeout(PATIENCE, product).await;
        // What a worker is in the middle of may be cut off: the message comes again.
        drop(time::timeout(PATIENCE, worker).await);
        for task in dispatchers.into_iter().chain(stores) {
            task.abort();
        }
        match ended {
            Ok(Ok(Err(error))) => Err(LocalError::Serve(error)),
            _ => Ok(()),
        }
    }
}

async fn serve_dynamodb(
    embedded: bespin_embedded::Embedded,
    listener: Option<TcpListener>,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    let Some(listener) = listener else { return };
    if let Err(error) = embedded.dynamodb().serve(listener, stop).await {
        tracing::error!(%error, "the port of the table is closed");
    }
}

async fn serve_sqs(
    embedded: bespin_embedded::Embedded,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    if let Err(error) = embedded.sqs().serve(listener, stop).await {
        tracing::error!(%error, "the port of the queues is closed");
    }
}

/// Does what happens by itself in the deployment: the store forgets, the rules fire.
async fn tick(cloud: Arc<Cloud>, stop: impl Future<Output = ()>) {
    let mut stop = std::pin::pin!(stop);
    while time::timeout(TICK, &mut stop).await.is_err() {
        cloud.sweep_expired();
        cloud.schedule_briefs().await;
        cloud.sweep_outbox().await;
    }
}

async fn listen(port: u16, setting: &'static str) -> Result<TcpListener, LocalError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => LocalError::PortInUse { port, setting },
        _ => LocalError::Port { port, reason: error },
    })
}

/// A port for other tools: the one that was asked for, or the one so many after the product's if it is free.
async fn listen_beside(
    asked: Option<u16>,
    setting: &'static str,
    main: u16,
    after: u16,
) -> Result<TcpListener, LocalError> {
    if let Some(port) = asked {
        return listen(port, setting).await;
    }
    match listen(main.saturating_add(after), setting).await {
        Ok(listener) => Ok(listener),
        Err(_) => listen(0, setting).await,
    }
}

fn address(listener: &TcpListener) -> SocketAddr {
    // A listener that is bound has an address.
    listener.local_addr().unwrap_or_else(|_| SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
}
