//! `make run`: the local cloud until Ctrl-C or SIGTERM.

use std::{future::Future, process::ExitCode};

use bespin_local::{LocalError, LocalSettings, Server, banner};

#[tokio::main]
async fn main() -> ExitCode {
    bespin_web::init_logging();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bespin: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), LocalError> {
    let settings = LocalSettings::from_lookup(|name| std::env::var(name).ok())?;
    let asked_to_stop = asked_to_stop();
    let server = Server::open(&settings).await?;
    println!("{}", banner(&server));
    server.serve(asked_to_stop).await?;
    println!("Bespin stopped.");
    Ok(())
}

/// Done at Ctrl-C or a polite kill. Both are heard from the call on, not only once the future is polled: whoever has
/// read the banner may stop us at once.
#[cfg(unix)]
fn asked_to_stop() -> impl Future<Output = ()> {
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
async fn asked_to_stop() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
