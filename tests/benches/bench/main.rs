//! `make bench`: how far each way through the product is from the least that the same store does for it, measured in one
//! run. Prints a table; leaves `target/bench/bench.json` and `target/bench/bench.svg`.
//!
//! Ours is a request over HTTP on loopback. The floor is what the store was seen to be asked for by such a request, sent by
//! the bare SDK, and nothing else (`bare.rs`). Both take turns, so that whatever slows the machine slows both.
//!
//! `ROWS=<text>` runs only the rows with this text in their names.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, missing_docs)]

mod bare;
mod http;
mod report;
mod rows;
mod stage;
mod turns;

use tokio::runtime::Builder;

fn main() {
    let only = std::env::var("ROWS").unwrap_or_default();
    let mut rows = Vec::new();
    for group in rows::ALL.iter().filter(|group| group.name.contains(&only)) {
        eprintln!("{} ...", group.name);
        // A Lambda has one thread, so most rows have: waking another one would be most of what is measured.
        let mut runtime = if group.threads == 1 {
            Builder::new_current_thread()
        } else {
            let mut many = Builder::new_multi_thread();
            many.worker_threads(group.threads);
            many
        };
        rows.extend(runtime.enable_all().build().unwrap().block_on((group.run)()));
    }
    report::print(&rows);
    report::write(&rows);
}
