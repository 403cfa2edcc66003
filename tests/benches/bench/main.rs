//! `make bench`: how far each way through the product is from the least that the same store does for it, measured in one
//! run. Prints a table; leaves `target/bench/bench.json` and `target/bench/bench.svg`.
//!
//! Ours is a request over HTTP on loopback. The floor is what the store was seen to be asked for by such a request, sent by
//! the bare SDK, and nothing else (`bare.rs`). Both take turns, so that whatever slows the machine slows both.
//!
//! What ships, the zips of `make package ARCH=native`, is measured beside a Lambda that does nothing (`functions.rs`).
//!
//! `make growth` is another set of measurements on the same stages (`growth.rs`).
//!
//! `ROWS=<text>` runs only the rows with this text in their names.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, missing_docs)]

mod bare;
mod functions;
mod growth;
mod http;
mod lambda;
mod report;
mod rows;
mod stage;
mod turns;

use tokio::runtime::{Builder, Runtime};

fn main() {
    if std::env::args().any(|argument| argument == "growth") {
        return runtime(1).block_on(growth::growth());
    }
    let only = std::env::var("ROWS").unwrap_or_default();
    let mut rows = Vec::new();
    for group in rows::ALL.iter().filter(|group| group.name.contains(&only)) {
        eprintln!("{} ...", group.name);
        rows.extend(runtime(group.threads).block_on((group.run)()));
    }
    report::print(&rows);
    report::write(&rows);
}

/// A Lambda has one thread, so most measurements have: waking another one would be most of what is measured.
fn runtime(threads: usize) -> Runtime {
    let mut runtime = if threads == 1 {
        Builder::new_current_thread()
    } else {
        let mut many = Builder::new_multi_thread();
        many.worker_threads(threads);
        many
    };
    runtime.enable_all().build().unwrap()
}
