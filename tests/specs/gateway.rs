//! Specifications of the gateway: the tools, keys that work once, limits that hold, what a request costs, and
//! random histories of all of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "gateway/cost.rs"]
mod cost;
#[path = "gateway/histories.rs"]
mod histories;
#[path = "gateway/idempotency.rs"]
mod idempotency;
#[path = "gateway/leases.rs"]
mod leases;
#[path = "gateway/limits.rs"]
mod limits;
#[path = "gateway/tools.rs"]
mod tools;

use bespin_tests::{Reply, Request};
use futures::future::join_all;

/// Sends all requests at the same time, each on a task of its own.
async fn at_once(requests: impl IntoIterator<Item = Request>) -> Vec<Reply> {
    let sent = requests.into_iter().map(|request| tokio::spawn(request.send()));
    join_all(sent).await.into_iter().map(Result::unwrap).collect()
}
