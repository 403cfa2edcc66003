//! An SQS of our own: the actions, limits and refusals the product meets, kept in SQLite.
//!
//! Known differences from the service: order in a standard queue is kept and nothing is delivered twice
//! unless its visibility timeout ends; a purge takes effect at once and may be repeated within the minute; a
//! move of dead letters is done when its task is answered; permissions, tags and encryption do nothing.

mod actions;
mod attributes;
mod batch;
mod error;
mod faulted;
mod message;
mod receive;
mod server;
mod store;

use std::path::Path;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::connector::{Call, Connector, Reply};
use crate::{Faults, MillisClock, OpenError};
use actions::Actions;
use error::SqsError;
use store::Store;

pub(crate) use faulted::faulted;

/// SQS inside the process. A clone is another handle to the same queues.
///
/// Each action is one transaction, run on the task that calls, and what was answered is on the disk. The clock
/// decides what is delayed, visible and expired; only a long poll waits in real time.
#[derive(Debug, Clone)]
pub struct EmbeddedSqs {
    store: Arc<Store>,
    /// Told whenever a message may have become visible.
    arrivals: Arc<Notify>,
    clock: MillisClock,
    faults: Faults,
}

impl EmbeddedSqs {
    /// Opens an SQS without queues in memory. It ends with the last handle.
    pub fn open_in_memory() -> Result<Self, OpenError> {
        Ok(Self::over(Store::open_in_memory()?))
    }

    /// Opens the queues in the file at `path`, and makes the file if it is missing. One process at a time may
    /// have it open.
    pub fn open_file(path: &Path) -> Result<Self, OpenError> {
        Ok(Self::over(Store::open_file(path)?))
    }

    fn over(store: Store) -> Self {
        Self {
            store: Arc::new(store),
            arrivals: Arc::default(),
            clock: MillisClock::system(),
            faults: Faults::default(),
        }
    }

    /// Goes by `clock` from here on. Handles cloned before keep theirs.
    #[must_use]
    pub fn with_clock(self, clock: MillisClock) -> Self {
        Self { clock, ..self }
    }

    /// Lets calls through [`EmbeddedSqs::http_client`] follow `faults` from here on.
    #[must_use]
    pub fn with_faults(self, faults: Faults) -> Self {
        Self { faults, ..self }
    }

    /// The plan of faults for calls through [`EmbeddedSqs::http_client`].
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// An HTTP client for SDK clients of SQS that never leaves the process.
    pub fn http_client(&self) -> SharedHttpClient {
        SharedHttpClient::new(Connector::to_sqs(self.clone(), self.faults.clone()))
    }

    /// Serves the same queues on `listener`, for the AWS CLI and `cargo lambda`, until `shutdown` is done.
    /// Bind it to loopback: whoever connects may do anything. Calls over it meet no faults.
    pub async fn serve(
        &self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        server::serve(self.clone(), listener, shutdown).await
    }

    pub(crate) async fn answer(&self, call: Call<'_>) -> Reply {
        match self.run(call).await {
            Ok(answer) => Reply::json(200, &answer),
            Err(error) => error.into_reply(),
        }
    }

    async fn run(&self, call: Call<'_>) -> Result<Value, SqsError> {
        if call.operation == "ReceiveMessage" {
            return self.receive(read(call.body)?).await;
        }
        let now = self.clock.now();
        let answer = self.store.transaction(|rows| Actions { rows, now, origin: call.origin }.run(call))?;
        // A deletion frees a message group, a changed visibility frees a message: any action may matter.
        self.arrivals.notify_waiters();
        Ok(answer)
    }
}

/// Reads the parameters of an action.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, SqsError> {
    serde_json::from_slice(body).map_err(|error| SqsError::Unreadable(error.to_string()))
}
