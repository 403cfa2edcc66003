//! `make run`: the local cloud until Ctrl-C or SIGTERM.

use std::process::ExitCode;

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
    let server = Server::open(&settings).await?;
    println!("{}", banner(&server));
    server.serve(asked_to_stop()).await?;
    println!("Bespin stopped.");
    Ok(())
}

/// Ctrl-C, or a polite kill.
async fn asked_to_stop() {
    let terminated = async {
        #[cfg(unix)]
        if let Ok(mut signal) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            signal.recv().await;
            return;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        // Without a way to hear Ctrl-C, only the other signal stops us.
        result = tokio::signal::ctrl_c() => if result.is_err() { std::future::pending::<()>().await },
        () = terminated => {}
    }
}
