//! `make dead-letters` shows the messages that nothing could be done with, and why; `make redrive` puts them back.
//!
//! Settings: `STORE=aws` means the queues on AWS; otherwise those of the running `make run`, by `SQS_PORT` or `PORT`.
//! `QUEUE_PREFIX` chooses among queues by the beginning of their names.

use std::process::ExitCode;

use bespin_aws::Connection;
use bespin_local::{LocalError, dead_letters, redrive};
use bespin_queue::sqs_client;

/// The port of the product, and how many after it the queues are, where nothing else is said.
const PORT: u16 = 8000;
const QUEUES_AFTER: u16 = 2;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let moves = std::env::args().nth(1).as_deref() != Some("show");
    match run(moves).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bespin-redrive: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(moves: bool) -> Result<(), LocalError> {
    let find = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let prefix = find("QUEUE_PREFIX").unwrap_or_else(|| "bespin-".to_owned());
    let client = sqs_client(&connection(find)?);
    let mut empty = true;
    for letters in dead_letters(&client, &prefix).await?.into_iter().filter(|letters| letters.waiting > 0) {
        empty = false;
        println!("{}: {} waiting", letters.queue, letters.waiting);
        for (reason, body) in &letters.shown {
            println!("  {}\n    {}", reason.escape_debug(), body.escape_debug());
        }
        if moves {
            redrive(&client, &letters).await?;
            println!("  moving back");
        }
    }
    if empty {
        println!("no dead letters");
    }
    Ok(())
}

fn connection(find: impl Fn(&str) -> Option<String>) -> Result<Connection, LocalError> {
    if find("STORE").as_deref() == Some("aws") {
        return Connection::from_lookup(find).map_err(LocalError::Connection);
    }
    let port = |name: &str| find(name).and_then(|text| text.parse().ok());
    let queues = port("SQS_PORT").unwrap_or(port("PORT").unwrap_or(PORT).saturating_add(QUEUES_AFTER));
    Connection::from_lookup(|name| match name {
        "AWS_ENDPOINT_URL_SQS" => Some(format!("http://127.0.0.1:{queues}")),
        _ => find(name),
    })
    .map_err(LocalError::Connection)
}
