use aws_sdk_sqs::config::{BehaviorVersion, Region};
use aws_sdk_sqs::{Client, Config};
use bespin_aws::{Connection, Service};

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
