//! What ends the local cloud.

use std::future::Future;

/// Done at Ctrl-C or a polite kill. Both are heard from the call on, not only once the future is polled: whoever has
/// read the banner may stop us at once.
#[cfg(unix)]
pub(crate) fn asked_to_stop() -> impl Future<Output = ()> {
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
pub(crate) async fn asked_to_stop() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
