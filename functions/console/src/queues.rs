//! How full the queues are.

use bespin_edge::Deps;
use bespin_queue::{Depth, QueueError};
use futures::future::join;

/// One queue of the deployment.
pub(crate) struct QueueRow {
    pub(crate) what: &'static str,
    /// `None` where the queue does not tell; then the page shows all the rest.
    pub(crate) depth: Option<Depth>,
}

/// The queues that the settings name. What asks them is on the heap: the calls of SQS's client are large, and these stand
/// beside all the other reads of a page.
pub(crate) async fn rows(deps: &Deps) -> Vec<QueueRow> {
    let of_briefs = async {
        match &deps.brief_queue {
            Some(queue) => Some(Box::pin(queue.depth()).await),
            None => None,
        }
    };
    let (briefs, outbox) = join(of_briefs, deps.webhooks.outbox().depth()).await;
    [("Daily briefs", briefs), ("Outbox", outbox)].into_iter().filter_map(row).collect()
}

fn row((what, told): (&'static str, Option<Result<Depth, QueueError>>)) -> Option<QueueRow> {
    let told =
        told?.inspect_err(|error| tracing::warn!(%error, what, "a queue does not tell how full it is"));
    Some(QueueRow { what, depth: told.ok() })
}
