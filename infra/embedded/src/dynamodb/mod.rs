//! DynamoDB in the process: dynoxide behind the connector, or on a loopback port.

mod faulted;
mod operations;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use dynoxide::{AttributeValue, Database, DynoxideError, ImportOptions, Item};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use crate::connector::{Call, Connector, Reply};
use crate::{Faults, MillisClock, OpenError};

pub(crate) use faulted::faulted;

/// DynamoDB inside the process. A clone is another handle to the same tables.
///
/// Calls run on the task that makes them and hold one lock over the whole database: 0.2 to 1 ms each.
#[derive(Clone)]
pub struct EmbeddedDynamoDb {
    database: Database,
    faults: Faults,
}

impl EmbeddedDynamoDb {
    /// Opens an empty database in memory. It ends with the last handle.
    pub fn open_in_memory() -> Result<Self, OpenError> {
        Ok(Self::over(Database::memory()?))
    }

    /// Opens an empty database in memory whose expiry and streams go by `clock`.
    pub fn open_in_memory_at(clock: MillisClock) -> Result<Self, OpenError> {
        Ok(Self::over(Database::memory_with_clock(Arc::new(clock))?))
    }

    /// Opens the database in the file at `path`, and makes it if it is missing.
    ///
    /// What was answered is on the disk. One process at a time may have the file open. The tokens of
    /// transactions are not kept: a retry across a restart is caught by its conditions or not at all.
    pub fn open_file(path: &Path) -> Result<Self, OpenError> {
        let path = path.to_str().ok_or(OpenError::Path)?;
        Ok(Self::over(Database::new(path)?))
    }

    fn over(database: Database) -> Self {
        Self { database, faults: Faults::default() }
    }

    /// Lets calls through [`EmbeddedDynamoDb::http_client`] follow `faults` from here on.
    #[must_use]
    pub fn with_faults(self, faults: Faults) -> Self {
        Self { faults, ..self }
    }

    /// The plan of faults for calls through [`EmbeddedDynamoDb::http_client`].
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// An HTTP client for SDK clients of DynamoDB and its streams that never leaves the process.
    pub fn http_client(&self) -> SharedHttpClient {
        SharedHttpClient::new(Connector::to_dynamodb(self.clone(), self.faults.clone()))
    }

    /// Deletes the items whose time to live is over and returns how many they were. Nothing else does: call
    /// it from a timer. AWS takes up to days over it, so reads must not rely on it.
    pub fn sweep_ttl(&self) -> Result<usize, DynoxideError> {
        self.database.sweep_ttl()
    }

    /// Puts copies of one item into its table and returns how many: each copy is the item with some of its texts and
    /// numbers replaced by others of the same type, its key among them. Nothing is looked at item by item, so the
    /// history of years is there in seconds.
    pub fn put_copies(
        &self,
        table: &str,
        key: &[(&str, &str)],
        copies: impl IntoIterator<Item = Vec<(&'static str, String)>>,
    ) -> Result<usize, DynoxideError> {
        let original = self.item(table, key)?;
        let items: Vec<Item> =
            copies.into_iter().map(|changes| changed(original.clone(), changes)).collect::<Result<_, _>>()?;
        Ok(self.database.import_items(table, items, ImportOptions::default())?.items_imported)
    }

    fn item(&self, table: &str, key: &[(&str, &str)]) -> Result<Item, DynoxideError> {
        let key: Map<String, Value> =
            key.iter().map(|(name, text)| ((*name).to_owned(), json!({"S": text}))).collect();
        let found = operations::run(
            &self.database,
            "GetItem",
            json!({"TableName": table, "Key": key, "ConsistentRead": true}).to_string().as_bytes(),
        )?;
        let absent = || DynoxideError::ValidationException("there is no such item".to_owned());
        let mut found: HashMap<String, Item> = serde_json::from_slice(&found)
            .map_err(|error| DynoxideError::InternalServerError(error.to_string()))?;
        found.remove("Item").ok_or_else(absent)
    }

    /// Serves the same tables on `listener`, for the AWS CLI and table viewers, until `shutdown` is done.
    /// Bind it to loopback: whoever connects may do anything. Calls over it meet no faults.
    pub async fn serve(
        &self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        let served = dynoxide::server::serve_with_shutdown(listener, self.database.clone(), shutdown);
        served.await.map_err(std::io::Error::other)
    }

    pub(crate) fn answer(&self, call: Call<'_>) -> Reply {
        match operations::run(&self.database, call.operation, call.body) {
            Ok(body) => Reply::ok(body),
            Err(error) => {
                Reply { status: error.status_code(), body: error.to_json().into_bytes(), query_error: None }
            }
        }
    }
}

/// An item with some of its texts and numbers replaced.
fn changed(mut item: Item, changes: Vec<(&'static str, String)>) -> Result<Item, DynoxideError> {
    for (name, value) in changes {
        let Some(AttributeValue::S(text) | AttributeValue::N(text)) = item.get_mut(name) else {
            let reason = format!("the item has no text or number {name:?}");
            return Err(DynoxideError::ValidationException(reason));
        };
        *text = value;
    }
    Ok(item)
}

impl std::fmt::Debug for EmbeddedDynamoDb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedDynamoDb").finish_non_exhaustive()
    }
}
