//! `make run`: the local cloud until Ctrl-C or SIGTERM.

mod stop;

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
    let asked_to_stop = stop::asked_to_stop();
    let server = Server::open(&settings).await?;
    println!("{}", banner(&server));
    server.serve(asked_to_stop).await?;
    println!("Bespin stopped.");
    Ok(())
}
