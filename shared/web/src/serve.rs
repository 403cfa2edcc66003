//! The front door of a function's binary.

use std::env;
use std::io::{self, IsTerminal};

use axum::Router;
use tracing::Level;
use tracing_subscriber::{filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

/// What starts a function's binary sets this to the address of its events.
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";

/// Serves a router with the events of Lambda, until its runtime ends. Fails at once where there are none: a server of ports
/// is no part of a function, which `make invoke` starts as Lambda does.
pub async fn serve(router: Router) -> Result<(), lambda_http::Error> {
    if !in_lambda() {
        return Err(format!(
            "{RUNTIME_API} is not set: this is a Lambda function; `make run` serves them all, `make invoke` runs one"
        )
        .into());
    }
    lambda_http::run(router).await
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
    env::var_os(RUNTIME_API).is_some()
}
