//! Where a request of an SDK client meets its fate and its store, instead of the network.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;

use crate::dynamodb::{self, EmbeddedDynamoDb};
use crate::faults::{Fate, Fault, Faults};
use crate::observed;
use crate::sqs::{self, EmbeddedSqs};

pub(crate) const CONTENT_TYPE: &str = "application/x-amz-json-1.0";

/// The header in which SQS repeats the code an error had in its older protocol. The SDK switches on it.
pub(crate) const QUERY_ERROR: &str = "x-amzn-query-error";

/// One answer on the wire.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    /// `<code>;Sender` or `<code>;Receiver`, of SQS errors only.
    pub(crate) query_error: Option<String>,
}

/// One request on the wire, without what only the network needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) operation: &'a str,
    pub(crate) body: &'a [u8],
    /// Scheme and authority the caller used, such as `http://sqs.embedded`: queue URLs begin with it.
    pub(crate) origin: &'a str,
}

#[derive(Debug, Clone)]
pub(crate) struct Connector {
    dynamodb: Option<EmbeddedDynamoDb>,
    sqs: Option<EmbeddedSqs>,
    faults: Faults,
}

enum Store {
    DynamoDb(EmbeddedDynamoDb),
    Sqs(EmbeddedSqs),
}

impl Connector {
    pub(crate) fn to_dynamodb(dynamodb: EmbeddedDynamoDb, faults: Faults) -> Self {
        Self { dynamodb: Some(dynamodb), sqs: None, faults }
    }

    pub(crate) fn to_sqs(sqs: EmbeddedSqs, faults: Faults) -> Self {
        Self { dynamodb: None, sqs: Some(sqs), faults }
    }

    pub(crate) fn to_both(dynamodb: EmbeddedDynamoDb, sqs: EmbeddedSqs, faults: Faults) -> Self {
        Self { dynamodb: Some(dynamodb), sqs: Some(sqs), faults }
    }

    async fn send(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let (service, operation) = target.rsplit_once('.').unwrap_or_default();
        let store = self.store(service, target)?;
        let origin = origin(request.uri());
        let body = self.faults.sabotaged(operation, request.body().bytes().unwrap_or_default());
        let call = Call { operation, body: &body, origin: &origin };
        observed::note(operation, call.body);

        // A call over the network always lets other tasks run. Without this, tasks on a single-threaded
        // runtime would never interleave, and tests of concurrency would test nothing.
        tokio::task::yield_now().await;

        let reply = match self.faults.meet(operation) {
            Fate::Answered => store.answer(call).await,
            Fate::Stopped => return Err(ConnectorError::other("the process counts as dead".into(), None)),
            Fate::Faulted(Fault::NotSent) => {
                return Err(ConnectorError::io("injected: not sent".into()).never_connected());
            }
            Fate::Faulted(Fault::ReplyLost) => {
                store.answer(call).await;
                return Err(ConnectorError::timeout("injected: the reply was lost".into()));
            }
            Fate::Faulted(fault) => store.answer_with(fault, call).await,
        };
        reply.into_sdk_response()
    }

    fn store(&self, service: &str, target: &str) -> Result<Store, ConnectorError> {
        let store = match service {
            "DynamoDB_20120810" | "DynamoDBStreams_20120810" => self.dynamodb.clone().map(Store::DynamoDb),
            "AmazonSQS" => self.sqs.clone().map(Store::Sqs),
            _ => None,
        };
        store.ok_or_else(|| ConnectorError::user(format!("no embedded store answers {target:?}").into()))
    }
}

impl Store {
    async fn answer(&self, call: Call<'_>) -> Reply {
        match self {
            Self::DynamoDb(dynamodb) => dynamodb.answer(call),
            Self::Sqs(sqs) => sqs.answer(call).await,
        }
    }

    /// Answers as the service does when it meets a fault of its own.
    async fn answer_with(&self, fault: Fault, call: Call<'_>) -> Reply {
        match self {
            Self::DynamoDb(dynamodb) => dynamodb::faulted(dynamodb, fault, call),
            Self::Sqs(sqs) => sqs::faulted(sqs, fault, call).await,
        }
    }
}

fn origin(uri: &str) -> String {
    let (scheme, rest) = uri.split_once("://").unwrap_or(("http", uri));
    let authority = rest.split('/').next().unwrap_or_default();
    format!("{scheme}://{authority}")
}

impl Reply {
    pub(crate) fn ok(body: Vec<u8>) -> Self {
        Self { status: 200, body, query_error: None }
    }

    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Self {
        Self { status, body: body.to_string().into_bytes(), query_error: None }
    }

    fn into_sdk_response(self) -> Result<HttpResponse, ConnectorError> {
        let status = self.status.try_into().map_err(|error| ConnectorError::other(Box::new(error), None))?;
        let mut response = HttpResponse::new(status, SdkBody::from(self.body));
        response.headers_mut().insert("content-type", CONTENT_TYPE);
        if let Some(code) = self.query_error {
            response.headers_mut().insert(QUERY_ERROR, code);
        }
        Ok(response)
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().send(request))
    }
}

impl HttpClient for Connector {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
