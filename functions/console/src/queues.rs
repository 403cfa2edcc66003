//! How full the queues are.

use bespin_edge::Deps;
use bespin_queue::Depth;

/// One queue of the deployment.
pub(crate) struct QueueRow {
    pub(crate) what: &'static str,
    /// `None` where the queue does not tell; then the page shows all the rest.
    pub(crate) depth: Option<Depth>,
}

/// The queues that the settings name.
pub(crate) async fn rows(deps: &Deps) -> Vec<QueueRow> {
    let Some(queue) = &deps.brief_queue else { return Vec::new() };
    let told = queue.depth().await;
    let depth = told.inspect_err(|error| tracing::warn!(%error, "a queue does not tell how full it is")).ok();
    vec![QueueRow { what: "Daily briefs", depth }]
}
