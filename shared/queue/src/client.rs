use std::fmt;
use std::sync::{Arc, LazyLock};

use aws_sdk_sqs::config::{BehaviorVersion, Region};
use aws_sdk_sqs::{Client, Config};
use bespin_aws::{Connection, Service};

/// SQS, as a process reaches it. Its client is made by the first call that needs one: most processes never send a message,
/// and to make a client takes a good part of a start. Clones share it.
#[derive(Clone)]
pub struct Sqs(Arc<LazyLock<Client, Box<dyn FnOnce() -> Client + Send>>>);

impl Sqs {
    /// SQS over `connection`, as [`sqs_client`] reaches it.
    pub fn over(connection: &Connection) -> Self {
        let connection = connection.clone();
        Self(Arc::new(LazyLock::new(Box::new(move || sqs_client(&connection)))))
    }

    pub(crate) fn client(&self) -> &Client {
        &self.0
    }
}

impl From<Client> for Sqs {
    fn from(client: Client) -> Self {
        Self(Arc::new(LazyLock::new(Box::new(move || client))))
    }
}

impl fmt::Debug for Sqs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sqs")
    }
}

/// An SQS client over `connection`, with the retries of the SDK: three attempts with growing pauses.
pub fn sqs_client(connection: &Connection) -> Client {
    let mut config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(connection.region().to_owned()))
        .credentials_provider(connection.credentials())
        .http_client(connection.http_client());
    config.set_endpoint_url(connection.endpoint(Service::Sqs).map(str::to_owned));
    Client::from_conf(config.build())
}
