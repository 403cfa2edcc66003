//! The front door of a function's binary: Lambda, or a port of this machine.

use std::env;
use std::future::Future;
use std::io::{self, IsTerminal};
use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use tokio::net::TcpListener;
use tracing::Level;
use tracing_subscriber::{filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

/// The port of a single function that runs outside of Lambda, unless `PORT` says otherwise.
const DEFAULT_PORT: u16 = 8000;

/// Serves a router: in Lambda its events, elsewhere `127.0.0.1:$PORT` until Ctrl-C or SIGTERM. Fails when the port is
/// no number or taken, or when the Lambda runtime ends.
pub async fn serve(router: Router) -> Result<(), lambda_http::Error> {
    if in_lambda() {
        return lambda_http::run(router).await;
    }
    let port = match env::var("PORT") {
        Ok(port) => port.parse().map_err(|_| format!("PORT is not a port: {port}"))?,
        Err(_) => DEFAULT_PORT,
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(asked_to_stop()).await?;
    Ok(())
}

/// Sends the log to standard output: lines of JSON in Lambda, text for people elsewhere. `BESPIN_LOG`, or
/// else `RUST_LOG`, filters it, such as `warn,bespin_web=info`; without them `info` and above. A second call changes nothing.
///
/// The filter knows levels and targets. One that knows the fields of spans, too, would bring regular expressions along.
pub fn init_logging() {
    let filter = ["BESPIN_LOG", "RUST_LOG"]
        .iter()
        .find_map(|name| env::var(name).ok().filter(|directives| !directives.is_empty()))
        .and_then(|directives| directives.parse().ok())
        .unwrap_or_else(|| Targets::new().with_default(Level::INFO));
    let subscriber = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer();
    // An error means that somebody has set up logging before, which is as good.
    let _ = if in_lambda() {
        let lines = lines.json().flatten_event(true).with_current_span(true).with_span_list(false);
        subscriber.with(lines).try_init()
    } else {
        subscriber.with(lines.with_ansi(io::stdout().is_terminal())).try_init()
    };
}

fn in_lambda() -> bool {
    env::var_os("AWS_LAMBDA_RUNTIME_API").is_some()
}

/// Done at Ctrl-C or a polite kill. Both are heard from the call on, not only once the future is polled: whoever has
/// read the banner may stop us at once.
#[cfg(unix)]
pub fn asked_to_stop() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};

    let signals = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
    let [interrupted, terminated] = signals.map(|heard| async {
        match heard {
            Ok(mut signal) => drop(signal.recv().await),
            // What cannot be heard does not stop us.
            Err(_) => std::future::pending().await,
        }
    });
    async {
        tokio::select! {
            () = interrupted => {}
            () = terminated => {}
        }
    }
}

/// Done at Ctrl-C.
#[cfg(not(unix))]
pub async fn asked_to_stop() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
