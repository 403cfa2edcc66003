#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, clippy::panic)]

use aws_credential_types::provider::ProvideCredentials;
use bespin_aws::{Connection, ConnectionError, Service};

const KEY: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "secret")];

fn connect(variables: &[(&str, &str)]) -> Result<Connection, ConnectionError> {
    Connection::from_lookup(|name| {
        variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned())
    })
}

fn connect_with_key(more: &[(&str, &str)]) -> Connection {
    connect(&[&KEY, more].concat()).unwrap()
}

#[test]
fn the_region_falls_back_from_the_lambda_variable_to_the_default() {
    let both = [("AWS_REGION", "eu-central-1"), ("AWS_DEFAULT_REGION", "eu-west-2")];

    assert_eq!(connect_with_key(&both).region(), "eu-central-1");
    assert_eq!(connect_with_key(&both[1..]).region(), "eu-west-2");
    assert_eq!(connect_with_key(&[("AWS_REGION", "")]).region(), "us-east-1");
}

#[tokio::test]
async fn the_three_variables_of_a_lambda_are_its_credentials() {
    let connection = connect_with_key(&[("AWS_SESSION_TOKEN", "token")]);

    let credentials = connection.credentials().provide_credentials().await.unwrap();

    assert_eq!(credentials.access_key_id(), "AKID");
    assert_eq!(credentials.secret_access_key(), "secret");
    assert_eq!(credentials.session_token(), Some("token"));
}

#[test]
fn a_missing_credential_is_named() {
    let missing = |variable| Some(ConnectionError::MissingCredential { variable });

    assert_eq!(connect(&[]).err(), missing("AWS_ACCESS_KEY_ID"));
    assert_eq!(connect(&KEY[..1]).err(), missing("AWS_SECRET_ACCESS_KEY"));
    assert_eq!(connect(&KEY[1..]).err(), missing("AWS_ACCESS_KEY_ID"));
}

#[tokio::test]
async fn a_local_endpoint_needs_no_credentials_but_half_a_key_is_a_mistake() {
    let endpoint = ("AWS_ENDPOINT_URL", "http://127.0.0.1:8001");

    let made_up = connect(&[endpoint]).unwrap().credentials().provide_credentials().await.unwrap();

    assert_eq!(made_up.access_key_id(), "local");
    assert_eq!(
        connect(&[endpoint, KEY[0]]).err(),
        Some(ConnectionError::MissingCredential { variable: "AWS_SECRET_ACCESS_KEY" })
    );
}

#[test]
fn a_service_has_its_own_endpoint_or_the_common_one_or_none() {
    let own = connect_with_key(&[
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566"),
        ("AWS_ENDPOINT_URL_SQS", "https://queues.example"),
    ]);

    assert_eq!(own.endpoint(Service::DynamoDb), Some("http://127.0.0.1:4566"));
    assert_eq!(own.endpoint(Service::Sqs), Some("https://queues.example"));
    assert_eq!(connect_with_key(&[]).endpoint(Service::Sqs), None);
}

#[test]
fn an_endpoint_without_a_scheme_is_refused_by_the_name_of_its_variable() {
    let refused = connect(&[("AWS_ENDPOINT_URL_SQS", "localhost:9324")]).err();

    assert_eq!(
        refused,
        Some(ConnectionError::InvalidEndpoint {
            variable: "AWS_ENDPOINT_URL_SQS",
            value: "localhost:9324".to_owned()
        })
    );
}
